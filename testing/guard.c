/*
 * guard.c - a thread beside the scheduler: deadlines, captured output, the end
 *
 * It is a plain thread so that it works while every worker is stuck.  Whatever
 * ends the program early (a timeout, misuse of the runtime, a fault, a test that
 * calls exit) comes through here, so that the tests that were running are named, a
 * JSON stream is complete, and there is a trace of what happened before.
 *
 * From then on no memory comes from the heap (buf_dying), and who dies waits for no
 * lock for ever: it may hold any.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "../weft/debug.h"
#include "../weft/sanitize.h"
#include "harness.h"

enum { LOOK_MS = 200, LOCKED_MS = 1000 };

static int kick = -1;
static void (*dump_stacks)(void);
static struct buf trace_line;		/* says where the trace is */

/* Whoever holds it may be the one that dies: then, false, we go on without it. */
static bool lock_if_possible(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 2;
	return pthread_mutex_timedlock(&harness.lock, &until) == 0;
}

/* The test of the goroutine that dies, else the one that has run for the longest. */
static weft_t *culprit(void)
{
	struct g *g = dump_caller();
	weft_t *t = g->group ? g->group->data : harness.benchmark;
	bool locked;

	if (t)
		return t->top;
	locked = lock_if_possible();
	if (!list_empty(&harness.running))
		t = container_of(harness.running.next, weft_t, entry);
	if (locked)
		pthread_mutex_unlock(&harness.lock);
	return t;
}

/* Before all else: the workers go on, and soon have forgotten what they did. */
static void begin_to_die(void)
{
	weft_t *t;

	if (!atomic_exchange(&buf_dying, true) && !harness.finished && (t = culprit()))
		trace_write(t, &trace_line);
}

/*
 * The verdicts that are still missing: inner tests first, since theirs are part of
 * their parents' logs.  The lock is never given back.
 */
static void give_verdicts(void)
{
	lock_if_possible();
	if (harness.finished)
		return;
	if (harness.opt.json)
		capture_drain(true);
	for (struct list *e = harness.running.prev; e != &harness.running; e = e->prev) {
		weft_t *t = container_of(e, weft_t, entry);

		atomic_store(&t->failed, true);
		if (!t->parent && !t->shell)
			report_log_locked(t, trace_line.data, trace_line.len);
		report_end_locked(t);
	}
	report_finish_locked(2, "");
}

static void on_death(void)
{
	begin_to_die();
	if (dump_stacks)
		dump_stacks();
	give_verdicts();
}

/* strsignal() may take memory. */
static const char *signal_name(int sig)
{
	return sig == SIGSEGV ? "SIGSEGV" : sig == SIGBUS ? "SIGBUS" :
	    sig == SIGABRT ? "SIGABRT" : sig == SIGFPE ? "SIGFPE" : "SIGILL";
}

/* The signal kills the program afterwards, as it would have. */
static void on_fault(int sig)
{
	struct buf b = {0};

	if (harness.finished)
		return;
	begin_to_die();
	buf_printf(&b, "panic: %s\n", signal_name(sig));
	report_write(STDERR_FILENO, b.data, b.len);
	if (dump_stacks)
		dump_stacks();
	give_verdicts();
}

/* A sanitizer has reported something and is about to end the program. */
static void on_report(void)
{
	if (harness.finished)
		return;
	begin_to_die();
	give_verdicts();
}

/* Those that the runtime does not handle, unless somebody else does. */
static void catch_faults(void)
{
	static const int sigs[] = { SIGABRT, SIGFPE, SIGILL };
	struct sigaction old, sa = { .sa_handler = on_fault, .sa_flags = SA_ONSTACK | SA_RESETHAND };

	fault_hook = on_fault;
	san_on_death(on_report);
	for (size_t i = 0; i < sizeof sigs / sizeof *sigs; i++) {
		sigaction(sigs[i], NULL, &old);
		if (!(old.sa_flags & SA_SIGINFO) && old.sa_handler == SIG_DFL)
			sigaction(sigs[i], &sa, NULL);
	}
}

static void on_exit_call(void)
{
	static const char text[] = "panic: unexpected call to exit during test\n";

	if (harness.finished)
		return;
	begin_to_die();
	report_write(STDERR_FILENO, text, sizeof text - 1);
	give_verdicts();
	_exit(2);
}

