/* Mutex: one word, because most of its operations do not wait, and a queue for
 * those that do.
 *
 * Who runs may take it before one that waits: its CPU has the line, and handing
 * the mutex over each time would cost a switch, or a cache line's way to another
 * CPU, per operation. So of those that want the mutex at most one is awake, the
 * contender: a task that an unlock has called, or one that polls for a moment
 * since its worker has nothing else to run. The others wait in the queue, and
 * nobody is woken for them while there is a contender.
 *
 * The contender is passed over MUTEX_MAX_PASSES times, or for as many as fit
 * into MUTEX_PATIENCE; then the next unlock hands the mutex over: it stays
 * LOCKED, but is the contender's. (The clock is read when the number of passes
 * is a power of four.) So everybody gets it in the order of the queue, in turns
 * that are long enough for the line to stay where it is.
 *
 * Where a called task runs next: as a rule where others find it, since the task
 * that calls goes on. But if turns are so short that two CPUs would only take
 * the line away from each other (HOT), in the run-next slot of the caller's
 * worker; and if it has not come to look for MUTEX_UNSEEN, where others find it
 * after all.
 *
 * The word
 *   LOCKED   somebody holds it, or it is HANDED
 *   WAITERS  set and cleared with the queue locked; set if anybody is in it
 *   AWAKE    there is a contender, which alone clears it, or the holder that
 *            set it in vain. A task becomes the contender when it finds LOCKED
 *            and nothing else, so nobody gets ahead of the queue that way; or
 *            when the holder takes it off the queue
 *   HANDED   only with LOCKED and AWAKE, and only the contender may then change
 *            LOCKED, AWAKE or HANDED
 *   HOT      the contender saw others take turns faster than it could look, or
 *            was passed over so often. Until a contender finds it free, or its
 *            patience ends first
 *   the rest how often the contender was passed over
 *
 * Claim: a mutex that is free or handed over and has anybody waiting for it has
 * a contender, who is running or ready. For a task that goes to the queue does
 * so by a compare-and-swap which finds LOCKED and not HANDED, and leaves
 * WAITERS. So a holder will unlock, by a compare-and-swap that finds WAITERS
 * too; if there is no contender by then it makes one. If there is one and it
 * goes to the queue itself, that clears AWAKE: either before the unlock's
 * compare-and-swap, which then fails and looks again, or after it, and then it
 * finds the mutex free. If an unlock finds that all in the queue have given up,
 * it clears WAITERS; who comes after the queue is unlocked sets it anew.
 *
 * Whoever takes the mutex next may unlock and free it, so the compare-and-swap
 * is an unlock's last touch. The task that it has called is made ready after
 * that; it is on no queue any more, but goes on inside gt_mutex_lock().
 *
 * `since_`, when the contender became one, only says when to be fair: whoever
 * makes the contender writes it, and an outdated value does no harm.
 */
#include <errno.h>

#include "os_linux.h"
#include "waitq.h"

#define MUTEX_LOCKED  1u
#define MUTEX_WAITERS 2u
#define MUTEX_AWAKE   4u
#define MUTEX_HANDED  8u
#define MUTEX_HOT     16u
#define MUTEX_PASS    32u

#define MUTEX_MAX_PASSES     4096u
#define MUTEX_POWERS_OF_FOUR 0x55555555u
/* In units of mutex_clock(). */
#define MUTEX_PATIENCE 100u
#define MUTEX_UNSEEN   20u

/* A contender that polls looks so often, after so many pauses of some 30 ns. It
 * gives up at once if others take turns faster than that: then it would only
 * take the line away from them. */
#ifndef GTI_RELACY
#define MUTEX_POLLS  10
#define MUTEX_PAUSES 12
#endif
#define MUTEX_FAST_PASSES 8u

/* Units of 1024 ns. */
static uint32_t mutex_clock(void)
{
    return (uint32_t)(gti_os_now() >> 10);
}

/* ---- taking it -------------------------------------------------------------- */

GTI_INLINE int mutex_try(gt_mutex *m, struct gti_task *self)
{
    /* Ordering: acquire, edge MUTEX <- gt_mutex_unlock(). */
    if (gti_unlikely((GTI_OR(m->state_, MUTEX_LOCKED, acquire) & MUTEX_LOCKED) != 0))
        return -EBUSY;
    GTI_STORE(m->owner_, self, relaxed);
    return 0;
}

int gt_mutex_try_lock(gt_mutex *m)
{
    return mutex_try(m, gti_park_self(gti_worker_self()));
}

