/* See park.h. */
#include "park.h"

#include <errno.h>

#include "os_linux.h"
#include "spinlock.h"
#include "trace.h"

#ifndef GTI_POLLS
#define GTI_POLLS 64 /* looks at its own state, by a task that waits: a microsecond or two */
#endif

struct gti_task *gti_park_self_outside(void)
{
    static __thread struct gti_task self;
    self.flags |= GTI_TASK_OUTSIDE;
    return &self;
}

/* The deadline has passed: nobody may wake us any more, or somebody already
 * has the right to. */
static bool give_up_outside(struct gti_task *self)
{
    if (!gti_task_claim(self))
        return false;
    GTI_STORE(self->state, (uint32_t)GTI_READY, relaxed);
    return true;
}

static GTI_NOINLINE int park_outside(gti_hook *hook, void *arg, int64_t deadline)
{
    struct gti_task *self = gti_park_self_outside();
    gti_check_forked();
    GTI_STORE(self->state, (uint32_t)GTI_WAITING, relaxed);
    /* Threads that only a task can wake count as asleep for the deadlock
     * report; the waker counts them awake again. */
    self->flags &= (uint8_t)~GTI_TASK_COUNTED;
    if (deadline == INT64_MAX) {
        self->flags |= GTI_TASK_COUNTED;
        GTI_ADD(gti_rt.outside_waiting, 1u, relaxed);
    }
    hook(NULL, arg);
    /* Ordering: acquire, edge OUTSIDE-WAKE <- gti_ready_outside(). */
    while (GTI_LOAD(self->state, acquire) == (uint32_t)GTI_WAITING) {
        gti_os_futex_wait(&self->state.v_, GTI_WAITING, deadline);
        if (deadline != INT64_MAX && gti_os_now() >= deadline) {
            if (give_up_outside(self))
                return -ETIMEDOUT;
            deadline = INT64_MAX;
        }
    }
    return self->context.result;
}

int gti_ready_outside(struct gti_task *t)
{
    if (t->flags & GTI_TASK_COUNTED)
        GTI_SUB(gti_rt.outside_waiting, 1u, relaxed);
    /* Ordering: release, edge OUTSIDE-WAKE -> park_outside(). */
    GTI_STORE(t->state, (uint32_t)GTI_READY, release);
    /* The thread may be gone as soon as it sees the store; a wake of an
     * address that nobody waits on is harmless. */
    gti_os_futex_wake(&t->state.v_, 1);
    return 0;
}

/* Not ours any more once it is READY, unless it had given up to poll. */
static int ready_polling(struct gti_worker *w, struct gti_task *t)
{
    /* Ordering: acq_rel, edge POLL <-> gti_park_polling(), stop_polling(). */
    if (GTI_XCHG(t->state, (uint32_t)GTI_READY, acq_rel) == (uint32_t)GTI_POLLING)
        return 0;
    t->flags &= (uint8_t)~GTI_TASK_POLLS;
    return gti_worker_submit(w, t);
}

int gti_ready_slow(struct gti_worker *w, struct gti_task *t)
{
    if (t->flags & GTI_TASK_OUTSIDE)
        return gti_ready_outside(t);
    if (t->flags & GTI_TASK_POLLS)
        return ready_polling(w, t);
    gti_trace_record(w, GTI_TRACE_READY, t, 0);
    gti_task_transition(t, GTI_WAITING, GTI_READY);
    return gti_worker_submit(w, t);
}

/* Hook: the context is saved. Unless the task was made ready meanwhile, it waits
 * as any other from now on. */
static void stop_polling(struct gti_worker *w, void *task)
{
    struct gti_task *t = (struct gti_task *)task;
    uint32_t polling = (uint32_t)GTI_POLLING;
    /* Ordering: acq_rel, edge POLL <-> ready_polling(). */
    if (GTI_CAS(t->state, polling, (uint32_t)GTI_WAITING, acq_rel))
        return;
    /* What failed has read relaxed.
     * Ordering: acquire, edge POLL <- ready_polling(). */
    (void)GTI_LOAD(t->state, acquire);
    t->flags &= (uint8_t)~GTI_TASK_POLLS;
    gti_worker_requeue(w, t);
}

int gti_park_polling(struct gti_worker *w, void *lock)
{
    struct gti_task *self = w->current;
    self->flags |= GTI_TASK_POLLS;
    gti_task_transition(self, GTI_READY, GTI_POLLING);
    gti_park_unlock(w, lock);
    for (int i = 0; i < GTI_POLLS && !GTI_LOAD(w->inbox, relaxed); i++) {
        /* Ordering: acquire, edge POLL <- ready_polling(). */
        if (GTI_LOAD(self->state, acquire) == (uint32_t)GTI_READY) {
            self->flags &= (uint8_t)~GTI_TASK_POLLS;
            return self->context.result;
        }
        gti_pause();
    }
    struct gti_task *next = gti_worker_pick(w);
    return gti_worker_switch(w, self, next ? next : &w->sched, stop_polling, self);
}

void gti_park_unlock(struct gti_worker *w, void *lock)
{
    struct gti_spinlock *l = (struct gti_spinlock *)lock;
    (void)w;
    gti_spin_unlock(l->word);
}

/* The run-next slot is empty. What was spawned last runs if that takes no
 * more calls; this function has no frame, like its caller. */
int gti_park_fresh(struct gti_worker *w, gti_hook *hook, void *arg)
{
    struct gti_task *next = gti_worker_pick_newest(w);
    if (gti_unlikely(!next))
        return gti_park_slow(w, hook, arg);
    gti_task_transition(w->current, GTI_READY, GTI_WAITING);
    return gti_worker_switch(w, w->current, next, hook, arg);
}

int gti_park_slow(struct gti_worker *w, gti_hook *hook, void *arg)
{
    if (!w)
        return park_outside(hook, arg, INT64_MAX);
    gti_group_settle(w);
    struct gti_task *self = w->current, *next = gti_worker_pick(w);
    gti_task_transition(self, GTI_READY, GTI_WAITING);
    return gti_worker_switch(w, self, next ? next : &w->sched, hook, arg);
}

/* What the hook of a wait with a deadline needs; on the parked task's stack. */
struct until {
    gti_hook *hook;
    void *arg;
    struct gti_task *task;
    int64_t deadline;
};

static void until_commit(struct gti_worker *w, void *arg)
{
    /* A copy: from the inner hook on the task may run again. */
    const struct until u = *(struct until *)arg;
    if (u.deadline != INT64_MAX)
        gti_worker_add_timer(w, u.task, u.deadline, GTI_WAITS_UNTIL);
    u.hook(w, u.arg);
}

int gti_park_until(struct gti_worker *w, gti_hook *hook, void *arg, int64_t deadline)
{
    if (!w)
        return park_outside(hook, arg, deadline);
    struct until u = {hook, arg, w->current, deadline};
    return gti_park(w, until_commit, &u);
}
