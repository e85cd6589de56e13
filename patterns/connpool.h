/*
 * connpool.h - a pool of connections, or of anything else that is dear to make
 *
 *	static int dial(weft_ctx *ctx, void **conn, void *addr)
 *	{
 *		return weft_dial(ctx, addr, (weft_conn **)conn);
 *	}
 *	static void hang_up(void *conn, void *addr) { weft_conn_close(conn); }
 *
 *	weft_connpool *p = weft_connpool_new((weft_connpool_options){
 *	    .make = dial, .destroy = hang_up, .arg = "tcp://127.0.0.1:5432", .max = 10 });
 *	if (!(err = weft_connpool_acquire(ctx, p, &lease))) {
 *		err = query(ctx, weft_connpool_conn(lease));
 *		if (err)
 *			weft_connpool_destroy(lease);
 *		else
 *			weft_connpool_release(lease);
 *	}
 *	weft_connpool_free(p);
 *
 * Go's jackc/puddle, with the upkeep that pgxpool adds to it.  What was used last is given
 * out first, so that what is not needed grows old and goes.  Who waits is served in
 * the order of arrival.  The callbacks are called outside the lock and may wait.
 */
#ifndef PATTERNS_CONNPOOL_H
#define PATTERNS_CONNPOOL_H

#include "../weft/weft.h"

typedef struct weft_connpool weft_connpool;
typedef struct weft_connpool_lease weft_connpool_lease;	/* a connection that is out */

typedef struct weft_connpool_options weft_connpool_options;
struct weft_connpool_options {
	/*
	 * Makes one: 0, or a negative errno.  In a goroutine of the pool's own, so that an
	 * acquire that ends early does not stop what others can use; ctx ends after
	 * make_timeout, and when the pool is closed.
	 */
	int	(*make)(weft_ctx *ctx, void **conn, void *arg);
	void	(*destroy)(void *conn, void *arg);	/* may be NULL */
	/*
	 * Says whether one is still good: 0, or it is destroyed.  Asked by acquire of what has
	 * lain idle for check_after, and by the keeper of what is idle.  Its ctx ends after
	 * check_timeout.  May be NULL.
	 */
	int	(*check)(weft_ctx *ctx, void *conn, void *arg);
	void	*arg;

	int	min;			/* so many are kept even if unused; 0 */
	int	max;			/* at most, those being made or destroyed included; 4 */
	int64_t	idle;			/* ns unused until one above min goes; 30 min */
	int64_t	lifetime;		/* ns until any goes, once it is idle; 1 h */
	int64_t	jitter;			/* up to so many ns more, each by chance; 0 */
	int64_t	period;			/* ns between the keeper's rounds; 1 min */
	int64_t	check_after;		/* ns; 1 s.  Below 0: acquire does not ask */
	int64_t	check_timeout;		/* ns; 5 s */
	int64_t	make_timeout;		/* ns; 30 s */
};

/* Begins to make min, and starts the keeper. */
weft_connpool *weft_connpool_new(weft_connpool_options o);

/*
 * One that is idle and good, or a new one, or, at max, the next that comes back.  Returns 0,
 * -ECANCELED or -ETIMEDOUT, -ESHUTDOWN when the pool is closed, or make's error, if making
 * failed while this call waited for it.  try gives only what is idle, and does not check
 * it; -EAGAIN: nothing is.
 */
int	weft_connpool_acquire(weft_ctx *ctx, weft_connpool *p, weft_connpool_lease **out);
int	weft_connpool_try_acquire(weft_connpool *p, weft_connpool_lease **out);
void	*weft_connpool_conn(weft_connpool_lease *l);

/*
 * Each lease ends by exactly one of these.  release gives the connection back to the pool;
 * destroy ends it; hijack makes it yours, for good, and its place free.  Twice stops the
 * program, if it is noticed: afterwards the lease may be somebody else's.
 */
void	weft_connpool_release(weft_connpool_lease *l);
void	weft_connpool_destroy(weft_connpool_lease *l);
void	*weft_connpool_hijack(weft_connpool_lease *l);

/*
 * From now on nothing is given out, and who waits gets -ESHUTDOWN.  Destroys what is idle,
 * and waits until what is out has come back and all callbacks have returned: 0, or
 * -ECANCELED or -ETIMEDOUT, and then it can be called again.  free does the same, waits for
 * good, and frees.  Neither may be called by a callback.
 */
int	weft_connpool_close(weft_ctx *ctx, weft_connpool *p);
void	weft_connpool_free(weft_connpool *p);	/* NULL: nothing */

typedef struct weft_connpool_stats weft_connpool_stats;
struct weft_connpool_stats {
	int	idle, out, making;	/* now */
	int	total;			/* these, and those being checked or destroyed */
	int64_t	acquired;		/* acquires that got one */
	int64_t	waited;			/* of these, those that found nothing idle */
	int64_t	wait_time;		/* ns that these took */
	int64_t	cancelled;		/* acquires that their context ended */
	int64_t	made, failed;		/* calls of make */
	int64_t	too_idle, too_old, unhealthy;	/* why the pool destroyed some */
};
void	weft_connpool_get_stats(weft_connpool *p, weft_connpool_stats *out);

#endif
