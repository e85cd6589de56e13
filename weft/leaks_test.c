/* leaks_test.c - what weft_leaks finds, and what it must not */
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include "child_test.h"
#include "debug.h"
#include "sanitize.h"
#include "settle_test.h"
#include "sync.h"
#include "time.h"
#include "worker.h"

/*
 * Each child leaves goroutines waiting; its exit status is 0 when weft_leaks finds so many.
 * Stale addresses may lie about, so that what is missed is not an error by itself: with
 * ten of a kind, half of them must be found.
 */
enum { MANY = 10 };

static void receive(weft_chan(int) c)
{
	weft_recv(c, NULL);
}

static int found(int64_t lo, int64_t hi)
{
	int64_t n = weft_leaks(STDERR_FILENO);

	fprintf(stderr, "weft_leaks: %jd\n", (intmax_t)n);
	return n >= lo && n <= hi ? 0 : 1;
}

/* Overwrites what earlier calls left on this stack. */
__attribute__((noinline)) static void wipe(void)
{
	volatile char junk[8192];

	for (size_t i = 0; i < sizeof junk; i++)
		junk[i] = 0;
}

__attribute__((noinline)) static void forget(void)
{
	for (int i = 0; i < MANY; i++)
		weft_go(receive, weft_make(int, 0));
}

CHILD(LeaksForgotten)
{
	forget();
	settle(receive, WAIT_CHAN_RECV, MANY);
	wipe();
	return found(MANY / 2, MANY);
}

/* In blocks that only their goroutines know. */
struct job { char text[40]; weft_chan(int) reply; weft_mutex lock; weft_waitgroup wg; };

static void answer(struct job *j)
{
	weft_send(j->reply, 42);
}

static void lock_twice(struct job *j)
{
	weft_mutex_lock(&j->lock);
	weft_mutex_lock(&j->lock);
}

static void wait_for_nobody(struct job *j)
{
	weft_waitgroup_add(&j->wg, 1);
	weft_waitgroup_wait(&j->wg);
}

static struct job *job(void)
{
	struct job *j = calloc(1, sizeof *j);

	j->reply = weft_make(int, 0);
	return j;
}

__attribute__((noinline)) static void forget_jobs(void)
{
	for (int i = 0; i < MANY; i++) {
		weft_go(answer, job());
		weft_go(lock_twice, job());
		weft_go(wait_for_nobody, job());
	}
}

CHILD(LeaksInBlocks)
{
	forget_jobs();
	settle(answer, WAIT_CHAN_SEND, MANY);
	settle(lock_twice, WAIT_MUTEX, MANY);
	settle(wait_for_nobody, WAIT_GROUP, MANY);
	wipe();
	return found(3 * MANY / 2, 3 * MANY);
}

static struct job *volatile in_block;

/* In a thread's first heap, which is full, and not the last. */
CHILD(LeaksInFullHeap)
{
	enum { SIZE = 200, HEAP = 64 << 20 };

	forget();
	for (int i = 0; i < 2 * HEAP / SIZE; i++)
		in_block = malloc(SIZE);
	settle(receive, WAIT_CHAN_RECV, MANY);
	wipe();
	return found(MANY / 2, MANY);
}

/* Everything here can still go on, in one way or another. */
static void *volatile mapped;
static void *volatile global;		/* channels: written, and never read */
static __thread void *volatile thread_own;

static void select_timeout(weft_chan(int) c)
{
	weft_select(weft_on_recv(c, NULL), weft_on_timeout(3600 * WEFT_SECOND));
}

static void on_done(weft_ctx *ctx)
{
	weft_recv(weft_done(ctx), NULL);
}

static void tick(weft_chan(int64_t) c)
{
	weft_recv(c, NULL);
}

static void wake(void *c)
{
	weft_close((weft_chan(int))c);
}

static void keep_and_sleep(weft_chan(int) c)
{
	weft_sleep(3600 * WEFT_SECOND);
	weft_close(c);
}

static void keep_and_read(weft_chan(int) c, int fd)
{
	weft_wait_fd(NULL, fd, POLLIN);
	weft_close(c);
}

static void spin(weft_chan(int) c, _Atomic bool *stop)
{
	while (!*stop)
		;
	weft_close(c);
}

static void *thread(void *arg)
{
	weft_chan(int) *c = arg;
	weft_chan(int) own = *c;

	*c = NULL;
	pause();
	weft_close(own);
	return NULL;
}

