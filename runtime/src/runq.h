/* A worker's run queue: a bounded ring, one owner, many thieves.
 *
 * Invariants
 *   - Only the owner writes `tail`. `head` only grows, by compare-and-swap of
 *     whoever takes tasks: owner or thief.
 *   - Slots head..tail-1 hold tasks that are READY or FRESH. A slot is
 *     written only by the owner, and only outside that range.
 *   - head and tail are free-running; 2^32 pushes between a thief's read of
 *     head and its compare-and-swap would be needed to fool it.
 *
 * First in, first out, so that tasks that yield take turns. The shape is that
 * of the run queues of Go's scheduler (runtime/proc.go: runqput, runqget,
 * runqgrab).
 */
#ifndef GTI_RUNQ_H
#define GTI_RUNQ_H

#include "atomics.h"

#ifndef GTI_RUNQ_SIZE
#define GTI_RUNQ_SIZE 256u /* a power of two */
#endif
#define GTI_RUNQ_MASK (GTI_RUNQ_SIZE - 1u)

struct gti_task;

struct gti_runq {
    GTI_ATOMIC(uint32_t) head;
    char apart_[124]; /* thieves write head, the owner writes tail at every push */
    GTI_ATOMIC(uint32_t) tail;
    GTI_ATOMIC(struct gti_task *) slot[GTI_RUNQ_SIZE];
};

/* Owner. False when the ring is full. */
static inline bool gti_runq_push(struct gti_runq *q, struct gti_task *t)
{
    uint32_t tail = GTI_LOAD(q->tail, relaxed);
    /* Ordering: acquire, edge RUNQ-TAKE <- gti_runq_steal(). A thief has read
     * the slot before we overwrite it. */
    if (tail - GTI_LOAD(q->head, acquire) >= GTI_RUNQ_SIZE)
        return false;
    GTI_STORE(q->slot[tail & GTI_RUNQ_MASK], t, relaxed);
    /* Ordering: release, edge RUNQ-PUBLISH -> gti_runq_steal(). Who sees the
     * new tail sees the slot and the task in it. */
    GTI_STORE(q->tail, tail + 1u, release);
    return true;
}

/* Owner. The oldest task, or NULL. */
static inline struct gti_task *gti_runq_pop(struct gti_runq *q)
{
    uint32_t head = GTI_LOAD(q->head, relaxed);
    uint32_t tail = GTI_LOAD(q->tail, relaxed);
    while (head != tail) {
        struct gti_task *t = GTI_LOAD(q->slot[head & GTI_RUNQ_MASK], relaxed);
        /* On failure `head` is what a thief made it. No edge: the owner wrote
         * the slot itself. */
        if (GTI_CAS(q->head, head, head + 1u, relaxed))
            return t;
    }
    return NULL;
}

/* Owner, while there can be no thief: the same without the locked
 * instruction. */
static inline struct gti_task *gti_runq_pop_alone(struct gti_runq *q)
{
    uint32_t head = GTI_LOAD(q->head, relaxed);
    if (head == GTI_LOAD(q->tail, relaxed))
        return NULL;
    GTI_STORE(q->head, head + 1u, relaxed);
    return GTI_LOAD(q->slot[head & GTI_RUNQ_MASK], relaxed);
}

/* Owner. Take the oldest `n` tasks into out[]; false if a thief was faster
 * (the ring then has room). */
static inline bool gti_runq_pop_many(struct gti_runq *q, struct gti_task **out, uint32_t n)
{
    uint32_t head = GTI_LOAD(q->head, relaxed);
    if (GTI_LOAD(q->tail, relaxed) - head < n)
        return false;
    for (uint32_t i = 0; i < n; i++)
        out[i] = GTI_LOAD(q->slot[(head + i) & GTI_RUNQ_MASK], relaxed);
    return GTI_CAS(q->head, head, head + n, relaxed);
}

/* Thief, which owns `mine`, an empty ring. Take half of the victim's tasks,
 * rounded up: returns the newest of them and leaves the rest in `mine`. NULL
 * when there was nothing. *ret_count is how many were taken. */
static inline struct gti_task *gti_runq_steal(struct gti_runq *victim, struct gti_runq *mine,
                                              uint32_t *ret_count)
{
    uint32_t to = GTI_LOAD(mine->tail, relaxed);
    /* Ordering: acquire, edge RUNQ-TAKE <- gti_runq_steal(). As in push: who
     * emptied our ring has read the slots that we are about to overwrite. */
    (void)GTI_LOAD(mine->head, acquire);
    for (;;) {
        uint32_t head = GTI_LOAD(victim->head, relaxed);
        /* Ordering: acquire, edge RUNQ-PUBLISH <- gti_runq_push(). */
        uint32_t tail = GTI_LOAD(victim->tail, acquire);
        uint32_t n = tail - head;
        n -= n / 2u;
        if (n == 0u)
            return NULL;
        if (n > GTI_RUNQ_SIZE / 2u)
            continue; /* head moved between the two loads */
        struct gti_task *t = NULL;
        for (uint32_t i = 0; i < n; i++) {
            t = GTI_LOAD(victim->slot[(head + i) & GTI_RUNQ_MASK], relaxed);
            GTI_STORE(mine->slot[(to + i) & GTI_RUNQ_MASK], t, relaxed);
        }
        /* Ordering: release, edge RUNQ-TAKE -> gti_runq_push(). Our reads of
         * the slots are done before the owner may reuse them. */
        if (!GTI_CAS(victim->head, head, head + n, release))
            continue;
        /* Ordering: release, edge RUNQ-PUBLISH -> gti_runq_steal(). */
        GTI_STORE(mine->tail, to + n - 1u, release);
        *ret_count = n;
        return t;
    }
}

/* Anyone; a hint unless the caller has ordered it otherwise. */
static inline bool gti_runq_is_empty(struct gti_runq *q)
{
    return GTI_LOAD(q->head, relaxed) == GTI_LOAD(q->tail, relaxed);
}

#endif
