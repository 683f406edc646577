/* See group.h. */
#include "group.h"

#include <errno.h>

#include "os_linux.h"
#include "waitq.h"

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

/* The last member has returned and somebody waits; nobody else touches the
 * group. A waiter with a deadline may be about to give up: it is then told so
 * through the group (give_up()). */
static void wake_waiter(struct gti_worker *w, struct gt_group *g)
{
    uintptr_t waiter = (uintptr_t)(void *)g->waiter_;
    struct gti_task *t = (struct gti_task *)(waiter & ~GTI_CONTESTED);
    if (gti_unlikely(waiter & GTI_CONTESTED)) {
        if (!gti_task_claim(t)) {
            /* Ordering: release, edge GROUP-DONE -> give_up(). */
            GTI_STORE(g->state_, GTI_GROUP_MISSED, release); /* g may be gone from here on */
            return;
        }
        gti_worker_forget_timer(t);
    }
    GTI_STORE(g->state_, 0, relaxed);
    gti_ready(w, t, 0); /* g may be gone from here on */
}

/* All members and credits are the caller's and somebody waits without a
 * deadline: then nobody else may change the word, and no locked instruction is
 * needed. With a deadline the waiter itself may (give_up()). */
static bool is_last(struct gt_group *g, uint64_t n)
{
    /* Ordering: acquire, edge GROUP-DONE <- gti_group_book(), and <-
     * wait_commit(): the waiter's record. */
    return GTI_LOAD(g->state_, acquire) == n * GTI_GROUP_ONE + GTI_GROUP_WAITING &&
           !((uintptr_t)(void *)g->waiter_ & GTI_CONTESTED);
}

void gti_group_book(struct gti_worker *w, struct gt_group *g, uint64_t n)
{
    if (is_last(g, n)) {
        wake_waiter(w, g);
        return;
    }
    /* Ordering: acq_rel, edge GROUP-DONE <-> gt_group_wait(). What members
     * wrote before they returned is visible to who finds the count at 0, and
     * the waiter's record is visible to the last member. */
    uint64_t old = GTI_SUB(g->state_, n * GTI_GROUP_ONE, acq_rel);
    if (gti_unlikely(old < n * GTI_GROUP_ONE))
        gti_fatal("a group's count fell below 0: it was reused or freed while tasks ran");
    if (old != n * GTI_GROUP_ONE + GTI_GROUP_WAITING)
        return;
    wake_waiter(w, g);
}

/* Hook: the waiter's context is saved; publish it. */
static void wait_commit(struct gti_worker *w, void *arg)
{
    struct gt_group *g = (struct gt_group *)arg;
    /* Ordering: acq_rel, edge GROUP-DONE <-> gti_group_book(). */
    uint64_t old = GTI_ADD(g->state_, GTI_GROUP_WAITING, acq_rel);
    if (gti_unlikely(old & GTI_GROUP_WAITING))
        gti_fatal("two tasks wait for one group at the same time");
    if (old == 0) {
        /* The last member finished first, and nobody else will touch it. */
        wake_waiter(w, g);
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
    struct gti_task *self = gti_park_self(w);
    self->wait_kind = GTI_WAIT_GROUP;
    group->waiter_ = self;
    return gti_park(w, wait_commit, group);
}

/* The deadline has passed. Withdraw, unless the last member is returning. As
 * long as the group does not say that somebody waits, the hook is still to say
 * so, on a worker that lost its CPU meanwhile; and when it says so and has no
 * members, wake_waiter() has it in its hands. Both last a few instructions. */
static int give_up(struct gt_group *g)
{
    for (;; gti_os_thread_yield()) {
        /* Ordering: acquire, edge GROUP-DONE <- wake_waiter(). */
        uint64_t state = GTI_LOAD(g->state_, acquire);
        if (state == GTI_GROUP_MISSED) {
            GTI_STORE(g->state_, 0, relaxed);
            return 0;
        }
        if (state > GTI_GROUP_ONE && state & GTI_GROUP_WAITING &&
            GTI_CAS(g->state_, state, state & ~(uint64_t)GTI_GROUP_WAITING, relaxed))
            return -ETIMEDOUT;
    }
}

int gt_group_wait_until(gt_group *group, int64_t deadline)
{
    if (deadline == INT64_MAX || !group)
        return gt_group_wait(group);
    struct gti_worker *w = gti_worker_self();
    if (w)
        gti_group_settle(w);
    /* Ordering: acquire, edge GROUP-DONE <- gti_group_book(). */
    if (GTI_LOAD(group->state_, acquire) == 0)
        return 0;
    if (deadline <= 0 || deadline <= gti_os_now())
        return -ETIMEDOUT;
    struct gti_task *self = gti_park_self(w);
    self->wait_kind = GTI_WAIT_GROUP;
    gti_waiter_contest(&self->wait, self, NULL);
    group->waiter_ = (void *)(uintptr_t)self->wait.task;
    int result = gti_park_until(w, wait_commit, group, deadline);
    return result == -ETIMEDOUT ? give_up(group) : result;
}