/* May a task take a mutex in this state? */
static bool mutex_is_free(uint32_t state, bool contender)
{
    return !(state & MUTEX_LOCKED) || (contender && state & MUTEX_HANDED);
}

/* Take it if it is free. If it is not, and the caller has locked the queue to
 * wait, mark that; it is no contender any more. */
static bool mutex_take(gt_mutex *m, struct gti_task *self, bool contender, bool to_wait)
{
    uint32_t state = GTI_LOAD(m->state_, relaxed), want;
    bool is_free;
    do {
        is_free = mutex_is_free(state, contender);
        if (!is_free && !to_wait)
            return false;
        want = state | (is_free ? MUTEX_LOCKED : MUTEX_WAITERS);
        if (contender && is_free)
            want &= MUTEX_LOCKED | MUTEX_WAITERS | (state & MUTEX_HANDED ? MUTEX_HOT : 0u);
        else if (contender)
            want &= ~MUTEX_AWAKE;
        /* Ordering: acquire, edge MUTEX <- gt_mutex_unlock(). */
    } while (!GTI_CAS(m->state_, state, want, acquire));
    if (is_free)
        GTI_STORE(m->owner_, self, relaxed);
    return is_free;
}

/* Become the contender, if there is neither one nor a queue. */
static bool mutex_contend(gt_mutex *m)
{
    uint32_t state = MUTEX_LOCKED;
    if (!GTI_CAS(m->state_, state, MUTEX_LOCKED | MUTEX_AWAKE, relaxed))
        return false;
    GTI_STORE(m->since_, mutex_clock(), relaxed);
    return true;
}

/* For the contender. */
static bool mutex_poll(gt_mutex *m, struct gti_task *self)
{
    uint32_t before = GTI_LOAD(m->state_, relaxed) / MUTEX_PASS;
    for (int i = 0; i < MUTEX_POLLS; i++) {
        uint32_t state = GTI_LOAD(m->state_, relaxed);
        if (mutex_is_free(state, true) && mutex_take(m, self, true, false))
            return true;
        if (state / MUTEX_PASS - before >= MUTEX_FAST_PASSES) {
            GTI_OR(m->state_, MUTEX_HOT, relaxed);
            break;
        }
        for (int j = 0; j < MUTEX_PAUSES; j++)
            gti_pause();
    }
    return false;
}

/* The deadline has passed. If it was the last in the queue, no unlock needs to
 * look for one. */
static int mutex_give_up(gt_mutex *m, struct gti_task *self)
{
    gti_spin_lock(m->waiters_.lock_);
    gti_waitq_remove(&m->waiters_, &self->wait);
    if (!m->waiters_.head_)
        GTI_AND(m->state_, ~MUTEX_WAITERS, relaxed);
    gti_spin_unlock(m->waiters_.lock_);
    return -ETIMEDOUT;
}

/* The queue is locked, and released on the way. Who was called before waits at
 * its front. */
static int mutex_wait(gt_mutex *m, struct gti_worker *w, struct gti_task *self, bool again,
                      int64_t deadline)
{
    self->wait_kind = GTI_WAIT_MUTEX;
    if (deadline != INT64_MAX)
        gti_waiter_contest(&self->wait, self, NULL);
    else
        self->wait.task = (uintptr_t)self;
    if (again)
        gti_waitq_push_front(&m->waiters_, &self->wait);
    else
        gti_waitq_push(&m->waiters_, &self->wait);
    int result = gti_park_until(w, gti_park_unlock, &m->waiters_.lock_, deadline);
    return result == -ETIMEDOUT ? mutex_give_up(m, self) : result;
}

static GTI_NOINLINE int mutex_lock_slow(gt_mutex *m, int64_t deadline)
{
    int result = 0;
    if (!gti_worker_self() && gt_mutex_try_lock(m) == 0)
        return 0;
    if (GTI_LOAD(m->owner_, relaxed) == gti_park_self(gti_worker_self()))
        gti_fatal("gt_mutex_lock: the caller holds the mutex already");
    for (bool contender = false; result == 0; contender = true) {
        struct gti_worker *w = gti_worker_self();
        struct gti_task *self = gti_park_self(w);
        if (gti_worker_may_spin(w)) {
            contender = contender || mutex_contend(m);
            if (contender && mutex_poll(m, self))
                return 0;
        }
        gti_spin_lock(m->waiters_.lock_);
        if (mutex_take(m, self, contender, true)) {
            gti_spin_unlock(m->waiters_.lock_);
            return 0;
        }
        result = mutex_wait(m, w, self, contender, deadline);
    }
    return result;
}

