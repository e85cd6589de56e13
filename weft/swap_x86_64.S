/*
 * swap_x86_64.S - the context switch
 *
 * void swap(void **save, void *sp)
 *
 * Pushes what the ABI lets a callee change only if it puts it back, stores the
 * stack pointer in *save, and does the reverse on the other stack.  The floating
 * point control words are not saved: they belong to the thread.  All switches between
 * goroutines are made at one call site, so that this return is predicted well.
 *
 * From low to high, a sleeping stack holds r15 r14 r13 r12 rbx rbp, return address;
 * unwind_x86_64.S reads it so.
 */
	.text
	.globl	swap
	.hidden	swap
	.type	swap, @function
	.p2align 4
swap:
	.cfi_startproc
	endbr64
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	popq	%r15
	.cfi_adjust_cfa_offset -8
	popq	%r14
	.cfi_adjust_cfa_offset -8
	popq	%r13
	.cfi_adjust_cfa_offset -8
	popq	%r12
	.cfi_adjust_cfa_offset -8
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size	swap, . - swap

/*
 * Where a new stack begins.  swap_init() put g into r12's place.  Calls
 * goroutine_main(g), which does not return; unwinders stop here.
 */
	.globl	swap_entry
	.hidden	swap_entry
	.type	swap_entry, @function
	.p2align 4
swap_entry:
	.cfi_startproc
	.cfi_undefined %rip
	endbr64
	movq	%r12, %rdi
	xorl	%ebp, %ebp
	call	goroutine_main
	ud2
	.cfi_endproc
	.size	swap_entry, . - swap_entry

	.section .note.GNU-stack, "", @progbits
