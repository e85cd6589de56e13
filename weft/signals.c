/*
 * signals.c - SIGQUIT's dump, stack overflow, deadlock: reports from the outside
 *
 * The SIGQUIT handler only wakes a thread that prints.  A fault in a stack's guard
 * page is reported from the thread's alternate stack; any other fault goes to
 * whoever handled it before us.
 */
#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "debug.h"
#include "sanitize.h"
#include "unwind.h"
#include "worker.h"

void	signals_init(void);
void	sched_deadlock(void);
void	sched_no_monitor(void);

enum { ALT_STACK = 64 * 1024 };

void (*fault_hook)(int sig);

static sem_t quit;
static struct sigaction old_segv, old_bus;
static int own_threads = SAN_THREADS + 1;	/* the quit printer; then the monitor */

static void on_quit(int sig)
{
	(void)sig;
	sem_post(&quit);
}

static void on_pipe(int sig)		/* the write fails with EPIPE */
{
	(void)sig;
}

static void report_cycle(void)
{
	struct out o;

	out_init(&o, STDERR_FILENO);
	dump_cycle(&o, NULL, "");
	out_flush(&o);
}

static void *quit_loop(void *arg)
{
	(void)arg;
	for (;;) {
		while (sem_wait(&quit))
			;
		report_cycle();
		weft_dump(STDERR_FILENO);
	}
	return NULL;
}

/* What was written for WEFT_TRACE; file NULL: nothing. */
struct left { const char *file; int err; };

static struct left leave_trace(void)
{
	struct left l = { .file = sched.forked ? NULL : getenv("WEFT_TRACE") };

	if (l.file && *l.file)
		l.err = weft_trace_write(l.file, WEFT_SECOND);
	else
		l.file = NULL;
	return l;
}

static void tell_trace(struct left l)
{
	struct out o;

	if (!l.file)
		return;
	out_init(&o, STDERR_FILENO);
	if (l.err)
		out_printf(&o, "trace: cannot write %s: %s\n", l.file, strerror(-l.err));
	else
		out_printf(&o, "trace: %s\n", l.file);
	out_flush(&o);
}

/* The trace first: the other workers go on, and soon have forgotten what they did. */
static void dump_and_die(void)
{
	struct left l = leave_trace();

	report_cycle();
	dump_all(STDERR_FILENO);
	tell_trace(l);
}

/* A fault is about to kill us.  Who faults meanwhile does so a little later. */
static void last_words(int sig)
{
	static _Atomic bool begun;

	if (atomic_exchange(&begun, true))
		for (unsigned left = 10; left; )
			left = sleep(left);
	else if (fault_hook)
		fault_hook(sig);
	else
		tell_trace(leave_trace());
}

static void chain(int sig, siginfo_t *info, void *uc)
{
	struct sigaction *old = sig == SIGSEGV ? &old_segv : &old_bus;

	if (old->sa_flags & SA_SIGINFO)
		old->sa_sigaction(sig, info, uc);
	else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN)
		old->sa_handler(sig);
	else {
		last_words(sig);
		sigaction(sig, old, NULL);	/* the fault happens again, and kills */
	}
}

static void on_fault(int sig, siginfo_t *info, void *uc)
{
	uintptr_t addr = (uintptr_t)info->si_addr;
	struct g *g = stack_owner(addr);

	/* below the lowest usable byte, and so in the guard */
	if (!g || atomic_load(&g->status) == G_FREE || addr >= (uintptr_t)g->stack_lo) {
		chain(sig, info, uc);
		return;
	}
	die("stack overflow in goroutine %jd, %s spawned at %s:%d (it has %zu KiB; "
	    "weft_go_stack gives more)", (intmax_t)g->id, g->site->func, g->site->file,
	    g->site->line, ((uintptr_t)g + RECORD - (uintptr_t)g->stack_lo + 4096) >> 10);
}

void stack_overflow_init(void)
{
	stack_t ss = { .ss_size = ALT_STACK };

	san_ignore_begin();		/* goroutines run on it later */
	ss.ss_sp = mmap(NULL, ALT_STACK, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	san_ignore_end();
	if (ss.ss_sp != MAP_FAILED)
		sigaltstack(&ss, NULL);
}

static int count_threads(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = 0;

	if (!d)
		return -1;
	for (struct dirent *e; (e = readdir(d)); )
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

struct alive { int all, able; };

static void look_g(struct g *g, void *arg)
{
	struct alive *a = arg;
	enum status status = atomic_load(&g->status);

	a->all += status != G_FREE;
	a->able += status == G_RUNNABLE || status == G_RUNNING;
}

static void look_task(struct task *t, void *arg)
{
	struct alive *a = arg;

	(void)t;
	a->all++;
	a->able++;
}

static struct alive look(void)
{
	struct alive a = {0};

	task_each(look_task, &a);
	stack_each(look_g, &a);
	return a;
}

/*
 * Every worker is about to sleep, without a timer or a descriptor to wait for.
 * Threads that are not ours could still wake somebody; the one that called
 * weft_run cannot, for it waits.
 */
void sched_deadlock(void)
{
	static _Atomic bool reported;
	int n = count_threads();
	struct alive a;

	if (!sched.runs || n < 0 || n > sched.runs + own_threads + sched.helpers + sched.nworkers)
		return;
	if (atomic_load(&sched.nidle) != atomic_load(&sched.active))
		return;
	a = look();
	if (a.able || atomic_exchange(&reported, true))
		return;
	if (!a.all)
		die("no goroutines (weft_main called weft_goexit) - deadlock!");
	die("all goroutines are asleep - deadlock!");
}

void sched_no_monitor(void)
{
	own_threads--;
}

void signals_init(void)
{
	struct sigaction sa = { .sa_flags = SA_RESTART | SA_ONSTACK };
	pthread_t thread;
	sigset_t all, old;

	unwind_init();
	die_hook = dump_and_die;
	sem_init(&quit, 0, 0);
	sigfillset(&all);
	sigdelset(&all, SIGURG);	/* stops every thread */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&thread, NULL, quit_loop, NULL))
		own_threads--;
	else
		pthread_detach(thread);
	own_threads++;			/* the monitor */
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	sa.sa_handler = on_quit;
	sigaction(SIGQUIT, &sa, NULL);
	sa.sa_flags = SA_SIGINFO | SA_ONSTACK;
	sa.sa_sigaction = on_fault;
	sigaction(SIGSEGV, &sa, &old_segv);
	sigaction(SIGBUS, &sa, &old_bus);
	/* not ignored: the programs that we start would inherit that */
	sigaction(SIGPIPE, NULL, &sa);
	if (!(sa.sa_flags & SA_SIGINFO) && sa.sa_handler == SIG_DFL) {
		sa.sa_flags = SA_RESTART | SA_ONSTACK;
		sa.sa_handler = on_pipe;
		sigaction(SIGPIPE, &sa, NULL);
	}
}
