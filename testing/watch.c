/*
 * watch.c - finds tests in which everything waits for good
 *
 * A test and its sub-tests are one family: a goroutine of one may wait for one of
 * another.  A family is stuck when none of its goroutines can run, sleeps or
 * waits for a descriptor.  That is asked whenever every worker is about to sleep,
 * by the runtime and on a scheduler's stack, where one can look but not report;
 * so the hook only wakes the watcher.  A look is no snapshot: a worker may have woken
 * up in the middle of it and be about to wake somebody.  So the watcher lets all
 * workers go to sleep once more, which that one cannot before it is done; when no
 * goroutine of the family has run in between, and it still looks stuck, it is.
 *
 * A bubble knows by itself when nothing in it can go on, and is not asked about here.
 * When some of a test wait for each other's locks and the rest goes on, guard.c sees it.
 *
 * A thread that the runtime did not start may yet wake somebody.  While there are
 * more threads than when the tests began, nothing is called stuck.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE			/* memfd_create */
#endif
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../weft/debug.h"
#include "../weft/sanitize.h"
#include "../weft/worker.h"
#include "harness.h"

enum { WATCH_STACK = 256 << 10 };	/* it prints, and looks up symbols */

static int own_threads;			/* that are no workers */

/* The mark that somebody set it; no goroutine's record has this address. */
#define WAS_SET	((uintptr_t)1)

void wakeup_wait(struct wakeup *s)
{
	struct g *g = self();
	uintptr_t empty = 0;

	park_begin(&g->park);
	/* release: pairs with the acquire in wakeup_set, which then finds us parking */
	if (atomic_compare_exchange_strong_explicit(&s->word, &empty, (uintptr_t)g,
	    memory_order_acq_rel, memory_order_acquire))
		sched_park(g, WAIT_HARNESS, s, CALLER);
	else
		park_cancel(&g->park);
	/* what was set before this is seen by the caller, who looks next */
	atomic_exchange_explicit(&s->word, 0, memory_order_acq_rel);
	san_acquire(s);
}

bool wakeup_set(struct wakeup *s, struct worker *w)
{
	uintptr_t old;

	san_release(s);
	old = atomic_exchange_explicit(&s->word, WAS_SET, memory_order_acq_rel);
	if (old == 0 || old == WAS_SET)
		return false;
	sched_ready(w, (struct g *)old);
	return true;
}

static void family_look(weft_t *top, struct group_state *sum)
{
	struct group_state s;

	*sum = (struct group_state){0};
	list_for_each(e, &harness.running) {
		weft_t *t = container_of(e, weft_t, entry);
		if (t->top != top)
			continue;
		group_look(&t->group, &s);
		sum->runnable += s.runnable;
		sum->sleeping += s.sleeping;
		sum->polling += s.polling;
		sum->blocked += s.blocked;
		sum->activity += s.activity;
	}
}

static bool quiet(const struct group_state *s)
{
	return !s->runnable && !s->sleeping && !s->polling;
}

/*
 * It has begun and nobody has ended it; sub-tests would have to end first.  Nothing
 * is known of a benchmark, whose goroutines have no group: -timeout ends it.
 */
bool test_is_leaf(const weft_t *t)
{
	return !t->children && !t->test->bench && atomic_load(&t->goid) &&
	    atomic_load(&t->state) == T_RUNNING;
}

static bool has_leaf(const weft_t *top)
{
	list_for_each(e, &harness.running) {
		weft_t *t = container_of(e, weft_t, entry);
		if (t->top == top && test_is_leaf(t))
			return true;
	}
	return false;
}

/* Each state is asked about twice: the activity tells whether it is another one. */
static bool on_idle(struct worker *w)
{
	struct group_state s;
	bool ask = false;

	pthread_mutex_lock(&harness.lock);
	list_for_each(e, &harness.running) {
		weft_t *t = container_of(e, weft_t, entry);
		if (t->parent || t->bubble || !has_leaf(t))
			continue;
		family_look(t, &s);
		if (!quiet(&s) || (s.activity == t->seen && t->asked == 2))
			continue;
		t->asked = s.activity == t->seen ? 2 : 1;
		t->seen = s.activity;
		ask = true;
	}
	pthread_mutex_unlock(&harness.lock);
	return ask && wakeup_set(&harness.idle, w);
}

