/* A worker without work: timers, inbox, shared queue, stealing, spinning,
 * sleeping. The argument that no work is left alone is in idle.h. */
#include "netpoll.h"
#include "os_linux.h"
#include "trace.h"

/* Spinning workers read lines that busy ones write: not too often. */
#define PAUSES_PER_SWEEP 32
#define BRIEF_SWEEPS     4

/* ---- waking --------------------------------------------------------------- */

static void count_wake(struct gti_worker *w)
{
    if (w)
        GTI_COUNT(w->count.wakes);
    else
        GTI_ADD(gti_rt.wakes_outside, 1, relaxed);
}

static bool work_is_visible(void)
{
    if (!gti_inject_is_empty())
        return true;
    for (int i = 0, n = gti_workers_made(); i < n; i++)
        if (!gti_runq_is_empty(&gti_rt.worker[i].runq))
            return true;
    return false;
}

static void futex_wake(struct gti_worker *w, int sleeper)
{
    count_wake(w);
    if (gti_trace_is_on())
        gti_trace_record(w, GTI_TRACE_WAKE, NULL, (uint32_t)sleeper);
    if (w && w->id == sleeper)
        return; /* it looks at its queues again anyway */
    if (gti_netpoll_is_poller(sleeper)) {
        gti_netpoll_interrupt();
        return;
    }
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

int gti_worker_wake_any(struct gti_worker *w)
{
    if (gti_unlikely(gti_idle_published(&gti_rt.idle)))
        wake_slow(w);
    return 0;
}

void gti_worker_wake_this(struct gti_worker *target)
{
    /* Ordering: seq_cst, edge IDLE-DEKKER <-> gti_idle_prepare(). */
    GTI_FENCE(seq_cst);
    if (gti_idle_claim(&gti_rt.idle, &gti_rt.idle.slot[target->id], GTI_WOKEN_DIRECTLY))
        futex_wake(gti_worker_self(), target->id);
}

void gti_worker_nudge_monitor(enum gti_lazy lazy)
{
    /* Ordering: seq_cst, edge MONITOR-LAZY <-> wait_for(). */
    GTI_FENCE(seq_cst);
    if (gti_likely(GTI_LOAD(gti_rt.monitor_lazy, relaxed) < (uint32_t)lazy))
        return;
    GTI_STORE(gti_rt.monitor_lazy, (uint32_t)GTI_ATTENTIVE, relaxed);
    GTI_ADD(gti_rt.monitor_word, 1u, relaxed);
    gti_os_futex_wake(&gti_rt.monitor_word.v_, 1);
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

static struct gti_task *own_work(struct gti_worker *w)
{
    gti_worker_run_timers(w);
    gti_worker_drain_inbox(w);
    struct gti_task *t = gti_worker_pick(w);
    if (!t && !gti_inject_is_empty())
        t = gti_inject_pop();
    if (!t && gti_netpoll_is_wanted()) {
        gti_netpoll_look(w);
        t = gti_worker_pick(w);
    }
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
    uint32_t first = next_random(w), n = (uint32_t)gti_workers_made();
    for (uint32_t i = 0; i < n; i++) {
        struct gti_worker *victim = &gti_rt.worker[(first + i) % n];
        uint32_t count = 0;
        if (victim == w || gti_runq_is_empty(&victim->runq))
            continue;
        struct gti_task *t = gti_runq_steal(&victim->runq, &w->runq, &count);
        if (t) {
            GTI_COUNT(w->count.steals);
            GTI_COUNT_ADD(w->count.stolen, count);
            if (gti_trace_is_on())
                gti_trace_record(w, GTI_TRACE_STEAL, NULL, count);
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
    uint64_t steals = GTI_LOAD(w->count.steals, relaxed);
    struct gti_task *t = any_work(w);
    for (int i = 0; !t && i < BRIEF_SWEEPS && gti_rt.spin_ns > 0; i++)
        t = sweep(w);
    if (GTI_LOAD(w->count.steals, relaxed) != steals && !gti_runq_is_empty(&w->runq))
        gti_worker_wake_any(w);
    return t;
}

/* Look for work for gti_rt.spin_ns, unless hogs want the CPU: then to spin is to
 * be taken off it, for as long as the kernel pleases. The worker is counted as
 * searching. */
static struct gti_task *spin(struct gti_worker *w)
{
    struct gti_task *t = any_work(w);
    if (t || gti_rt.spin_ns <= 0 || GTI_LOAD(gti_rt.hogged, relaxed) > 0)
        return t;
    int64_t until = gti_os_now() + gti_rt.spin_ns;
    do
        t = sweep(w);
    while (!t && !gti_worker_leaving(w) && gti_os_now() < until);
    return t;
}

static void nap(struct gti_worker *w, struct gti_idle_slot *slot, int64_t until)
{
    gti_worker_nap(w);
    gti_os_futex_wait(&slot->word.v_, GTI_SLEEPING, until);
    gti_worker_nap(w);
}

/* Returns as searching; with a task if the last look found one. */
static struct gti_task *sleep_once(struct gti_worker *w)
{
    struct gti_idle_slot *slot = &gti_rt.idle.slot[w->id];
    gti_idle_prepare(&gti_rt.idle, slot);
    bool is_poller = gti_netpoll_become_poller(w);
    struct gti_task *t = any_work(w);
    if (!t && !gti_worker_leaving(w)) {
        int64_t until = gti_worker_next_timer(w);
        int64_t ages = gti_stacks_age(&w->stacks, gti_os_now());
        until = ages < until ? ages : until;
        GTI_COUNT(w->count.sleeps);
        if (gti_trace_is_on())
            gti_trace_record(w, GTI_TRACE_SLEEP, NULL, 0);
        if (!is_poller)
            nap(w, slot, until);
        else if (GTI_LOAD(slot->word, relaxed) == (uint32_t)GTI_SLEEPING)
            gti_netpoll_sleep(w, until);
        if (gti_trace_is_on())
            gti_trace_record(w, GTI_TRACE_AWAKE, NULL, 0);
    }
    if (is_poller)
        gti_netpoll_resign();
    gti_idle_awake(&gti_rt.idle, slot);
    return t;
}

static struct gti_task *search(struct gti_worker *w)
{
    gti_worker_cool(w);
    struct gti_task *t = NULL;
    gti_idle_search(&gti_rt.idle);
    while (!t && !gti_worker_leaving(w)) {
        t = spin(w);
        if (!t)
            t = sleep_once(w);
    }
    /* Submitters relied on this searcher. Beside one worker too: a spare that finds
     * a hog leaves the rest of the shared queue to one that sleeps. */
    if (gti_idle_found(&gti_rt.idle) && t && work_is_visible())
        gti_worker_wake_any(w);
    return t;
}

/* A worker that leaves hands back what its last look has found. */
struct gti_task *gti_worker_find(struct gti_worker *w)
{
    if (gti_worker_leaving(w))
        return NULL;
    struct gti_task *t = look_briefly(w);
    if (!t) {
        GTI_STORE(w->idle, 1u, relaxed);
        t = search(w);
        GTI_STORE(w->idle, 0u, relaxed);
        gti_worker_nudge_monitor(GTI_DEEP);
    }
    if (gti_unlikely(gti_worker_leaving(w)) && t) {
        gti_worker_requeue(w, t);
        return NULL;
    }
    return t;
}
