/*
 * harness.h - private: tests that run, what they print, and who watches them
 *
 * A test (or sub-test) that runs is a weft_t with a group of its own, found from
 * any of its goroutines through the group.  Its state moves once, from T_RUNNING
 * to T_ENDED by its own goroutine or to T_STUCK by the watcher, and whoever moves
 * it wakes its runner: the goroutine that started it and reports on it.  A record
 * is freed only when nothing of its group is left.
 *
 * harness.lock protects the list of running tests, every log, and all output.
 * Nothing parks under it, so the watcher may take it on a scheduler's stack.
 */
#ifndef TESTING_HARNESS_H
#define TESTING_HARNESS_H

#include "../base/buf.h"
#include "../base/list.h"
#include "../weft/bubble.h"
#include "../weft/testing.h"

/*
 * One goroutine waits, anybody sets.  The word is 0, the waiter, or a mark that it
 * was set; so setting needs no lock and may be done on a scheduler's stack.
 */
struct wakeup { _Atomic uintptr_t word; };
void	wakeup_wait(struct wakeup *s);		/* and clears it */
bool	wakeup_set(struct wakeup *s, struct worker *w);	/* true: somebody waited */

enum { T_RUNNING, T_ENDED, T_STUCK };

struct cleanup {
	struct cleanup	*next;
	void		(*f)(void *);
	void		*arg;
};

struct name {				/* of a sub-test, so that no two are alike */
	struct name	*next;
	char		 text[];
};

struct weft_t {
	struct group	 group;		/* group.data points back here      */
	struct list	 entry;		/* in harness.running               */
	weft_t		*parent, *top;	/* NULL, itself: not a sub-test     */
	const struct weft_test *test;	/* as declared; the top's           */
	const struct weft_site *site;	/* for reports on its goroutine     */
	struct bubble	*bubble;	/* that it runs in, or NULL         */
	struct schedule	*schedule;	/* it runs under, or NULL           */
	weft_t		*shell;		/* that is reported in its place, or NULL */
	_Atomic uint64_t seed;		/* a shell's: of the schedule that runs */
	struct sometimes *sometimes;	/* a top test's; under harness.lock */
	bool		 gone;		/* nothing is left of it            */
	const char	*refused;	/* what it wanted and a bubble has not, or NULL */
	char		*name;		/* with its parents'                */
	weft_entry_	*f;
	intptr_t	 words[6];
	struct wakeup	 done;		/* set when state moves             */
	_Atomic int64_t	 goid;		/* the test's own goroutine         */
	int64_t		 started, elapsed, deadline;
	_Atomic int	 state;
	_Atomic bool	 failed, skipped;
	_Atomic bool	 raced;		/* the race detector has reported one of its goroutines */
	bool		 reported;	/* its last line is out; under harness.lock */
	int		 children;	/* sub-tests that run now; the same */
	int64_t		 seen;		/* activity when found all blocked  */
	int		 asked;		/* how often that was found so, 2 at most */
	uint64_t	 locked;	/* some of it wait for each other's locks: which sleeps */
	int		 lookups;	/* how often that was seen; the guard's alone, as is locked */
	bool		 locked_up;	/* too often: the watcher is to report it; under harness.lock */
	struct buf	 log;		/* to print below its last line     */
	struct cleanup	*cleanups;	/* under harness.lock               */
	struct name	*names;		/* the same                         */
	char		*tempdir;
};

struct sometimes {
	struct sometimes *next;
	char		*what;
	const char	*file;
	int		 line;
	bool		 seen;
};

struct options {
	const char	*run, *skip, *bench, *list;	/* NULL: not given */
	bool		 verbose, marks, json, failfast, short_, benchmem, shuffle;
	uint64_t	 seed;
	int64_t		 count, parallel, timeout;
	int64_t		 benchtime, benchloops;		/* loops: 0, go by the time */
	int64_t		 explore, depth, stress;
	int		 strategy;
	bool		 race, seeded, shrink;		/* seeded: schedule_seed is given */
	uint64_t	 schedule_seed;
	const char	*replay, *trace, *outputdir;
	const char	*cpuprofile, *goroutineprofile, *blockprofile, *mutexprofile;
	const char	*memprofile, *wallprofile;
	int64_t		 memprofilerate;	/* 0: not given */
};

