/* The callers of a task that is not running, by the unwind tables that every
 * function has (.eh_frame). No heap; reads a copy of the top of the stack, so
 * that the task may go on meanwhile: then the answer is wrong, and no worse. */
#ifndef GTI_UNWIND_H
#define GTI_UNWIND_H

#include "arch/context.h"

#define GTI_UNWIND_BYTES  1024 /* of stack that are copied at once */
#define GTI_UNWIND_FRAMES 12

/* Addresses in the calls under way, innermost first, out to the task's entry
 * function, into ret_at[GTI_UNWIND_FRAMES]; how many there are. The frame of
 * the switch is saved at `sp`, the stack ends at `top`. 0 when the task has not
 * begun, or its stack is gone. */
int gti_unwind(const void *sp, const void *top, const void **ret_at);

#endif
