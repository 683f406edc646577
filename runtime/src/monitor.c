/* See monitor.h. */
#include "monitor.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "debug.h"
#include "netpoll.h"
#include "os_linux.h"
#include "spinlock.h"
#include "thread.h"
#include "trace.h"

#define MONITOR_STACK ((size_t)64 << 10)

/* A blocking call is left alone for so long: most end sooner. */
#define BLOCKING_NS 20000
/* While there are blocking calls, look so often; after QUIET_POLLS looks that
 * found none that is new, half as often each time. */
#define POLL_NS      20000
#define QUIET_POLLS  50
#define LAZY_POLL_NS 10000000
#define DEEP_NS      1000000000
/* While some workers idle and others do not, look so often. */
#define SHARE_NS 1000000
/* A spare stays for so long after it was last needed. */
#define LINGER_NS 10000000
/* So long may pass without housekeeping on a busy worker, in which ... */
#define HURRY_NS 10000000
/* ... fewer switches than this happened: with more it has happened by itself. */
#define HURRY_SWITCHES (GTI_HOUSEKEEPING + GTI_RUNNEXT_BUDGET)
/* The oldest fresh task of a worker has a turn so often. */
#define OLDEST_NS 1000000000

static struct {
    GTI_ATOMIC(uint32_t) stop;
    GTI_ATOMIC(uint32_t) dump;
    pthread_t thread;
    int64_t hog_ns;
    bool report_deadlock;
    int64_t poll_ns;
    int quiet;             /* looks since a blocking call was last seen */
    int64_t surplus_since; /* 0: there is no surplus of spares */
    uint64_t last_switches;
    int asleep;              /* looks in a row that found everybody asleep */
    struct gti_runq scratch; /* to steal with */
} monitor;

static void call(void)
{
    GTI_ADD(gti_rt.monitor_word, 1u, relaxed);
    gti_os_futex_wake(&gti_rt.monitor_word.v_, 1);
}

void gti_monitor_ask_for_dump(void)
{
    GTI_STORE(monitor.dump, 1u, relaxed);
    call();
}

/* ---- stuck workers --------------------------------------------------------- */

/* To the shared queue; a bound task to the inbox of its worker. */
static void hand_over(struct gti_task *t)
{
    gti_worker_submit_slow(NULL, t);
}

/* Nobody steals from a worker that is alone: empty its ring, of what it holds
 * now; its task may go on filling it as fast. */
static void evict_ring(struct gti_worker *w)
{
    struct gti_task *t, *other;
    uint32_t left = GTI_LOAD(w->runq.tail, relaxed) - GTI_LOAD(w->runq.head, relaxed), count = 0;
    for (; left > 0 && (t = gti_runq_steal(&w->runq, &monitor.scratch, &count)) != NULL;
         left -= count < left ? count : left) {
        while ((other = gti_runq_pop(&monitor.scratch)) != NULL)
            hand_over(other);
        hand_over(t);
    }
}

/* Make the worker's biased lock a shared one; false: try again later. */
static bool unbias(struct gti_worker *w)
{
    if (!w->watch.revoked)
        w->watch.revoked = gti_next_unbias(&w->next);
    return w->watch.revoked;
}

/* Spawners that wait below what they have made go on waiting for it. */
static void evict_fresh(struct gti_worker *w)
{
    struct gti_task *t, *spawners = NULL;
    while ((t = gti_fresh_take_locked(&w->fresh, false)) != NULL) {
        if (GTI_LOAD(t->state, relaxed) == (uint32_t)GTI_FRESH) {
            hand_over(t);
        } else {
            t->next = spawners;
            spawners = t;
        }
    }
    while ((t = spawners) != NULL) {
        spawners = t->next;
        hand_over(t);
    }
}

static void evict(struct gti_worker *w)
{
    bool ring = w->alone && !gti_runq_is_empty(&w->runq);
    bool own = GTI_LOAD(w->next.task, relaxed) || GTI_LOAD(w->fresh.count, relaxed);
    if ((!own && !ring) || !unbias(w))
        return;
    struct gti_task *t = gti_next_evict(&w->next);
    if (t)
        hand_over(t);
    if (ring)
        evict_ring(w);
    evict_fresh(w);
}

/* It will not switch for long, and who serves the others should not wait for a
 * CPU until the kernel thinks that its turn is over. */
static void begin_hog(struct gti_worker *w)
{
    w->watch.hogged = true;
    GTI_COUNT(w->count.hogs);
    GTI_ADD(gti_rt.hogged, 1, relaxed);
    gti_os_thread_slice(GTI_LOAD(w->os_id, relaxed), GTI_SLICE_LONG);
    if (gti_trace_is_on())
        gti_trace_record(NULL, GTI_TRACE_HOG, NULL, (uint32_t)w->id);
}

