/* A worker's fresh tasks, newest first.
 *
 * What a task spawns runs before what waits in the run queue, and the newest
 * before the oldest: a tree of tasks that wait for their children is then
 * walked depth first, and as many stacks are in use as it is deep. First in,
 * first out would walk it in its whole breadth. Fairness is kept by the budget
 * that the run-next slot and this list share, by a turn of the newest when the
 * slot has used all of it, and by one of the oldest each second (worker.h,
 * monitor_watch.c). The list has no end, since what would have to leave it for
 * a queue would lose its place in the tree; who spawns GTI_FRESH_SLICE tasks in
 * one slice waits below all others until they have run (spawn.c). It is looked
 * at when the list has grown by as many, which may be after twice as many.
 * While another worker idles and the run queue is empty, the older half moves
 * there at the next spawn or switch, or GTI_FRESH_SHARED of it: thieves so take
 * the roots of the largest subtrees, and nothing is moved, fenced or put out of
 * order while all are busy. What is left waits for as long as the running task
 * does not switch, or until the monitor takes it.
 *
 * Invariants
 *   - Only the worker puts tasks in, and only while its lock is biased to it
 *     (next_slot.h); it takes them out in the biased section, or under `lock`
 *     when the lock is shared.
 *   - The monitor takes tasks out under `lock`, after it has revoked the bias.
 *   - `count` may be read by anybody, as a hint. The ends, and the links beyond
 *     them, mean something only as far as it goes.
 */
#ifndef GTI_FRESH_H
#define GTI_FRESH_H

#include "next_slot.h"
#include "spinlock.h"
#include "task.h"

#define GTI_FRESH_SLICE  1024u /* from one slice of a task */
#define GTI_FRESH_SHARED 64u   /* at once */

struct gti_fresh {
    GTI_ATOMIC(uint32_t) count;
    GTI_ATOMIC(uint32_t) lock;
    uint32_t most;                    /* of count, before the spawner is looked at */
    uint64_t slice, spawned;          /* the worker's counts when `most` was set */
    struct gti_task *newest, *oldest; /* by `next` from newest to oldest, back by `prev` */
};

/* False: it holds `most`, or the lock is not biased. */
GTI_INLINE bool gti_fresh_push(struct gti_fresh *f, struct gti_next_slot *s, struct gti_task *t,
                               uint32_t most)
{
    bool biased = gti_next_touch(s);
    uint32_t count = GTI_LOAD(f->count, relaxed);
    bool fits = biased && count < most;
    if (gti_likely(fits)) {
        t->next = f->newest;
        *(count != 0u ? &f->newest->prev : &f->oldest) = t;
        f->newest = t;
        GTI_STORE(f->count, count + 1u, relaxed);
    }
    gti_next_untouch(s);
    return fits;
}

/* At the other end: it is to be the oldest. False: the lock is not biased. */
static inline bool gti_fresh_push_oldest(struct gti_fresh *f, struct gti_next_slot *s,
                                         struct gti_task *t)
{
    bool biased = gti_next_touch(s);
    if (biased) {
        uint32_t count = GTI_LOAD(f->count, relaxed);
        t->prev = f->oldest;
        *(count != 0u ? &f->oldest->next : &f->newest) = t;
        f->oldest = t;
        GTI_STORE(f->count, count + 1u, relaxed);
    }
    gti_next_untouch(s);
    return biased;
}

/* In the biased section or with the lock held, and not empty. */
GTI_INLINE struct gti_task *gti_fresh_newest(struct gti_fresh *f)
{
    struct gti_task *t = f->newest;
    GTI_STORE(f->count, GTI_LOAD(f->count, relaxed) - 1u, relaxed);
    f->newest = t->next;
    return t;
}

GTI_INLINE struct gti_task *gti_fresh_oldest(struct gti_fresh *f)
{
    struct gti_task *t = f->oldest;
    GTI_STORE(f->count, GTI_LOAD(f->count, relaxed) - 1u, relaxed);
    f->oldest = t->prev;
    return t;
}

/* The same for anybody, with the lock; NULL when empty. */
static inline struct gti_task *gti_fresh_take_locked(struct gti_fresh *f, bool newest)
{
    struct gti_task *t = NULL;
    gti_spin_lock(f->lock);
    if (GTI_LOAD(f->count, relaxed) != 0u)
        t = newest ? gti_fresh_newest(f) : gti_fresh_oldest(f);
    gti_spin_unlock(f->lock);
    return t;
}

/* Worker. The newest, or the oldest; NULL when there is none. */
GTI_INLINE struct gti_task *gti_fresh_take(struct gti_fresh *f, struct gti_next_slot *s,
                                           bool newest)
{
    struct gti_task *t = NULL;
    bool biased = gti_next_touch(s);
    if (gti_likely(biased) && GTI_LOAD(f->count, relaxed) != 0u)
        t = newest ? gti_fresh_newest(f) : gti_fresh_oldest(f);
    gti_next_untouch(s);
    return gti_likely(biased) ? t : gti_fresh_take_locked(f, newest);
}

#endif