extern struct harness {
	pthread_mutex_t	 lock;
	struct list	 running;	/* oldest first */
	struct options	 opt;
	const char	*program;	/* its path     */
	char		*package;	/* its name     */
	struct pattern	*run, *skip, *bench;
	struct wakeup	 idle;		/* the watcher waits on it */
	weft_t		*benchmark;	/* that runs; its goroutines have no group */
	const char	*last;		/* the test that the output is about, or NULL */
	int		 out;		/* where reports go */
	int64_t		 started;
	_Atomic int64_t	 stressed;	/* ns that -stress was asked for, for which -timeout waits */
	_Atomic bool	 failed;
	_Atomic int	 ran;
	bool		 finished;	/* the last line is out; exit is expected  */
} harness;

/* flags.c: fills in harness.opt; -1: go on, else the exit status. */
int	flags_parse(int argc, char **argv);
int64_t	flags_duration(const char *s);		/* "1m30s"; -1: cannot be read */
const char *flags_duration_text(int64_t ns, char buf[32]);

/* sibling.c: -race; returns only when that cannot be, with the exit status. */
int	run_other_build(char **argv);

/* match.c: regular expressions, one per level of the name. */
struct pattern;
struct pattern *match_new(const char *text, const char *flag, struct buf *error);
void	match_free(struct pattern *p);
bool	match_name(const struct pattern *p, const char *name, bool *partial);
bool	test_selected(const char *name);		/* by -run and -skip */

/* run.c */
weft_t	*test_new(const struct weft_test *test, weft_t *parent, char *name);
void	test_free(weft_t *t);
bool	test_move(weft_t *t, int state);	/* false: somebody did */
void	test_end(weft_t *t) __attribute__((noreturn));	/* on its own goroutine */
bool	test_is_leaf(const weft_t *t);	/* runs, and waits for no sub-test; under harness.lock */

char	*subtest_name(weft_t *parent, const char *name);	/* in full; free it */
void	test_run_quietly(weft_t *t);	/* for a shell; sets t->gone */

/* explore.c */
struct replay;
int64_t	explore_count(const struct weft_test *test);	/* schedules; 0: it is not explored */
void	explore(weft_t *t);
void	explore_replay(weft_t *t, const struct replay *r);

/* bubble.c */
struct bubble *test_bubble(weft_t *t, uint64_t seed);	/* a new one for a top test */
void	test_bubble_stop(weft_t *t);		/* when nothing of it can run, and for ever */
void	test_bubble_free(weft_t *t);
void	test_refused(weft_t *t);		/* says so, and fails or skips it */

/* check.c */
weft_t	*test_current(const char *what);	/* none: stops the program  */
void	test_fail(weft_t *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void	test_cleanup(weft_t *t);		/* runs what was registered */
void	tempdir_remove(weft_t *t);
const char *check_basename(const char *path);

/* watch.c: finds tests that can never go on. */
void	watch_start(void);
void	watch_report(weft_t *t);		/* that such a one is stuck, into its log */
bool	watch_others(void);			/* there are threads that may wake somebody */
void	watch_dump(struct buf *b, void (*f)(struct out *, void *), void *arg);

/* leak.c */
bool	leak_check(weft_t *t);			/* true: nothing is left */

/* races.c */
void	races_start(void);
void	races_check(weft_t *t);			/* fails it if it was seen to race */

/* guard.c: the thread that ends what takes too long, and catches output. */
void	guard_start(void);
void	guard_kick(void);			/* a deadline was added  */

/*
 * report.c: what people and IDEs read; goes through json.c when -json is on.
 * Names that end in _locked want harness.lock held.
 */
void	harness_lock(void);
void	harness_unlock(void);
void	report_event(weft_t *t, const char *verb);	/* RUN, PAUSE, CONT */
void	report_log_locked(weft_t *t, const char *text, size_t n);
void	report_end_locked(weft_t *t);		/* the line with its verdict, and its log */
struct buf report_path(weft_t *t, const char *suffix);	/* of a file for what failed */
void	report_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int	report_finish(int status, const char *note);	/* PASS or FAIL; returns status */
void	report_finish_locked(int status, const char *note);
void	report_write(int fd, const char *p, size_t n);

/* json.c; all but json_string with harness.lock held. */
void	json_action(const char *action, const char *test, double elapsed);
void	json_output(const char *test, const char *text, size_t n);
void	json_string(struct buf *b, const char *s, size_t n);
int	capture_start(void);			/* the descriptor to wait on */
void	capture_drain(bool partial);		/* partial: unfinished lines as well */

/* profiles.c */
bool	profiles_start(void);		/* true: one cannot be made, which has been told */
bool	profiles_write(void);		/* the same */
void	trace_write(weft_t *t, struct buf *b);	/* what all workers did last; b: to which file */
void	report_trace(weft_t *t);	/* the same, into its log */

/* bench.c */
void	bench_run(struct weft_test **tests, size_t n);
void	bench_number(struct buf *b, double x, const char *unit);

#endif
