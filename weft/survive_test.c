/* survive_test.c - what a program may do to the runtime, and what it must outlive */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../base/rand.h"
#include "child_test.h"
#include "debug.h"
#include "sanitize.h"
#include "settle_test.h"
#include "sync.h"
#include "testing.h"
#include "time.h"

/* ---- everything at once, counted exactly ---- */

enum { ACTORS = 12, CHANS = 6 };

/* Each unit that enters is in a channel or has left. */
struct world {
	weft_chan(int) c[CHANS];
	weft_mutex m;
	weft_rwmutex rw;
	weft_cond cond;
	weft_map *map;
	weft_pool *pool;
	int64_t locked, written;
	_Atomic int64_t in, out, nlocked, nwritten, mapped, broken;
};

static void any_poll(struct world *w, struct rand *r)
{
	weft_chan(int) a = w->c[rand_below(r, CHANS)], b = w->c[rand_below(r, CHANS)];
	int x = (int)rand_below(r, 1000), y = 0;

	switch (weft_poll(weft_on_send(a, x), weft_on_recv(b, &y))) {
	case 0:
		w->in += x;
		break;
	case 1:
		w->out += y;
		break;
	}
}

static void any_select(struct world *w, struct rand *r)
{
	weft_chan(int) a = w->c[rand_below(r, CHANS)], b = w->c[rand_below(r, CHANS)],
	    c = w->c[rand_below(r, CHANS)];
	int x = (int)rand_below(r, 1000), y = 0;

	switch (weft_select(weft_on_recv(b, &y), weft_on_send(a, x), weft_on_recv(c, &y),
	    weft_on_timeout(rand_below(r, 20) * WEFT_US))) {
	case 0: case 2:
		w->out += y;
		break;
	case 1:
		w->in += x;
		break;
	}
}

static void any_cancelled_select(struct world *w, struct rand *r)
{
	weft_ctx *ctx = weft_with_timeout(NULL, rand_below(r, 30) * WEFT_US),
	    *child = weft_with_cancel(ctx);
	int x = (int)rand_below(r, 1000);

	if (weft_select(weft_on_done(child), weft_on_send(w->c[0], x)) == 1)
		w->in += x;
	weft_ctx_free(ctx);
	w->broken += weft_err(child) == 0;
	weft_ctx_free(child);
}

static void any_mutex(struct world *w, struct rand *r)
{
	weft_ctx *ctx = rand_below(r, 4) ? NULL : weft_with_timeout(NULL, 5 * WEFT_US);

	if (weft_mutex_lock_ctx(ctx, &w->m) == 0) {
		w->locked++;
		w->nlocked++;
		if (rand_below(r, 8) == 0)
			weft_cond_broadcast(&w->cond);
		weft_mutex_unlock(&w->m);
	}
	weft_ctx_free(ctx);
}

static void any_cond(struct world *w, struct rand *r)
{
	weft_ctx *ctx = weft_with_timeout(NULL, rand_below(r, 40) * WEFT_US);

	weft_mutex_lock(&w->m);
	weft_cond_wait_ctx(ctx, &w->cond, &w->m);
	w->locked++;
	w->nlocked++;
	weft_mutex_unlock(&w->m);
	weft_ctx_free(ctx);
}

static void any_rwmutex(struct world *w, struct rand *r)
{
	int64_t before;

	if (rand_below(r, 3) == 0) {
		weft_rwmutex_lock(&w->rw);
		w->written++;
		w->nwritten++;
		weft_rwmutex_unlock(&w->rw);
		return;
	}
	weft_rwmutex_rlock(&w->rw);
	before = w->written;
	if (rand_below(r, 4) == 0)
		weft_yield();
	w->broken += w->written != before;
	weft_rwmutex_runlock(&w->rw);
}

static void any_map(struct world *w, struct rand *r)
{
	int key = (int)rand_below(r, 64);

	if (rand_below(r, 2))
		w->mapped += !weft_map_load_or_store(w->map, &key, sizeof key, w, NULL);
	else
		w->mapped -= weft_map_delete(w->map, &key, sizeof key);
}

