/*
 * stops.c - a program of many states, for tools/check-gdb; it ends by SIGTRAP
 *
 * First it writes what the runtime says of it: to "quit" what SIGQUIT makes it print; then,
 * with some goroutines more, to "api" what weft_goroutines tells and to "dump" what weft_dump
 * writes.  It runs with one worker, which weft_main keeps, so that those are still to run;
 * not with an argument, since gdb stops the other threads a moment later.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/debug.h>
#include <weft/sync.h>
#include <weft/weft.h>

/* Names that the runtime has, too. */
struct g { char other; };
static struct g arena, sched, region;	/* their values do not matter */
enum { LATE = 12 };

static weft_mutex a, b;
static weft_rwmutex rw, shared;
static weft_waitgroup wg;
static weft_cond cond;
static weft_once once;
static weft_chan(int) full;
struct point { int x, y; };
static weft_chan(struct point) points;
static weft_chan(char) idle;
weft_chan(char) empty;		/* looked at from outside only */
static weft_ctx *ctx;
static bool parked_only;

static void sender(weft_chan(int) c)
{
	weft_send(c, 7);
}

static void locker(weft_mutex *m)
{
	weft_mutex_lock(m);
	weft_mutex_unlock(m);
}

static void both(weft_mutex *first, weft_mutex *second)
{
	weft_mutex_lock(first);
	weft_yield();
	weft_mutex_lock(second);
	weft_mutex_unlock(second);
	weft_mutex_unlock(first);
}

static void reader(weft_rwmutex *m)
{
	weft_rwmutex_rlock(m);
	weft_rwmutex_runlock(m);
}

static void waiter(weft_waitgroup *group)
{
	weft_waitgroup_wait(group);
}

static void hopeful(weft_cond *c)
{
	weft_mutex m = {0};

	weft_mutex_lock(&m);
	weft_cond_wait(c, &m);
	weft_mutex_unlock(&m);
}

static void patient(weft_ctx *c)
{
	weft_recv(weft_done(c), NULL);
}

static void receiver(weft_chan(char) c)
{
	weft_recv(c, NULL);
}

static void chooser(weft_chan(char) c)
{
	weft_select(weft_on_recv(c, NULL), weft_on_timeout(3600 * WEFT_SECOND));
}

/* These are not to run; if they do, the worker was kept for so long that it got help. */
static _Atomic int ran;

static void yielder(void)
{
	weft_yield();
	ran++;
}

static void late(int n)
{
	(void)n;
	ran++;
}

static void last_one(void)
{
	weft_recv((weft_chan(int))NULL, NULL);
}

static void start(void)
{
	weft_mutex_lock(&a);
	weft_go(sender, full);
	weft_go(locker, &a);
	weft_go(both, &b, &a);
	weft_rwmutex_lock(&rw);
	weft_rwmutex_rlock(&shared);
	weft_rwmutex_rlock(&shared);
	weft_go(reader, &rw);
	weft_waitgroup_add(&wg, 3);
	weft_go(waiter, &wg);
	weft_go(hopeful, &cond);
	weft_go(patient, ctx);
	weft_go(receiver, idle);
	weft_go(chooser, idle);
}

/* Until weft_main alone does anything. */
static void let_others_run(void)
{
	struct weft_goroutine g[64];
	int able;

	do {
		weft_yield();
		able = 0;
		for (size_t i = 0, n = weft_goroutines(g, 64); i < n; i++)
			able += strncmp(g[i].state, "run", 3) == 0;
	} while (able > 1);
}

static void write_api(void)
{
	struct weft_goroutine g[64];
	size_t n = weft_goroutines(g, 64);
	FILE *f = fopen("api", "w");

	for (size_t i = 0; f && i < n && i < 64; i++)
		fprintf(f, "%jd [%s] %s %s:%d\n", (intmax_t)g[i].id, g[i].state, g[i].func,
		    g[i].file, g[i].line);
	if (f)
		fclose(f);
}

static int create(const char *name)
{
	return open(name, O_CREAT | O_TRUNC | O_RDWR, 0666);
}

/* Another thread prints; last_one's stack comes last. */
static void write_quit(void)
{
	static char text[1 << 16];
	int fd = create("quit"), err = dup(2);
	char *last = NULL;

	dup2(fd, 2);
	kill(getpid(), SIGQUIT);
	while (!last || !strchr(last, '\n')) {
		if (pread(fd, text, sizeof text - 1, 0) < 0)
			break;
		last = strstr(text, "    last_one  ");
	}
	dup2(err, 2);
}

/* A circle of two; and weft_main waits for none of them. */
static void start_circle(void)
{
	static weft_mutex x, y;

	weft_go(both, &x, &y);
	weft_go(both, &y, &x);
}

static void write_all(void)
{
	write_api();
	weft_dump(create("dump"));
}

/* With a goroutine that has begun, and some that have not. */
static void write_with_runnable(void)
{
	let_others_run();
	ran = 0;
	weft_go(yielder);
	weft_yield();
	for (int i = 0; i < LATE; i++)
		weft_go(late, i);
	write_all();
}

static void stop(void)
{
	if (parked_only)
		write_all();
	else
		do
			write_with_runnable();
		while (ran);
	raise(SIGTRAP);
}

int weft_main(int argc, char **argv)
{
	(void)argv;
	parked_only = argc > 1;
	arena = sched = region;
	full = weft_make(int, 3);
	points = weft_make(struct point, 3);
	idle = weft_make(char, 0);
	empty = weft_make(char, 0);
	weft_close(empty);
	ctx = weft_with_value(weft_with_cancel(weft_background()), &ctx, "v");
	for (int i = 0; i < 5; i++) {
		struct point p = { i, -i };

		if (i > 2)
			weft_recv(points, NULL);
		weft_send(points, p);
	}
	for (int i = 1; i <= 3; i++)
		weft_send(full, i);
	start();
	start_circle();
	weft_go(last_one);
	let_others_run();
	write_quit();
	weft_once_do(&once, stop);
	return 0;
}
