/* aarch64 (AAPCS64). A saved frame, from the stack pointer up:
 *   x19..x28, x29, x30, d8..d15
 * fpcr is not saved (gt.h tells users). */
#ifndef GTI_CONTEXT_AARCH64_H
#define GTI_CONTEXT_AARCH64_H

#define GTI_CONTEXT_FRAME_WORDS 20
/* Bytes of the nop at the start of gti_context_entry(). */
#define GTI_CONTEXT_ENTRY_PAD 4

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

GTI_INLINE const char *gti_context_resume_address(const void *frame)
{
    const char *at = ((const char *const *)frame)[11];
    return at == (const char *)&gti_context_entry + GTI_CONTEXT_ENTRY_PAD ? NULL : at;
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
