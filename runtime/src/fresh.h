/* A worker's fresh tasks, newest first.
 *
 * What a task spawns runs before what waits in the run queue, and the newest
 * before the oldest: a tree of tasks that wait for their children is then
 * walked depth first, and as many stacks are in use as it is deep. First in,
 * first out would walk it in its whole breadth. Fairness is kept by the budget
 * that the run-next slot and this list share (worker.h), and by its bound: what
 * does not fit moves to the run queue, oldest first, where others may steal it.
 * While another worker idles and the run queue is empty, the older half moves
 * there at the next spawn or switch: thieves so take the roots of the largest
 * subtrees, and nothing is moved, fenced or put out of order while all are
 * busy. What is left waits for as long as the running task does not switch, or
 * until the monitor takes it.
 *
 * Invariants
 *   - Only the worker puts tasks in, and only while its lock is biased to it
 *     (next_slot.h); it takes them out in the biased section, or under `lock`
 *     when the lock is shared.
 *   - The monitor takes tasks out under `lock`, after it has revoked the bias.
 *   - `count` may be read by anybody, as a hint.
 */
#ifndef GTI_FRESH_H
#define GTI_FRESH_H

#include "next_slot.h"
#include "spinlock.h"

#define GTI_FRESH_MAX    64u
#define GTI_FRESH_SHARED 16u /* with other workers: they cannot see what is here */

struct gti_fresh {
    GTI_ATOMIC(uint32_t) count;
    GTI_ATOMIC(uint32_t) lock;
    uint32_t first; /* place of the oldest */
    uint32_t most;  /* GTI_FRESH_MAX or GTI_FRESH_SHARED */
    struct gti_task *task[GTI_FRESH_MAX];
};

/* False: full, or the lock is not biased; the run queue must take it. */
GTI_INLINE bool gti_fresh_push(struct gti_fresh *f, struct gti_next_slot *s, struct gti_task *t)
{
    uint32_t count = GTI_LOAD(f->count, relaxed);
    bool fits = gti_next_touch(s) && count < f->most;
    if (gti_likely(fits)) {
        f->task[(f->first + count) % GTI_FRESH_MAX] = t;
        GTI_STORE(f->count, count + 1u, relaxed);
    }
    gti_next_untouch(s);
    return fits;
}

/* In the biased section or with the lock held, and not empty. */
GTI_INLINE struct gti_task *gti_fresh_newest(struct gti_fresh *f)
{
    uint32_t count = GTI_LOAD(f->count, relaxed) - 1u;
    GTI_STORE(f->count, count, relaxed);
    return f->task[(f->first + count) % GTI_FRESH_MAX];
}

GTI_INLINE struct gti_task *gti_fresh_oldest(struct gti_fresh *f)
{
    struct gti_task *t = f->task[f->first % GTI_FRESH_MAX];
    f->first++;
    GTI_STORE(f->count, GTI_LOAD(f->count, relaxed) - 1u, relaxed);
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