static void end_hog(struct gti_worker *w)
{
    w->watch.hogged = false;
    GTI_SUB(gti_rt.hogged, 1, relaxed);
    gti_os_thread_slice(GTI_LOAD(w->os_id, relaxed), w->spare ? GTI_SLICE_SHORT : 0);
}

static void stick(struct gti_worker *w, bool hogged)
{
    w->watch.stuck = true;
    if (hogged)
        begin_hog(w);
    GTI_STORE(w->orphan, 1u, relaxed);
    GTI_ADD(gti_rt.orphans, 1, relaxed);
    /* Who sleeps must see whether its deadline is the earliest still. */
    if (GTI_LOAD(w->timers.count, relaxed))
        gti_worker_wake_any(NULL);
}

/* Also when it was to be taken, but the worker was in the section: `shared` is
 * set then as well. */
static void give_bias_back(struct gti_worker *w)
{
    if (GTI_LOAD(w->next.shared, relaxed) != 0u && gti_os_has_membarrier()) {
        w->watch.revoked = false;
        gti_next_rebias(&w->next);
    }
}

static void unstick(struct gti_worker *w)
{
    w->watch.stuck = false;
    if (w->watch.hogged)
        end_hog(w);
    GTI_SUB(gti_rt.orphans, 1, relaxed);
    GTI_STORE(w->orphan, 0u, relaxed);
    give_bias_back(w);
}

/* What only the worker can reach waits behind a task that does not switch, and
 * others idle. The slot and the list of fresh tasks are not for thieves, since
 * most tasks in them run within a microsecond and are best left where their
 * data is; these have been there for a look. Where hogs are left alone, so is
 * the slot. */
static void share(struct gti_worker *w, int64_t now, bool blocked)
{
    const struct gti_watch *seen = &w->watch;
    if (seen->since == now) {
        give_bias_back(w);
        return;
    }
    if (w->alone || blocked || now - seen->since < SHARE_NS / 2 || !gti_idle_anybody(&gti_rt.idle))
        return;
    if (monitor.hog_ns >= 0)
        evict(w);
    else if (GTI_LOAD(w->fresh.count, relaxed) && unbias(w))
        evict_fresh(w);
}

/* A worker that switches, but seldom, would let its sleepers, its inbox and the
 * shared queue wait for many turns. */
static void hurry(struct gti_worker *w, uint64_t switches, int64_t now)
{
    struct gti_watch *seen = &w->watch;
    if (now - seen->hurried < HURRY_NS)
        return;
    if (switches - seen->hurried_switches < HURRY_SWITCHES) {
        GTI_STORE(w->hurry, 1u, relaxed);
        GTI_STORE(w->streak, GTI_STREAK_SPENT, relaxed);
    }
    seen->hurried = now;
    seen->hurried_switches = switches;
}

/* Newest first leaves the oldest of a worker's fresh tasks behind for as long as
 * there are new ones, so it is given a turn by time: a rule that counts the
 * turns of others gives a tree of tasks either too many subtrees at once or a
 * task beside slow ones no turn for minutes. */
static void turn_oldest(struct gti_worker *w, int64_t now)
{
    if (now - w->watch.turned < OLDEST_NS || GTI_LOAD(w->fresh.count, relaxed) == 0u)
        return;
    GTI_STORE(w->oldest_due, 1u, relaxed);
    w->watch.turned = now;
}

/* Note what changed since the last look. `since` begins anew when a worker was
 * idle or in a long blocking call; not after each short call, or a task that
 * makes nothing but such calls would never be found out. */
static void note(struct gti_worker *w, int64_t now, bool blocked)
{
    struct gti_watch *seen = &w->watch;
    bool idle = GTI_LOAD(w->idle, relaxed);
    uint64_t switches = GTI_LOAD(w->count.switches, relaxed) + GTI_LOAD(w->vain, relaxed);
    uint64_t blocking = GTI_LOAD(w->count.blocking, relaxed);
    if (!idle && !blocked) {
        hurry(w, switches, now);
        turn_oldest(w, now);
    }
    if (idle || seen->idle || seen->long_call || switches != seen->switches) {
        seen->switches = switches;
        seen->since = now;
    }
    seen->idle = idle;
    if (!blocked || blocking != seen->blocking) {
        seen->blocking = blocking;
        seen->blocked_since = now;
    }
    seen->long_call = now - seen->blocked_since >= BLOCKING_NS;
}