static int count_threads(void)
{
	DIR *d = opendir("/proc/self/task");
	struct weft_stats stats;
	int n = 0;

	if (!d)
		return 0;
	while (readdir(d))
		n++;
	closedir(d);
	weft_stats(&stats);
	return n - 2 - stats.threads - sched.helpers;	/* without . and .. */
}

bool watch_others(void)
{
	return count_threads() > own_threads;
}

/* Takes text that f prints with out_printf. */
void watch_dump(struct buf *b, void (*f)(struct out *, void *), void *arg)
{
	struct out *o = xmalloc(sizeof *o);
	int fd = memfd_create("report", MFD_CLOEXEC);
	off_t size;

	if (fd < 0) {
		buf_adds(b, "      (no descriptor left to write the report)\n");
		free(o);
		return;
	}
	out_init(o, fd);
	f(o, arg);
	out_flush(o);
	size = lseek(fd, 0, SEEK_END);
	buf_grow(b, (size_t)size);
	if (pread(fd, b->data + b->len, (size_t)size, 0) == size)
		b->len += (size_t)size;
	close(fd);
	free(o);
}

static void print_goroutine(struct g *g, const struct task *task, void *out)
{
	dump_goroutine(out, g, task, "      ", true);
}

static void print_all(struct out *o, void *arg)
{
	weft_t *t = arg;

	g_each(&t->group, print_goroutine, o);
}

static void print_cycle(struct out *o, void *arg)
{
	weft_t *t = arg;

	dump_cycle(o, &t->group, "    ");
}

struct search { int64_t goid; int n; bool found; };

static void search(struct g *g, const struct task *task, void *arg)
{
	struct search *s = arg;

	s->n++;
	s->found = s->found || (g ? g->id : atomic_load(&task->id)) == s->goid;
}

void watch_report(weft_t *t)
{
	struct search s = { .goid = atomic_load(&t->goid) };
	struct buf b = {0};
	size_t before;

	g_each(&t->group, search, &s);
	if (!s.found)
		buf_adds(&b, "    the test's own goroutine called weft_goexit\n");
	before = b.len;
	watch_dump(&b, print_cycle, t);
	if (b.len > before)
		buf_adds(&b, "    all goroutines of the test:\n");
	else if (s.n && !(t->bubble && t->bubble->frozen))
		buf_adds(&b, "    deadlock: all goroutines of the test are asleep\n");
	watch_dump(&b, print_all, t);
	harness_lock();
	atomic_store(&t->failed, true);
	report_log_locked(t, b.data, b.len);
	harness_unlock();
	buf_finish(&b);
}

/* One that is stuck, now ours to end; NULL: none. */
static weft_t *find_stuck(void)
{
	struct group_state s;
	weft_t *stuck = NULL;

	harness_lock();
	list_for_each(e, &harness.running) {
		weft_t *t = container_of(e, weft_t, entry);
		if (t->bubble || !test_is_leaf(t))
			continue;
		family_look(t->top, &s);
		if (quiet(&s) && s.activity == t->top->seen && t->top->asked == 2 &&
		    test_move(t, T_STUCK)) {
			stuck = t;
			break;
		}
	}
	harness_unlock();
	return stuck;
}

/* One that the guard found; NULL: none. */
static weft_t *find_locked_up(void)
{
	weft_t *found = NULL;

	harness_lock();
	list_for_each(e, &harness.running) {
		weft_t *t = container_of(e, weft_t, entry);

		if (t->locked_up) {
			t->locked_up = false;
			found = t;
			break;
		}
	}
	harness_unlock();
	return found;
}

static void watch(void)
{
	weft_t *t;

	for (;;) {
		wakeup_wait(&harness.idle);
		while ((t = find_locked_up()) || (!watch_others() && (t = find_stuck()))) {
			watch_report(t);
			wakeup_set(&t->done, NULL);	/* its runner waits for the report */
		}
	}
}

void watch_start(void)
{
	own_threads = count_threads();
	weft_go_stack(WATCH_STACK, watch);
	sched_idle_hook = on_idle;
}
