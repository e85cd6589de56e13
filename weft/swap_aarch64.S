/*
 * swap_aarch64.S - the context switch
 *
 * void swap(void **save, void *sp)
 *
 * Saves what the ABI lets a callee change only if it puts it back: x19 to x30 and
 * the low halves of v8 to v15.  FPCR is not saved: it belongs to the thread.
 *
 * From low to high, a sleeping stack holds x19 .. x30, d8 .. d15: 160 bytes;
 * unwind_aarch64.S reads it so.
 */
	.text
	.globl	swap
	.hidden	swap
	.type	swap, %function
	.p2align 4
swap:
	.cfi_startproc
	hint	#34			/* bti c */
	sub	sp, sp, #160
	.cfi_adjust_cfa_offset 160
	stp	x19, x20, [sp]
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	.cfi_rel_offset x19, 0
	.cfi_rel_offset x20, 8
	.cfi_rel_offset x21, 16
	.cfi_rel_offset x22, 24
	.cfi_rel_offset x23, 32
	.cfi_rel_offset x24, 40
	.cfi_rel_offset x25, 48
	.cfi_rel_offset x26, 56
	.cfi_rel_offset x27, 64
	.cfi_rel_offset x28, 72
	.cfi_rel_offset x29, 80
	.cfi_rel_offset x30, 88
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	mov	x2, sp
	str	x2, [x0]
	mov	sp, x1
	ldp	x19, x20, [sp]
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	ldp	d8, d9, [sp, #96]
	ldp	d10, d11, [sp, #112]
	ldp	d12, d13, [sp, #128]
	ldp	d14, d15, [sp, #144]
	add	sp, sp, #160
	.cfi_adjust_cfa_offset -160
	ret
	.cfi_endproc
	.size	swap, . - swap

/* Where a new stack begins, with g in x19; see swap_x86_64.S. */
	.globl	swap_entry
	.hidden	swap_entry
	.type	swap_entry, %function
	.p2align 4
swap_entry:
	.cfi_startproc
	.cfi_undefined x30
	mov	x0, x19
	mov	x29, xzr
	bl	goroutine_main
	brk	#1
	.cfi_endproc
	.size	swap_entry, . - swap_entry

	.section .note.GNU-stack, "", %progbits
