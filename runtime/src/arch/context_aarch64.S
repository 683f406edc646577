/* Context switch for aarch64; the contract is in context.h, the frame in
 * context_aarch64.h.
 *
 * Saved: x19-x30, d8-d15 (the low halves of v8-v15), the stack pointer. Not
 * saved: fpcr. The last instruction is `br`, not `ret`, for the reason given
 * in context_x86_64.S; x17 is used, through which a branch may land on a
 * `bti c` as well as on a return address.
 */
	.text

	.macro	RESTORE_AND_JUMP ctx
	ldr	w0, [\ctx, #8]
	ldp	d8, d9, [sp, #96]
	ldp	d10, d11, [sp, #112]
	ldp	d12, d13, [sp, #128]
	ldp	d14, d15, [sp, #144]
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	ldp	x19, x20, [sp], #160
	mov	x17, x30
	br	x17
	.endm

	.globl	gti_context_switch
	.type	gti_context_switch, %function
	.p2align 5
gti_context_switch:
	.cfi_startproc
	hint	#34				/* bti c */
	stp	x19, x20, [sp, #-160]!
	.cfi_adjust_cfa_offset 160
	.cfi_rel_offset x19, 0
	.cfi_rel_offset x20, 8
	stp	x21, x22, [sp, #16]
	.cfi_rel_offset x21, 16
	.cfi_rel_offset x22, 24
	stp	x23, x24, [sp, #32]
	.cfi_rel_offset x23, 32
	.cfi_rel_offset x24, 40
	stp	x25, x26, [sp, #48]
	.cfi_rel_offset x25, 48
	.cfi_rel_offset x26, 56
	stp	x27, x28, [sp, #64]
	.cfi_rel_offset x27, 64
	.cfi_rel_offset x28, 72
	stp	x29, x30, [sp, #80]
	.cfi_rel_offset x29, 80
	.cfi_rel_offset x30, 88
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	mov	x9, sp
	str	x9, [x0]
	/* From here on the frame of the resumed context, of the same shape. */
	ldr	x9, [x1]
	mov	sp, x9
	mov	x19, x1
	mov	x9, x2
	mov	x0, x3
	mov	x1, x4
	blr	x9
	RESTORE_AND_JUMP x19
	.cfi_endproc
	.size	gti_context_switch, .-gti_context_switch

	/* gti_context_leave(to, hook, w, arg): as above without saving. */
	.globl	gti_context_leave
	.type	gti_context_leave, %function
	.p2align 5
gti_context_leave:
	.cfi_startproc
	.cfi_undefined x30
	hint	#34
	ldr	x9, [x0]
	mov	sp, x9
	mov	x19, x0
	mov	x9, x1
	mov	x0, x2
	mov	x1, x3
	blr	x9
	RESTORE_AND_JUMP x19
	.cfi_endproc
	.size	gti_context_leave, .-gti_context_leave

	/* First instruction of a new context: sp is 16-byte aligned. */
	.globl	gti_context_entry
	.type	gti_context_entry, %function
	.p2align 4
gti_context_entry:
	.cfi_startproc
	.cfi_undefined x30
	hint	#34
	bl	gti_task_main
	brk	#1
	.cfi_endproc
	.size	gti_context_entry, .-gti_context_entry

	.section .note.GNU-stack,"",%progbits