CHILD(LeaksNone)
{
	static _Atomic bool stop;
	weft_chan(int) on_stack = weft_make(int, 0), of_thread = weft_make(int, 0), c;
	weft_chan(weft_chan(int)) queue = weft_make(weft_chan(int), 4);
	int fds[2];
	pthread_t t;

	c = weft_make(int, 0);
	global = (void *)c;
	weft_go(receive, c);
	in_block = job();
	weft_go(answer, in_block);
	weft_go(lock_twice, in_block);
	mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	c = weft_make(int, 0);
	*(void *volatile *)mapped = (void *)c;
	weft_go(receive, c);
	mprotect(mapped, 4096, PROT_READ);
	weft_go(receive, on_stack);
	c = weft_make(int, 0);
	thread_own = (void *)c;
	weft_go(receive, c);
	weft_go(select_timeout, weft_make(int, 0));
	weft_go(on_done, weft_with_timeout(NULL, 3600 * WEFT_SECOND));
	weft_go(tick, weft_timer_chan(weft_timer_new(3600 * WEFT_SECOND)));
	for (int i = 0; i < 100; i++) {
		c = weft_make(int, 0);
		weft_go(receive, c);
		weft_after(3600 * WEFT_SECOND, wake, (void *)c);
		c = weft_make(int, 0);
		weft_go(receive, c);
		weft_go(keep_and_sleep, c);
	}
	c = weft_make(int, 0);
	pipe2(fds, O_NONBLOCK);
	weft_go(receive, c);
	weft_go(keep_and_read, c, fds[0]);
	c = weft_make(int, 0);
	weft_go(receive, c);
	weft_go(spin, c, &stop);
	weft_go(receive, of_thread);
	pthread_create(&t, NULL, thread, &of_thread);
	c = weft_make(int, 0);
	weft_go(receive, c);
	weft_send(queue, c);
	settle(receive, WAIT_CHAN_RECV, 208);
	settle(keep_and_sleep, WAIT_SLEEP, 100);
	settle(select_timeout, WAIT_SELECT, 1);
	settle(on_done, WAIT_CHAN_RECV, 1);
	settle(tick, WAIT_CHAN_RECV, 1);
	wipe();
	for (int i = 0; i < 50; i++)
		if (found(0, 0))
			return 1;
	stop = true;
	weft_close(on_stack);
	weft_free(queue);
	return 0;
}

/* While others allocate, send and come and go. */
static void churn(weft_chan(void *) in, weft_chan(void *) out, _Atomic bool *stop)
{
	void *p[16] = { NULL };
	unsigned n = 0;

	while (!*stop) {
		size_t i = n++ % 16, size = 16 + n * 7919u % 5000;

		weft_send(out, calloc(1, size));
		weft_recv(in, &p[i]);
		p[i] = realloc(p[i], size * 2);
		free(p[(i + 5) % 16]);
		p[(i + 5) % 16] = NULL;
	}
	weft_close(out);
}

static void ping(weft_chan(int) c)
{
	weft_send(c, 1);
}

/* The channel is known to the two of them only, by turns. */
static void pairs(_Atomic bool *stop)
{
	while (!*stop) {
		weft_chan(int) c = weft_make(int, 0);
		weft_go(ping, c);
		weft_recv(c, NULL);
		weft_free(c);
	}
}

CHILD(LeaksNoneWhileBusy)
{
	static _Atomic bool stop;

	for (int i = 0; i < 20; i++) {
		weft_chan(void *) a = weft_make(void *, 1), b = weft_make(void *, 1);
		weft_go(churn, a, b, &stop);
		weft_go(churn, b, a, &stop);
		weft_go(pairs, &stop);
	}
	for (int i = 0; i < 50; i++) {
		if (found(0, 0))
			return 1;
		weft_sleep(WEFT_MS);
	}
	stop = true;
	return 0;
}

static void *block_signals(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	weft_close((weft_chan(int))arg);
	sigdelset(&all, SIGTERM);
	sigsuspend(&all);
	return NULL;
}

/* Pages that cannot be read, in the middle of some that can. */
static char *riddled(int prot, int flags, int fd)
{
	enum { PAGES = 16, PAGE = 4096, GUARD = 102 /* MADV_GUARD_INSTALL */ };
	char *p = mmap(NULL, PAGES * PAGE, prot, flags, fd, 0);

	for (int i = 0; i < PAGES && fd < 0; i += 2) {
		p[i * PAGE] = 1;
		madvise(p + (i + 1) * PAGE, PAGE, GUARD);	/* an old kernel has none */
	}
	return p;
}

static void receive_from(void *memory)
{
	weft_chan(int) c = weft_make(int, 0);

	*(void *volatile *)memory = (void *)c;
	weft_go(receive, c);
}

