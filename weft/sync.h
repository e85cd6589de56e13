/*
 * sync.h - locks, wait groups, once, condition variables, map and pool
 *
 * All-zero is ready to use: weft_mutex m = {0};  Nothing here may be copied
 * after its first use (a copied lock is reported).  Goroutines and plain threads may mix
 * freely.  A call that can wait has a plain form, which returns when it has what
 * it waited for, and a _ctx form, which returns 0, or, without it, -ECANCELED or
 * -ETIMEDOUT when ctx ends first.  When both are ready, success wins.
 */
#ifndef WEFT_SYNC_H
#define WEFT_SYNC_H

#include "weft.h"

/*
 * Mutex.  Waiters are woken in order of arrival; a newcomer may get in before the
 * one just woken, but only once: then the mutex is handed over.  Another goroutine
 * than the one that locked it may unlock it.  Unlocking an unlocked mutex stops
 * the program, and so does locking or unlocking a copy made of a locked one.
 */
typedef struct weft_mutex weft_mutex;
void	weft_mutex_lock(weft_mutex *m);
int	weft_mutex_lock_ctx(weft_ctx *ctx, weft_mutex *m);
bool	weft_mutex_trylock(weft_mutex *m);	/* never waits */
void	weft_mutex_unlock(weft_mutex *m);

/*
 * Reader/writer mutex.  A waiting writer keeps new readers out, so a goroutine
 * must not take a read lock twice.  Misuse stops the program.
 */
typedef struct weft_rwmutex weft_rwmutex;
void	weft_rwmutex_rlock(weft_rwmutex *m);
int	weft_rwmutex_rlock_ctx(weft_ctx *ctx, weft_rwmutex *m);
bool	weft_rwmutex_tryrlock(weft_rwmutex *m);
void	weft_rwmutex_runlock(weft_rwmutex *m);
void	weft_rwmutex_lock(weft_rwmutex *m);
int	weft_rwmutex_lock_ctx(weft_ctx *ctx, weft_rwmutex *m);
bool	weft_rwmutex_trylock(weft_rwmutex *m);
void	weft_rwmutex_unlock(weft_rwmutex *m);

/*
 * Wait group.  A count below zero stops the program.  Add before you start what
 * you wait for; weft_waitgroup_go(wg, f, args...) does so: it adds one, runs
 * f(args...) in a goroutine (at most five arguments) and then counts it done.
 */
typedef struct weft_waitgroup weft_waitgroup;
void	weft_waitgroup_add(weft_waitgroup *wg, int n);
void	weft_waitgroup_done(weft_waitgroup *wg);
void	weft_waitgroup_wait(weft_waitgroup *wg);
int	weft_waitgroup_wait_ctx(weft_ctx *ctx, weft_waitgroup *wg);
#define weft_waitgroup_go(wg, f, ...)	WEFT_WAITGROUP_GO_(wg, f, ##__VA_ARGS__)

/* Once.  Everyone returns after f has; calling it again from f deadlocks. */
typedef struct weft_once weft_once;
void	weft_once_do(weft_once *once, void (*f)(void));

/*
 * Condition variable.  wait releases m, waits for a signal, and takes m again,
 * also when it returns an error.  No spurious wake-ups, yet test in a loop:
 * others may come first.
 */
typedef struct weft_cond weft_cond;
void	weft_cond_wait(weft_cond *c, weft_mutex *m);
int	weft_cond_wait_ctx(weft_ctx *ctx, weft_cond *c, weft_mutex *m);
void	weft_cond_signal(weft_cond *c);		/* wakes one waiter, if any */
void	weft_cond_broadcast(weft_cond *c);

/*
 * Map: Go's sync.Map from byte strings to pointers.  Keys are copied; values
 * are yours.  NULL is a value like any other.  Functions that return bool say
 * whether the key was there (compare_and_*: whether it did it); what was there
 * is put into *old, which may be NULL.  range visits each key that is there
 * throughout exactly once; f may call anything on the map; false from f ends it.
 */
typedef struct weft_map weft_map;
typedef bool weft_map_fn(const void *key, size_t len, void *value, void *arg);
weft_map *weft_map_new(void);
void	weft_map_free(weft_map *m);
bool	weft_map_load(weft_map *m, const void *key, size_t len, void **value);
void	weft_map_store(weft_map *m, const void *key, size_t len, void *value);
bool	weft_map_load_or_store(weft_map *m, const void *key, size_t len, void *value,
	    void **actual);			/* true: it was there */
bool	weft_map_load_and_delete(weft_map *m, const void *key, size_t len, void **old);
bool	weft_map_delete(weft_map *m, const void *key, size_t len);
bool	weft_map_swap(weft_map *m, const void *key, size_t len, void *value, void **old);
bool	weft_map_compare_and_swap(weft_map *m, const void *key, size_t len,
	    void *want, void *value);
bool	weft_map_compare_and_delete(weft_map *m, const void *key, size_t len, void *want);
void	weft_map_range(weft_map *m, weft_map_fn *f, void *arg);
size_t	weft_map_len(weft_map *m);

/*
 * Pool: keeps objects for reuse, per worker.  get gives one that was put, or
 * make(), or NULL when make is NULL.  At most 64 are kept per worker; destroy
 * (may be NULL) gets the rest, and all of them on free.
 */
typedef struct weft_pool weft_pool;
weft_pool *weft_pool_new(void *(*make)(void), void (*destroy)(void *));
void	*weft_pool_get(weft_pool *p);
void	 weft_pool_put(weft_pool *p, void *x);
void	 weft_pool_free(weft_pool *p);

#include "sync_impl.h"			/* what the structs look like */

#endif
