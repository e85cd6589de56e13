/*
 * unwind.h - private: stacks as lists of return addresses, innermost first
 *
 * Uses the unwind tables that every compiler writes (.eh_frame), so frame
 * pointers are not needed.  All entries are return addresses: look up pc - 1.
 * Nothing here allocates from the heap.
 */
#ifndef WEFT_UNWIND_H
#define WEFT_UNWIND_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <ucontext.h>

struct g;

void	unwind_init(void);	/* takes SIGURG, and passes on what is not ours */

/* The caller's, without its skip innermost frames; 0: begin with the caller. */
size_t	unwind_self(void **pcs, size_t max, size_t skip);

/* A goroutine's that is not running.  0: it was, or began to. */
size_t	unwind_parked(struct g *g, void **pcs, size_t max);

/* From a signal handler: what the signal interrupted. */
size_t	unwind_context(void *ucontext, void **pcs, size_t max);

/*
 * Another thread's, by a signal; at most 64 frames.  0: no answer in 100 ms.
 * unwind_running gives none when the thread is not on g's stack at that moment.
 */
size_t	unwind_thread(pid_t tid, void **pcs, size_t max);
size_t	unwind_running(struct g *g, pid_t tid, void **pcs, size_t max);

/*
 * A goroutine's whose thread sleeps in a system call, without disturbing it, which would end
 * the call.  0: it does not, or that cannot be told.
 */
size_t	unwind_blocked(struct g *g, pid_t tid, void **pcs, size_t max);

/* Where the function begins that pc is in; 0: nobody knows. */
uintptr_t unwind_function(uintptr_t pc);

/* Where the stack pointer was, and the general registers. */
#if defined(__x86_64__)
#define CONTEXT_REGS(u) (((ucontext_t *)(u))->uc_mcontext.gregs)
#define CONTEXT_SP(u) ((uintptr_t)((ucontext_t *)(u))->uc_mcontext.gregs[REG_RSP])
#elif defined(__aarch64__)
#define CONTEXT_REGS(u) (((ucontext_t *)(u))->uc_mcontext.regs)
#define CONTEXT_SP(u) ((uintptr_t)((ucontext_t *)(u))->uc_mcontext.sp)
#endif

#endif
