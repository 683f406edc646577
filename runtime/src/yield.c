/* The clock, sleeping and yielding. */
#include "os_linux.h"
#include "park.h"

int64_t gt_now(void)
{
    return gti_os_now();
}

/* Hook: on the worker's own wheel, now that the context is saved. */
static void sleep_commit(struct gti_worker *w, void *arg)
{
    struct gti_task *t = arg;
    gti_worker_add_timer(w, t, t->deadline, GTI_SLEEPS);
}

static void sleep_outside(int64_t deadline)
{
    uint32_t never = 0;
    while (gti_os_now() < deadline)
        gti_os_futex_wait(&never, 0, deadline);
}

void gt_sleep_until(int64_t deadline)
{
    struct gti_worker *w = gti_worker_self();
    if (deadline <= gti_os_now())
        return;
    if (!w) {
        sleep_outside(deadline);
        return;
    }
    w->current->deadline = deadline;
    w->current->wait_kind = GTI_WAIT_SLEEP;
    gti_park(w, sleep_commit, w->current);
}

/* Hook: the context is saved, so thieves may have it. */
static void yield_commit(struct gti_worker *w, void *arg)
{
    struct gti_task *t = arg;
    if (gti_likely(w->alone && !t->bound && gti_runq_push(&w->runq, t)))
        return;
    gti_worker_requeue(w, t);
}

GTI_INLINE void yield_to(struct gti_worker *w, struct gti_task *next)
{
    struct gti_task *self = w->current;
    gti_task_transition(self, GTI_RUNNING, GTI_READY);
    gti_worker_switch(w, self, next, yield_commit, self);
}

/* Nothing in the worker's own queues. The stop of the runtime must not wait
 * for a task that yields in a loop. */
static struct gti_task *yield_elsewhere(struct gti_worker *w)
{
    if (gti_worker_leaving(w))
        return &w->sched;
    gti_worker_drain_inbox(w);
    struct gti_task *t = gti_worker_pick(w);
    if (!t && !gti_inject_is_empty())
        t = gti_inject_pop();
    if (!t)
        GTI_COUNT(w->vain);
    return t;
}

static GTI_NOINLINE void yield_slow(struct gti_worker *w)
{
    gti_group_settle(w);
    struct gti_task *next = gti_worker_pick(w);
    if (!next)
        next = yield_elsewhere(w);
    if (next)
        yield_to(w, next);
}

void gt_yield(void)
{
    struct gti_worker *w = gti_worker_self();
    struct gti_task *next;
    if (gti_unlikely(!w)) {
        gti_os_thread_yield();
        return;
    }
    /* The tick that is due for housekeeping is left to gti_worker_pick_slow(),
     * which does it; counting it here as well would step over it. */
    uint32_t tick = GTI_LOAD(w->tick, relaxed) + 1u;
    if (gti_unlikely(w->credit || GTI_LOAD(w->next.task, relaxed) ||
                     GTI_LOAD(w->fresh.count, relaxed) || w->bound_head ||
                     tick % GTI_HOUSEKEEPING == 0 || !(next = gti_worker_pop(w)))) {
        yield_slow(w);
        return;
    }
    GTI_STORE(w->tick, tick, relaxed);
    yield_to(w, next);
}
