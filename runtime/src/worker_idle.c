/* A worker without work: timers, inbox, shared queue, stealing, spinning,
 * sleeping. The argument that no work is left alone is in idle.h. */
#include "os_linux.h"
#include "worker.h"

/* Spinning workers read lines that busy ones write: not too often. */
#define PAUSES_PER_SWEEP 32
#define BRIEF_SWEEPS     4

/* ---- waking --------------------------------------------------------------- */

static void count_wake(struct gti_worker *w)
{
    if (w)
        w->wakes++;
    else
        GTI_ADD(gti_rt.wakes_outside, 1, relaxed);
}

static bool work_is_visible(void)
{
    if (!gti_inject_is_empty())
        return true;
    for (int i = 0; i < gti_rt.workers; i++)
        if (!gti_runq_is_empty(&gti_rt.worker[i].runq))
            return true;
    return false;
}

static void futex_wake(struct gti_worker *w, int sleeper)
{
    count_wake(w);
    gti_os_futex_wake(&gti_rt.idle.slot[sleeper].word.v_, 1);
}

static GTI_NOINLINE void wake_slow(struct gti_worker *w)
{
    int sleeper;
    do {
        sleeper = gti_idle_wake(&gti_rt.idle, w ? w->id + 1 : 0);
    } while (sleeper == GTI_IDLE_RETRY && gti_idle_published(&gti_rt.idle) && work_is_visible());
    if (sleeper >= 0)
        futex_wake(w, sleeper);
}

void gti_worker_wake_any(struct gti_worker *w)
{
    if (gti_unlikely(gti_idle_published(&gti_rt.idle)))
        wake_slow(w);
}

void gti_worker_wake_this(struct gti_worker *target)
{
    /* Ordering: seq_cst, edge IDLE-DEKKER <-> gti_idle_prepare(). */
    GTI_FENCE(seq_cst);
    if (gti_idle_claim(&gti_rt.idle, &gti_rt.idle.slot[target->id], GTI_WOKEN_DIRECTLY))
        futex_wake(gti_worker_self(), target->id);
}

/* ---- sources of work ------------------------------------------------------ */

void gti_worker_drain_inbox(struct gti_worker *w)
{
    if (!GTI_LOAD(w->inbox, relaxed))
        return;
    /* Ordering: acquire, edge INBOX <- submit_elsewhere(). */
    struct gti_task *t = GTI_XCHG(w->inbox, NULL, acquire), *oldest = NULL;
    while (t) {
        struct gti_task *next = t->next;
        t->next = oldest;
        oldest = t;
        t = next;
    }
    while (oldest) {
        t = oldest;
        oldest = t->next;
        gti_worker_requeue(w, t);
    }
}

void gti_worker_run_timers(struct gti_worker *w)
{
    if (w->timers.count == 0)
        return;
    struct gti_task *t = gti_timers_advance(&w->timers, gti_os_now());
    while (t) {
        struct gti_task *next = t->next;
        t->context.result = 0;
        gti_task_transition(t, GTI_WAITING, GTI_READY);
        gti_worker_requeue(w, t);
        t = next;
    }
}

static struct gti_task *own_work(struct gti_worker *w)
{
    gti_worker_run_timers(w);
    gti_worker_drain_inbox(w);
    struct gti_task *t = gti_worker_pick(w);
    if (!t && !gti_inject_is_empty())
        t = gti_inject_pop();
    return t;
}

static uint32_t next_random(struct gti_worker *w)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 17;
    w->random ^= w->random << 5;
    return w->random;
}

static struct gti_task *steal(struct gti_worker *w)
{
    uint32_t first = next_random(w), n = (uint32_t)gti_rt.workers;
    for (uint32_t i = 0; i < n; i++) {
        struct gti_worker *victim = &gti_rt.worker[(first + i) % n];
        uint32_t count = 0;
        if (victim == w || gti_runq_is_empty(&victim->runq))
            continue;
        struct gti_task *t = gti_runq_steal(&victim->runq, &w->runq, &count);
        if (t) {
            w->steals++;
            w->stolen += count;
            return t;
        }
    }
    return NULL;
}

static struct gti_task *any_work(struct gti_worker *w)
{
    struct gti_task *t = own_work(w);
    return t || w->alone ? t : steal(w);
}

/* ---- spinning and sleeping ------------------------------------------------ */

/* One sweep over all sources, after a pause that ends early when something
 * comes into the inbox. */
static struct gti_task *sweep(struct gti_worker *w)
{
    for (int i = 0; i < PAUSES_PER_SWEEP && !GTI_LOAD(w->inbox, relaxed); i++)
        gti_pause();
    return any_work(w);
}

/* Look a little before joining the searchers: two tasks on two workers that
 * answer each other at once would otherwise move the line with the counter
 * between their CPUs at every step. Nobody relies on a worker that is not
 * counted; but what it steals beyond one task moves to its own queue, where a
 * worker that is about to sleep may have looked just before, and then at the
 * victim's just after. So it publishes them anew. */
static struct gti_task *look_briefly(struct gti_worker *w)
{
    uint64_t steals = w->steals;
    struct gti_task *t = any_work(w);
    for (int i = 0; !t && i < BRIEF_SWEEPS && gti_rt.spin_ns > 0; i++)
        t = sweep(w);
    if (w->steals != steals && !gti_runq_is_empty(&w->runq))
        gti_worker_wake_any(w);
    return t;
}

/* Look for work for gti_rt.spin_ns. The worker is counted as searching. */
static struct gti_task *spin(struct gti_worker *w)
{
    struct gti_task *t = any_work(w);
    if (t || gti_rt.spin_ns <= 0)
        return t;
    int64_t until = gti_os_now() + gti_rt.spin_ns;
    do
        t = sweep(w);
    while (!t && !gti_worker_stopping() && gti_os_now() < until);
    return t;
}

/* Returns as searching; with a task if the last look found one. */
static struct gti_task *sleep_once(struct gti_worker *w)
{
    struct gti_idle_slot *slot = &gti_rt.idle.slot[w->id];
    gti_idle_prepare(&gti_rt.idle, slot);
    struct gti_task *t = any_work(w);
    if (!t && !gti_worker_stopping()) {
        w->sleeps++;
        gti_os_futex_wait(&slot->word.v_, GTI_SLEEPING, gti_timers_next(&w->timers));
    }
    gti_idle_awake(&gti_rt.idle, slot);
    return t;
}

struct gti_task *gti_worker_find(struct gti_worker *w)
{
    struct gti_task *t = gti_worker_stopping() ? NULL : look_briefly(w);
    if (t)
        return t;
    gti_idle_search(&gti_rt.idle);
    while (!t && !gti_worker_stopping()) {
        t = spin(w);
        if (!t)
            t = sleep_once(w);
    }
    if (gti_idle_found(&gti_rt.idle) && t && !w->alone && work_is_visible())
        gti_worker_wake_any(w);
    return gti_worker_stopping() ? NULL : t;
}
