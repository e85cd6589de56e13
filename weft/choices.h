/*
 * choices.h - private to the explore build: somebody else may run before any atomic operation
 *
 * The Makefile has it included before everything else in what goroutines share and wait
 * on: channels, select, contexts, locks.  In an explored bubble another goroutine
 * may then go first at each of their atomic operations, also with the runtime's own locks
 * held, as on another processor; elsewhere it costs a load.  The scheduler, its timers and queues are left
 * out: they are what chooses, and their protocols are explored exhaustively by
 * model_*_test.c.  So is memnet.c, which relies on its turn.
 *
 * Not there: values that only weak memory allows.
 */
#ifndef WEFT_CHOICES_H
#define WEFT_CHOICES_H

#include <stdatomic.h>

void	choice_point(void);
void	choice_spin(void);		/* in a loop, until another has done something */
/* A lock whose holder may have been stopped; the scheduler's own are never held so. */
void	choice_lock_slow(_Atomic unsigned *l);

#undef atomic_load
#undef atomic_load_explicit
#undef atomic_store
#undef atomic_store_explicit
#undef atomic_exchange
#undef atomic_exchange_explicit
#undef atomic_compare_exchange_strong
#undef atomic_compare_exchange_strong_explicit
#undef atomic_compare_exchange_weak
#undef atomic_compare_exchange_weak_explicit
#undef atomic_fetch_add
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub
#undef atomic_fetch_sub_explicit
#undef atomic_fetch_and
#undef atomic_fetch_and_explicit
#undef atomic_fetch_or
#undef atomic_fetch_or_explicit
#undef atomic_thread_fence

/* The arguments come first: what they read may be old by the time of the operation. */
#define CHOICE_LOAD_(p, order) __extension__ ({				\
	__auto_type choice_p_ = (p);					\
	choice_point();							\
	__atomic_load_n(choice_p_, order);				\
})
#define CHOICE_OP_(op, p, v, order) __extension__ ({			\
	__auto_type choice_p_ = (p);					\
	__typeof__((void)0, *choice_p_) choice_v_ = (v);		\
	choice_point();							\
	op(choice_p_, choice_v_, order);				\
})
#define CHOICE_CAS_(p, want, v, weak, order, failed) __extension__ ({	\
	__auto_type choice_p_ = (p);					\
	__typeof__((void)0, *choice_p_) choice_v_ = (v);		\
	choice_point();							\
	__atomic_compare_exchange_n(choice_p_, want, choice_v_, weak, order, failed); \
})

#define atomic_load_explicit(p, o)		CHOICE_LOAD_(p, o)
#define atomic_load(p)				CHOICE_LOAD_(p, __ATOMIC_SEQ_CST)
#define atomic_store_explicit(p, v, o)		CHOICE_OP_(__atomic_store_n, p, v, o)
#define atomic_store(p, v)			CHOICE_OP_(__atomic_store_n, p, v, __ATOMIC_SEQ_CST)
#define atomic_exchange_explicit(p, v, o)	CHOICE_OP_(__atomic_exchange_n, p, v, o)
#define atomic_exchange(p, v)			CHOICE_OP_(__atomic_exchange_n, p, v, __ATOMIC_SEQ_CST)
#define atomic_fetch_add_explicit(p, v, o)	CHOICE_OP_(__atomic_fetch_add, p, v, o)
#define atomic_fetch_add(p, v)			CHOICE_OP_(__atomic_fetch_add, p, v, __ATOMIC_SEQ_CST)
#define atomic_fetch_sub_explicit(p, v, o)	CHOICE_OP_(__atomic_fetch_sub, p, v, o)
#define atomic_fetch_sub(p, v)			CHOICE_OP_(__atomic_fetch_sub, p, v, __ATOMIC_SEQ_CST)
#define atomic_fetch_and_explicit(p, v, o)	CHOICE_OP_(__atomic_fetch_and, p, v, o)
#define atomic_fetch_and(p, v)			CHOICE_OP_(__atomic_fetch_and, p, v, __ATOMIC_SEQ_CST)
#define atomic_fetch_or_explicit(p, v, o)	CHOICE_OP_(__atomic_fetch_or, p, v, o)
#define atomic_fetch_or(p, v)			CHOICE_OP_(__atomic_fetch_or, p, v, __ATOMIC_SEQ_CST)
#define atomic_compare_exchange_strong_explicit(p, want, v, o, f) \
	CHOICE_CAS_(p, want, v, 0, o, f)
#define atomic_compare_exchange_strong(p, want, v) \
	CHOICE_CAS_(p, want, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#define atomic_compare_exchange_weak_explicit(p, want, v, o, f) \
	CHOICE_CAS_(p, want, v, 1, o, f)
#define atomic_compare_exchange_weak(p, want, v) \
	CHOICE_CAS_(p, want, v, 1, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#define atomic_thread_fence(o)			(choice_point(), __atomic_thread_fence(o))

#define lock_slow choice_lock_slow
#include "lock.h"
#define cpu_pause()				choice_spin()

#endif
