/* See group.h. */
#include "group.h"

#include <errno.h>

#include "park.h"
#include "spawn.h"

void gti_group_reserve(struct gti_worker *w, struct gt_group *g)
{
    if (w->credit_group != g) {
        gti_group_settle(w);
        w->credit_group = g;
        w->credit_batch = 1;
    }
    /* Doubles while one task spawns on without a switch in between. */
    uint32_t n = w->credit_batch;
    GTI_ADD(g->state_, (uint64_t)n * GTI_GROUP_ONE, relaxed);
    w->credit += n;
    if (n < GTI_GROUP_MAX_BATCH)
        w->credit_batch = 2 * n;
}

void gti_group_settle_slow(struct gti_worker *w)
{
    struct gt_group *g = w->credit_group;
    uint64_t n = (uint64_t)w->credit;
    w->credit_group = NULL;
    w->credit = 0;
    if (n)
        gti_group_book(w, g, n);
}

void gti_group_book(struct gti_worker *w, struct gt_group *g, uint64_t n)
{
    /* Ordering: acq_rel, edge GROUP-DONE <-> gt_group_wait(). What members
     * wrote before they returned is visible to who finds the count at 0, and
     * the waiter's record is visible to the last member. */
    uint64_t old = GTI_SUB(g->state_, n * GTI_GROUP_ONE, acq_rel);
    if (gti_unlikely(old < n * GTI_GROUP_ONE))
        gti_fatal("a group's count fell below 0: it was reused or freed while tasks ran");
    if (old != n * GTI_GROUP_ONE + GTI_GROUP_WAITING)
        return;
    struct gti_task *waiter = g->waiter_;
    GTI_STORE(g->state_, 0, relaxed);
    gti_ready(w, waiter, 0); /* g may be gone from here on */
}

int gt_group_spawn(gt_group *group, gt_fn *fn, void *arg, const gt_attr *attr)
{
    if (!group)
        return -EINVAL;
    return gti_spawn(group, fn, arg, attr);
}

/* Hook: the waiter's context is saved; publish it. */
static void wait_commit(struct gti_worker *w, void *arg)
{
    struct gt_group *g = arg;
    struct gti_task *waiter = g->waiter_;
    /* Ordering: acq_rel, edge GROUP-DONE <-> gti_group_book(). */
    uint64_t old = GTI_OR(g->state_, GTI_GROUP_WAITING, acq_rel);
    if (gti_unlikely(old & GTI_GROUP_WAITING))
        gti_fatal("two tasks wait for one group at the same time");
    if (old == 0) {
        /* The last member finished first, and nobody else will touch it. */
        GTI_STORE(g->state_, 0, relaxed);
        gti_ready(w, waiter, 0);
    }
}

int gt_group_wait(gt_group *group)
{
    if (gti_unlikely(!group))
        return -EINVAL;
    struct gti_worker *w = gti_worker_self();
    if (w)
        gti_group_settle(w);
    /* Ordering: acquire, edge GROUP-DONE <- gti_group_book(). */
    if (GTI_LOAD(group->state_, acquire) == 0)
        return 0;
    group->waiter_ = gti_park_self(w);
    return gti_park(w, wait_commit, group);
}
