/* A queue of waiting tasks, oldest first. Protected by a spin lock: its own
 * `lock_`, or the one of the object it is part of.
 *
 * A waiter that is contested may be woken from elsewhere too: by the clock or
 * by another case of a select. Who takes it off the queue must win the task's
 * claim before he may wake it; a loser leaves the task alone and takes the
 * next. The woken task then takes its other waiters off the queues they are
 * still on, and only after that do they go out of scope; gti_waitq_remove()
 * does nothing for one that a loser has taken off.
 *
 * The first waiter's `prev` is not maintained, so that taking one off does not
 * touch the next.
 */
#ifndef GTI_WAITQ_H
#define GTI_WAITQ_H

#include "gt/gt.h"
#include "park.h"
#include "spinlock.h"

/* `prev` of a contested waiter that is on no queue. */
#define GTI_OFF_QUEUE ((struct gti_waiter *)1)

GTI_INLINE struct gti_task *gti_waiter_task(const struct gti_waiter *wt)
{
    return (struct gti_task *)(wt->task & ~GTI_CONTESTED);
}

GTI_INLINE struct gti_waiter *gti_waitq_first(const gt_waitq *q)
{
    return (struct gti_waiter *)q->head_;
}

GTI_INLINE void gti_waitq_push(gt_waitq *q, struct gti_waiter *wt)
{
    struct gti_waiter *tail = (struct gti_waiter *)q->tail_;
    wt->next = NULL;
    wt->prev = tail;
    if (tail)
        tail->next = wt;
    else
        q->head_ = wt;
    q->tail_ = wt;
}

GTI_INLINE void gti_waitq_push_front(gt_waitq *q, struct gti_waiter *wt)
{
    struct gti_waiter *first = gti_waitq_first(q);
    wt->next = first;
    wt->prev = NULL;
    if (first)
        first->prev = wt;
    else
        q->tail_ = wt;
    q->head_ = wt;
}

/* Must the first waiter's claim be won? */
GTI_INLINE bool gti_waitq_is_contested(const gt_waitq *q)
{
    return q->head_ && gti_waitq_first(q)->task & GTI_CONTESTED;
}

/* The first one, or NULL; its claim is not won yet. */
GTI_INLINE struct gti_waiter *gti_waitq_unlink_first(gt_waitq *q)
{
    struct gti_waiter *wt = gti_waitq_first(q);
    __builtin_prefetch(wt, 1); /* who takes it writes to its task */
    if (wt && !(q->head_ = wt->next))
        q->tail_ = NULL;
    return wt;
}

/* For a waiter that was just unlinked: may the caller wake its task? */
bool gti_waiter_claim(struct gti_waiter *wt);

/* The same for a queue whose first waiter is contested: the first whose claim
 * is won. */
struct gti_waiter *gti_waitq_pop_contested(gt_waitq *q);

/* The first waiter that the caller may wake, or NULL. */
GTI_INLINE struct gti_waiter *gti_waitq_pop(gt_waitq *q)
{
    if (gti_unlikely(gti_waitq_is_contested(q)))
        return gti_waitq_pop_contested(q);
    return gti_waitq_unlink_first(q);
}

/* Take all that the caller may wake: tasks linked by next. */
struct gti_task *gti_waitq_take(gt_waitq *q);

/* Take a contested waiter off, if it is still on. */
void gti_waitq_remove(gt_waitq *q, struct gti_waiter *wt);

/* Make every task of a list ready with `result`. */
GTI_INLINE void gti_ready_list(struct gti_worker *w, struct gti_task *t, int result)
{
    while (t) {
        struct gti_task *next = t->next; /* t is not ours once it is ready */
        gti_ready(w, t, result);
        t = next;
    }
}

/* Wait on `q`, whose lock is *lock: it is held, and released on the way.
 * Returns what gti_ready() gave. */
GTI_INLINE int gti_waitq_wait(struct gti_worker *w, gt_waitq *q, void *lock, void *slot,
                              enum gti_wait_kind kind)
{
    struct gti_task *self = gti_park_self(w);
    self->wait_kind = (uint8_t)kind;
    self->wait.task = (uintptr_t)self;
    self->wait.slot = slot;
    gti_waitq_push(q, &self->wait);
    if (gti_unlikely(self->flags & GTI_TASK_BOUND) && gti_park_may_poll(w))
        return gti_park_polling(w, lock);
    return gti_park(w, gti_park_unlock, lock);
}

/* The calling task is about to wait contested: its claim is to be won. */
GTI_INLINE void gti_task_contest(struct gti_task *self)
{
    self->wheel = GTI_NO_WHEEL;
    GTI_STORE(self->claim, 0u, relaxed);
}

/* Make `wt` a contested waiter of the calling task. */
void gti_waiter_contest(struct gti_waiter *wt, struct gti_task *self, void *slot);

/* The same until `deadline`; then -ETIMEDOUT, and the waiter is off the queue. */
int gti_waitq_wait_until(struct gti_worker *w, gt_waitq *q, void *lock, void *slot,
                         enum gti_wait_kind kind, int64_t deadline);

#endif
