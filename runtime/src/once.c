/* Running a function once.
 *
 * The word goes from NEW to RUNNING to DONE, each step under the lock of the
 * queue, and never back. Who makes the first step runs the function, outside
 * the lock, so that it may wait; the others queue up while the word says
 * RUNNING. The runner makes the second step and empties the queue under one
 * hold of the lock: who comes later sees DONE, who came before is woken. So no
 * wake-up is lost. DONE may be read without the lock: the store releases what
 * the function wrote.
 *
 * A deadline races with the end of the function for the waiter's claim
 * (waitq.h): who loses it to the clock returns -ETIMEDOUT although the
 * function may have returned meanwhile.
 *
 * A function that calls gt_once_run() on its own gt_once waits for itself.
 */
#include "waitq.h"

enum { ONCE_NEW, ONCE_RUNNING, ONCE_DONE };

static void run(gt_once *once, gt_fn *fn, void *arg)
{
    fn(arg);
    gti_spin_lock(once->waiters_.lock_);
    /* Ordering: release, edge ONCE-DONE -> gt_once_run_until(). */
    GTI_STORE(once->state_, (uint32_t)ONCE_DONE, release);
    struct gti_task *waiters = gti_waitq_take(&once->waiters_);
    gti_spin_unlock(once->waiters_.lock_);
    gti_ready_list(gti_worker_self(), waiters, 0);
}

int gt_once_run_until(gt_once *once, gt_fn *fn, void *arg, int64_t deadline)
{
    /* Ordering: acquire, edge ONCE-DONE <- run(). */
    if (gti_likely(GTI_LOAD(once->state_, acquire) == (uint32_t)ONCE_DONE))
        return 0;
    gti_spin_lock(once->waiters_.lock_);
    uint32_t state = GTI_LOAD(once->state_, relaxed);
    if (state == (uint32_t)ONCE_RUNNING)
        return gti_waitq_wait_until(gti_worker_self(), &once->waiters_, &once->waiters_.lock_, NULL,
                                    GTI_WAIT_ONCE, deadline);
    if (state == (uint32_t)ONCE_NEW)
        GTI_STORE(once->state_, (uint32_t)ONCE_RUNNING, relaxed);
    gti_spin_unlock(once->waiters_.lock_);
    if (state == (uint32_t)ONCE_NEW)
        run(once, fn, arg);
    return 0;
}

void gt_once_run(gt_once *once, gt_fn *fn, void *arg)
{
    gt_once_run_until(once, fn, arg, INT64_MAX);
}
