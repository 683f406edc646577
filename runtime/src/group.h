/* Groups: spawn many, wait for all.
 *
 * A group's state is (count << 1 | somebody waits). The count is the number
 * of live members plus the credits that workers hold for the group: a worker
 * that spawns many reserves several counts with one atomic addition and keeps
 * the rest as credit, and a worker that finishes a member keeps that count as
 * credit too. So a storm of short tasks touches the shared word a few times,
 * not twice per task.
 *
 * Invariant: a worker holds credit for one group at a time, and gives it back
 * (gti_group_settle) before it switches to another context, except when a
 * finished member is followed on the same stack by a fresh member of the same
 * group (worker_switch.c): then the group cannot be complete, so nobody misses it.
 * Hence a group may be found complete late, but only until the next switch of
 * a task that spawned into it, and never early.
 */
#ifndef GTI_GROUP_H
#define GTI_GROUP_H

#include "worker.h"

#define GTI_GROUP_WAITING   1u
#define GTI_GROUP_ONE       2u
#define GTI_GROUP_MAX_BATCH 64u
/* Instead of a count: the last member has returned, and the waiter is to find
 * out for itself, since its deadline passed just before. */
#define GTI_GROUP_MISSED (~UINT64_C(0) << 1)

void gti_group_reserve(struct gti_worker *w, struct gt_group *g);
void gti_group_settle_slow(struct gti_worker *w);
/* Book `n` completions; may make the waiter ready. w may be NULL. */
void gti_group_book(struct gti_worker *w, struct gt_group *g, uint64_t n);

/* One more member. */
GTI_INLINE void gti_group_join(struct gti_worker *w, struct gt_group *g)
{
    if (gti_unlikely(w->credit_group != g || w->credit == 0))
        gti_group_reserve(w, g);
    w->credit--;
}

/* The same where that takes no call; false: not done. */
GTI_INLINE bool gti_group_try_join(struct gti_worker *w, struct gt_group *g)
{
    if (w->credit_group == g && w->credit > 0) {
        w->credit--;
        return true;
    }
    if (w->credit_group)
        return false;
    /* As gti_group_reserve() begins. */
    w->credit_group = g;
    w->credit_batch = 2;
    GTI_ADD(g->state_, GTI_GROUP_ONE, relaxed);
    return true;
}

/* One member less. */
GTI_INLINE void gti_group_leave(struct gti_worker *w, struct gt_group *g)
{
    if (gti_unlikely(w->credit_group != g)) {
        gti_group_settle_slow(w);
        w->credit_group = g;
    }
    w->credit++;
}

GTI_INLINE void gti_group_settle(struct gti_worker *w)
{
    if (w->credit)
        gti_group_settle_slow(w);
}

#endif
