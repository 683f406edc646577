/* A worker's run queue: a ring that grows, one owner, many thieves.
 *
 * Invariants
 *   - Only the owner writes `tail` and `array`. `head` only grows, by
 *     compare-and-swap of whoever takes tasks: owner or thief; by a plain store
 *     of the owner while there can be no thief (next_slot.h).
 *   - The current array's slots head..tail-1 hold tasks that are READY or
 *     FRESH. A slot is written only by the owner, and only outside that range;
 *     within it only while there can be no thief (cohort.h).
 *   - When the ring is full the owner copies head..tail-1 into an array of
 *     twice the size and publishes it. The old one stays as it was until the
 *     runtime stops: a thief that still reads it finds the same tasks there,
 *     or its compare-and-swap fails because head has moved on.
 *   - A thief reads tail before array, so the array it uses is at least as new
 *     as the tasks it is about to take.
 *   - head and tail are free-running; 2^32 pushes between a thief's read of
 *     head and its compare-and-swap would be needed to fool it.
 *
 * First in, first out, so that tasks that yield take turns, however many there
 * are: with a ring of fixed size and a shared queue for the rest, the tasks in
 * the ring would go round and round among themselves.
 *
 * Stealing half of a victim's ring follows Go's scheduler (runtime/proc.go,
 * runqgrab); growing without stopping the thieves follows D. Chase and Y. Lev,
 * "Dynamic Circular Work-Stealing Deque" (2005).
 */
#ifndef GTI_RUNQ_H
#define GTI_RUNQ_H

#include "atomics.h"
#include "base.h"

#ifndef GTI_RUNQ_FIRST
#define GTI_RUNQ_FIRST 256u /* slots at first; a power of two */
#endif
#define GTI_RUNQ_STEAL_MAX (GTI_RUNQ_FIRST / 2u)

struct gti_task;

struct gti_runq_slot {
    GTI_ATOMIC(struct gti_task *) task;
};

struct gti_runq_array {
    uint32_t mask;
    struct gti_runq_slot *slot;
    struct gti_runq_array *older;
};

struct gti_runq {
    GTI_ATOMIC(uint32_t) head;
    char apart_[124]; /* thieves write head, the owner writes tail at every push */
    GTI_ATOMIC(uint32_t) tail;
    GTI_ATOMIC(struct gti_runq_array *) array;
    /* The owner's copy of *array. */
    uint32_t mask;
    struct gti_runq_slot *slot;
};

/* Make an array of `slots` slots, or NULL; runq.c, or the model checker. */
struct gti_runq_array *gti_runq_array_new(uint32_t slots);

/* Owner. Use `array` from now on. */
GTI_INLINE void gti_runq_set_array(struct gti_runq *q, struct gti_runq_array *array)
{
    q->mask = array->mask;
    q->slot = array->slot;
    /* Ordering: release, edge RUNQ-GROW -> gti_runq_steal(). */
    GTI_STORE(q->array, array, release);
}

/* Owner. False when memory is short; the ring is then as before. */
static inline bool gti_runq_grow(struct gti_runq *q)
{
    struct gti_runq_array *old = GTI_LOAD(q->array, relaxed);
    struct gti_runq_array *array = gti_runq_array_new(2u * (old->mask + 1u));
    if (!array)
        return false;
    uint32_t tail = GTI_LOAD(q->tail, relaxed);
    /* What thieves take meanwhile is copied for nothing. */
    for (uint32_t i = GTI_LOAD(q->head, relaxed); i != tail; i++)
        GTI_STORE(array->slot[i & array->mask].task,
                  GTI_LOAD(old->slot[i & old->mask].task, relaxed), relaxed);
    array->older = old;
    gti_runq_set_array(q, array);
    return true;
}

/* Owner. False when the ring is full. */
GTI_INLINE bool gti_runq_push(struct gti_runq *q, struct gti_task *t)
{
    uint32_t tail = GTI_LOAD(q->tail, relaxed);
    /* Ordering: acquire, edge RUNQ-TAKE <- gti_runq_steal(). A thief has read
     * the slot before we overwrite it. */
    if (tail - GTI_LOAD(q->head, acquire) > q->mask)
        return false;
    GTI_STORE(q->slot[tail & q->mask].task, t, relaxed);
    /* Ordering: release, edge RUNQ-PUBLISH -> gti_runq_steal(). Who sees the
     * new tail sees the slot and the task in it. */
    GTI_STORE(q->tail, tail + 1u, release);
    return true;
}

