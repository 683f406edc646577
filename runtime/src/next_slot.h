/* A worker's run-next slot, and the lock that is biased to the worker.
 *
 * The slot costs next to nothing to use: its worker loads and stores plainly.
 * Yet the monitor can take the task out of it when the worker is stuck:
 *
 *   worker                             monitor
 *   touching = 1                       shared = 1
 *   (compiler barrier)                 membarrier
 *   shared == 0?                       touching == 0?
 *   then plain load and store,         then an exchange empties the slot
 *   else an exchange
 *   touching = 0
 *
 * membarrier() makes every running thread of the process pass a full fence:
 * either that fence is after the worker's first line, and the monitor sees
 * touching == 1 and comes back later; or it is before, and the worker sees
 * shared == 1. From then on both sides exchange. Only the monitor writes
 * `shared`; it gives the bias back when the worker is no longer stuck, and who
 * sees that sees what the monitor took. The same lock protects the list of
 * fresh tasks (fresh.h) and the ring of a worker that is alone, which then takes
 * tasks off, and exchanges them (cohort.h), without a locked instruction; what
 * clears `touching` may then be the switch itself (yield.c).
 *
 * Only the worker fills the slot, so that filling an empty one needs no care.
 */
#ifndef GTI_NEXT_SLOT_H
#define GTI_NEXT_SLOT_H

#include "atomics.h"
#include "base.h"

struct gti_task;

struct gti_next_slot {
    GTI_ATOMIC(struct gti_task *) task;
    GTI_ATOMIC(uint32_t) touching; /* worker writes: in the biased section */
    GTI_ATOMIC(uint32_t) shared;   /* monitor writes: not biased any more */
};

/* ---- the worker ------------------------------------------------------------- */

/* Enter the biased section; true: nobody else is in it. */
GTI_INLINE bool gti_next_touch(struct gti_next_slot *s)
{
    GTI_STORE(s->touching, 1u, relaxed);
    /* Ordering: light, edge BIAS <-> gti_next_unbias(). */
    GTI_LIGHT_FENCE();
    /* Ordering: acquire, edge REBIAS <- gti_next_rebias(). */
    return GTI_LOAD(s->shared, acquire) == 0u;
}

GTI_INLINE void gti_next_untouch(struct gti_next_slot *s)
{
    /* Ordering: release, edge BIAS -> gti_next_unbias(). */
    GTI_STORE(s->touching, 0u, release);
}

/* Empty the slot; its task, or NULL. */
GTI_INLINE struct gti_task *gti_next_take(struct gti_next_slot *s)
{
    struct gti_task *t;
    if (gti_next_touch(s)) {
        t = GTI_LOAD(s->task, relaxed);
        GTI_STORE(s->task, NULL, relaxed);
    } else {
        t = GTI_XCHG(s->task, NULL, relaxed);
    }
    gti_next_untouch(s);
    return t;
}

/* Put a task in; returns the one that was there. */
GTI_INLINE struct gti_task *gti_next_put(struct gti_next_slot *s, struct gti_task *t)
{
    struct gti_task *displaced = GTI_LOAD(s->task, relaxed);
    if (gti_unlikely(displaced != NULL))
        displaced = gti_next_take(s);
    /* Ordering: release, edge RUNNEXT -> gti_next_evict(). */
    GTI_STORE(s->task, t, release);
    return displaced;
}

/* ---- the monitor ------------------------------------------------------------ */

void gti_os_membarrier(void);

#ifndef GTI_HEAVY_FENCE
#define GTI_HEAVY_FENCE() gti_os_membarrier()
#endif

/* Take the bias away; false: the worker is in the section, try again later. */
GTI_INLINE bool gti_next_unbias(struct gti_next_slot *s)
{
    if (GTI_LOAD(s->shared, relaxed) == 0u) {
        GTI_STORE(s->shared, 1u, relaxed);
        /* Ordering: membarrier, edge BIAS <-> gti_next_touch(). */
        GTI_HEAVY_FENCE();
    }
    /* Ordering: acquire, edge BIAS <- gti_next_untouch(). */
    return GTI_LOAD(s->touching, acquire) == 0u;
}

/* After gti_next_unbias(): empty the slot; its task, or NULL. */
GTI_INLINE struct gti_task *gti_next_evict(struct gti_next_slot *s)
{
    /* Ordering: acquire, edge RUNNEXT <- gti_next_put(). */
    return GTI_XCHG(s->task, NULL, acquire);
}

GTI_INLINE void gti_next_rebias(struct gti_next_slot *s)
{
    /* Ordering: release, edge REBIAS -> gti_next_touch(). */
    GTI_STORE(s->shared, 0u, release);
}

#endif