/* Compare what the worker does with what it did; true if it is stuck. */
static bool watch(struct gti_worker *w, int64_t now, bool *ret_new_blocking)
{
    struct gti_watch *seen = &w->watch;
    bool blocked = GTI_LOAD(w->blocked, relaxed);
    note(w, now, blocked);
    bool hogged = monitor.hog_ns >= 0 && now - seen->since >= monitor.hog_ns;
    bool stuck = hogged || seen->long_call;
    if (blocked && !stuck)
        *ret_new_blocking = true;
    if (stuck && !seen->stuck)
        stick(w, hogged && !blocked);
    if (!stuck && seen->stuck)
        unstick(w);
    if (stuck)
        evict(w);
    else
        share(w, now, blocked);
    return stuck;
}

/* ---- spares ----------------------------------------------------------------- */

static void retire_one(void)
{
    for (int i = gti_workers_made() - 1; i >= gti_rt.workers; i--) {
        struct gti_worker *w = &gti_rt.worker[i];
        if (GTI_LOAD(w->active, relaxed) && !w->watch.stuck && !GTI_LOAD(w->retire, relaxed)) {
            gti_spare_retire(w);
            return;
        }
    }
}

/* As many active spares as stuck workers. */
static void balance(int stuck, int64_t now)
{
    int active = GTI_LOAD(gti_rt.active_spares, relaxed);
    for (; active < stuck; active++)
        if (gti_spare_activate() != 0)
            break; /* no thread or memory now: asked again at the next look */
    if (active <= stuck) {
        monitor.surplus_since = 0;
        return;
    }
    if (!monitor.surplus_since)
        monitor.surplus_since = now;
    if (now - monitor.surplus_since >= LINGER_NS) {
        monitor.surplus_since = now; /* the next may go as much later */
        retire_one();
    }
}

/* ---- everybody asleep -------------------------------------------------------- */

static uint64_t total_switches(void)
{
    uint64_t sum = 0;
    for (int i = 0, n = gti_workers_made(); i < n; i++)
        sum += GTI_LOAD(gti_rt.worker[i].count.switches, relaxed);
    return sum;
}

static bool is_active(int i)
{
    return i < gti_rt.workers || GTI_LOAD(gti_rt.worker[i].active, relaxed);
}

/* The sum of the workers' naps if each is asleep and not being woken, else 0.
 * As long as it stays the same, none has done anything. */
static uint64_t all_nap(void)
{
    uint64_t sum = 0;
    for (int i = 0, n = gti_workers_made(); i < n; i++) {
        if (!is_active(i))
            continue;
        /* Ordering: acquire, edge NAP <- gti_worker_nap(). */
        uint32_t naps = GTI_LOAD(gti_rt.worker[i].naps, acquire);
        if (naps % 2 == 0 || GTI_LOAD(gti_rt.idle.slot[i].word, relaxed) != (uint32_t)GTI_SLEEPING)
            return 0;
        sum += naps;
    }
    return sum;
}

/* Nothing in the runtime can wake a task: no timer, no queue, no descriptor
 * that somebody waits for. Unless all workers sleep, the answer means nothing. */
static bool nothing_is_due(void)
{
    if (!gti_inject_is_empty() || GTI_LOAD(gti_netpoll.waiters, relaxed) != 0)
        return false;
    for (int i = 0, n = gti_workers_made(); i < n; i++) {
        struct gti_worker *w = &gti_rt.worker[i];
        if (GTI_LOAD(w->timers.count, relaxed) || GTI_LOAD(w->inbox, relaxed) ||
            !gti_runq_is_empty(&w->runq))
            return false;
    }
    return true;
}

/* Every thread of the process that is not ours waits for a task. */
static bool outside_is_asleep(void)
{
    int ours = gti_workers_made() + 1;
    return gti_os_thread_count() - ours == (int)GTI_LOAD(gti_rt.outside_waiting, relaxed);
}

/* All tasks wait, and every worker sleeps from before the first question to
 * after the last. That nobody has run since the look before is only a cheap
 * way to leave most cases out. */
static void check_deadlock(void)
{
    uint64_t switches = total_switches(), asleep;
    bool again = monitor.asleep > 1 && switches == monitor.last_switches;
    monitor.last_switches = switches;
    if (!monitor.report_deadlock || !again || gti_live_tasks() == 0 || (asleep = all_nap()) == 0)
        return;
    if (!outside_is_asleep())
        return;
    /* Ordering: seq_cst, edge IDLE-DEKKER <-> gti_idle_prepare(). */
    GTI_FENCE(seq_cst);
    bool nothing = nothing_is_due();
    /* Ordering: seq_cst, edge NAP <-> gti_worker_nap(). */
    GTI_FENCE(seq_cst);
    if (nothing && all_nap() == asleep)
        gti_debug_deadlock();
}

/* ---- the thread --------------------------------------------------------------- */

/* Does something wait for a look that every worker leaves to another? A worker
 * that knew of it may have become stuck since. */
