/* The wheels of the workers: who puts tasks on, takes them off, advances them.
 *
 * A worker looks after its own wheel. While it cannot (its task is in a
 * blocking call or hogs it, or it is a spare that has retired), the monitor
 * marks it an orphan, and every other worker looks after it too. */
#include <errno.h>

#include "os_linux.h"
#include "spinlock.h"
#include "trace.h"

void gti_worker_add_timer(struct gti_worker *w, struct gti_task *t, int64_t deadline,
                          enum gti_on_wheel how)
{
    t->wheel = (uint16_t)w->id;
    gti_spin_lock(w->timers.lock);
    t->on_wheel = (uint8_t)how;
    gti_timers_add(&w->timers, t, deadline);
    gti_spin_unlock(w->timers.lock);
}

void gti_worker_forget_timer(struct gti_task *t)
{
    if (t->wheel == GTI_NO_WHEEL)
        return;
    struct gti_timers *timers = &gti_rt.worker[t->wheel].timers;
    gti_spin_lock(timers->lock);
    if (t->on_wheel)
        gti_timers_remove(timers, t);
    gti_spin_unlock(timers->lock);
}

static void run_wheel(struct gti_worker *w, struct gti_timers *timers)
{
    if (GTI_LOAD(timers->count, relaxed) == 0)
        return;
    int64_t now = gti_os_now();
    gti_spin_lock(timers->lock);
    struct gti_task *t = gti_timers_advance(timers, now);
    gti_spin_unlock(timers->lock);
    while (t) {
        struct gti_task *next = t->next;
        t->context.result = -ETIMEDOUT;
        gti_task_transition(t, GTI_WAITING, GTI_READY);
        GTI_COUNT(w->count.timers);
        if (gti_unlikely(t->flags & GTI_TASK_SLOW))
            gti_trace_record(w, GTI_TRACE_READY, t, 0);
        /* The wheel may be that of another worker, to which the task is bound. */
        if (gti_unlikely(t->bound && t->bound != w->id + 1))
            gti_worker_submit_slow(w, t);
        else
            gti_worker_requeue(w, t);
        t = next;
    }
}

static bool is_orphan(struct gti_worker *w)
{
    return GTI_LOAD(w->orphan, relaxed) || !GTI_LOAD(w->active, relaxed);
}

void gti_worker_run_timers(struct gti_worker *w)
{
    run_wheel(w, &w->timers);
    if (gti_likely(GTI_LOAD(gti_rt.orphans, relaxed) == 0))
        return;
    for (int i = 0; i < gti_workers_made(); i++)
        if (i != w->id && is_orphan(&gti_rt.worker[i]))
            run_wheel(w, &gti_rt.worker[i].timers);
}

static int64_t next_of(struct gti_timers *timers)
{
    if (GTI_LOAD(timers->count, relaxed) == 0)
        return INT64_MAX;
    gti_spin_lock(timers->lock);
    int64_t next = gti_timers_next(timers);
    gti_spin_unlock(timers->lock);
    return next;
}

int64_t gti_worker_next_orphan(void)
{
    int64_t earliest = INT64_MAX;
    if (gti_likely(GTI_LOAD(gti_rt.orphans, relaxed) == 0))
        return earliest;
    for (int i = 0; i < gti_workers_made(); i++)
        if (is_orphan(&gti_rt.worker[i])) {
            int64_t next = next_of(&gti_rt.worker[i].timers);
            earliest = next < earliest ? next : earliest;
        }
    return earliest;
}

int64_t gti_worker_next_timer(struct gti_worker *w)
{
    int64_t own = next_of(&w->timers), orphan = gti_worker_next_orphan();
    return own < orphan ? own : orphan;
}