/* Owner. The oldest task, or NULL. */
GTI_INLINE struct gti_task *gti_runq_pop(struct gti_runq *q)
{
    uint32_t head = GTI_LOAD(q->head, relaxed);
    uint32_t tail = GTI_LOAD(q->tail, relaxed);
    while (head != tail) {
        struct gti_task *t = GTI_LOAD(q->slot[head & q->mask].task, relaxed);
        /* On failure `head` is what a thief made it. No edge: the owner wrote
         * the slot itself. */
        if (GTI_CAS(q->head, head, head + 1u, relaxed))
            return t;
    }
    return NULL;
}

/* Owner, while there can be no thief: the same without the locked
 * instruction. */
GTI_INLINE struct gti_task *gti_runq_pop_alone(struct gti_runq *q)
{
    uint32_t head = GTI_LOAD(q->head, relaxed);
    if (head == GTI_LOAD(q->tail, relaxed))
        return NULL;
    GTI_STORE(q->head, head + 1u, relaxed);
    return GTI_LOAD(q->slot[head & q->mask].task, relaxed);
}

/* Where the owner finds its ring, read once. */
struct gti_runq_ends {
    uint32_t head, tail, mask;
    struct gti_runq_slot *slot;
};

GTI_INLINE struct gti_runq_ends gti_runq_ends(struct gti_runq *q)
{
    struct gti_runq_ends e = {GTI_LOAD(q->head, relaxed), GTI_LOAD(q->tail, relaxed), q->mask,
                              q->slot};
    return e;
}

/* The task `ahead` places behind the oldest; a hint where there are thieves. */
GTI_INLINE struct gti_task *gti_runq_at(const struct gti_runq_ends *e, uint32_t ahead)
{
    return GTI_LOAD(e->slot[(e->head + ahead) & e->mask].task, relaxed);
}

/* Owner, while there can be no thief, of a ring that is not empty: the oldest
 * leaves, and `t` goes to the end. */
GTI_INLINE void gti_runq_turn(struct gti_runq *q, const struct gti_runq_ends *e, struct gti_task *t)
{
    GTI_STORE(q->head, e->head + 1u, relaxed);
    GTI_STORE(e->slot[e->tail & e->mask].task, t, relaxed);
    GTI_STORE(q->tail, e->tail + 1u, relaxed);
}

/* Owner, while there can be no thief: the task at `place`, which is between head
 * and tail, leaves, and `t` stands there instead. */
GTI_INLINE void gti_runq_exchange(const struct gti_runq_ends *e, uint32_t place, struct gti_task *t)
{
    GTI_STORE(e->slot[place & e->mask].task, t, relaxed);
}

/* The same: those at first..end-1. */
GTI_INLINE void gti_runq_reverse(const struct gti_runq_ends *e, uint32_t first, uint32_t end)
{
    for (; first != end && first != --end; first++) {
        struct gti_runq_slot *a = &e->slot[first & e->mask], *b = &e->slot[end & e->mask];
        struct gti_task *t = GTI_LOAD(a->task, relaxed);
        GTI_STORE(a->task, GTI_LOAD(b->task, relaxed), relaxed);
        GTI_STORE(b->task, t, relaxed);
    }
}

/* The same: the tasks at first..end-1 move so that the one at `middle`, which is
 * among them, comes first; the order around is kept. */
static inline void gti_runq_rotate(const struct gti_runq_ends *e, uint32_t first, uint32_t end,
                                   uint32_t middle)
{
    gti_runq_reverse(e, first, middle);
    gti_runq_reverse(e, middle, end);
    gti_runq_reverse(e, first, end);
}

/* Thief, which owns `mine`, an empty ring. Take half of the victim's tasks,
 * rounded up, but not more than fit: returns the newest of them and leaves the
 * rest in `mine`. NULL when there was nothing. *ret_count is how many were
 * taken. */
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
        /* Ordering: acquire, edge RUNQ-GROW <- gti_runq_set_array(). */
        struct gti_runq_array *array = GTI_LOAD(victim->array, acquire);
        uint32_t n = tail - head;
        if (n > array->mask + 1u)
            continue; /* head moved on between the loads */
        n -= n / 2u;
        if (n == 0u)
            return NULL;
        if (n > GTI_RUNQ_STEAL_MAX)
            n = GTI_RUNQ_STEAL_MAX;
        struct gti_task *t = NULL;
        for (uint32_t i = 0; i < n; i++) {
            t = GTI_LOAD(array->slot[(head + i) & array->mask].task, relaxed);
            GTI_STORE(mine->slot[(to + i) & mine->mask].task, t, relaxed);
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
GTI_INLINE bool gti_runq_is_empty(struct gti_runq *q)
{
    return GTI_LOAD(q->head, relaxed) == GTI_LOAD(q->tail, relaxed);
}

#endif
