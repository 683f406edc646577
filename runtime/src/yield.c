/* The clock, sleeping and yielding. */
#include "os_linux.h"
#include "park.h"

int64_t gt_now(void)
{
    return gti_os_now();
}

/* Hook: on the worker's own wheel, now that the context is saved. Who sleeps for
 * ever is on none: it would look as if somebody were to wake. */
static void sleep_commit(struct gti_worker *w, void *arg)
{
    struct gti_task *t = arg;
    if (t->deadline != INT64_MAX)
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
    gti_worker_requeue(w, t);
}

GTI_INLINE void yield_to(struct gti_worker *w, struct gti_task *next)
{
    struct gti_task *self = w->current;
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

/* The task leaves its stack by a slower way. */
#define NOT_QUICK (GTI_TASK_CANARY | GTI_TASK_SLOW)

/* Nothing comes before the ring, and `self` has none of these flags. */
GTI_INLINE bool yield_is_plain(struct gti_worker *w, const struct gti_task *self, unsigned flags)
{
    uintptr_t first = (uintptr_t)w->credit | (uintptr_t)GTI_LOAD(w->next.task, relaxed) |
                      GTI_LOAD(w->fresh.count, relaxed) | GTI_LOAD(w->hurry, relaxed) |
                      (uintptr_t)w->bound_head;
    return (first | (self->flags & flags)) == 0;
}

/* Every so many turns of the ring the housekeeping comes first. */
GTI_INLINE bool yield_is_due(const struct gti_runq_ends *ring)
{
    return ring->head == ring->tail || ring->tail % GTI_HOUSEKEEPING == 0;
}

/* Not for bound tasks: spares get the ring. */
GTI_INLINE bool yield_is_quick(struct gti_worker *w, const struct gti_task *self)
{
    return !GTI_SWITCH_IS_SLOW && gti_likely(yield_is_plain(w, self, NOT_QUICK | GTI_TASK_BOUND));
}

/* Out of the biased section: the lock keeps the monitor off the ring until the
 * context is saved, which is all that a hook would be for. */
GTI_INLINE void yield_quickly(struct gti_worker *w, struct gti_task *self, struct gti_task *next)
{
    w->current = next;
    GTI_COUNT(w->count.switches);
    /* Ordering: release, edge BIAS -> gti_next_unbias(). */
    gti_context_switch_clear(&self->context, &next->context, &w->next.touching.v_);
}

/* On a worker that is alone: the ring's next has its turn. False: not done. */
GTI_INLINE bool yield_alone(struct gti_worker *w)
{
    struct gti_task *self = w->current;
    if (!yield_is_quick(w, self))
        return false;
    bool biased = gti_next_touch(&w->next);
    const struct gti_runq_ends ring = gti_runq_ends(&w->runq);
    struct gti_task *next = gti_runq_at(&ring, 0);
    if (gti_unlikely(!biased || yield_is_due(&ring) ||
                     GTI_LOAD(next->state, relaxed) == (uint32_t)GTI_FRESH)) {
        gti_next_untouch(&w->next);
        return false;
    }
    gti_worker_prefetch(&ring, 1u);
    gti_runq_turn(&w->runq, &ring, self);
    yield_quickly(w, self, next);
    return true;
}

/* The same while a row has its turns again (cohort.h). */
GTI_INLINE bool yield_again(struct gti_worker *w)
{
    struct gti_task *self = w->current;
    struct gti_cohort *c = &w->cohort;
    if (!yield_is_quick(w, self))
        return false;
    bool biased = gti_next_touch(&w->next);
    const struct gti_runq_ends ring = gti_runq_ends(&w->runq);
    struct gti_task *next = gti_runq_at(&ring, c->at - ring.head);
    if (gti_unlikely(!biased || !gti_cohort_goes_on(c, &ring) ||
                     GTI_LOAD(next->state, relaxed) == (uint32_t)GTI_FRESH)) {
        gti_next_untouch(&w->next);
        return false;
    }
    gti_cohort_turn(c, &ring, self);
    yield_quickly(w, self, next);
    return true;
}

static GTI_NOINLINE void yield_slow(struct gti_worker *w)
{
    gti_group_settle(w);
    /* Plain yields are not ticks: the housekeeping is due at the next one. */
    w->tick |= GTI_HOUSEKEEPING - 1u;
    if (w->alone && gti_cohort_look(w)) {
        w->tick++;
        if (gti_worker_keep_house(w) && yield_again(w))
            return;
    }
    struct gti_task *next = gti_worker_pick(w);
    if (!next)
        next = yield_elsewhere(w);
    if (next)
        yield_to(w, next);
}

static GTI_NOINLINE void yield_shared(struct gti_worker *w)
{
    const struct gti_runq_ends ring = gti_runq_ends(&w->runq);
    struct gti_task *next = NULL;
    if (gti_likely(yield_is_plain(w, w->current, NOT_QUICK) && !yield_is_due(&ring)))
        next = gti_worker_pop(w);
    if (gti_likely(next != NULL))
        yield_to(w, next);
    else
        yield_slow(w);
}

static GTI_NOINLINE void yield_otherwise(struct gti_worker *w)
{
    if (!w->alone || w->in_turn)
        yield_shared(w);
    else if (gti_unlikely(!yield_again(w)))
        yield_slow(w);
}

void gt_yield(void)
{
    struct gti_worker *w = gti_worker_self();
    if (gti_unlikely(!w))
        gti_os_thread_yield();
    else if (gti_unlikely(!w->in_turn || !yield_alone(w)))
        yield_otherwise(w);
}
