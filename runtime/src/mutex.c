/* Mutex: a word of its own, because most of its operations do not wait, and a
 * queue for those that do. */
#include <errno.h>

#include "os_linux.h"
#include "waitq.h"

#define MUTEX_LOCKED  1u
#define MUTEX_WAITERS 2u

int gt_mutex_try_lock(gt_mutex *m)
{
    uint32_t state = 0;
    /* The second attempt is for a mutex that is free but has waiters.
     * Ordering: acquire, edge MUTEX <- gt_mutex_unlock(). */
    if (gti_unlikely(!GTI_CAS(m->state_, state, MUTEX_LOCKED, acquire)) &&
        (state != MUTEX_WAITERS || !GTI_CAS(m->state_, state, state | MUTEX_LOCKED, acquire)))
        return -EBUSY;
    GTI_STORE(m->owner_, gti_park_self(gti_worker_self()), relaxed);
    return 0;
}

/* With the queue locked: take the mutex, or mark it so that its holder will
 * look at the queue. */
static bool mutex_take_or_mark(gt_mutex *m)
{
    uint32_t state = GTI_LOAD(m->state_, relaxed);
    for (;;) {
        uint32_t want = state & MUTEX_LOCKED ? state | MUTEX_WAITERS : state | MUTEX_LOCKED;
        /* Ordering: acquire, edge MUTEX <- gt_mutex_unlock(). */
        if (GTI_CAS(m->state_, state, want, acquire))
            return !(state & MUTEX_LOCKED);
    }
}

/* What a waiter is woken with. */
#define MUTEX_TRY_AGAIN   0
#define MUTEX_HANDED_OVER 1

/* The deadline of the last waiter passed: no unlock needs to look for one. */
static int mutex_give_up(gt_mutex *m, struct gti_task *self)
{
    gti_spin_lock(m->waiters_.lock_);
    gti_waitq_remove(&m->waiters_, &self->wait);
    if (!m->waiters_.head_)
        GTI_AND(m->state_, ~MUTEX_WAITERS, relaxed);
    gti_spin_unlock(m->waiters_.lock_);
    self->flags &= (uint8_t)~GTI_TASK_MARK;
    return -ETIMEDOUT;
}

/* The queue is locked, and released on the way. */
static int mutex_wait(gt_mutex *m, struct gti_worker *w, struct gti_task *self, bool again,
                      int64_t deadline)
{
    self->wait_kind = GTI_WAIT_MUTEX;
    if (deadline != INT64_MAX)
        gti_waiter_contest(&self->wait, self, NULL);
    else
        self->wait.task = (uintptr_t)self;
    if (again) {
        self->flags |= GTI_TASK_MARK;
        gti_waitq_push_front(&m->waiters_, &self->wait);
    } else {
        gti_waitq_push(&m->waiters_, &self->wait);
    }
    int result = gti_park_until(w, gti_park_unlock, &m->waiters_.lock_, deadline);
    return result == -ETIMEDOUT ? mutex_give_up(m, self) : result;
}

/* A woken task tries again; if somebody was faster it waits at the front, and
 * the mark in its flags makes the next unlock hand the mutex over to it. */
static GTI_NOINLINE int mutex_lock_slow(gt_mutex *m, int64_t deadline)
{
    if (GTI_LOAD(m->owner_, relaxed) == gti_park_self(gti_worker_self()))
        gti_fatal("gt_mutex_lock: the caller holds the mutex already");
    for (bool again = false;; again = true) {
        struct gti_worker *w = gti_worker_self();
        struct gti_task *self = gti_park_self(w);
        gti_spin_lock(m->waiters_.lock_);
        if (mutex_take_or_mark(m)) {
            GTI_STORE(m->owner_, self, relaxed);
            gti_spin_unlock(m->waiters_.lock_);
            self->flags &= (uint8_t)~GTI_TASK_MARK;
            return 0;
        }
        int result = mutex_wait(m, w, self, again, deadline);
        if (result != MUTEX_TRY_AGAIN)
            return result == MUTEX_HANDED_OVER ? 0 : result;
    }
}

void gt_mutex_lock(gt_mutex *m)
{
    if (gti_unlikely(gt_mutex_try_lock(m) != 0))
        mutex_lock_slow(m, INT64_MAX);
}

int gt_mutex_lock_until(gt_mutex *m, int64_t deadline)
{
    if (gt_mutex_try_lock(m) == 0)
        return 0;
    if (deadline <= 0 || (deadline != INT64_MAX && deadline <= gti_os_now()))
        return -ETIMEDOUT;
    return mutex_lock_slow(m, deadline);
}

/* Whoever takes the mutex next may unlock and free it, so the last touch is the
 * store that frees it, or the mutex goes to a waiter, which is not yet ready.
 * WAITERS is set and cleared with the queue locked, and set whenever a waiter
 * is in the queue. If all in it have given up by now, there is nobody to wake;
 * if another comes after the queue is unlocked, it finds the mutex free, or `t`
 * will take it and find the mark. */
static GTI_NOINLINE void mutex_unlock_slow(gt_mutex *m)
{
    gti_spin_lock(m->waiters_.lock_);
    struct gti_waiter *wt = gti_waitq_pop(&m->waiters_);
    struct gti_task *t = wt ? gti_waiter_task(wt) : NULL;
    bool hand_over = t && t->flags & GTI_TASK_MARK;
    if (!m->waiters_.head_)
        GTI_AND(m->state_, ~MUTEX_WAITERS, relaxed);
    if (hand_over) {
        t->flags &= (uint8_t)~GTI_TASK_MARK;
        GTI_STORE(m->owner_, t, relaxed);
    }
    gti_spin_unlock(m->waiters_.lock_);
    if (!hand_over)
        /* Ordering: release, edge MUTEX -> gt_mutex_lock(). */
        GTI_AND(m->state_, ~MUTEX_LOCKED, release);
    if (t)
        gti_ready(gti_worker_self(), t, hand_over ? MUTEX_HANDED_OVER : MUTEX_TRY_AGAIN);
}

void gt_mutex_unlock(gt_mutex *m)
{
    uint32_t state = MUTEX_LOCKED;
    if (gti_unlikely(GTI_LOAD(m->owner_, relaxed) != gti_park_self(gti_worker_self())))
        gti_fatal("gt_mutex_unlock: the caller does not hold the mutex");
    GTI_STORE(m->owner_, NULL, relaxed);
    /* Ordering: release, edge MUTEX -> gt_mutex_lock(). */
    if (gti_unlikely(!GTI_CAS(m->state_, state, 0u, release)))
        mutex_unlock_slow(m);
}