static void any_pool(struct world *w, struct rand *r)
{
	int *x = weft_pool_get(w->pool);

	w->broken += (*x)++ != 0;
	if (rand_below(r, 4) == 0)
		weft_yield();
	w->broken += --*x != 0;
	weft_pool_put(w->pool, x);
}

static void add_in(struct world *w, int x)
{
	w->out += x;
}

static void any_group(struct world *w, struct rand *r)
{
	weft_waitgroup wg = {0};
	int x = (int)rand_below(r, 100);

	for (int i = 0; i < 3; i++)
		weft_waitgroup_go(&wg, add_in, w, x);
	w->in += 3 * x;
	weft_waitgroup_wait(&wg);
}

static void any_timer(struct world *w, struct rand *r)
{
	weft_timer *t = weft_timer_new(rand_below(r, 20) * WEFT_US);
	int64_t tick;
	int n = weft_select(weft_on_recv(weft_timer_chan(t), &tick),
	    weft_on_timeout(rand_below(r, 20) * WEFT_US)) == 0;

	n += weft_timer_stop(t);
	w->broken += n != 1;
	weft_timer_free(t);
}

static void (*const anything[])(struct world *, struct rand *) = {
	any_poll, any_select, any_poll, any_mutex, any_rwmutex, any_map, any_pool, any_group,
	any_mutex, any_rwmutex, any_map, any_pool, any_poll, any_cancelled_select, any_cond,
	any_timer,
};

static void act(struct world *w, int seed, int n)
{
	struct rand r;

	rand_seed(&r, (uint64_t)seed);
	while (n--)
		anything[rand_below(&r, sizeof anything / sizeof *anything)](w, &r);
}

static void *new_int(void)
{
	return calloc(1, sizeof(int));
}

static void world_begin(struct world *w)
{
	for (int i = 0; i < CHANS; i++)
		w->c[i] = weft_make(int, (size_t)i * i);
	w->map = weft_map_new();
	w->pool = weft_pool_new(new_int, free);
}

static void world_end(struct world *w)
{
	for (int i = 0, x; i < CHANS; i++) {
		while (weft_poll(weft_on_recv(w->c[i], &x)) == 0)
			w->out += x;
		weft_free(w->c[i]);
	}
	CHECK_EQ(w->in, w->out);
	CHECK_EQ(w->locked, w->nlocked);
	CHECK_EQ(w->written, w->nwritten);
	CHECK_EQ(w->mapped, weft_map_len(w->map));
	CHECK_EQ(w->broken, 0);
	weft_map_free(w->map);
	weft_pool_free(w->pool);
}

/* A failure names its seed: the choices, if not the order, come again. */
TEST(EverythingAtOnce)
{
	int n = weft_short() ? 5000 : SANITIZED ? 10000 : 50000;
	uint64_t seed = rand_entropy() & 0xffffff;
	struct world w = {0};
	weft_waitgroup wg = {0};

	weft_logf("seed %ju", (uintmax_t)seed);
	world_begin(&w);
	for (int i = 0; i < ACTORS; i++)
		weft_waitgroup_go(&wg, act, &w, (int)seed + i, n);
	weft_waitgroup_wait(&wg);
	world_end(&w);
}

/* ---- signals ---- */

static _Atomic int signals;

static void on_signal(int sig)
{
	(void)sig;
	signals++;
}

static void relay(weft_chan(int) in, weft_chan(int) out)
{
	for (int x; weft_recv(in, &x); )
		weft_send(out, x + 1);
	weft_close(out);
}

static void count_up(weft_chan(int) out, _Atomic bool *stop, int64_t *sum)
{
	for (int i = 0; !*stop; i++) {
		*sum += i + 3;
		weft_send(out, i);
	}
	weft_close(out);
}

