/*
 * valgrind.h - private: telling valgrind about stacks
 *
 * Valgrind watches for a few instructions that do nothing on a processor; the numbers
 * are those of its client requests.  So nothing has to be installed to build this, and
 * a program that is not run by it loses a dozen instructions per stack.
 */
#ifndef WEFT_VALGRIND_H
#define WEFT_VALGRIND_H

#include <stdint.h>

enum { VALGRIND_STACK_REGISTER_ = 0x1501 };

static inline void valgrind_stack(const void *low, const void *high)
{
	volatile uint64_t args[6] = { VALGRIND_STACK_REGISTER_, (uint64_t)(uintptr_t)low,
	    (uint64_t)(uintptr_t)high };
	uint64_t result = 0;

#if defined(__x86_64__)
	__asm__ volatile("rolq $3, %%rdi; rolq $13, %%rdi; rolq $61, %%rdi; rolq $51, %%rdi;"
	    "xchgq %%rbx, %%rbx" : "+d"(result) : "a"(args) : "cc", "memory");
#elif defined(__aarch64__)
	register volatile uint64_t *a __asm__("x4") = args;
	register uint64_t r __asm__("x3") = result;

	__asm__ volatile("ror x12, x12, #3; ror x12, x12, #13; ror x12, x12, #51;"
	    "ror x12, x12, #61; orr x10, x10, x10" : "+r"(r) : "r"(a) : "cc", "memory");
	result = r;
#endif
	(void)result;
}

#endif
