/* Many readers or one writer.
 *
 * State, all of it under the lock of the queue: how many readers hold it, the
 * writer that holds it, and who waits, oldest first. `slot` of a waiter says
 * what it wants.
 *
 * Invariants, whenever the lock is free
 *   - Readers hold it, or one writer, or nobody.
 *   - Who waits at the head cannot be let in yet: a reader waits behind a
 *     writer that holds it, a writer behind anybody who does. So who comes
 *     while the queue is empty decides by the state alone, and who comes while
 *     it is not goes to its end: neither side starves.
 *
 * The mutex is handed over: who makes the second invariant false (the last
 * reader or the writer that leaves) takes the waiters that may now hold it off
 * the queue and counts them in before it unlocks the queue, admit(). A woken
 * task has nothing left to do, and nobody can come between; so no wake-up is
 * lost, there being none that only hints.
 *
 * A deadline races with admit() for the waiter's claim (waitq.h). If admit()
 * wins, the caller holds the mutex and the deadline did not pass in time. If
 * the clock wins, admit() goes on to the next waiter; the task takes its own
 * waiter off, and since it may have been a writer that kept readers behind it
 * waiting, admits them: give_up(). Until it has, the second invariant may be
 * false, which only means that they wait a little longer.
 *
 * The last touch of an unlock is that of the queue's lock: who gets the mutex
 * next may unlock and free it.
 */
#include <errno.h>

#include "waitq.h"

/* What a waiter wants. */
#define READ  NULL
#define WRITE ((void *)1)

static bool is_admissible(const gt_rwmutex *rw, const struct gti_waiter *wt)
{
    return !rw->writer_ && (wt->slot == READ || rw->readers_ == 0);
}

/* With the queue locked: let in who may hold the mutex now; tasks linked by
 * next, to be made ready. */
static struct gti_task *admit(gt_rwmutex *rw)
{
    struct gti_task *first = NULL, **tail = &first;
    struct gti_waiter *wt;
    while ((wt = gti_waitq_first(&rw->waiters_)) != NULL && is_admissible(rw, wt)) {
        gti_waitq_unlink_first(&rw->waiters_);
        if (!gti_waiter_claim(wt))
            continue;
        struct gti_task *t = gti_waiter_task(wt);
        if (wt->slot == READ)
            rw->readers_++;
        else
            rw->writer_ = t;
        t->next = NULL;
        *tail = t;
        tail = &t->next;
    }
    return first;
}

/* The queue is locked, and released on the way. */
static void unlock_and_admit(gt_rwmutex *rw)
{
    struct gti_task *let_in = rw->waiters_.head_ ? admit(rw) : NULL;
    gti_spin_unlock(rw->waiters_.lock_); /* rw may be gone from here on */
    gti_ready_list(gti_worker_self(), let_in, 0);
}

static int give_up(gt_rwmutex *rw)
{
    gti_spin_lock(rw->waiters_.lock_);
    unlock_and_admit(rw);
    return -ETIMEDOUT;
}

/* The queue is locked, and released on the way. */
static int wait(gt_rwmutex *rw, void *want, int64_t deadline)
{
    struct gti_worker *w = gti_worker_self();
    void *lock = &rw->waiters_.lock_;
    if (deadline == INT64_MAX)
        return gti_waitq_wait(w, &rw->waiters_, lock, want, GTI_WAIT_RWMUTEX);
    int result = gti_waitq_wait_until(w, &rw->waiters_, lock, want, GTI_WAIT_RWMUTEX, deadline);
    return result == -ETIMEDOUT ? give_up(rw) : result;
}

/* A reader that waits for itself as a writer would wait for ever. */
static void check_not_recursive(const gt_rwmutex *rw, const char *call)
{
    if (gti_unlikely(rw->writer_ == gti_park_self(gti_worker_self())))
        gti_fatal("%s: the caller holds the mutex for writing already", call);
}

/* ---- readers --------------------------------------------------------------- */

static int rdlock(gt_rwmutex *rw, int64_t deadline, const char *call)
{
    gti_spin_lock(rw->waiters_.lock_);
    if (gti_likely(!rw->writer_ && !rw->waiters_.head_)) {
        rw->readers_++;
        gti_spin_unlock(rw->waiters_.lock_);
        return 0;
    }
    check_not_recursive(rw, call);
    return wait(rw, READ, deadline);
}

void gt_rwmutex_rdlock(gt_rwmutex *rw)
{
    rdlock(rw, INT64_MAX, "gt_rwmutex_rdlock");
}

int gt_rwmutex_rdlock_until(gt_rwmutex *rw, int64_t deadline)
{
    return rdlock(rw, deadline, "gt_rwmutex_rdlock_until");
}

void gt_rwmutex_rdunlock(gt_rwmutex *rw)
{
    gti_spin_lock(rw->waiters_.lock_);
    if (gti_unlikely(rw->readers_ == 0))
        gti_fatal("gt_rwmutex_rdunlock: nobody holds the mutex for reading");
    rw->readers_--;
    unlock_and_admit(rw);
}

/* ---- writers --------------------------------------------------------------- */

static int wrlock(gt_rwmutex *rw, int64_t deadline, const char *call)
{
    gti_spin_lock(rw->waiters_.lock_);
    if (gti_likely(!rw->writer_ && rw->readers_ == 0 && !rw->waiters_.head_)) {
        rw->writer_ = gti_park_self(gti_worker_self());
        gti_spin_unlock(rw->waiters_.lock_);
        return 0;
    }
    check_not_recursive(rw, call);
    return wait(rw, WRITE, deadline);
}

void gt_rwmutex_wrlock(gt_rwmutex *rw)
{
    wrlock(rw, INT64_MAX, "gt_rwmutex_wrlock");
}

int gt_rwmutex_wrlock_until(gt_rwmutex *rw, int64_t deadline)
{
    return wrlock(rw, deadline, "gt_rwmutex_wrlock_until");
}

void gt_rwmutex_wrunlock(gt_rwmutex *rw)
{
    gti_spin_lock(rw->waiters_.lock_);
    if (gti_unlikely(rw->writer_ != gti_park_self(gti_worker_self())))
        gti_fatal("gt_rwmutex_wrunlock: the caller does not hold the mutex for writing");
    rw->writer_ = NULL;
    unlock_and_admit(rw);
}
