/*
 * unwind_x86_64.S - lets the unwinder step from here into a sleeping stack
 *
 * void unwind_from(void *sp, void (*f)(void *), void *arg)
 *
 * Calls f(arg) on the current stack.  To whoever unwinds from f this frame looks
 * as if the sleeper had called it: its directives describe the registers that
 * swap_x86_64.S saved at sp, which r12 holds during the call.
 */
	.text
	.globl	unwind_from
	.hidden	unwind_from
	.type	unwind_from, @function
	.p2align 4
unwind_from:
	.cfi_startproc
	endbr64
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	movq	%rdi, %r12
	movq	%rsi, %rax
	movq	%rdx, %rdi
	.cfi_remember_state
	.cfi_def_cfa %r12, 56
	.cfi_offset %rip, -8
	.cfi_offset %rbp, -16
	.cfi_offset %rbx, -24
	.cfi_offset %r12, -32
	.cfi_offset %r13, -40
	.cfi_offset %r14, -48
	.cfi_offset %r15, -56
	call	*%rax
	.cfi_restore_state
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	ret
	.cfi_endproc
	.size	unwind_from, . - unwind_from

	.section .note.GNU-stack, "", @progbits
