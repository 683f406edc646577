/* Where tasks that are ready are put, and picked from. See worker.h. */
#include "worker.h"

#include "netpoll.h"
#include "os_linux.h"

/* A busy worker looks at the network so often, if no sleeper does. */
#define NETWORK_LOOK_NS 10000
/* So many fresh tasks at most leave the queue at one of its turns. */
#define SET_ASIDE 16

struct gti_runtime gti_rt;
__thread struct gti_worker *gti_worker_tls;

void gti_check_forked(void)
{
    if (gti_unlikely(GTI_LOAD(gti_rt.forked, relaxed)))
        gti_fatal("the runtime was started in the parent process and is not there in a child "
                  "made by fork(); call exec or _exit, or start it only in the child");
}

void gti_worker_on_os_stack(struct gti_worker *w, void (*fn)(void *), void *arg)
{
    if (w->current == &w->sched || w->on_os_stack) {
        fn(arg);
        return;
    }
    w->on_os_stack = true;
    gti_context_call(fn, arg, w->sched.context.sp);
    w->on_os_stack = false;
}

/* ---- queues --------------------------------------------------------------- */

static void push_bound(struct gti_worker *w, struct gti_task *t)
{
    t->next = NULL;
    if (w->bound_tail)
        w->bound_tail->next = t;
    else
        w->bound_head = t;
    w->bound_tail = t;
}

static struct gti_task *pop_bound(struct gti_worker *w)
{
    struct gti_task *t = w->bound_head;
    if (t && !(w->bound_head = t->next))
        w->bound_tail = NULL;
    return t;
}

static void grow_runq(void *runq)
{
    gti_runq_grow(runq);
}

static GTI_NOINLINE void push_full(struct gti_worker *w, struct gti_task *t)
{
    GTI_COUNT(w->count.growths);
    gti_worker_on_os_stack(w, grow_runq, &w->runq);
    if (!gti_runq_push(&w->runq, t))
        gti_inject_push(t); /* no memory: slower, but never lost */
}

static GTI_NOINLINE int requeue_slow(struct gti_worker *w, struct gti_task *t)
{
    if (t->bound) {
        push_bound(w, t);
        return 0;
    }
    push_full(w, t);
    if (!w->alone)
        gti_worker_wake_any(w);
    return 0;
}

int gti_worker_requeue(struct gti_worker *w, struct gti_task *t)
{
    if (gti_unlikely(t->bound || !gti_runq_push(&w->runq, t)))
        return requeue_slow(w, t);
    return w->alone ? 0 : gti_worker_wake_any(w);
}

static void submit_elsewhere(struct gti_worker *w, struct gti_task *t)
{
    gti_check_forked();
    if (!t->bound) {
        gti_inject_push(t);
        gti_worker_wake_any(w);
        return;
    }
    struct gti_worker *target = &gti_rt.worker[t->bound - 1];
    struct gti_task *head = GTI_LOAD(target->inbox, relaxed);
    do {
        t->next = head;
        /* Ordering: release, edge INBOX -> gti_worker_drain_inbox(). */
    } while (!GTI_CAS(target->inbox, head, t, release));
    gti_worker_wake_this(target);
}

int gti_worker_submit_slow(struct gti_worker *w, struct gti_task *t)
{
    if (!w) {
        /* The task may run and end the program's use of the runtime while we
         * look for somebody to wake. */
        GTI_ADD(gti_rt.outside_submitting, 1u, relaxed);
        submit_elsewhere(NULL, t);
        /* Ordering: release, edge OUTSIDE-SUBMIT -> gt_stop(). */
        GTI_SUB(gti_rt.outside_submitting, 1u, release);
        return 0;
    }
    if (t->bound && t->bound != w->id + 1) {
        submit_elsewhere(w, t);
        return 0;
    }
    struct gti_task *displaced = gti_next_put(&w->next, t);
    return displaced ? gti_worker_requeue(w, displaced) : 0;
}

/* Others see them, or a thief comes for more. A spawner that waits below them
 * goes on waiting there: in the queue it would have its turn before they had
 * theirs. */
int gti_worker_share(struct gti_worker *w, uint32_t keep)
{
    struct gti_task *t, *stays = NULL;
    bool moved = false;
    while (GTI_LOAD(w->fresh.count, relaxed) > keep &&
           (t = gti_fresh_take(&w->fresh, &w->next, false)) != NULL) {
        if (gti_unlikely(GTI_LOAD(t->state, relaxed) != (uint32_t)GTI_FRESH)) {
            t->next = stays;
            stays = t;
            continue;
        }
        if (gti_unlikely(!gti_runq_push(&w->runq, t)))
            push_full(w, t);
        moved = true;
    }
    while (gti_unlikely((t = stays) != NULL)) {
        stays = t->next;
        if (!gti_fresh_push_oldest(&w->fresh, &w->next, t))
            gti_worker_requeue(w, t);
    }
    return w->alone || !moved ? 0 : gti_worker_wake_any(w);
}