static bool is_neglected(int64_t now)
{
    return gti_netpoll_is_wanted() || gti_worker_next_orphan() <= now;
}

/* How long until the next look. */
static int64_t look(int64_t now)
{
    int stuck = 0;
    bool busy = false, new_blocking = false;
    for (int i = 0, n = gti_workers_made(); i < n; i++) {
        struct gti_worker *w = &gti_rt.worker[i];
        busy |= !GTI_LOAD(w->idle, relaxed);
        stuck += watch(w, now, &new_blocking);
    }
    balance(stuck, now);
    if (is_neglected(now))
        gti_worker_wake_any(NULL);
    monitor.asleep = busy ? 0 : monitor.asleep + 1;
    if (!busy)
        check_deadlock();
    if (new_blocking) {
        monitor.quiet = 0;
        monitor.poll_ns = POLL_NS;
    } else if (++monitor.quiet > QUIET_POLLS && monitor.poll_ns < LAZY_POLL_NS) {
        monitor.poll_ns *= 2;
    }
    if (monitor.asleep > 4 && !monitor.surplus_since)
        return DEEP_NS;
    int64_t hog =
        monitor.hog_ns > 0 && monitor.hog_ns < LAZY_POLL_NS ? monitor.hog_ns : LAZY_POLL_NS;
    return monitor.poll_ns < hog ? monitor.poll_ns : hog;
}

/* Not so long, if what counts has changed since the look. */
static int64_t shorten(int64_t ns)
{
    for (int i = 0, n = gti_workers_made(); i < n; i++) {
        struct gti_worker *w = &gti_rt.worker[i];
        int64_t most =
            gti_rt.workers > 1 && gti_idle_anybody(&gti_rt.idle) ? SHARE_NS : LAZY_POLL_NS;
        if (ns > most && !GTI_LOAD(w->idle, relaxed))
            ns = most;
        if (ns > POLL_NS && GTI_LOAD(w->blocked, relaxed) &&
            GTI_LOAD(w->count.blocking, relaxed) != w->watch.blocking)
            ns = POLL_NS;
    }
    return ns;
}

static enum gti_lazy laziness(int64_t ns)
{
    return ns == DEEP_NS ? GTI_DEEP : ns > POLL_NS * 4 ? GTI_LAZY : GTI_ATTENTIVE;
}

/* `word` is what gti_rt.monitor_word was before the look. */
static void wait_for(uint32_t word, int64_t now, int64_t ns)
{
    GTI_STORE(gti_rt.monitor_lazy, (uint32_t)laziness(ns), relaxed);
    /* Ordering: seq_cst, edge MONITOR-LAZY <-> gti_worker_nudge_monitor(). */
    GTI_FENCE(seq_cst);
    ns = shorten(ns);
    if (!GTI_LOAD(monitor.stop, relaxed) && !GTI_LOAD(monitor.dump, relaxed))
        gti_os_futex_wait(&gti_rt.monitor_word.v_, word, now + ns);
    if (word != GTI_LOAD(gti_rt.monitor_word, relaxed)) {
        monitor.poll_ns = POLL_NS;
        monitor.quiet = 0;
    }
}

static void *monitor_main(void *arg)
{
    (void)arg;
    gti_os_thread_slice(0, GTI_SLICE_SHORT);
    while (!GTI_LOAD(monitor.stop, relaxed)) {
        if (GTI_XCHG(monitor.dump, 0u, relaxed))
            gti_debug_dump_to_stderr();
        uint32_t word = GTI_LOAD(gti_rt.monitor_word, relaxed);
        int64_t now = gti_os_now();
        wait_for(word, now, look(now));
    }
    return NULL;
}

int gti_monitor_start(int64_t hog_ns, bool report_deadlock)
{
    sigset_t blocked;
    GTI_STORE(monitor.stop, 0u, relaxed);
    GTI_STORE(monitor.dump, 0u, relaxed);
    monitor.hog_ns = hog_ns;
    monitor.report_deadlock = report_deadlock;
    monitor.poll_ns = LAZY_POLL_NS;
    monitor.quiet = QUIET_POLLS;
    monitor.surplus_since = 0;
    monitor.asleep = 0;
    if (!gti_runq_init(&monitor.scratch))
        return -ENOMEM;
    sigfillset(&blocked);
    int err = gti_os_thread_create(&monitor.thread, MONITOR_STACK, &blocked, monitor_main, NULL);
    if (err)
        gti_runq_destroy(&monitor.scratch);
    return err;
}

void gti_monitor_stop(void)
{
    GTI_STORE(monitor.stop, 1u, relaxed);
    call();
    pthread_join(monitor.thread, NULL);
    gti_runq_destroy(&monitor.scratch);
}
