/* See monitor_watch.h. */
#include "monitor_watch.h"

#include <errno.h>

#include "os_linux.h"
#include "trace.h"

/* A blocking call is left alone for so long: most end sooner. */
#define BLOCKING_NS 20000
/* So long may pass without housekeeping on a busy worker, in which ... */
#define HURRY_NS 10000000
/* ... fewer switches than this happened: with more it has happened by itself. */
#define HURRY_SWITCHES (GTI_HOUSEKEEPING + GTI_RUNNEXT_BUDGET)
/* The oldest fresh task of a worker has a turn so often. */
#define OLDEST_NS 1000000000

static struct {
    int64_t hog_ns;
    struct gti_runq scratch; /* to steal with */
} watch;

/* To the shared queue; a bound task to the inbox of its worker. */
static void hand_over(struct gti_task *t)
{
    gti_worker_submit_slow(NULL, t);
}

/* Nobody steals from a worker that is alone: empty its ring, of what it holds
 * now; its task may go on filling it as fast. Less than nothing, when the worker
 * has taken tasks off between the two loads. */
static void evict_ring(struct gti_worker *w)
{
    struct gti_task *t, *other;
    int32_t left = (int32_t)(GTI_LOAD(w->runq.tail, relaxed) - GTI_LOAD(w->runq.head, relaxed));
    uint32_t count = 0;
    for (; left > 0 && (t = gti_runq_steal(&w->runq, &watch.scratch, &count)) != NULL;
         left -= (int32_t)count) {
        while ((other = gti_runq_pop(&watch.scratch)) != NULL)
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
    if (w->alone || blocked || now - seen->since < GTI_SHARE_NS / 2 ||
        !gti_idle_anybody(&gti_rt.idle))
        return;
    if (watch.hog_ns >= 0)
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

bool gti_watch_worker(struct gti_worker *w, int64_t now, bool *ret_new_blocking)
{
    struct gti_watch *seen = &w->watch;
    bool blocked = GTI_LOAD(w->blocked, relaxed);
    note(w, now, blocked);
    bool hogged = watch.hog_ns >= 0 && now - seen->since >= watch.hog_ns;
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

int gti_watch_start(int64_t hog_ns)
{
    watch.hog_ns = hog_ns;
    return gti_runq_init(&watch.scratch) ? 0 : -ENOMEM;
}

void gti_watch_stop(void)
{
    gti_runq_destroy(&watch.scratch);
}
