/* Context switch for aarch64; the contract is in context.h, the frame in
 * context_aarch64.h.
 *
 * Saved: x19-x30, d8-d15 (the low halves of v8-v15), the stack pointer. Not
 * saved: fpcr. The last instruction is `br`, not `ret`, for the reason given
 * in context_x86_64.S, which also says what the unwind rules describe.
 *
 * Not for guarded pages (BTI): there a branch may land on a landing pad only,
 * and a return address is none; nothing like x86's notrack exists. So this
 * file carries no BTI property, and a linker then marks no program with it
 * in as guarded.
 */
	.text

	/* The stack pointer is at a saved frame. */
	.macro	CFI_SAVED_FRAME
	.cfi_def_cfa sp, 160
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
	.endm

	/* Restore what x19 resumes, and go there. The saved frame stays the
	 * truth until the instruction that pops it. */
	.macro	RESTORE_AND_JUMP
	ldr	w0, [x19, #8]
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
	.cfi_restore_state
	mov	x17, x30
	br	x17
	.endm

	/* Save what a callee must keep on the stack, and its pointer in *x0. */
	.macro	SAVE
	stp	x19, x20, [sp, #-160]!
	.cfi_adjust_cfa_offset 160
	.cfi_rel_offset x19, 0
	.cfi_rel_offset x20, 8
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	mov	x9, sp
	str	x9, [x0]
	.endm

	.globl	gti_context_switch
	.type	gti_context_switch, %function
	.p2align 5
gti_context_switch:
	.cfi_startproc
	.cfi_remember_state
	SAVE
	ldr	x9, [x1]
	mov	sp, x9
	CFI_SAVED_FRAME
	mov	x19, x1
	mov	x9, x2
	mov	x0, x3
	mov	x1, x4
	blr	x9
	RESTORE_AND_JUMP
	.cfi_endproc
	.size	gti_context_switch, .-gti_context_switch

	/* gti_context_switch_clear(from, to, word); the store when the stack
	 * pointer has left the old stack, as in context_x86_64.S. */
	.globl	gti_context_switch_clear
	.type	gti_context_switch_clear, %function
	.p2align 5
gti_context_switch_clear:
	.cfi_startproc
	.cfi_remember_state
	SAVE
	ldr	x9, [x1]
	mov	sp, x9
	CFI_SAVED_FRAME
	stlr	wzr, [x2]
	mov	x19, x1
	RESTORE_AND_JUMP
	.cfi_endproc
	.size	gti_context_switch_clear, .-gti_context_switch_clear

	/* gti_context_leave(to, hook, w, arg): as gti_context_switch() without saving. */
	.globl	gti_context_leave
	.type	gti_context_leave, %function
	.p2align 5
gti_context_leave:
	.cfi_startproc
	.cfi_remember_state
	ldr	x9, [x0]
	mov	sp, x9
	CFI_SAVED_FRAME
	mov	x19, x0
	mov	x9, x1
	mov	x0, x2
	mov	x1, x3
	blr	x9
	RESTORE_AND_JUMP
	.cfi_endproc
	.size	gti_context_leave, .-gti_context_leave

	/* gti_context_call(fn, arg, sp) */
	.globl	gti_context_call
	.type	gti_context_call, %function
	.p2align 4
gti_context_call:
	.cfi_startproc
	stp	x29, x30, [sp, #-16]!
	.cfi_adjust_cfa_offset 16
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
	mov	x29, sp
	.cfi_def_cfa_register x29
	and	x9, x2, #-16
	mov	sp, x9
	mov	x9, x0
	mov	x0, x1
	blr	x9
	mov	sp, x29
	.cfi_def_cfa_register sp
	ldp	x29, x30, [sp], #16
	.cfi_adjust_cfa_offset -16
	.cfi_restore x29
	.cfi_restore x30
	ret
	.cfi_endproc
	.size	gti_context_call, .-gti_context_call

	/* The first frame of a new context; sp is 16-byte aligned. The nop is for
	 * unwinders, as in context_x86_64.S. */
	.globl	gti_context_entry
	.type	gti_context_entry, %function
	.p2align 4
gti_context_entry:
	.cfi_startproc
	.cfi_undefined x30
	nop
	bl	gti_task_main
	brk	#1
	.cfi_endproc
	.size	gti_context_entry, .-gti_context_entry

	.section .note.GNU-stack,"",%progbits
