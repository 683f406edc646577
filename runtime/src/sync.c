/* Mutex, wait group, semaphore, sleep and yield, all on gti_park().
 *
 * Wait group and semaphore keep their count under the lock of their queue:
 * one locked instruction per operation, whether it waits or not. The mutex has
 * a word of its own, because most of its operations do not wait.
 */
#include <errno.h>

#include "os_linux.h"
#include "waitq.h"

/* ---- sleeping and yielding ------------------------------------------------ */

int64_t gt_now(void)
{
    return gti_os_now();
}

/* Hook: on the worker's own wheel, now that the context is saved. */
static void sleep_commit(struct gti_worker *w, void *arg)
{
    struct gti_task *t = arg;
    gti_timers_add(&w->timers, t, t->deadline);
}

static void sleep_outside(int64_t deadline)
{
    uint32_t never = 0;
    while (gti_os_now() < deadline)
        gti_os_futex_wait(&never, 0, deadline);
}

void gt_sleep_until(int64_t deadline)
{
    struct gti_worker *w = gti_worker_self();
    if (deadline <= gti_os_now())
        return;
    if (!w) {
        sleep_outside(deadline);
        return;
    }
    w->current->deadline = deadline;
    gti_park(w, sleep_commit, w->current);
}

/* Hook: the context is saved, so thieves may have it. */
static void yield_commit(struct gti_worker *w, void *arg)
{
    gti_worker_requeue(w, arg);
}

GTI_INLINE void yield_to(struct gti_worker *w, struct gti_task *next)
{
    gti_task_transition(w->current, GTI_RUNNING, GTI_READY);
    gti_worker_switch(w, w->current, next, yield_commit, w->current);
}

/* Nothing in the worker's own queues. The stop of the runtime must not wait
 * for a task that yields in a loop. */
static struct gti_task *yield_elsewhere(struct gti_worker *w)
{
    if (gti_worker_stopping())
        return &w->sched;
    gti_worker_drain_inbox(w);
    struct gti_task *t = gti_worker_pick(w);
    if (!t && !gti_inject_is_empty())
        t = gti_inject_pop();
    return t;
}

static GTI_NOINLINE void yield_slow(struct gti_worker *w)
{
    if (!w) {
        gti_os_thread_yield();
        return;
    }
    gti_group_settle(w);
    struct gti_task *next = gti_worker_pick(w);
    if (!next)
        next = yield_elsewhere(w);
    if (next)
        yield_to(w, next);
}

void gt_yield(void)
{
    struct gti_worker *w = gti_worker_self();
    struct gti_task *next;
    /* The tick that is due for housekeeping is left to gti_worker_pick_slow(),
     * which does it; counting it here as well would step over it. */
    if (gti_unlikely(!w || w->credit || w->runnext || w->bound_head ||
                     (w->tick + 1) % GTI_HOUSEKEEPING == 0 || !(next = gti_worker_pop(w)))) {
        yield_slow(w);
        return;
    }
    w->tick++;
    yield_to(w, next);
}

/* ---- mutex ---------------------------------------------------------------- */

#define MUTEX_LOCKED  1u
#define MUTEX_WAITERS 2u