/* ---- picking -------------------------------------------------------------- */

/* A system call, so not at every turn. */
static void look_at_network(struct gti_worker *w)
{
    int64_t now = gti_os_now();
    if (now - w->looked < NETWORK_LOOK_NS)
        return;
    w->looked = now;
    gti_netpoll_look(w);
}

/* What comes from outside must not wait for the worker to run dry. */
static void housekeeping(void *worker)
{
    struct gti_worker *w = worker;
    gti_worker_run_timers(w);
    gti_worker_drain_inbox(w);
    if (w->tick % GTI_AGE_STACKS == 0)
        gti_stacks_age(&w->stacks, gti_os_now());
    if (gti_netpoll_is_wanted() && !w->holds_entry)
        look_at_network(w);
    if (!gti_inject_is_empty()) {
        struct gti_task *t = gti_inject_pop();
        if (t)
            gti_worker_requeue(w, t);
    }
}

bool gti_worker_keep_house(struct gti_worker *w)
{
    GTI_STORE(w->hurry, 0u, relaxed);
    gti_worker_on_os_stack(w, housekeeping, w);
    return !gti_worker_leaving(w);
}

/* The first in the queue whose turn it is. Those before it that are part of a
 * tree and have not started go back to where they came from, below all others:
 * one more subtree begun at each of the queue's turns would need as many
 * stacks, and leave more fresh tasks behind than before. While the lock is not
 * biased they cannot go there, and none may be left behind the run-next slot:
 * then each has its turn. */
static struct gti_task *pop_started(struct gti_worker *w)
{
    for (int i = 0; i < SET_ASIDE; i++) {
        struct gti_task *t = gti_worker_pop(w);
        if (!t || GTI_LOAD(t->state, relaxed) != (uint32_t)GTI_FRESH || t->flags & GTI_TASK_DUE ||
            !gti_fresh_push_oldest(&w->fresh, &w->next, t))
            return t;
    }
    return NULL;
}

/* The queue's turn; but tasks that wake each other through the run-next slot may
 * have used the whole budget. Then it and the newest fresh task, which waits as
 * well, go first in turns. Otherwise the fresh ones have had theirs, and one
 * more before those that it is to serve would cost trees of tasks stacks. */
static struct gti_task *pick_other(struct gti_worker *w, bool fresh_waits)
{
    struct gti_task *t = NULL;
    w->fresh_first = !w->fresh_first;
    if (fresh_waits && w->fresh_first)
        t = gti_fresh_take(&w->fresh, &w->next, true);
    if (!t)
        t = pop_started(w);
    return t || !fresh_waits ? t : gti_fresh_take(&w->fresh, &w->next, true);
}

/* Other workers that idle get their share of the fresh tasks. */
static void share_fresh(struct gti_worker *w)
{
    uint32_t keep = gti_worker_fresh_share(w, 0u);
    if (gti_unlikely(keep < GTI_LOAD(w->fresh.count, relaxed)))
        gti_worker_share(w, keep);
}

/* The budget is spent: the turn of what the run-next slot and the newest tasks
 * leave waiting. What is in the slot then goes to the end of the queue. */
static struct gti_task *pick_turn(struct gti_worker *w)
{
    struct gti_task *t = NULL;
    bool fresh_waits = !(GTI_LOAD(w->streak, relaxed) & GTI_STREAK_FRESH);
    GTI_STORE(w->streak, 0u, relaxed);
    if (gti_unlikely(GTI_LOAD(w->oldest_due, relaxed) != 0u)) {
        GTI_STORE(w->oldest_due, 0u, relaxed);
        t = gti_fresh_take(&w->fresh, &w->next, false);
    }
    if (!t)
        t = pick_other(w, fresh_waits);
    if (!w->alone)
        share_fresh(w);
    struct gti_task *displaced = t ? gti_next_take(&w->next) : NULL;
    if (displaced)
        gti_worker_requeue(w, displaced);
    return t;
}

struct gti_task *gti_worker_pick_slow(struct gti_worker *w)
{
    bool spent = GTI_LOAD(w->streak, relaxed) >= GTI_STREAK_SPENT;
    uint32_t tick = ++w->tick;
    if (gti_unlikely(tick % GTI_HOUSEKEEPING == 0 || spent)) {
        if (!gti_worker_keep_house(w))
            return NULL;
    }
    struct gti_task *t = NULL;
    if (gti_unlikely(w->bound_head) && (w->bound_first = !w->bound_first))
        t = pop_bound(w);
    if (!t)
        t = spent ? pick_turn(w) : gti_worker_pop(w);
    if (!t)
        t = pop_bound(w);
    if (gti_unlikely(!t))
        return gti_worker_pick_next(w);
    GTI_STORE(w->streak, 0u, relaxed);
    return t;
}