/* Without a frame, as is gt_mutex_unlock(): what an OS thread that is no worker
 * needs is called from elsewhere. */
void gt_mutex_lock(gt_mutex *m)
{
    struct gti_worker *w = gti_worker_self();
    if (gti_unlikely(!w || mutex_try(m, w->current) != 0))
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

/* ---- giving it back --------------------------------------------------------- */

/* For the holder: make the first in the queue the contender; its task, which is
 * to be made ready, or NULL if there is none, or a contender by now. */
static struct gti_task *mutex_call(gt_mutex *m)
{
    struct gti_task *t = NULL;
    gti_spin_lock(m->waiters_.lock_);
    uint32_t state = GTI_OR(m->state_, MUTEX_AWAKE, relaxed);
    if (!(state & MUTEX_AWAKE)) {
        struct gti_waiter *wt = gti_waitq_pop(&m->waiters_);
        t = wt ? gti_waiter_task(wt) : NULL;
        /* Otherwise it was one before, and its patience goes on. */
        if (t && state < MUTEX_PASS)
            GTI_STORE(m->since_, mutex_clock(), relaxed);
        if (!m->waiters_.head_)
            GTI_AND(m->state_, t ? ~MUTEX_WAITERS : ~(MUTEX_WAITERS | MUTEX_AWAKE), relaxed);
    }
    gti_spin_unlock(m->waiters_.lock_);
    return t;
}

/* What an unlock makes of a state with a contender; *ret_unseen: that has not
 * come to look for a while. It may be in the run-next slot of a task that does
 * not wait, where no other worker finds it. */
static uint32_t mutex_pass_over(gt_mutex *m, uint32_t state, bool *ret_unseen)
{
    uint32_t passes = state / MUTEX_PASS + 1u, waited = 0;
    *ret_unseen = false;
    if (passes >= MUTEX_MAX_PASSES)
        return state | MUTEX_HANDED | MUTEX_HOT;
    if ((passes & (passes - 1u)) == 0 && passes & MUTEX_POWERS_OF_FOUR)
        waited = mutex_clock() - GTI_LOAD(m->since_, relaxed);
    *ret_unseen = waited >= MUTEX_UNSEEN && (passes == 1u || waited < 4u * MUTEX_UNSEEN);
    if (waited >= MUTEX_PATIENCE)
        return (state | MUTEX_HANDED) & ~MUTEX_HOT;
    return state - MUTEX_LOCKED + MUTEX_PASS;
}

static GTI_NOINLINE void mutex_unlock_slow(gt_mutex *m)
{
    struct gti_task *t = NULL;
    uint32_t state, want;
    bool unseen = false;
    do {
        while (((state = GTI_LOAD(m->state_, relaxed)) & (MUTEX_WAITERS | MUTEX_AWAKE)) ==
               MUTEX_WAITERS)
            t = mutex_call(m);
        want = state & MUTEX_AWAKE ? mutex_pass_over(m, state, &unseen) : 0u;
        /* Ordering: release, edge MUTEX -> gt_mutex_lock(). */
    } while (!GTI_CAS(m->state_, state, want, release));
    if (t)
        gti_ready(gti_worker_self(), t, 0);
    if (t ? !(want & MUTEX_HOT) : unseen)
        gti_worker_offer_next(gti_worker_self());
}

static GTI_NOINLINE void mutex_unlock_outside(gt_mutex *m)
{
    if (GTI_LOAD(m->owner_, relaxed) != gti_park_self(gti_worker_self()))
        gti_fatal("gt_mutex_unlock: the caller does not hold the mutex");
    GTI_STORE(m->owner_, NULL, relaxed);
    mutex_unlock_slow(m);
}

void gt_mutex_unlock(gt_mutex *m)
{
    struct gti_worker *w = gti_worker_self();
    if (gti_unlikely(!w || GTI_LOAD(m->owner_, relaxed) != w->current)) {
        mutex_unlock_outside(m);
        return;
    }
    GTI_STORE(m->owner_, NULL, relaxed);
    uint32_t state = GTI_LOAD(m->state_, relaxed), want = state - MUTEX_LOCKED;
    if (gti_unlikely(want != 0)) {
        want += MUTEX_PASS;
        uint32_t passes = want / MUTEX_PASS;
        if (!(want & MUTEX_AWAKE) || (passes & (passes - 1u)) == 0) {
            mutex_unlock_slow(m);
            return;
        }
    }
    /* Ordering: release, edge MUTEX -> gt_mutex_lock(). */
    if (gti_unlikely(!GTI_CAS(m->state_, state, want, release)))
        mutex_unlock_slow(m);
}
