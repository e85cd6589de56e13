/*
 * weft.h - goroutines, channels, select and contexts
 *
 *	static void square(weft_chan(int) in, weft_chan(int) out)
 *	{
 *		for (int x; weft_recv(in, &x); )
 *			weft_send(out, x * x);
 *		weft_close(out);
 *	}
 *
 *	weft_go(square, in, out);
 *
 * A program defines weft_main instead of main and links with -lweft.  Whoever
 * makes a channel or a context frees it, after everyone who uses it is done.
 * Calls that can fail return 0 or a negative errno; misuse (sending on a closed
 * channel, freeing one that has waiters) stops the program with every
 * goroutine's stack and exit status 2.  Any thread may call anything here.
 *
 * This header also replaces errno by a version that is safe when a goroutine
 * continues on another thread; include it in every file that reads errno.
 */
#ifndef WEFT_WEFT_H
#define WEFT_WEFT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weft_chan;
typedef struct weft_ctx weft_ctx;

/* Durations and deadlines are int64_t nanoseconds; deadlines count on weft_now(). */
#define WEFT_US		((int64_t)1000)
#define WEFT_MS		((int64_t)1000000)
#define WEFT_SECOND	((int64_t)1000000000)

/*
 * Starting
 *
 * weft_main, written by you, runs as the first goroutine; the process exits
 * with its value when it returns, whatever other goroutines do.  A program with
 * a main of its own calls weft_run, which runs fn the same way and returns its
 * value; the other goroutines go on.  WEFT_PROCS in the environment sets how
 * many goroutines run at the same time (default: the CPUs the process may use).
 */
int	weft_main(int argc, char **argv);
int	weft_run(int (*fn)(int argc, char **argv), int argc, char **argv);
int	weft_procs(void);		/* how many run at the same time */
uint64_t weft_random(void);		/* any number; in a test's bubble, by its seed; no secret */

/*
 * Goroutines
 *
 * weft_go(f, args...) runs f(args...) in a new goroutine.  The arguments are
 * evaluated now and copied; up to six of them, each an int, a long or a
 * pointer (a channel is a pointer).  To pass more, pass a pointer to a struct.
 * A goroutine has 64 KiB of stack; weft_go_stack(bytes, f, args...) gives more.
 */
#define weft_go(f, ...)		WEFT_GO_(0, f, ##__VA_ARGS__)
#define weft_go_stack(n, f, ...) WEFT_GO_(n, f, ##__VA_ARGS__)
void	weft_yield(void);		/* let the others run           */
void	weft_sleep(int64_t ns);		/* at least ns; 0 or less: a yield */
int	weft_sleep_ctx(weft_ctx *ctx, int64_t ns);  /* 0, -ECANCELED, -ETIMEDOUT */
void	weft_goexit(void) __attribute__((noreturn)); /* end this goroutine now  */

/*
 * Channels
 *
 * weft_chan(T) is the type of a channel of T, the same type wherever it is
 * written.  NULL is a channel that is never ready: send and receive wait for
 * ever.  A send waits until the value is in the buffer or with a receiver; a
 * receive waits for a value and returns false, with *p zeroed, once the channel
 * is closed and drained.  p may be NULL to drop the value.
 *
 * Only senders close.  Sending on a closed channel, closing twice, closing NULL
 * and freeing a channel that has waiters stop the program.
 */
#define weft_chan(T)		__typeof__(__typeof__(T) (*)(struct weft_chan *))
#define weft_make(T, cap)	WEFT_MAKE_(T, cap)	/* -> weft_chan(T)         */
#define weft_free(c)		weft_chan_free_(WEFT_RAW_(c))	/* NULL: nothing   */
#define weft_send(c, ...)	WEFT_SEND_(c, (__VA_ARGS__))
#define weft_recv(c, p)		WEFT_RECV_(c, p)	/* false: closed, drained  */
#define weft_close(c)		weft_chan_close_(WEFT_RAW_(c))
#define weft_len(c)		weft_chan_len_(WEFT_RAW_(c))	/* values buffered */
#define weft_cap(c)		weft_chan_cap_(WEFT_RAW_(c))

