/*
 * errgroup.h - goroutines that work on one thing; the first error ends it and is the result
 *
 *	weft_errgroup g;
 *
 *	weft_errgroup_init(&g, ctx);
 *	for (int i = 0; i < n; i++)
 *		weft_errgroup_go(&g, fetch, g.ctx, url[i]);	// int fetch(weft_ctx *, char *)
 *	err = weft_errgroup_wait(&g);
 *	weft_errgroup_finish(&g);
 *
 * Go's golang.org/x/sync/errgroup.  All-zero is a group without a context or a limit,
 * which needs no finish.  The members are goroutines of yours: what they use is to
 * live until wait has returned.
 */
#ifndef PATTERNS_ERRGROUP_H
#define PATTERNS_ERRGROUP_H

#include "../weft/sync.h"
#include "../weft/weft.h"

typedef struct weft_errgroup weft_errgroup;
struct weft_errgroup {
	weft_ctx	*ctx;		/* yours to use until finish; NULL in an all-zero group */
	/* private */
	weft_waitgroup	 wg;
	int		 err;		/* the first; atomic */
	weft_chan(char)	 slots;		/* a value for each that runs; NULL: no limit */
};

/* A context of the group's own below parent, cancelled by the first error and by wait. */
void	weft_errgroup_init(weft_errgroup *g, weft_ctx *parent);
void	weft_errgroup_finish(weft_errgroup *g);		/* after wait */

/*
 * At most n run at a time; below 0: no limit; 0: none can be started.  Not while any
 * runs, also without a limit: that stops the program.
 */
void	weft_errgroup_set_limit(weft_errgroup *g, int n);

/*
 * Runs f(args...), which returns 0 or a negative errno, in a goroutine of its own.  Up to
 * six arguments, as weft_go.  The first error cancels the context, with itself as
 * the cause.  go waits while as many run as may; try_go then returns false.
 */
#define weft_errgroup_go(g, f, ...) \
	((void)weft_errgroup_spawn_(g, true, WEFT_ERRGROUP_CALL_(f, ##__VA_ARGS__)))
#define weft_errgroup_try_go(g, f, ...) \
	weft_errgroup_spawn_(g, false, WEFT_ERRGROUP_CALL_(f, ##__VA_ARGS__))

/*
 * Until all have returned; then the first error, or 0.  The group can be used again, but
 * the error stays, and so does the end of its context: for a new task take a new group.
 */
int	weft_errgroup_wait(weft_errgroup *g);

/* ---- the machinery of the macros ---- */

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
typedef int weft_errgroup_fn_();	/* any function that they accept */
#pragma GCC diagnostic pop
struct weft_errgroup_call_ { weft_errgroup_fn_ *f; intptr_t words[6]; };
bool	weft_errgroup_spawn_(weft_errgroup *g, bool wait, struct weft_errgroup_call_ call);

/* The checks of weft_go, for functions that return int. */
#define WEFT_ERRGROUP_CALL_(fn, ...) __extension__ ({			\
	_Static_assert(__builtin_types_compatible_p(__typeof__(*(fn)), weft_errgroup_fn_), \
	    "weft_errgroup_go: the function must return int and take only int, long or pointers"); \
	WEFT_STRICT_ if (0) (void)(fn)(__VA_ARGS__); WEFT_END_		\
	WEFT_QUIET_ if (0) (void)(fn)(WEFT_MAP_(WEFT_PROBE_, ##__VA_ARGS__)); WEFT_END_ \
	(struct weft_errgroup_call_){ (weft_errgroup_fn_ *)(fn),	\
	    { WEFT_MAP_(WEFT_WORD_, ##__VA_ARGS__) } };			\
})

#endif