CHILD(LeaksInSharedMemory)
{
	char name[64];
	int shm = shmget(IPC_PRIVATE, 4096, 0600), prot = PROT_READ | PROT_WRITE, fd;

	receive_from(mmap(NULL, 4096, prot, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	receive_from(shmat(shm, NULL, 0));
	shmctl(shm, IPC_RMID, NULL);
	snprintf(name, sizeof name, "/weft-leaks-%d", (int)getpid());
	fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	shm_unlink(name);
	ftruncate(fd, 4096);
	receive_from(mmap(NULL, 4096, prot, MAP_SHARED, fd, 0));
	settle(receive, WAIT_CHAN_RECV, 3);
	wipe();
	return found(0, 0);
}

CHILD(LeaksGuards)
{
	int fd = memfd_create("short", 0);
	char *p, *file;

	p = riddled(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	ftruncate(fd, 4096);
	file = riddled(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	receive_from(p + 8192);
	receive_from(file);
	settle(receive, WAIT_CHAN_RECV, 2);
	wipe();
	return found(0, 0);
}

/* A goroutine whose thread is in a handler of the program's, on its other stack. */
static _Atomic int handler_is;
enum { HANDLER_RUNS = 1, HANDLER_ENDS };

static void spin_in_handler(int sig)
{
	(void)sig;
	handler_is = HANDLER_RUNS;
	while (handler_is != HANDLER_ENDS)
		;
}

/* The other stack lies far from what else there is. */
static void keep_and_raise(weft_chan(int) c)
{
	stack_t ss = { .ss_size = 1 << 20 }, old;

	ss.ss_sp = mmap(NULL, 64 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(ss.ss_sp, ss.ss_size, PROT_READ | PROT_WRITE);
	sigaltstack(&ss, &old);
	raise(SIGUSR1);
	sigaltstack(&old, NULL);
	weft_close(c);
}

CHILD(LeaksInHandler)
{
	struct sigaction sa = { .sa_handler = spin_in_handler, .sa_flags = SA_ONSTACK };
	weft_chan(int) c = weft_make(int, 0);

	sigaction(SIGUSR1, &sa, NULL);
	weft_go(receive, c);
	weft_go(keep_and_raise, c);
	c = NULL;
	while (!handler_is)
		weft_yield();
	settle(receive, WAIT_CHAN_RECV, 1);
	wipe();
	for (int i = 0; i < 20; i++)
		if (found(0, 0))
			return 1;
	handler_is = HANDLER_ENDS;
	return 0;
}

/* Only a timer that is firing, on a worker's own stack, knows the channel. */
static uintptr_t hidden;
static _Atomic int firing;
enum { FIRES = 1, FIRED };

static int64_t spin_and_fire(struct timer *t, int64_t now)
{
	void *volatile c = (void *)~hidden;

	(void)t;
	(void)now;
	firing = FIRES;
	while (firing == FIRES)
		cpu_pause();
	return c ? 0 : 1;
}

static void *look_while_firing(void *failed)
{
	while (firing != FIRES)
		sched_yield();
	for (int i = 0; i < 20; i++)
		*(int *)failed |= found(0, 0);
	firing = FIRED;
	return NULL;
}

__attribute__((noinline)) static void hide(void)
{
	weft_chan(int) c = weft_make(int, 0);

	hidden = ~(uintptr_t)c;
	weft_go(receive, c);
}

CHILD(LeaksInFiringTimer)
{
	static struct timer timer = { .fire = spin_and_fire };
	int failed = 0;
	pthread_t t;

	hide();
	settle(receive, WAIT_CHAN_RECV, 1);
	wipe();
	pthread_create(&t, NULL, look_while_firing, &failed);
	timer_add(&timer, clock_now());
	while (firing != FIRED)
		weft_sleep(WEFT_MS);
	pthread_join(t, NULL);
	return failed;
}

CHILD(LeaksBusy)
{
	weft_chan(int) ready = weft_make(int, 0);
	pthread_t t;

	forget();
	pthread_create(&t, NULL, block_signals, (void *)ready);
	weft_recv(ready, NULL);
	return weft_leaks(-1) == -EBUSY ? 0 : 1;
}

static void need_plain_build(void)
{
	if (!SANITIZED)
		return;
	CHECK_EQ(weft_leaks(-1), -ENOTSUP);
	weft_skip("a sanitizer's memory is not the program's");
}

static void end_thread(int sig)
{
	(void)sig;
	syscall(SYS_exit, 0);
}

/* It stays in the list of threads, and takes signals without an answer. */
CHILD(LeaksFirstThreadEnded)
{
	signal(SIGUSR1, end_thread);
	syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1);
	forget();
	settle(receive, WAIT_CHAN_RECV, MANY);
	wipe();
	_exit(found(MANY / 2, MANY));
}

TEST(LeaksFindsWhatNobodyKnows)
{
	need_plain_build();
	CHECK_EQ(child_run("LeaksForgotten")->status, 0);
	CHECK_EQ(child_run("LeaksInBlocks")->status, 0);
	CHECK_EQ(child_run("LeaksInFullHeap")->status, 0);
	CHECK_EQ(child_run("LeaksFirstThreadEnded")->status, 0);
}

static void check_child(const char *name)
{
	struct child *c = child_run(name);

	if (!CHECK_EQ(c->status, 0))
		weft_logf("%.4000s", c->err);
}

TEST(LeaksHasNoFalseAlarm)
{
	need_plain_build();
	check_child("LeaksNone");
	check_child("LeaksNoneWhileBusy");
	check_child("LeaksInSharedMemory");
	check_child("LeaksGuards");
	check_child("LeaksInHandler");
	check_child("LeaksInFiringTimer");
}

TEST(LeaksNamesTheGoroutine)
{
	need_plain_build();
	CHECK(strstr(child_run("LeaksForgotten")->err, "[chan receive]: receive   spawned at"));
}

TEST(LeaksSaysWhenAThreadWillNotStop)
{
	need_plain_build();
	check_child("LeaksBusy");
}
