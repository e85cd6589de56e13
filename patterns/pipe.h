/*
 * pipe.h - what the stages of a pipeline have in common
 *
 *	weft_chan(int) numbers = weft_make(int, 16), wanted = weft_make(int, 16);
 *
 *	weft_generator(ctx, numbers, next, &state);
 *	weft_pmap(ctx, numbers, wanted, look_up, &index, .workers = 8);
 *	for (int x; weft_recv(wanted, &x) && enough(x); )
 *		;
 *	weft_cancel(ctx);
 *	weft_drain(wanted, NULL);	// now look_up and index are left alone
 *	weft_drain(numbers, NULL);	// and next and state
 *	weft_free(numbers);
 *	weft_free(wanted);
 *
 * A stage (generator.h or_done.h tee.h fan.h bridge.h batch.h pmap.h) starts goroutines
 * of its own and returns at once.  The channels are yours: you make them, with the room
 * that suits you, and free them.  A wrong element type does not compile.
 *
 * A stage ends when its input is closed and drained, once all of it is delivered, or when ctx
 * is cancelled (NULL: never), which it obeys at the next value, whatever is ready.  Then
 * it closes its outputs, and only it may.  Closing them is the last thing it does: when a
 * receive from one has returned false, the stage uses its input, ctx and your functions
 * no more, and that output may be freed.  So nothing else needs to wait for a stage; but
 * each for itself: after a cancel a later stage may end before an earlier one.
 *
 * Who stops reading before the end must cancel ctx, and wait for the end by weft_drain.
 * What has come into a stage then and cannot go out is given to .drop, a function that
 * gets a pointer to the value, in the stage's goroutine; leave it out if values own
 * nothing.  What a stage has not received stays in its input, for you to drain.  Each value
 * ends in one place.
 *
 * Values are copied as bytes.  Their alignment is malloc's at most.
 */
#ifndef PATTERNS_PIPE_H
#define PATTERNS_PIPE_H

#include "../weft/weft.h"

typedef void weft_drop_fn(void *value);

/* What becomes of a value that an output has no room for.  The room is its capacity. */
enum weft_slow {
	WEFT_BLOCK,		/* wait until there is                              */
	WEFT_DROP_NEWEST,	/* this one is lost                                 */
	WEFT_DROP_OLDEST,	/* the oldest in the channel is; its capacity must not be 0 */
};

/* Receives until c is closed, giving the values to drop, which may be NULL. */
#define weft_drain(c, drop)	weft_pipe_drain_(WEFT_RAW_(c), WEFT_SIZE_(c), drop)

/* ---- the machinery of the macros and of the stages ---- */

/* The size of c's elements.  Functions get pointers into malloc's memory: no wider alignment. */
#define WEFT_SIZE_(c)	(sizeof(WEFT_ELEM_(c)) + 0 * sizeof(struct {	\
	char weft_none_;						\
	_Static_assert(_Alignof(WEFT_ELEM_(c)) <= _Alignof(max_align_t), \
	    "stages take no elements that malloc does not align"); \
}))
/* An error unless both have the same type of element. */
#define WEFT_SAME_(a, b)						\
	WEFT_STRICT_ if (0) {						\
		WEFT_ELEM_(a) *weft_p_ = (WEFT_ELEM_(b) *)0;		\
		(void)weft_p_;						\
	} WEFT_END_
/* An error unless f(args...) is a well-typed call of something that returns bool. */
#define WEFT_CALLS_(name, f, ...)					\
	if (0) {							\
		WEFT_STRICT_ __auto_type weft_r_ = (f)(__VA_ARGS__); WEFT_END_ \
		(void)weft_r_;						\
		_Static_assert(__builtin_types_compatible_p(__typeof__(weft_r_), bool), \
		    name ": the function must return bool");		\
	}
/* What reports call the stage's goroutines. */
#define WEFT_STAGE_(name) __extension__ ({				\
	static const struct weft_site weft_site_ = { name, __FILE__, __LINE__ }; \
	&weft_site_;							\
})

void	weft_pipe_drain_(struct weft_chan *c, size_t size, weft_drop_fn *drop);
/* 1: a value; 0: closed and drained; or ctx's error, which comes first. */
int	weft_pipe_recv_(weft_ctx *ctx, struct weft_chan *c, void *v);
/* 0, or ctx's error, which comes first; then v has been dropped. */
int	weft_pipe_send_(weft_ctx *ctx, struct weft_chan *c, void *v, weft_drop_fn *drop);
/* Never waits; false: no room. */
bool	weft_pipe_offer_(struct weft_chan *c, void *v);
bool	weft_pipe_take_(struct weft_chan *c, void *v);
struct weft_case weft_pipe_case_(struct weft_chan *c, void *v, char op);
struct weft_chan **weft_pipe_copy_(const void *chans, size_t n);
void	weft_pipe_check_outs_(const char *stage, size_t n);
void	weft_pipe_go_(const struct weft_site *site, void (*f)(void *), void *arg);

#endif
