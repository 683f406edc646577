/* Context switch for x86-64; the contract is in context.h, the frame in
 * context_x86_64.h.
 *
 * Saved: rbx rbp r12-r15, the stack pointer, the return address (the caller
 * pushed it). Everything else is dead across a call. Not saved: mxcsr, x87.
 *
 * The last instruction is a jump, not a ret: after a switch the processor's
 * return-address stack holds the other task's addresses, and a mispredicted
 * ret costs 6 to 10 ns; the jump is predicted from its history. notrack lets
 * it land on a return address under CET.
 *
 * Unwinding: the rules are relative to the stack pointer, so at each
 * instruction they describe the frame on the stack of that moment: until the
 * stack pointer changes the caller's, then the resumed context's. A hook's
 * backtrace goes on into the task that is about to run.
 */
	.text

	/* The stack pointer is at a saved frame. */
	.macro	CFI_SAVED_FRAME
	.cfi_def_cfa rsp, 56
	.cfi_offset rip, -8
	.cfi_offset rbp, -16
	.cfi_offset rbx, -24
	.cfi_offset r12, -32
	.cfi_offset r13, -40
	.cfi_offset r14, -48
	.cfi_offset r15, -56
	.endm

	/* Restore what \task resumes, and go there. */
	.macro	RESTORE_AND_JUMP task
	movl	8(\task), %eax
	popq	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore r15
	popq	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore r14
	popq	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore r13
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbx
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbp
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	.cfi_register rip, rcx
	notrack jmp *%rcx
	.endm

	/* Save what a callee must keep on the stack, and its pointer in *rdi. */
	.macro	SAVE
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r15, 0
	movq	%rsp, (%rdi)
	.endm

	.globl	gti_context_switch
	.type	gti_context_switch, @function
	.p2align 5
gti_context_switch:
	.cfi_startproc
	endbr64
	SAVE
	movq	(%rsi), %rsp
	CFI_SAVED_FRAME
	movq	%rsi, %rbx
	movq	%rcx, %rdi
	movq	%r8, %rsi
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	callq	*%rdx
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	RESTORE_AND_JUMP %rbx
	.cfi_endproc
	.size	gti_context_switch, .-gti_context_switch

	/* gti_context_switch_clear(from, to, word). The processor's own order
	 * makes the store a release. It comes after the stack pointer has left
	 * the old stack: a signal in between would be delivered onto a stack that
	 * another worker may be using. */
	.globl	gti_context_switch_clear
	.type	gti_context_switch_clear, @function
	.p2align 5
gti_context_switch_clear:
	.cfi_startproc
	endbr64
	SAVE
	movq	(%rsi), %rsp
	CFI_SAVED_FRAME
	movl	$0, (%rdx)
	RESTORE_AND_JUMP %rsi
	.cfi_endproc
	.size	gti_context_switch_clear, .-gti_context_switch_clear

	/* gti_context_leave(to, hook, w, arg): as gti_context_switch() without saving. */
	.globl	gti_context_leave
	.type	gti_context_leave, @function
	.p2align 5
gti_context_leave:
	.cfi_startproc
	endbr64
	movq	(%rdi), %rsp
	CFI_SAVED_FRAME
	movq	%rdi, %rbx
	movq	%rdx, %rdi
	movq	%rsi, %rax
	movq	%rcx, %rsi
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	callq	*%rax
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	RESTORE_AND_JUMP %rbx
	.cfi_endproc
	.size	gti_context_leave, .-gti_context_leave

	/* gti_context_call(fn, arg, sp) */
	.globl	gti_context_call
	.type	gti_context_call, @function
	.p2align 4
gti_context_call:
	.cfi_startproc
	endbr64
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	movq	%rsp, %rbp
	.cfi_def_cfa_register rbp
	movq	%rdx, %rsp
	andq	$-16, %rsp
	movq	%rdi, %rax
	movq	%rsi, %rdi
	callq	*%rax
	movq	%rbp, %rsp
	.cfi_def_cfa_register rsp
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbp
	ret
	.cfi_endproc
	.size	gti_context_call, .-gti_context_call

	/* The first frame of a new context; rsp is 16-byte aligned. A context
	 * that never ran returns to GTI_CONTEXT_ENTRY_PAD bytes after the start:
	 * unwinders look a return address up one byte before it, which must still
	 * be this function. "No return address" ends their walk. */
	.globl	gti_context_entry
	.type	gti_context_entry, @function
	.p2align 4
gti_context_entry:
	.cfi_startproc
	.cfi_undefined rip
	nop
	callq	gti_task_main
	ud2
	.cfi_endproc
	.size	gti_context_entry, .-gti_context_entry

	.section .note.GNU-stack,"",@progbits