static void __attribute__((noreturn)) timed_out(int64_t limit)
{
	struct buf b = {0};
	char text[32];
	int64_t now = clock_now();

	begin_to_die();
	pthread_mutex_lock(&harness.lock);
	buf_printf(&b, "panic: test timed out after %s\n", flags_duration_text(limit, text));
	if (!list_empty(&harness.running))
		buf_adds(&b, "\trunning tests:\n");
	list_for_each(e, &harness.running) {
		weft_t *t = container_of(e, weft_t, entry);
		int64_t s = (now - t->started + WEFT_SECOND / 2) / WEFT_SECOND;

		if (t->shell)
			continue;	/* one schedule of a test that is on the list */
		buf_printf(&b, "\t\t%s (%s)\n", t->name,
		    flags_duration_text(s * WEFT_SECOND, text));
	}
	pthread_mutex_unlock(&harness.lock);
	buf_addc(&b, '\n');
	report_write(STDERR_FILENO, b.data, b.len);
	weft_dump(STDERR_FILENO);
	give_verdicts();
	_exit(2);
}

/* The next deadline and what to call its limit; INT64_MAX: none. */
static int64_t next_deadline(int64_t *limit)
{
	int64_t when = INT64_MAX;

	if (harness.opt.timeout) {
		*limit = harness.opt.timeout;
		when = harness.started + *limit + atomic_load(&harness.stressed);
	}
	pthread_mutex_lock(&harness.lock);
	list_for_each(e, &harness.running) {
		weft_t *t = container_of(e, weft_t, entry);
		if (t->deadline && t->deadline < when && !t->elapsed) {
			when = t->deadline;
			*limit = t->test->timeout;
		}
	}
	pthread_mutex_unlock(&harness.lock);
	return when;
}

/*
 * Whether some goroutines of a test wait for each other's locks while the rest goes on.  A
 * third could yet unlock one of them, which is allowed, so it gets a second.
 */
static bool locked_up(weft_t *t)
{
	uint64_t locked = cycle_for_good(&t->group);

	t->lookups = locked && locked == t->locked ? t->lookups + 1 : 0;
	t->locked = locked;
	return t->lookups > LOCKED_MS / LOOK_MS;
}

/*
 * When to look again: not so soon that looking is all that is done.  Benchmarks come after
 * the tests, and are not to be woken for nothing.
 */
static int64_t look_at_locks(void)
{
	int64_t begun = clock_now(), took;
	bool over;

	pthread_mutex_lock(&harness.lock);
	over = harness.benchmark != NULL;
	list_for_each(e, &harness.running) {
		weft_t *t = container_of(e, weft_t, entry);

		if (!t->bubble && test_is_leaf(t) && locked_up(t) && test_move(t, T_STUCK)) {
			t->locked_up = true;
			wakeup_set(&harness.idle, NULL);
		}
	}
	pthread_mutex_unlock(&harness.lock);
	if (over)
		return INT64_MAX;
	took = clock_now() - begun;
	return begun + took + (20 * took > LOOK_MS * WEFT_MS ? 20 * took : LOOK_MS * WEFT_MS);
}

static void drain(int fd)
{
	uint64_t n;

	if (read(fd, &n, sizeof n) < 0)
		return;		/* it was somebody else's turn */
}

static void *guard(void *arg)
{
	struct pollfd fds[2] = {
		{ .fd = kick, .events = POLLIN },
		{ .fd = (int)(intptr_t)arg, .events = POLLIN },
	};
	int64_t when, limit = 0, left, look = 0;

	for (;;) {
		if (clock_now() >= look)
			look = look_at_locks();
		when = next_deadline(&limit);
		left = (when < look ? when : look) - clock_now();
		if (when <= clock_now())
			timed_out(limit);
		/* rounded up: waking early would be a busy loop */
		left = left < 0 ? 0 : left / WEFT_MS + 1;
		poll(fds, 2, left > INT32_MAX ? INT32_MAX : (int)left);
		if (fds[0].revents)
			drain(kick);
		if (fds[1].revents) {
			pthread_mutex_lock(&harness.lock);
			capture_drain(false);
			pthread_mutex_unlock(&harness.lock);
		}
	}
	return NULL;
}

void guard_kick(void)
{
	uint64_t one = 1;

	report_write(kick, (const char *)&one, sizeof one);
}

void guard_start(void)
{
	sigset_t all, old;
	pthread_t thread;
	int caught = harness.opt.json ? capture_start() : -1;

	kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	dump_stacks = die_hook;
	die_hook = on_death;
	catch_faults();
	atexit(on_exit_call);
	if (harness.opt.json)
		json_action("start", NULL, -1);
	sigfillset(&all);
	sigdelset(&all, SIGURG);	/* weft_leaks stops every thread */
	pthread_sigmask(SIG_SETMASK, &all, &old);	/* signals are for the tests */
	if (kick < 0 || pthread_create(&thread, NULL, guard, (void *)(intptr_t)caught))
		die("cannot start the thread that watches the tests");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_detach(thread);
}
