/* A queue of waiting tasks, oldest first, linked by task->next. Protected by
 * a spin lock: its own `lock_`, or the one of the object it is part of. */
#ifndef GTI_WAITQ_H
#define GTI_WAITQ_H

#include "gt/gt.h"
#include "park.h"
#include "spinlock.h"

GTI_INLINE void gti_waitq_push(gt_waitq *q, struct gti_task *t)
{
    struct gti_task *tail = (struct gti_task *)q->tail_;
    t->next = NULL;
    if (tail)
        tail->next = t;
    else
        q->head_ = t;
    q->tail_ = t;
}

GTI_INLINE void gti_waitq_push_front(gt_waitq *q, struct gti_task *t)
{
    t->next = (struct gti_task *)q->head_;
    q->head_ = t;
    if (!t->next)
        q->tail_ = t;
}

GTI_INLINE struct gti_task *gti_waitq_pop(gt_waitq *q)
{
    struct gti_task *t = (struct gti_task *)q->head_;
    if (t && !(q->head_ = t->next))
        q->tail_ = NULL;
    return t;
}

/* Take all; a list linked by next. */
GTI_INLINE struct gti_task *gti_waitq_take(gt_waitq *q)
{
    struct gti_task *first = (struct gti_task *)q->head_;
    q->head_ = q->tail_ = NULL;
    return first;
}

/* Make every task of a list ready with `result`. */
GTI_INLINE void gti_ready_list(struct gti_worker *w, struct gti_task *t, int result)
{
    while (t) {
        struct gti_task *next = t->next; /* t is not ours once it is ready */
        gti_ready(w, t, result);
        t = next;
    }
}

#endif
