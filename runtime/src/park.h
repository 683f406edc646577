/* Parking: the one way to block.
 *
 * A primitive that must wait
 *   1. takes its lock and finds that it must wait,
 *   2. puts a waiter of gti_park_self(w) on its wait queue (still under the
 *      lock),
 *   3. calls gti_park(w, hook, arg) as the last thing it does.
 * The hook runs after the task's context is saved, on the worker's next
 * context, and publishes the task: it unlocks. From then on another worker
 * may take the task off the queue and call gti_ready() on it, with the value
 * that gti_park() is to return.
 *
 * Invariant: between 2 and the hook nobody else can reach the task, so it is
 * never resumed before it is saved, and a wake-up cannot come before the task
 * is on the queue: it is never lost.
 *
 * The caller of gti_park() must not use `w`, or anything derived from a
 * thread-local, after it: the task may have moved to another OS thread.
 *
 * With a deadline there are two who may wake the task, so its waiter is
 * contested (waitq.h), and the hook puts the task on the worker's wheel before
 * it publishes anything: who finds it on the queue finds it on the wheel.
 *
 * An OS thread that is not a worker parks too: the hook runs at once, then
 * the thread waits on a futex in a descriptor of its own.
 */
#ifndef GTI_PARK_H
#define GTI_PARK_H

#include "group.h"

/* The caller's descriptor, to be queued. */
struct gti_task *gti_park_self_outside(void);
GTI_INLINE struct gti_task *gti_park_self(struct gti_worker *w)
{
    return gti_likely(w != NULL) ? w->current : gti_park_self_outside();
}

int gti_park_slow(struct gti_worker *w, gti_hook *hook, void *arg);
int gti_park_fresh(struct gti_worker *w, gti_hook *hook, void *arg);

/* `w` is gti_worker_self(), and may be NULL. Returns what gti_ready() gave. */
GTI_INLINE int gti_park(struct gti_worker *w, gti_hook *hook, void *arg)
{
    if (gti_unlikely(!w || w->credit))
        return gti_park_slow(w, hook, arg);
    struct gti_task *next = gti_worker_pick_slot(w);
    if (gti_unlikely(!next))
        return gti_park_fresh(w, hook, arg);
    gti_task_transition(w->current, GTI_READY, GTI_WAITING);
    return gti_worker_switch(w, w->current, next, hook, arg);
}

/* The same with a deadline, for a task whose waiters are contested; INT64_MAX:
 * none. -ETIMEDOUT when it passed first; the caller then takes its waiters off.
 */
int gti_park_until(struct gti_worker *w, gti_hook *hook, void *arg, int64_t deadline);

/* Hook: release a spin lock. */
void gti_park_unlock(struct gti_worker *w, void *lock);

/* A bound task that leaves its worker nothing to do looks for its wake-up itself
 * for a moment, before it parks: then neither a queue nor a switch is between
 * the waker and it. Others do not: who wakes them takes them along. */
GTI_INLINE bool gti_park_may_poll(struct gti_worker *w)
{
    return gti_worker_may_spin(w) && !w->credit && !(w->current->flags & GTI_TASK_SLOW);
}

/* Instead of gti_park(w, gti_park_unlock, lock). */
int gti_park_polling(struct gti_worker *w, void *lock);

/* Make a waiting task ready; its gti_park() returns `result`. The caller has
 * taken it off its queue, and must not touch it afterwards. w is the calling
 * worker or NULL. Returns 0, to be tail-called. */
int gti_ready_outside(struct gti_task *t);
int gti_ready_slow(struct gti_worker *w, struct gti_task *t);
GTI_INLINE int gti_ready(struct gti_worker *w, struct gti_task *t, int result)
{
    t->context.result = result;
    if (gti_unlikely(t->flags & (GTI_TASK_OUTSIDE | GTI_TASK_SLOW | GTI_TASK_POLLS)))
        return gti_ready_slow(w, t);
    gti_task_transition(t, GTI_WAITING, GTI_READY);
    __builtin_prefetch(t->context.sp,
                       1); /* it runs soon; with many tasks in turn its stack is cold */
    return gti_worker_submit(w, t);
}

#endif
