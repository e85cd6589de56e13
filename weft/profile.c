/*
 * profile.c - CPU, goroutine, block and mutex profiles
 *
 * The handler of SIGPROF writes stacks, and whose they are, into memory that was
 * reserved before; what they are called is found when the profile is written.  Waits
 * are added up by stack when they end, and only those drawn by the rate.
 */
#include "profile.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

#include "pages.h"
#include "pprof.h"
#include "profile_wait.h"
#include "tally.h"
#include "unwind.h"

enum { FRAMES = TALLY_FRAMES, CPU_SAMPLES = 1 << 17 };	/* 22 minutes of one processor at 100 Hz */

struct sample {
	const struct weft_site *site;
	size_t		 n;
	void		*pcs[FRAMES];
};

static struct {
	_Atomic unsigned lock;		/* of start and stop */
	_Atomic(struct sample *) samples;	/* NULL: not running */
	_Atomic size_t	 n;
	char		*path;
	int		 hz;
	int64_t		 begun;
	struct sigaction old;
} cpu;

static void on_prof(int sig, siginfo_t *info, void *context)
{
	int err = errno;
	struct sample *all = atomic_load(&cpu.samples), *s;
	size_t i = atomic_fetch_add(&cpu.n, 1);
	struct g *g;

	(void)sig;
	(void)info;
	if (all && i < CPU_SAMPLES) {
		s = &all[i];
		g = stack_owner(CONTEXT_SP(context));
		s->site = g ? g->site : NULL;
		s->n = unwind_context(context, s->pcs, FRAMES);
	}
	errno = err;
}

static int set_timer(int hz)
{
	struct itimerval t = {0};

	if (hz)
		t.it_interval.tv_usec = t.it_value.tv_usec = hz == 1 ? 999999 : 1000000 / hz;
	return setitimer(ITIMER_PROF, &t, NULL) ? -errno : 0;
}

int weft_profile_start(const char *path, int hz)
{
	struct sigaction sa = { .sa_sigaction = on_prof,
	    .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK };
	struct sample *all = atomic_load(&cpu.samples);
	int err = 0;

	lock(&cpu.lock);
	if (cpu.path)
		err = -EBUSY;
	else if (!all && !(all = pages(CPU_SAMPLES * sizeof *all)))
		err = -ENOMEM;
	if (!err) {
		cpu.path = xstrdup(path);
		cpu.hz = hz > 0 ? hz : 100;
		cpu.begun = clock_now();
		atomic_store(&cpu.n, 0);
		atomic_store(&cpu.samples, all);
		sigfillset(&sa.sa_mask);
		sigaction(SIGPROF, &sa, &cpu.old);
		err = set_timer(cpu.hz);
	}
	unlock(&cpu.lock);
	return err;
}

/* The samples stay mapped: a handler on another processor may be at one. */
int weft_profile_stop(void)
{
	static const struct pprof_type types[] = { { "samples", "count" },
	    { "cpu", "nanoseconds" } };
	struct sample *all = atomic_load(&cpu.samples);
	struct pprof *p;
	size_t n;
	int err;

	lock(&cpu.lock);
	if (!cpu.path) {
		unlock(&cpu.lock);
		return -EINVAL;
	}
	set_timer(0);
	n = atomic_load(&cpu.n);
	p = pprof_new(types, 2, WEFT_SECOND / cpu.hz);
	for (size_t i = 0; i < n && i < CPU_SAMPLES; i++) {
		const struct sample *s = &all[i];

		if (s->n)
			pprof_add(p, s->pcs, s->n, (int64_t[]){ 1, WEFT_SECOND / cpu.hz },
			    s->site, NULL);
	}
	err = pprof_write(p, cpu.path, clock_now() - cpu.begun);
	free(cpu.path);
	cpu.path = NULL;
	unlock(&cpu.lock);
	return err;
}

/* ---- goroutines ---- */

static void add_goroutine(struct g *g, const struct task *t, void *arg)
{
	const struct weft_site *site = t ? t->site : g->site;
	void *pcs[FRAMES];
	size_t n = 0;

	if (g)
		n = g == self() ? unwind_self(pcs, FRAMES, 0) : unwind_parked(g, pcs, FRAMES);
	if (g && !n && atomic_load(&g->status) == G_RUNNING && g->w)
		n = unwind_running(g, atomic_load(&g->w->tid), pcs, FRAMES);
	if (!n)
		pcs[n++] = t ? (char *)(uintptr_t)t->f + 1 : (char *)(uintptr_t)g->f + 1;
	pprof_add(arg, pcs, n, (int64_t[]){ 1 }, site, NULL);
}

int weft_profile_goroutines(const char *path)
{
	static const struct pprof_type type = { "goroutine", "count" };
	struct pprof *p = pprof_new(&type, 1, 0);

	g_each(NULL, add_goroutine, p);
	return pprof_write(p, path, 0);
}

/* ---- waits ---- */

_Atomic int profile_rate;
static struct tally waits[2];		/* for others, for locks */
static _Atomic int64_t waits_since;

void weft_profile_waits(int rate)
{
	if (rate > 0 && !atomic_load(&profile_rate))
		atomic_store(&waits_since, clock_now());
	atomic_store(&profile_rate, rate > 0 ? rate : 0);
}

int64_t profile_wait_begins(struct g *g)
{
	uint32_t rate = (uint32_t)atomic_load(&profile_rate);

	return rate && is_goroutine(g) && (rate == 1 || rand_below(&g->w->rand, rate) == 0) ?
	    clock_now() : 0;
}

void profile_wait_ended(struct g *g, enum reason why, int64_t begun)
{
	bool is_lock = why == WAIT_MUTEX || why == WAIT_RWMUTEX_R || why == WAIT_RWMUTEX_W;
	int rate = atomic_load(&profile_rate);
	double count = rate ? rate : 1;
	struct place at = { .site = g->site };

	at.n = unwind_self(at.pcs, TALLY_FRAMES, 1);
	tally_add(&waits[is_lock], &at, (double[TALLY_VALUES]){ count,
	    count * (double)(clock_now() - begun) });
}

static int write_waits(const char *path, bool locks)
{
	static const struct pprof_type types[] = { { "contentions", "count" },
	    { "delay", "nanoseconds" } };
	int64_t since = atomic_load(&waits_since);

	return tally_write(&waits[locks], types, 2, 1, path, since ? clock_now() - since : 0);
}

int weft_profile_block(const char *path) { return write_waits(path, false); }
int weft_profile_mutex(const char *path) { return write_waits(path, true); }