int gt_mutex_try_lock(gt_mutex *m)
{
    uint32_t state = 0;
    /* Ordering: acquire, edge MUTEX <- gt_mutex_unlock(). */
    if (!GTI_CAS(m->state_, state, MUTEX_LOCKED, acquire))
        return -EBUSY;
    m->owner_ = gti_park_self(gti_worker_self());
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

/* A woken task tries again; if somebody was faster it waits at the front, and
 * the mark in its flags makes the next unlock hand the mutex over to it. */
static GTI_NOINLINE void mutex_lock_slow(gt_mutex *m)
{
    for (bool again = false;; again = true) {
        struct gti_worker *w = gti_worker_self();
        struct gti_task *self = gti_park_self(w);
        gti_spin_lock(m->waiters_.lock_);
        if (mutex_take_or_mark(m)) {
            m->owner_ = self;
            gti_spin_unlock(m->waiters_.lock_);
            self->flags &= (uint8_t)~GTI_TASK_MARK;
            return;
        }
        if (again) {
            self->flags |= GTI_TASK_MARK;
            gti_waitq_push_front(&m->waiters_, self);
        } else {
            gti_waitq_push(&m->waiters_, self);
        }
        if (gti_park(w, gti_park_unlock, &m->waiters_.lock_) != 0)
            return; /* handed over */
    }
}

void gt_mutex_lock(gt_mutex *m)
{
    if (gti_unlikely(gt_mutex_try_lock(m) != 0))
        mutex_lock_slow(m);
}

/* Whoever takes the mutex next may unlock and free it, so the last touch is the
 * store that frees it, or the mutex goes to a waiter, which is not yet ready.
 * WAITERS is set and cleared with the queue locked, and set whenever a task is
 * in the queue: it was set, so there is one; and if another comes after the
 * queue is unlocked, `t` will take the mutex and find the mark. */
static GTI_NOINLINE void mutex_unlock_slow(gt_mutex *m)
{
    gti_spin_lock(m->waiters_.lock_);
    struct gti_task *t = gti_waitq_pop(&m->waiters_);
    bool hand_over = t->flags & GTI_TASK_MARK;
    if (!m->waiters_.head_)
        GTI_AND(m->state_, ~MUTEX_WAITERS, relaxed);
    if (hand_over) {
        t->flags &= (uint8_t)~GTI_TASK_MARK;
        m->owner_ = t;
    }
    gti_spin_unlock(m->waiters_.lock_);
    if (!hand_over)
        /* Ordering: release, edge MUTEX -> gt_mutex_lock(). */
        GTI_AND(m->state_, ~MUTEX_LOCKED, release);
    gti_ready(gti_worker_self(), t, hand_over);
}

void gt_mutex_unlock(gt_mutex *m)
{
    uint32_t state = MUTEX_LOCKED;
    if (gti_unlikely(m->owner_ != gti_park_self(gti_worker_self())))
        gti_fatal("gt_mutex_unlock: the caller does not hold the mutex");
    m->owner_ = NULL;
    /* Ordering: release, edge MUTEX -> gt_mutex_lock(). */
    if (gti_unlikely(!GTI_CAS(m->state_, state, 0u, release)))
        mutex_unlock_slow(m);
}

/* ---- wait group ----------------------------------------------------------- */

void gt_waitgroup_add(gt_waitgroup *wg, uint32_t count)
{
    gti_spin_lock(wg->waiters_.lock_);
    wg->count_ += count;
    gti_spin_unlock(wg->waiters_.lock_);
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
    gti_waitq_push(&wg->waiters_, gti_park_self(w));
    gti_park(w, gti_park_unlock, &wg->waiters_.lock_);
}

/* ---- semaphore ------------------------------------------------------------ */

void gt_sem_init(gt_sem *sem, uint32_t count)
{
    *sem = (gt_sem){.count_ = count};
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
    gti_spin_lock(sem->waiters_.lock_);
    if (sem->count_ > 0) {
        sem->count_--;
        gti_spin_unlock(sem->waiters_.lock_);
        return;
    }
    gti_waitq_push(&sem->waiters_, gti_park_self(w));
    gti_park(w, gti_park_unlock, &sem->waiters_.lock_);
}

void gt_sem_post(gt_sem *sem)
{
    struct gti_worker *w = gti_worker_self();
    gti_spin_lock(sem->waiters_.lock_);
    struct gti_task *t = gti_waitq_pop(&sem->waiters_);
    if (!t)
        sem->count_++;
    gti_spin_unlock(sem->waiters_.lock_); /* sem may be gone from here on */
    if (t)
        gti_ready(w, t, 0);
}