/* Ten thousand a second. */
static void storm(int sig, int how)
{
	struct sigevent ev = { .sigev_notify = how, .sigev_signo = sig };
	struct itimerspec often = { { 0, 100000 }, { 0, 100000 } };
	timer_t timer;

	ev._sigev_un._tid = gettid();
	timer_create(CLOCK_MONOTONIC, &ev, &timer);
	timer_settime(timer, 0, &often, NULL);
}

/* With a handler: system calls are interrupted, nothing else. */
CHILD(SignalStorm)
{
	struct sigaction sa = { .sa_handler = on_signal };
	weft_chan(int) c[4];
	_Atomic bool stop = false;
	int64_t sent = 0, sum = 0;

	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGURG, &sa, NULL);
	storm(SIGUSR1, SIGEV_SIGNAL);		/* comes to a thread of the program's own */
	storm(SIGURG, SIGEV_THREAD_ID);		/* comes to a worker */
	for (int i = 0; i < 4; i++)
		c[i] = weft_make(int, (size_t)i);
	weft_go(count_up, c[0], &stop, &sent);
	for (int i = 0; i < 3; i++)
		weft_go(relay, c[i], c[i + 1]);
	for (int x; weft_recv(c[3], &x); sum += x)
		if (signals > 500)
			stop = true;
	weft_sleep(WEFT_MS);
	return sum != sent;
}

TEST(SignalStormChangesNothing, .real = true)
{
	CHECK_EXITS("SignalStorm");
}

static void wait_on(weft_chan(int) c)
{
	weft_recv(c, NULL);
}

static void wait_lock(weft_mutex *m)
{
	weft_mutex_lock(m);
	weft_mutex_unlock(m);
}

/* Reads until all of it has come. */
static void read_report(int fd)
{
	char text[1 << 16] = "";
	size_t len = 0;
	ssize_t n;

	while (!strstr(text, "[chan receive]: wait_on") || !strstr(text, "[mutex ") ||
	    !strstr(text, "]: wait_lock")) {
		n = read(fd, text + len, sizeof text - 1 - len);
		if (n <= 0)
			_exit(1);
		text[len += (size_t)n] = '\0';
	}
}

/* The report goes to stderr, and the program goes on. */
CHILD(Quit)
{
	weft_chan(int) c = weft_make(int, 0);
	weft_mutex m = {0};
	weft_waitgroup wg = {0};
	int fd[2];

	weft_mutex_lock(&m);
	weft_waitgroup_go(&wg, wait_on, c);
	weft_waitgroup_go(&wg, wait_lock, &m);
	settle(wait_on, WAIT_CHAN_RECV, 1);
	settle(wait_lock, WAIT_MUTEX, 1);
	if (pipe2(fd, O_CLOEXEC) || dup2(fd[1], STDERR_FILENO) < 0)
		return 1;
	kill(getpid(), SIGQUIT);
	read_report(fd[0]);
	weft_close(c);
	weft_mutex_unlock(&m);
	weft_waitgroup_wait(&wg);
	return 0;
}

TEST(QuitSignalPrintsGoroutines)
{
	CHECK_EXITS("Quit");
}

/* ---- fork ---- */

static void noop(void)
{
}

static int status_of(pid_t pid)
{
	int status = 0;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

CHILD(GoAfterFork)
{
	pid_t pid = fork();

	if (pid)
		return status_of(pid);
	weft_go(noop);
	_exit(0);
}

CHILD(ExecAfterFork)
{
	weft_chan(int) c = weft_make(int, 0);
	weft_waitgroup wg = {0};
	int bad = 0;

	for (int i = 0; i < 20; i++) {
		pid_t pid;

		weft_waitgroup_go(&wg, wait_on, c);
		pid = fork();
		if (!pid) {
			execl("/bin/true", "true", (char *)NULL);
			_exit(1);
		}
		bad += status_of(pid) != 0;
		weft_send(c, i);
	}
	weft_waitgroup_wait(&wg);
	weft_free(c);
	return bad;
}

TEST(ForkedChildIsToldOff)
{
	CHECK_DIES("GoAfterFork", "forked from one that runs goroutines");
}

TEST(ForkAndExecWorks)
{
	CHECK_EXITS("ExecAfterFork");
}
