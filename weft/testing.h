/*
 * testing.h - tests and benchmarks for code that uses goroutines
 *
 *	TEST(CloseWakesReceivers)
 *	{
 *		weft_chan(int) c = weft_make(int, 0);
 *		int v = 7;
 *
 *		weft_go(close_it, c);
 *		CHECK(!weft_recv(c, &v));
 *		CHECK_EQ(v, 0);
 *		weft_free(c);
 *	}
 *
 *	BENCH(PingPong)
 *	{
 *		while (weft_loop(b))
 *			round_trip();
 *	}
 *
 * Tests register themselves; link with -lweft-testing -lweft, which brings the
 * main, and run the program with -help.  Every test runs in its own goroutine.
 * It fails if it leaves a goroutine, a channel, a context, a timer or a
 * descriptor behind, or if everything in it blocks for good; the report shows
 * where each came from.
 */
#ifndef WEFT_TESTING_H
#define WEFT_TESTING_H

#include "weft.h"

typedef struct weft_t weft_t;		/* a running test      */
typedef struct weft_b weft_b;		/* a running benchmark */

struct weft_test {
	/* for TEST(name, .option = value) */
	bool	bubble;			/* virtual time, see below             */
	bool	parallel;		/* may run beside other parallel tests */
	bool	real;			/* needs the real world: -explore leaves it alone */
	bool	leaks;			/* leaving things behind is allowed    */
	int	explore;		/* schedules to try; implies .bubble   */
	int	depth;			/* ordered events to aim at; 0: mixed  */
	int64_t	timeout;		/* real time, ns; 0: the -timeout flag */
	/* filled in by TEST and BENCH */
	const char *name, *file;
	int	line;
	void	(*test)(weft_t *);
	void	(*bench)(weft_b *);
	struct weft_site site;
	struct weft_test *next;
};

#define TEST(id, ...)	WEFT_TEST_(id, test, weft_t *t, "Test" #id, ##__VA_ARGS__)
#define BENCH(id, ...)	WEFT_TEST_(id, bench, weft_b *b, "Benchmark" #id, ##__VA_ARGS__)

/*
 * CHECK records a failure and goes on; REQUIRE also ends the calling goroutine.
 * Any goroutine that descends from the test may use them.
 */
#define CHECK(cond)		weft_check_((cond), #cond, __FILE__, __LINE__)
#define REQUIRE(cond)		weft_require_((cond), #cond, __FILE__, __LINE__)
#define CHECK_EQ(got, want)	weft_check_eq_((intptr_t)(got), (intptr_t)(want), \
				    #got, #want, __FILE__, __LINE__)
#define CHECK_STR(got, want)	weft_check_str_((got), (want), #got, __FILE__, __LINE__)

#define weft_logf(...)		weft_logf_(__FILE__, __LINE__, __VA_ARGS__)
#define weft_skip(why)		weft_skip_(__FILE__, __LINE__, why) /* ends the test */
void	weft_cleanup(void (*f)(void *), void *arg);	/* after the test, last first */
const char *weft_tempdir(void);		/* removed with what is in it after the test  */
bool	weft_short(void);		/* -short was given                           */

/*
 * weft_run(t, name, f, args...) runs f(t, args...) as a sub-test, waits for it,
 * and says whether it passed.  (The function weft_run of weft.h is still there,
 * as (weft_run)(fn, argc, argv).)
 */
#define weft_run(t, name, f, ...)	WEFT_RUN_(t, name, f, ##__VA_ARGS__)

/*
 * In a bubble goroutines run one at a time, and the clock stands still while any of
 * them can run.  When none can, weft_settle returns; else the clock jumps to the next
 * timer, so that waiting takes no time; when there is no timer the test has failed: it
 * is deadlocked.  The clock begins at midnight, 2000-01-01 UTC, and stops with the
 * test's own goroutine.  Goroutines and threads outside must leave the bubble's
 * channels and locks alone; who waits inside for one of them waits, as far as the
 * bubble knows, for ever.  Timers are reset where they were made.
 */
void	weft_settle(void);	/* until everyone else in the bubble waits */

/*
 * In a bubble net.h speaks over a network in memory, of its own, with any addresses; a
 * name is just another one, and a descriptor there is none.  Nothing goes wrong on it, and
 * nothing takes time, until the test asks for it.  Under exploration reads may also
 * bring less than was asked for.
 */
