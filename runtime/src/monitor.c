/* See monitor.h. */
#include "monitor.h"

#include <pthread.h>
#include <signal.h>

#include "debug.h"
#include "monitor_watch.h"
#include "netpoll.h"
#include "os_linux.h"
#include "thread.h"

#define MONITOR_STACK ((size_t)64 << 10)

/* While there are blocking calls, look so often; after QUIET_POLLS looks that
 * found none that is new, half as often each time. */
#define POLL_NS      20000
#define QUIET_POLLS  50
#define LAZY_POLL_NS 10000000
#define DEEP_NS      1000000000
/* A spare stays for so long after it was last needed. */
#define LINGER_NS 10000000

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
    int asleep; /* looks in a row that found everybody asleep */
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
        stuck += gti_watch_worker(w, now, &new_blocking);
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
            gti_rt.workers > 1 && gti_idle_anybody(&gti_rt.idle) ? GTI_SHARE_NS : LAZY_POLL_NS;
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
    int err = gti_watch_start(hog_ns);
    if (err)
        return err;
    sigfillset(&blocked);
    err = gti_os_thread_create(&monitor.thread, MONITOR_STACK, &blocked, monitor_main, NULL);
    if (err)
        gti_watch_stop();
    return err;
}

void gti_monitor_stop(void)
{
    GTI_STORE(monitor.stop, 1u, relaxed);
    call();
    pthread_join(monitor.thread, NULL);
    gti_watch_stop();
}
