/*
 * unwind_aarch64.S - lets the unwinder step from here into a sleeping stack
 *
 * void unwind_from(void *sp, void (*f)(void *), void *arg)
 *
 * Calls f(arg) on the current stack.  To whoever unwinds from f this frame looks
 * as if the sleeper had called it: its directives describe the registers that
 * swap_aarch64.S saved at sp, which x19 holds during the call.
 */
	.text
	.globl	unwind_from
	.hidden	unwind_from
	.type	unwind_from, %function
	.p2align 4
unwind_from:
	.cfi_startproc
	hint	#34			/* bti c */
	stp	x29, x30, [sp, #-32]!
	.cfi_adjust_cfa_offset 32
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
	str	x19, [sp, #16]
	.cfi_rel_offset x19, 16
	mov	x29, sp
	mov	x19, x0
	mov	x9, x1
	mov	x0, x2
	.cfi_remember_state
	.cfi_def_cfa x19, 160
	.cfi_offset x19, -160
	.cfi_offset x20, -152
	.cfi_offset x21, -144
	.cfi_offset x22, -136
	.cfi_offset x23, -128
	.cfi_offset x24, -120
	.cfi_offset x25, -112
	.cfi_offset x26, -104
	.cfi_offset x27, -96
	.cfi_offset x28, -88
	.cfi_offset x29, -80
	.cfi_offset x30, -72
	.cfi_offset d8, -64
	.cfi_offset d9, -56
	.cfi_offset d10, -48
	.cfi_offset d11, -40
	.cfi_offset d12, -32
	.cfi_offset d13, -24
	.cfi_offset d14, -16
	.cfi_offset d15, -8
	blr	x9
	.cfi_restore_state
	ldr	x19, [sp, #16]
	.cfi_restore x19
	ldp	x29, x30, [sp], #32
	.cfi_adjust_cfa_offset -32
	.cfi_restore x29
	.cfi_restore x30
	ret
	.cfi_endproc
	.size	unwind_from, . - unwind_from

	.section .note.GNU-stack, "", %progbits
