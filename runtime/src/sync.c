/* Wait group and semaphore. Both keep their count under the lock of their
 * queue: one locked instruction per operation, whether it waits or not. */
#include <errno.h>

#include "waitq.h"

/* ---- wait group ----------------------------------------------------------- */

int gt_waitgroup_add(gt_waitgroup *wg, int64_t count)
{
    if (count < 0)
        return -EINVAL;
    gti_spin_lock(wg->waiters_.lock_);
    wg->count_ += (uint64_t)count;
    gti_spin_unlock(wg->waiters_.lock_);
    return 0;
}

void gt_waitgroup_done(gt_waitgroup *wg)
{
    gti_spin_lock(wg->waiters_.lock_);
    if (wg->count_ == 0)
        gti_fatal("gt_waitgroup_done: the count would fall below 0");
    struct gti_task *waiters = --wg->count_ ? NULL : gti_waitq_take(&wg->waiters_);
    gti_spin_unlock(wg->waiters_.lock_); /* wg may be gone from here on */
    gti_ready_list(gti_worker_self(), waiters, 0);
}

void gt_waitgroup_wait(gt_waitgroup *wg)
{
    struct gti_worker *w = gti_worker_self();
    gti_spin_lock(wg->waiters_.lock_);
    if (wg->count_ == 0) {
        gti_spin_unlock(wg->waiters_.lock_);
        return;
    }
    gti_waitq_wait(w, &wg->waiters_, &wg->waiters_.lock_, NULL, GTI_WAIT_WAITGROUP);
}

int gt_waitgroup_wait_until(gt_waitgroup *wg, int64_t deadline)
{
    gti_spin_lock(wg->waiters_.lock_);
    if (wg->count_ == 0) {
        gti_spin_unlock(wg->waiters_.lock_);
        return 0;
    }
    return gti_waitq_wait_until(gti_worker_self(), &wg->waiters_, &wg->waiters_.lock_, NULL,
                                GTI_WAIT_WAITGROUP, deadline);
}

/* ---- semaphore ------------------------------------------------------------ */

int gt_sem_init(gt_sem *sem, int64_t count)
{
    if (count < 0)
        return -EINVAL;
    *sem = (gt_sem){.count_ = (uint64_t)count};
    return 0;
}

int gt_sem_try_wait(gt_sem *sem)
{
    gti_spin_lock(sem->waiters_.lock_);
    bool got = sem->count_ > 0;
    sem->count_ -= got;
    gti_spin_unlock(sem->waiters_.lock_);
    return got ? 0 : -EAGAIN;
}

void gt_sem_wait(gt_sem *sem)
{
    struct gti_worker *w = gti_worker_self();
    if (gti_unlikely(!w)) {
        gt_sem_wait_until(sem, GT_NEVER);
        return;
    }
    gti_spin_lock(sem->waiters_.lock_);
    if (sem->count_ > 0) {
        sem->count_--;
        gti_spin_unlock(sem->waiters_.lock_);
        return;
    }
    gti_waitq_wait(w, &sem->waiters_, &sem->waiters_.lock_, NULL, GTI_WAIT_SEM);
}

int gt_sem_wait_until(gt_sem *sem, int64_t deadline)
{
    gti_spin_lock(sem->waiters_.lock_);
    if (sem->count_ > 0) {
        sem->count_--;
        gti_spin_unlock(sem->waiters_.lock_);
        return 0;
    }
    return gti_waitq_wait_until(gti_worker_self(), &sem->waiters_, &sem->waiters_.lock_, NULL,
                                GTI_WAIT_SEM, deadline);
}

static GTI_NOINLINE void post_contested(gt_sem *sem)
{
    struct gti_waiter *wt = gti_waitq_pop(&sem->waiters_);
    if (!wt)
        sem->count_++;
    gti_spin_unlock(sem->waiters_.lock_);
    if (wt)
        gti_ready(gti_worker_self(), gti_waiter_task(wt), 0);
}

void gt_sem_post(gt_sem *sem)
{
    struct gti_worker *w = gti_worker_self();
    gti_spin_lock(sem->waiters_.lock_);
    if (gti_unlikely(gti_waitq_is_contested(&sem->waiters_))) {
        post_contested(sem);
        return;
    }
    struct gti_waiter *wt = gti_waitq_unlink_first(&sem->waiters_);
    if (!wt)
        sem->count_++;
    gti_spin_unlock(sem->waiters_.lock_); /* sem may be gone from here on */
    if (wt)
        gti_ready(w, gti_waiter_task(wt), 0);
}