struct weft_net_faults {
	int64_t	latency_min, latency_max;	/* ns, one way                         */
	int64_t	bytes_per_second;		/* of a connection, each way; 0: any   */
	double	loss;		/* 0 to 1, of datagrams; in a stream each costs 200 ms */
	double	reset;		/* 0 to 1, of writes: they reset their connection      */
};
void	weft_net_faults(struct weft_net_faults faults);	/* from now on; {0} is none */
/*
 * addr is a socket's, or what all of a host's begin with: "tcp://10.0.0.7".  What is cut
 * off neither sends nor receives: streams wait, datagrams are lost, nobody is told.
 */
void	weft_net_cut(const char *addr);
void	weft_net_heal(const char *addr);
void	weft_net_reset(const char *addr);	/* its connections; both ends are told */

/*
 * A test with .explore = n, or any under -explore n, runs in n bubbles: at every
 * operation that others may see, a seed decides who goes on.  The seed that failed is
 * reported, and makes the same run again.
 */
int	weft_choose(int n);	/* 0 to n-1, by the seed; 0 where nothing is explored */
/* A test is no good whose schedules never bring this about; no verdict on fewer than its own. */
#define SOMETIMES(cond, what)	weft_sometimes_((cond), what, __FILE__, __LINE__)

/*
 * Inside a benchmark.  One may instead have sub-benchmarks, weft_run(b, name, f, args...),
 * which calls f(its own b, args...); with a name such as "cap=4" tools can compare them.
 */
bool	weft_loop(weft_b *b);	/* timed: everything inside the while */
int64_t	weft_loops(weft_b *b);	/* instead: how often to do it; sets the timer going */
void	weft_bytes(weft_b *b, int64_t per_op);			/* adds MB/s */
void	weft_metric(weft_b *b, double value, const char *unit);	/* "p99-ns/op" */
void	weft_reset_timer(weft_b *b);	/* what came before is not counted */
void	weft_stop_timer(weft_b *b);
void	weft_start_timer(weft_b *b);

/* Runs every registered test as the command line says; returns the exit status. */
int	weft_test_main(int argc, char **argv);

/* The machinery. */
void	weft_register_(struct weft_test *test);
bool	weft_check_(bool ok, const char *cond, const char *file, int line);
void	weft_require_(bool ok, const char *cond, const char *file, int line);
bool	weft_check_eq_(intptr_t got, intptr_t want, const char *gots,
	    const char *wants, const char *file, int line);
bool	weft_check_str_(const char *got, const char *want, const char *gots,
	    const char *file, int line);
void	weft_sometimes_(bool cond, const char *what, const char *file, int line);
void	weft_logf_(const char *file, int line, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
void	weft_skip_(const char *file, int line, const char *why)
	    __attribute__((noreturn));
bool	weft_subtest_(weft_t *t, const char *name, weft_entry_ *f,
	    const intptr_t words[6], const struct weft_site *site);
bool	weft_subbench_(weft_b *b, const char *name, weft_entry_ *f,
	    const intptr_t words[6], const struct weft_site *site);

#define WEFT_TEST_(id, kind, param, label, ...)				\
	static void weft_##kind##_##id(param);				\
	__attribute__((constructor)) static void weft_add_##kind##_##id(void) \
	{								\
		static struct weft_test self = { __VA_ARGS__ };		\
		self.name = label;					\
		self.file = __FILE__;					\
		self.line = __LINE__;					\
		self.kind = weft_##kind##_##id;				\
		weft_register_(&self);					\
	}								\
	static void weft_##kind##_##id(__attribute__((unused)) param)

#define WEFT_RUN_(t, subname, f, ...) __extension__ ({			\
	_Static_assert(__builtin_types_compatible_p(__typeof__(*(f)), weft_entry_), \
	    "weft_run: the function must return void and take only int, long or pointers"); \
	__auto_type weft_t_ = (t);					\
	WEFT_STRICT_ if (0) (f)(weft_t_, ##__VA_ARGS__); WEFT_END_	\
	static const struct weft_site weft_site_ = { #f, __FILE__, __LINE__ }; \
	_Generic(weft_t_, weft_t *: weft_subtest_, weft_b *: weft_subbench_)( \
	    weft_t_, subname, (weft_entry_ *)(f), (const intptr_t[6]){	\
	    (intptr_t)weft_t_, WEFT_MAP_(WEFT_WORD_, ##__VA_ARGS__) }, &weft_site_); \
})

#endif
