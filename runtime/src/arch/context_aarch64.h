/* aarch64 (AAPCS64). A saved frame, from the stack pointer up:
 *   x19..x28, x29, x30, d8..d15
 * fpcr is not saved (gt.h tells users). */
#ifndef GTI_CONTEXT_AARCH64_H
#define GTI_CONTEXT_AARCH64_H

#define GTI_CONTEXT_FRAME_WORDS 20
/* Bytes of the nop at the start of gti_context_entry(). */
#define GTI_CONTEXT_ENTRY_PAD 4

/* For unwinding: DWARF's numbers of the registers that the words of a frame
 * hold, of the stack pointer, of the one with the return address; one for the
 * program counter; how many matter. */
#define GTI_DWARF_SAVED                                                                            \
    {                                                                                              \
        19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30                                             \
    }
#define GTI_DWARF_SP     31
#define GTI_DWARF_RETURN 30
#define GTI_DWARF_PC     32
#define GTI_DWARF_REGS   33

static_assert(offsetof(struct gti_context, sp) == 0, "context_aarch64.S has 0");
static_assert(offsetof(struct gti_context, result) == 8, "context_aarch64.S has 8");

GTI_INLINE void *gti_context_init(void *top)
{
    uint64_t *sp = (uint64_t *)top - GTI_CONTEXT_FRAME_WORDS;
    for (int i = 0; i < GTI_CONTEXT_FRAME_WORDS; i++)
        sp[i] = 0;
    sp[11] = (uint64_t)(uintptr_t)&gti_context_entry + GTI_CONTEXT_ENTRY_PAD; /* x30 */
    return sp;
}

/* Volatile, so that no compiler keeps the value, or the address of the
 * thread-local, across a switch: the task may resume on another OS thread. */
GTI_INLINE struct gti_worker *gti_self_load(void)
{
    struct gti_worker *w;
    uint64_t offset;
    __asm__ volatile("mrs %0, tpidr_el0\n\t"
                     "adrp %1, :gottprel:gti_worker_tls\n\t"
                     "ldr %1, [%1, #:gottprel_lo12:gti_worker_tls]\n\t"
                     "ldr %0, [%0, %1]"
                     : "=&r"(w), "=&r"(offset)
                     :
                     : "memory");
    return w;
}

#endif
