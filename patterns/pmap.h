/*
 * pmap.h - a function over a channel, by several workers
 *
 *	static bool resolve(struct dns *dns, struct name *in, struct host *out);
 *
 *	weft_pmap(ctx, names, hosts, resolve, &dns, .workers = 32);
 *	weft_pmap(ctx, names, hosts, resolve, &dns, .workers = 32, .ordered = true);
 *
 * The rules of all stages are in pipe.h.  (weft_map_ is sync.h's map.)
 */
#ifndef PATTERNS_PMAP_H
#define PATTERNS_PMAP_H

#include "pipe.h"

/*
 * A stage: what bool f(arg, In *in, Out *out) puts into *out, for each value, goes out, unless it
 * returns false.  arg is a pointer.  f runs in several goroutines at once and gets every
 * value that the stage receives, also when ctx is cancelled; it may wait, and then is to
 * obey ctx.  Options:
 *	.workers	how many; 0: weft_procs()
 *	.ordered	results go out in the order of the input
 *	.window		ordered only: at most so many values are under way, received and not
 *			gone out, so that one that takes long does not stop the others at once;
 *			0: four for each worker
 *	.drop		gets results
 */
#define weft_pmap(ctx, in, out, f, arg, ...) __extension__ ({		\
	WEFT_CALLS_("weft_pmap", f, arg, (WEFT_ELEM_(in) *)0, (WEFT_ELEM_(out) *)0) \
	weft_pmap_(ctx, WEFT_RAW_(in), WEFT_SIZE_(in),		\
	    WEFT_RAW_(out), WEFT_SIZE_(out),			\
	    (weft_pmap_fn_ *)(f), (void *)(arg),			\
	    (struct weft_pmap_options){ .none_ = 0, __VA_ARGS__ },	\
	    WEFT_STAGE_("weft_pmap"));					\
})
struct weft_pmap_options {
	char		 none_;
	int		 workers;
	bool		 ordered;
	int		 window;
	weft_drop_fn	*drop;
};

typedef bool weft_pmap_fn_(void *arg, void *in, void *out);
void	weft_pmap_(weft_ctx *ctx, struct weft_chan *in, size_t in_size, struct weft_chan *out,
	    size_t out_size, weft_pmap_fn_ *f, void *arg, struct weft_pmap_options options,
	    const struct weft_site *site);

#endif
