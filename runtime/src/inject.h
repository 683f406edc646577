/* The shared queue: tasks that no worker's run queue holds.
 *
 * Two kinds come here: the older half of a run queue that was full (a batch
 * of pointers, so that moving it touches no task), and single tasks made
 * ready by OS threads that are not workers.
 *
 * Invariants
 *   - Everything but `count` is protected by `lock`.
 *   - `count` is the number of tasks inside, written under the lock; whoever
 *     reads it without the lock treats it as a hint, except in the idle
 *     protocol (idle.h), which orders it by fences.
 *   - A batch is full or on the free list, and a task is in one batch at most,
 *     so one batch per GTI_INJECT_BATCH tasks is always enough: they are
 *     allocated together with the tasks and pushing cannot fail.
 */
#ifndef GTI_INJECT_H
#define GTI_INJECT_H

#include "atomics.h"
#include "base.h"
#include "runq.h"

#define GTI_INJECT_BATCH (GTI_RUNQ_SIZE / 2u)

struct gti_inject_batch {
    struct gti_inject_batch *next;
    struct gti_task *task[GTI_INJECT_BATCH];
};

struct gti_inject {
    GTI_ATOMIC(uint32_t) lock;
    GTI_ATOMIC(uint32_t) count;
    struct gti_task *single_head, *single_tail;       /* linked by task->next */
    struct gti_inject_batch *batch_head, *batch_tail; /* full, oldest first */
    struct gti_inject_batch *free;
    struct gti_inject_block *blocks; /* what destroy() frees */
    unsigned reserved;               /* tasks provided for */
};

extern struct gti_inject gti_inject;

/* Provide batches for `tasks` more tasks; false when memory is short. */
bool gti_inject_reserve(unsigned tasks);
void gti_inject_destroy(void);

/* Any OS thread. */
void gti_inject_push(struct gti_task *t);
/* Owner of q, when q is full: move its older half here. */
void gti_inject_overflow(struct gti_runq *q);
/* Owner of q: take one task, or a batch if q is empty (the rest goes to q). */
struct gti_task *gti_inject_pop(struct gti_runq *q);

static inline bool gti_inject_is_empty(void)
{
    return GTI_LOAD(gti_inject.count, relaxed) == 0;
}

#endif
