/* x86-64 (System V ABI). A saved frame, from the stack pointer up:
 *   r15 r14 r13 r12 rbx rbp, return address
 * mxcsr and the x87 control word are callee-saved by the ABI but not saved
 * here: changing them is rare, saving them costs as much as the rest (gt.h
 * tells users). */
#ifndef GTI_CONTEXT_X86_64_H
#define GTI_CONTEXT_X86_64_H

#define GTI_CONTEXT_FRAME_WORDS 7
/* Bytes of the nop at the start of gti_context_entry(). */
#define GTI_CONTEXT_ENTRY_PAD 1

/* For unwinding: DWARF's numbers of the registers that the words of a frame
 * hold, of the stack pointer, of the one with the return address; one for the
 * program counter; how many matter. */
#define GTI_DWARF_SAVED                                                                            \
    {                                                                                              \
        15, 14, 13, 12, 3, 6, 16                                                                   \
    }
#define GTI_DWARF_SP     7
#define GTI_DWARF_RETURN 16
#define GTI_DWARF_PC     16
#define GTI_DWARF_REGS   17

static_assert(offsetof(struct gti_context, sp) == 0, "context_x86_64.S has 0");
static_assert(offsetof(struct gti_context, result) == 8, "context_x86_64.S has 8");

GTI_INLINE void *gti_context_init(void *top)
{
    uint64_t *sp = (uint64_t *)top;
    *--sp = 0; /* end of the chain for unwinders; keeps rsp aligned in the entry */
    *--sp = 0;
    *--sp = (uint64_t)(uintptr_t)&gti_context_entry + GTI_CONTEXT_ENTRY_PAD;
    /* As a loop this becomes `rep stos`, which takes 10 ns. */
#pragma GCC unroll 8
    for (int i = 0; i < GTI_CONTEXT_FRAME_WORDS - 1; i++)
        *--sp = 0;
    return sp;
}

/* Volatile, so that no compiler keeps the value, or the address of the
 * thread-local, across a switch: the task may resume on another OS thread. */
GTI_INLINE struct gti_worker *gti_self_load(void)
{
    struct gti_worker *w;
    __asm__ volatile("movq gti_worker_tls@gottpoff(%%rip), %0\n\t"
                     "movq %%fs:(%0), %0"
                     : "=r"(w)
                     :
                     : "memory");
    return w;
}

#endif
