/* The shared queue: tasks made ready by OS threads that are not workers, and
 * those for which a run queue could not grow.
 *
 * Invariants
 *   - Everything but `count` is protected by `lock`; tasks are linked by
 *     task->next, so that pushing needs no memory and cannot fail.
 *   - `count` is the number of tasks inside, written under the lock; whoever
 *     reads it without the lock treats it as a hint, except in the idle
 *     protocol (idle.h), which orders it by fences.
 */
#ifndef GTI_INJECT_H
#define GTI_INJECT_H

#include "atomics.h"
#include "base.h"

struct gti_task;

struct gti_inject {
    GTI_ATOMIC(uint32_t) lock;
    GTI_ATOMIC(uint32_t) count;
    struct gti_task *head, *tail;
};

extern struct gti_inject gti_inject;

/* Any OS thread. */
void gti_inject_push(struct gti_task *t);
/* The oldest task, or NULL. */
struct gti_task *gti_inject_pop(void);
/* Forget what is inside. */
void gti_inject_clear(void);

static inline bool gti_inject_is_empty(void)
{
    return GTI_LOAD(gti_inject.count, relaxed) == 0;
}

#endif