/*
 * Select
 *
 *	switch (weft_select(weft_on_recv(jobs, &job, .ok = &open),
 *			    weft_on_send(out, result),
 *			    weft_on_done(ctx))) {
 *	case 0: ...
 *
 * waits until one case can go ahead, does it, and returns its place in the
 * list; among several it picks fairly.  weft_poll never waits: it returns -1,
 * the switch's default, when nothing is ready.  To name the places:
 * weft_select([JOB] = weft_on_recv(...), [QUIT] = weft_on_done(ctx)).
 * A select over an array built at run time is weft_select_array(cases, n) or
 * weft_poll_array(cases, n).  At most 1,000 cases.
 */
#define weft_select(...)	WEFT_SELECT_(true, __VA_ARGS__)
#define weft_poll(...)		WEFT_SELECT_(false, __VA_ARGS__)
#define weft_select_array(cases, n) weft_select_((cases), (n), true)
#define weft_poll_array(cases, n) weft_select_((cases), (n), false)
#define weft_on_recv(c, p, ...)	WEFT_ON_RECV_(c, p, __VA_ARGS__)
#define weft_on_send(c, ...)	WEFT_ON_SEND_(c, (__VA_ARGS__))
#define weft_on_done(ctx)	WEFT_CASE_(weft_done_(ctx), NULL, NULL, 0, 0)
#define weft_on_timeout(d)	WEFT_CASE_(NULL, NULL, NULL, d, 't')

struct weft_case {
	struct weft_chan *chan;		/* NULL: never ready           */
	void		 *ptr;		/* value to send, or where to  */
	bool		 *ok;		/* put the one received        */
	int64_t		  ns;
	char		  op;		/* 's'end, 't'imeout, 0: recv  */
};

/*
 * Contexts
 *
 * A context is cancelled by weft_cancel, by its deadline, or with its parent.
 * weft_err says why: 0 while it is live, then -ECANCELED or -ETIMEDOUT; it stays
 * as it was first set.  weft_cause is the negative errno that weft_cancel_cause
 * gave, here or above, or else weft_err.  A NULL context is the background: it
 * is never cancelled.  Each constructor's result is yours to free, in any order;
 * freeing cancels it and, with it, its descendants.
 */
weft_ctx *weft_background(void);	/* free does nothing to it */
weft_ctx *weft_with_cancel(weft_ctx *parent);
weft_ctx *weft_with_timeout(weft_ctx *parent, int64_t ns);
weft_ctx *weft_with_deadline(weft_ctx *parent, int64_t when);
weft_ctx *weft_with_value(weft_ctx *parent, const void *key, void *value);
void	  weft_cancel(weft_ctx *ctx);		/* again: nothing; never waits */
void	  weft_cancel_cause(weft_ctx *ctx, int cause);
int	  weft_err(weft_ctx *ctx);
int	  weft_cause(weft_ctx *ctx);
void	 *weft_value(weft_ctx *ctx, const void *key);	/* keys by address; or NULL */
bool	  weft_deadline(weft_ctx *ctx, int64_t *when);	/* false: it has none  */
#define	  weft_done(ctx) ((weft_chan(char))weft_done_(ctx)) /* closed on cancel */
void	  weft_ctx_free(weft_ctx *ctx);		/* cancels it first; NULL: nothing */

/*
 * weft_after_func runs f(arg) in a goroutine of its own once ctx is cancelled.
 * weft_after_stop prevents that: true if it did, false if f was started.  The
 * handle is freed by weft_after_stop, which must be called exactly once, before
 * the context is freed.
 */
typedef struct weft_after_handle weft_after_handle;
weft_after_handle *weft_after_func(weft_ctx *ctx, void (*f)(void *), void *arg);
bool	  weft_after_stop(weft_after_handle *h);

#include "weft_impl.h"			/* how the macros above are made */

#endif
