/*
 * start.c - weft_run, and how many workers there are
 *
 * The thread that calls weft_run waits; goroutines run on threads of their own.
 */
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "debug.h"
#include "worker.h"

/* gdb finds its commands in the program; see weft-gdb.py. */
__asm__(".pushsection .debug_gdb_scripts, \"MS\", @progbits, 1\n"
	".byte 4\n"
	".ascii \"gdb.inlined-script.weft\\n\"\n"
	".incbin \"weft/weft-gdb.py\"\n"
	".byte 0\n"
	".popsection\n");

/* The cgroup's quota in CPUs, rounded up; 0: none. */
static int cgroup_cpus(void)
{
	char path[512] = "", line[512], file[600], quota[32];
	long period;
	int cpus = 0;
	FILE *f = fopen("/proc/self/cgroup", "re");

	if (!f)
		return 0;
	while (fgets(line, sizeof line, f))
		if (!strncmp(line, "0::", 3))
			snprintf(path, sizeof path, "%.*s", (int)strcspn(line + 3, "\n"),
			    line + 3);
	fclose(f);
	snprintf(file, sizeof file, "/sys/fs/cgroup%s/cpu.max", path);
	f = fopen(file, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%31s %ld", quota, &period) == 2 && strcmp(quota, "max") && period > 0)
		cpus = (int)((atol(quota) + period - 1) / period);
	fclose(f);
	return cpus;
}

static int usable_cpus(void)
{
	cpu_set_t set;
	int n = 1, quota = cgroup_cpus();

	if (!sched_getaffinity(0, sizeof set, &set))
		n = CPU_COUNT(&set);
	if (quota && quota < n)
		n = quota;
	return n > MAX_WORKERS / 2 ? MAX_WORKERS / 2 : n;
}

static int procs_wanted(void)
{
	const char *s = getenv("WEFT_PROCS");
	char *end;
	long n;

	if (!s || !*s)
		return usable_cpus();
	n = strtol(s, &end, 10);
	if (*end || n < 1 || n > MAX_WORKERS / 2)
		die("WEFT_PROCS=%s: give a number from 1 to %d", s, MAX_WORKERS / 2);
	return (int)n;
}

int weft_procs(void)
{
	return sched.procs ? sched.procs : procs_wanted();
}

struct first {
	int	(*fn)(int, char **);
	int	  argc, status;
	char	**argv;
	sem_t	  done;
};

static void run_weft_main(struct first *first)
{
	/* not before: with nobody to run it yet, it would look as if it had left */
	atomic_fetch_add(&sched.runs, 1);
	first->status = first->fn(first->argc, first->argv);
	atomic_fetch_sub(&sched.runs, 1);	/* from here on nobody has to run */
	sem_post(&first->done);
}

static void start(void)
{
	sched.procs = procs_wanted();
	sched_start();
}

int weft_run(int (*fn)(int, char **), int argc, char **argv)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;	/* several may be the first */
	struct first first = { .fn = fn, .argc = argc, .argv = argv };

	if (self()->kind != KIND_THREAD)
		die("weft_run: called by a goroutine; call the function itself");
	if (sched.forked)
		sched_die_unless_running("weft_run");
	pthread_once(&once, start);
	static const struct weft_site site = { "weft_main", "start.c", 0 };
	intptr_t words[6] = { (intptr_t)&first };
	/* the first goroutine has the stack that main threads are used to */
	sem_init(&first.done, 0, 0);
	sched_spawn((weft_entry_ *)run_weft_main, words, &site,
	    (struct home){ .stack = (size_t)1 << 20 }, NULL);
	/* a semaphore, for sanitizers deliver signals in calls that they know */
	while (sem_wait(&first.done))
		;
	sem_destroy(&first.done);
	return first.status;
}

static void each_goroutine(struct g *g, const struct task *t, void *arg)
{
	(void)g;
	(void)t;
	++*(int64_t *)arg;
}

int64_t weft_goid(void)
{
	return is_goroutine(self()) ? self()->id : 0;
}

int64_t weft_num_goroutine(void)
{
	int64_t n = 0;

	g_each(NULL, each_goroutine, &n);
	return n;
}

void weft_stats(struct weft_stats *out)
{
	int n = atomic_load(&sched.nworkers);

	memset(out, 0, sizeof *out);
	out->workers = sched.procs;
	out->threads = n;
	out->idle = atomic_load(&sched.nidle);
	out->spawned = atomic_load(&sched.foreign_spawned);
	for (int i = 0; i < n; i++) {
		const struct worker *w = sched.worker[i];

		out->spawned += w->stats.spawned;
		out->goroutines -= w->ended;
		out->switches += w->stats.switches;
		out->steals += w->stats.steals;
		out->parks += w->stats.parks;
		out->wakes += w->stats.wakes;
		out->polls += w->stats.polls;
		out->timers += w->stats.timers;
		out->handoffs += w->stats.handoffs;
	}
	out->goroutines += out->spawned;
}
