/* See waitq.h. */
#include "waitq.h"

#include <errno.h>

#include "os_linux.h"

bool gti_waiter_claim(struct gti_waiter *wt)
{
    struct gti_task *t = gti_waiter_task(wt);
    if (!(wt->task & GTI_CONTESTED))
        return true;
    wt->prev = GTI_OFF_QUEUE;
    if (!gti_task_claim(t))
        return false;
    gti_worker_forget_timer(t);
    t->wait.next = wt; /* which case it was */
    return true;
}

struct gti_waiter *gti_waitq_pop_contested(gt_waitq *q)
{
    struct gti_waiter *wt;
    while ((wt = gti_waitq_unlink_first(q)) != NULL && !gti_waiter_claim(wt))
        continue;
    return wt;
}

struct gti_task *gti_waitq_take(gt_waitq *q)
{
    struct gti_task *first = NULL, **tail = &first;
    struct gti_waiter *wt;
    while ((wt = gti_waitq_pop(q)) != NULL) {
        struct gti_task *t = gti_waiter_task(wt);
        t->next = NULL;
        *tail = t;
        tail = &t->next;
    }
    return first;
}

void gti_waitq_remove(gt_waitq *q, struct gti_waiter *wt)
{
    struct gti_waiter *prev = wt->prev, *next = wt->next;
    if (prev == GTI_OFF_QUEUE)
        return;
    if (gti_waitq_first(q) == wt) {
        prev = NULL;
        q->head_ = next;
    } else {
        prev->next = next;
    }
    if (next)
        next->prev = prev;
    else
        q->tail_ = prev;
    wt->prev = GTI_OFF_QUEUE;
}

void gti_waiter_contest(struct gti_waiter *wt, struct gti_task *self, void *slot)
{
    wt->task = (uintptr_t)self | GTI_CONTESTED;
    wt->slot = slot;
    gti_task_contest(self);
}

int gti_waitq_wait_until(struct gti_worker *w, gt_waitq *q, void *lock, void *slot,
                         enum gti_wait_kind kind, int64_t deadline)
{
    struct gti_spinlock *l = (struct gti_spinlock *)lock;
    if (deadline <= 0 || deadline <= gti_os_now()) {
        gti_spin_unlock(l->word);
        return -ETIMEDOUT;
    }
    struct gti_task *self = gti_park_self(w);
    self->wait_kind = (uint8_t)kind;
    gti_waiter_contest(&self->wait, self, slot);
    gti_waitq_push(q, &self->wait);
    int result = gti_park_until(w, gti_park_unlock, lock, deadline);
    if (result == -ETIMEDOUT) {
        gti_spin_lock(l->word);
        gti_waitq_remove(q, &self->wait);
        gti_spin_unlock(l->word);
    }
    return result;
}
