/* Condition variables.
 *
 * State: the queue of those who wait, oldest first, under its lock. Nothing
 * else: a signal that finds nobody is gone.
 *
 * wait() locks the queue, gives the mutex back, queues itself and parks; the
 * lock is released once it is saved (park.h). A signaller must lock the queue
 * too. So whoever takes the mutex after the waiter gave it back finds the
 * waiter on the queue: no wake-up is lost between the two. The order of locks
 * is: queue of the condition, queue of the mutex, wheel.
 *
 * The mutex is given back under the queue's spin lock, not in the hook after
 * the switch, although that may cost a wake of another worker inside the lock:
 * this way the task that gets the mutex is ready when the waiter picks the
 * next, and may be switched to directly.
 *
 * A signal takes one waiter off and makes its task ready, which then locks the
 * mutex like anybody else. It is nobody else's signal: who is taken off
 * returns 0.
 *
 * A deadline races with a signal for the waiter's claim (waitq.h). If the
 * signal wins, wait_until() returns 0, however long it then waits for the
 * mutex. If the clock wins, the signal goes to the next in the queue, and
 * wait_until() takes its waiter off and returns -ETIMEDOUT. So a signal is
 * never spent on one that reports a timeout.
 */
#include "waitq.h"

static void check_held(const gt_mutex *mutex, const char *call)
{
    if (gti_unlikely(GTI_LOAD(mutex->owner_, relaxed) != gti_park_self(gti_worker_self())))
        gti_fatal("%s: the caller does not hold the mutex", call);
}

void gt_cond_wait(gt_cond *cond, gt_mutex *mutex)
{
    check_held(mutex, "gt_cond_wait");
    gti_spin_lock(cond->waiters_.lock_);
    gt_mutex_unlock(mutex);
    gti_waitq_wait(gti_worker_self(), &cond->waiters_, &cond->waiters_.lock_, NULL, GTI_WAIT_COND);
    gt_mutex_lock(mutex);
}

int gt_cond_wait_until(gt_cond *cond, gt_mutex *mutex, int64_t deadline)
{
    check_held(mutex, "gt_cond_wait_until");
    gti_spin_lock(cond->waiters_.lock_);
    gt_mutex_unlock(mutex);
    int result = gti_waitq_wait_until(gti_worker_self(), &cond->waiters_, &cond->waiters_.lock_,
                                      NULL, GTI_WAIT_COND, deadline);
    gt_mutex_lock(mutex);
    return result;
}

void gt_cond_signal(gt_cond *cond)
{
    gti_spin_lock(cond->waiters_.lock_);
    struct gti_waiter *wt = gti_waitq_pop(&cond->waiters_);
    gti_spin_unlock(cond->waiters_.lock_);
    if (wt)
        gti_ready(gti_worker_self(), gti_waiter_task(wt), 0);
}

void gt_cond_broadcast(gt_cond *cond)
{
    gti_spin_lock(cond->waiters_.lock_);
    struct gti_task *all = gti_waitq_take(&cond->waiters_);
    gti_spin_unlock(cond->waiters_.lock_);
    gti_ready_list(gti_worker_self(), all, 0);
}
