/*
 * sync_impl.h - layout of sync.h's value types; include sync.h instead
 *
 * The fields belong to mutex.c, rwmutex.c and sync.c.  They are here because you provide the storage.
 */
#ifndef WEFT_SYNC_IMPL_H
#define WEFT_SYNC_IMPL_H

struct weft_waitq_ { struct node *head, *tail; };

struct weft_mutex {
	unsigned		 state;		/* _Atomic where it is used */
	unsigned		 lock;		/* protects waiters         */
	struct weft_waitq_	 waiters;
	uintptr_t		 holder;	/* ~a place on the stack of who took it last */
};

struct weft_rwmutex {
	unsigned		 state;
	unsigned		 lock;
	struct weft_waitq_	 waiters;
	struct weft_rwmutex	*self;		/* while written; tells a copy */
	uintptr_t		 holder;	/* ~a place on the last writer's stack  */
	int			 crowd;		/* how often readers met       */
};

struct weft_waitgroup {
	unsigned		 count;
	unsigned		 lock;
	struct weft_waitq_	 waiters;
};

struct weft_once {
	unsigned		 done;
	struct weft_mutex	 m;
};

struct weft_cond {
	unsigned		 lock;
	struct weft_waitq_	 waiters;
};

void weft_waitgroup_spawn_(weft_waitgroup *wg, weft_entry_ *f,
    const intptr_t words[6], const struct weft_site *site);
#define WEFT_WAITGROUP_GO_(wg, f, ...) __extension__ ({			\
	_Static_assert(__builtin_types_compatible_p(__typeof__(*(f)), weft_entry_), \
	    "weft_waitgroup_go: the function must return void and take only int, long or pointers"); \
	WEFT_STRICT_ if (0) (f)(__VA_ARGS__); WEFT_END_			\
	WEFT_QUIET_ if (0) (f)(WEFT_MAP_(WEFT_PROBE_, ##__VA_ARGS__)); WEFT_END_ \
	static const struct weft_site weft_site_ = { #f, __FILE__, __LINE__ }; \
	weft_waitgroup_spawn_((wg), (weft_entry_ *)(f), (const intptr_t[6]){ \
	    WEFT_MAP_(WEFT_WORD_, ##__VA_ARGS__) }, &weft_site_);	\
})

#endif
