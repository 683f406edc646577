/* Switching between stacks: the contract of an architecture.
 *
 * An architecture supplies context_<arch>.S and context_<arch>.h, which
 * defines
 *   GTI_CONTEXT_FRAME_WORDS   size of a saved frame, in words of 8 bytes
 *   gti_context_init(top)     returns the stack pointer of a context that will
 *                             call gti_task_main() on the stack ending at
 *                             `top` (16-byte aligned)
 *   GTI_DWARF_*               what unwind.c needs to know of a frame
 *   gti_self_load()           the calling OS thread's gti_worker_tls, read
 *                             anew each time
 *
 * A struct gti_context is the head of struct gti_task; the assembler knows
 * its layout, and each context_<arch>.h asserts it.
 *
 * A switch takes five arguments: whom to save, whom to resume, and a hook
 * with two arguments that runs on the resumed context's stack, before its
 * registers are restored. The hook is where the saved task is published (a
 * lock released, a queue pushed): not earlier, or another worker could resume
 * a context that is not saved yet.
 *
 * The switch is meant to be the last thing an API function does (a tail
 * call): then no C frame has to return after it, which matters because a
 * `ret` after a switch is predicted by a return-address stack that belongs to
 * the task before. For the same reason the switch itself ends in an indirect
 * jump and not in `ret`. What it returns is the resumed task's `result`.
 */
#ifndef GTI_CONTEXT_H
#define GTI_CONTEXT_H

#include "../base.h"

struct gti_worker;

struct gti_context {
    void *sp;
    int result; /* what the switch returns when this context is resumed */
};

typedef void gti_hook(struct gti_worker *w, void *arg);

/* Save into *from, resume *to; hook (not NULL) is called as hook(w, arg). */
int gti_context_switch(struct gti_context *from, struct gti_context *to, gti_hook *hook,
                       struct gti_worker *w, void *arg);

/* Save into *from, store 0 into *word (release), resume *to: for those whose
 * hook would be that one store. */
int gti_context_switch_clear(struct gti_context *from, struct gti_context *to, uint32_t *word);

/* As gti_context_switch(), for a context that will never be resumed. */
void gti_context_leave(struct gti_context *to, gti_hook *hook, struct gti_worker *w, void *arg)
    __attribute__((noreturn));

/* Call fn(arg) on the stack that ends at `sp`, and come back. For what needs
 * more stack than the caller may have. */
void gti_context_call(void (*fn)(void *), void *arg, void *sp);

/* Where a new context starts; calls gti_task_main(). */
void gti_context_entry(void);
void gti_task_main(void) __attribute__((noreturn));

#if defined(__x86_64__)
#include "context_x86_64.h"
#elif defined(__aarch64__)
#include "context_aarch64.h"
#else
#error "libgt supports x86-64 and aarch64"
#endif

#endif
