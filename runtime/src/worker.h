/* A worker: one OS thread that runs tasks, and the queues it owns.
 *
 * Order in which a worker looks for its next task:
 *   1. its run-next slot: what the running task made ready last. It costs
 *      nothing and its data is warm; then its fresh tasks, newest first
 *      (fresh.h). A budget that both share keeps tasks that wake or spawn each
 *      other from shutting out the rest: when it is spent, one of the queue has
 *      its turn, and if the slot alone has used it one of the fresh tasks, in
 *      turns; what is in the slot then goes to the end of the queue. Once a
 *      second the turn is the oldest fresh task's (monitor_watch.c)
 *   2. its run queue and its list of bound tasks, taking turns
 *   3. every GTI_HOUSEKEEPING-th time, and when the monitor finds that this
 *      takes long, before 2: due timers, its inbox, the network, the shared
 *      queue
 *   4. nothing of its own left: timers, inbox, the shared queue, stealing
 *      (worker_idle.c); then spin, then sleep
 *
 * The run-next slot is the worker's own: nobody steals from it, and what it
 * displaces goes to the run queue, where others may steal it. So that a task
 * in it does not wait behind a running task that never gives up, the monitor
 * can take it (monitor.h, next_slot.h).
 */
#ifndef GTI_WORKER_H
#define GTI_WORKER_H

#include "cohort.h"
#include "idle.h"
#include "inject.h"
#include "next_slot.h"
#include "fresh.h"
#include "runq_memory.h"
#include "sanitizer.h"
#include "task.h"
#include "timer.h"

/* gt_counters, shared with who reads them. */
struct gti_counters {
    GTI_ATOMIC(uint64_t)
    spawned, finished, switches, steals, stolen, sleeps, wakes, growths, timers, polls, events,
        blocking, hogs;
};

/* What the monitor remembers of a worker between two looks. */
struct gti_watch {
    uint64_t switches, blocking;  /* counters at ... */
    int64_t since, blocked_since; /* ... these times: unchanged from then on */
    uint64_t hurried_switches;
    int64_t hurried; /* when it was last seen to, that it does its housekeeping */
    bool idle, long_call;
    bool stuck;
    bool hogged;    /* stuck in a task that computes: takes CPU time */
    bool revoked;   /* `shared` is set and the worker has seen it */
    int64_t turned; /* when the oldest fresh task was last given a turn */
};

/* How soon the monitor looks again unless it is nudged. */
enum gti_lazy { GTI_ATTENTIVE, GTI_LAZY, GTI_DEEP };

#define GTI_RUNNEXT_BUDGET 64u
/* gti_worker.streak: so much for each task, and whether any of them was fresh. */
#define GTI_STREAK_TASK  2u
#define GTI_STREAK_FRESH 1u
#define GTI_STREAK_SPENT (GTI_RUNNEXT_BUDGET * GTI_STREAK_TASK)
#define GTI_HOUSEKEEPING 64u
#define GTI_AGE_STACKS   4096u /* a multiple of it: when a busy worker looks after idle stacks */

struct gti_worker {
    /* Owner only. */
    struct gti_task *current;                 /* the running task, or &sched */
    struct gti_next_slot next;                /* the run-next slot */
    struct gti_fresh fresh;                   /* what was spawned last */
    struct gti_task *bound_head, *bound_tail; /* bound tasks that are ready */
    GTI_ATOMIC(uint32_t) streak;              /* how much of the budget is used */
    GTI_ATOMIC(uint32_t) hurry;               /* the monitor sets these two: hurry() */
    uint32_t tick;
    GTI_ATOMIC(uint32_t) oldest_due; /* and this: turn_oldest() */
    bool bound_first;                /* whose turn the next is: of the bound list or the queue */
    bool fresh_first;                /* ... when the budget is spent: of the newest or the queue */
    GTI_ATOMIC(uint32_t) vain;       /* yields that found nothing else to run */
    bool alone;                      /* gt_start() made one worker: no thieves; spares only */
    bool in_turn;                    /* alone, and yields take the ring's next: no repeat */
    bool spare;
    bool on_os_stack; /* gti_worker_on_os_stack() is under way */
    bool holds_entry; /* leaves a task with the lock of a descriptor held (netpoll.c) */
    /* Completions and reservations not yet booked on a group (group.h). */
    struct gt_group *credit_group;
    int64_t credit;
    uint32_t credit_batch;
    struct gti_task_cache tasks;
    struct gti_stack_cache stacks;
    struct {
        void *kept;
        unsigned count;
    } chans;               /* chan_memory.h */
    struct gti_stack *hot; /* of the class of most tasks, just left: what the next one gets */
    struct gti_timers timers;
    struct gti_task sched; /* stands for the scheduling loop on the OS thread's stack */
    struct gti_cohort cohort;
    int64_t looked; /* when it last looked at the network while busy */
    int id;
    uint32_t random;
    struct gti_counters count;
    GTI_ATOMIC(uint32_t) idle;    /* runs no task */
    GTI_ATOMIC(uint32_t) blocked; /* its task is in a blocking call */
    GTI_ATOMIC(uint32_t) retire;  /* a spare that is no longer needed */
    GTI_ATOMIC(uint32_t) orphan;  /* monitor writes: others advance its wheel */
    GTI_ATOMIC(uint32_t) active;  /* 0: a spare that stands by; futex */
    GTI_ATOMIC(uint32_t) naps;    /* odd: sleeps in the kernel and has no task in its hands */
    struct gti_watch watch;       /* monitor only */
    uint64_t os_thread;           /* pthread_t */
    GTI_ATOMIC(int32_t) os_id;    /* its number; 0 until it has started */
    void *os_stack;               /* lowest address; for sanitizers */
    size_t os_stack_size;
    void *signal_stack;
#ifdef GTI_TSAN
    void *ended_fiber; /* of the task that has just ended */
#endif
    /* Others. */
    struct gti_runq runq;
    GTI_ATOMIC(struct gti_task *) inbox GTI_NO_SHARING; /* newest first */
} GTI_NO_SHARING;

struct gti_runtime {
    struct gti_worker *worker; /* workers, then spares */
    int workers;               /* without spares */
    int max_spares;
    GTI_ATOMIC(int) made;    /* of worker[]: with those spares that exist */
    GTI_ATOMIC(int) orphans; /* wheels that others advance */
    GTI_ATOMIC(int) active_spares;
    GTI_ATOMIC(int) hogged;            /* workers that are */
    GTI_ATOMIC(uint32_t) monitor_word; /* futex: changes when somebody wants attention */
    GTI_ATOMIC(uint32_t) monitor_lazy; /* enum gti_lazy */
    struct gt_sem blocking_slots;      /* spares that blocking calls may still take */
    uint8_t stack_class;               /* of tasks that ask for none */
    uint8_t task_flags;                /* of every task: GTI_TASK_SLOW when it is traced */
    int64_t spin_ns;
    void (*on_worker_start)(int worker, void *arg);
    void *on_worker_start_arg;
    struct gti_idle idle GTI_NO_SHARING;
    GTI_ATOMIC(uint32_t) stopping GTI_NO_SHARING;
    GTI_ATOMIC(uint32_t) running;
    GTI_ATOMIC(uint32_t) forked;             /* this is a child of the process that started it */
    GTI_ATOMIC(uint32_t) outside_submitting; /* threads that hand a task over: stop waits */
    GTI_ATOMIC(uint32_t) outside_waiting;    /* threads that only a task can wake */
    GTI_ATOMIC(uint64_t) spawned_outside;
    GTI_ATOMIC(uint64_t) wakes_outside;
};

extern struct gti_runtime gti_rt;
extern __thread struct gti_worker *gti_worker_tls;

/* The calling OS thread's worker; NULL outside. Read anew at every call, since
 * a task may have moved. */
GTI_INLINE struct gti_worker *gti_worker_self(void)
{
    return gti_self_load();
}

/* Workers and those spares that exist: the valid indices of gti_rt.worker[]. */
GTI_INLINE int gti_workers_made(void)
{
    /* Ordering: acquire, edge SPARE-MADE <- make_spare(). */
    return GTI_LOAD(gti_rt.made, acquire);
}

/* Tasks that have not finished; a sum over counters that go on. */
uint64_t gti_live_tasks(void);

/* The worker is to go back to its loop and leave that: gt_stop() was called,
 * or it is a spare that is no longer needed. */
GTI_INLINE bool gti_worker_leaving(struct gti_worker *w)
{
    /* Ordering: acquire, edge STOP <- gt_stop(). */
    return GTI_LOAD(gti_rt.stopping, acquire) != 0 || GTI_LOAD(w->retire, relaxed) != 0;
}

/* ---- making tasks run ---------------------------------------------------- */

/* Put a task that is FRESH or READY at the end of the worker's queue. w is the
 * calling worker, not NULL. Returns 0, like gti_worker_submit(). */
int gti_worker_requeue(struct gti_worker *w, struct gti_task *t);
int gti_worker_submit_slow(struct gti_worker *w, struct gti_task *t);

/* Put it where a worker will find it; it runs next if it may. `w` is the
 * calling worker, or NULL. Returns 0, so that an API function can end in a
 * tail call of this one. */
GTI_INLINE int gti_worker_submit(struct gti_worker *w, struct gti_task *t)
{
    if (gti_unlikely(!w || t->bound))
        return gti_worker_submit_slow(w, t);
    struct gti_task *displaced = gti_next_put(&w->next, t);
    return gti_unlikely(displaced != NULL) ? gti_worker_requeue(w, displaced) : 0;
}

/* Move fresh tasks to the run queue, oldest first, until `keep` are left. */
int gti_worker_share(struct gti_worker *w, uint32_t keep);

/* How many fresh tasks a worker that is not alone should keep to itself, `own`
 * of which nobody else needs: all, unless a worker idles and the run queue has
 * nothing for it to take. */
GTI_INLINE uint32_t gti_worker_fresh_share(struct gti_worker *w, uint32_t own)
{
    uint32_t count = GTI_LOAD(w->fresh.count, relaxed);
    if (count <= own || !gti_idle_anybody(&gti_rt.idle) || !gti_runq_is_empty(&w->runq))
        return count;
    return count < 2u * GTI_FRESH_SHARED ? count / 2u : count - GTI_FRESH_SHARED;
}

/* ---- running them -------------------------------------------------------- */

/* What is due now and then. False: the worker is to leave. */
bool gti_worker_keep_house(struct gti_worker *w);

struct gti_task *gti_worker_pick_slow(struct gti_worker *w);

/* The run-next slot's task, or NULL. */
GTI_INLINE struct gti_task *gti_worker_pick_slot(struct gti_worker *w)
{
    uint32_t streak = GTI_LOAD(w->streak, relaxed);
    if (gti_unlikely(streak >= GTI_STREAK_SPENT || !GTI_LOAD(w->next.task, relaxed)))
        return NULL;
    GTI_STORE(w->streak, streak + GTI_STREAK_TASK, relaxed);
    return gti_next_take(&w->next);
}

/* The newest fresh task, or NULL: also when there is more to it, as when the
 * list is to be shared. Without a call. */
GTI_INLINE struct gti_task *gti_worker_pick_newest(struct gti_worker *w)
{
    uint32_t count = GTI_LOAD(w->fresh.count, relaxed), streak = GTI_LOAD(w->streak, relaxed);
    struct gti_task *t = NULL;
    if (count == 0u || streak >= GTI_STREAK_SPENT ||
        (!w->alone && gti_worker_fresh_share(w, 1u) < count))
        return NULL;
    if (gti_likely(gti_next_touch(&w->next) && GTI_LOAD(w->fresh.count, relaxed) != 0u)) {
        t = gti_fresh_newest(&w->fresh);
        GTI_STORE(w->streak, (streak + GTI_STREAK_TASK) | GTI_STREAK_FRESH, relaxed);
    }
    gti_next_untouch(&w->next);
    return t;
}

/* The run-next slot's task, or the newest fresh one, or NULL. */
GTI_INLINE struct gti_task *gti_worker_pick_next(struct gti_worker *w)
{
    uint32_t streak = GTI_LOAD(w->streak, relaxed);
    if (gti_unlikely(streak >= GTI_STREAK_SPENT))
        return NULL;
    if (GTI_LOAD(w->next.task, relaxed))
        return gti_worker_pick_slot(w);
    if (GTI_LOAD(w->fresh.count, relaxed) == 0u)
        return NULL;
    GTI_STORE(w->streak, (streak + GTI_STREAK_TASK) | GTI_STREAK_FRESH, relaxed);
    struct gti_task *t = gti_fresh_take(&w->fresh, &w->next, true);
    if (gti_likely(w->alone))
        return t;
    uint32_t keep = gti_worker_fresh_share(w, 0u);
    if (gti_unlikely(keep < GTI_LOAD(w->fresh.count, relaxed)))
        gti_worker_share(w, keep);
    return t;
}

/* The next task of this worker's own queues, or NULL. */
GTI_INLINE struct gti_task *gti_worker_pick(struct gti_worker *w)
{
    struct gti_task *t = gti_worker_pick_next(w);
    return gti_likely(t != NULL) ? t : gti_worker_pick_slow(w);
}

/* With many tasks in turn each one's descriptor and stack have left the
 * nearer caches by the time it runs; these many places ahead they are fetched,
 * `row` of them at every `row`th turn. Tasks that only yield gain most by one at
 * a time. Others by rows: the processor waits for the address translation of a
 * prefetch, but does several at once. */
#define GTI_PREFETCH_TASK  16u
#define GTI_PREFETCH_STACK 8u
#define GTI_PREFETCH_ROW   4u
#define GTI_PREFETCH_BYTES 192u /* of a stack: saved registers, and a frame or two */

GTI_INLINE void gti_worker_prefetch(const struct gti_runq_ends *ring, uint32_t row)
{
#ifdef GTI_TSAN
    (void)ring; /* a hint may race: the task may be another worker's by now */
    (void)row;
#else
    if (gti_likely(ring->tail - ring->head < GTI_PREFETCH_TASK + row || ring->head % row != 0))
        return;
    for (uint32_t i = 0; i < row; i++) {
        __builtin_prefetch(gti_runq_at(ring, GTI_PREFETCH_TASK + i), 1);
        const char *sp = (const char *)gti_runq_at(ring, GTI_PREFETCH_STACK + i)->context.sp;
        for (unsigned at = 0; at < GTI_PREFETCH_BYTES; at += GTI_CACHE_LINE)
            __builtin_prefetch(sp + at, 1);
    }
#endif
}

/* The oldest of its run queue, or NULL. */
GTI_INLINE struct gti_task *gti_worker_pop(struct gti_worker *w)
{
    struct gti_task *t;
    const struct gti_runq_ends ring = gti_runq_ends(&w->runq);
    gti_worker_prefetch(&ring, GTI_PREFETCH_ROW);
    if (!w->alone)
        return gti_runq_pop(&w->runq);
    t = gti_likely(gti_next_touch(&w->next)) ? gti_runq_pop_alone(&w->runq)
                                             : gti_runq_pop(&w->runq);
    gti_next_untouch(&w->next);
    return t;
}

/* May the calling task poll for a moment before it waits? `w` is its worker, or
 * NULL. Not if there is something else to run, or nobody else who could do what
 * it waits for. */
GTI_INLINE bool gti_worker_may_spin(struct gti_worker *w)
{
    if (gti_rt.spin_ns <= 0)
        return false;
    return !w || (!w->alone && !GTI_LOAD(w->next.task, relaxed) &&
                  GTI_LOAD(w->fresh.count, relaxed) == 0u && !w->bound_head &&
                  gti_runq_is_empty(&w->runq));
}

/* Give up the turn of what is in the run-next slot, so that others may run it. */
GTI_INLINE void gti_worker_offer_next(struct gti_worker *w)
{
    if (!w || w->alone)
        return;
    struct gti_task *t = gti_next_take(&w->next);
    if (t)
        gti_worker_requeue(w, t);
}

/* When `to` is fresh. */
int gti_worker_switch_fresh(struct gti_worker *w, struct gti_task *from, struct gti_task *to,
                            gti_hook *hook, void *arg);
/* When `from` has a canary or is traced, or a sanitizer must know. */
int gti_worker_switch_slow(struct gti_worker *w, struct gti_task *from, struct gti_task *to,
                           gti_hook *hook, void *arg);

#if defined(GTI_ASAN) || defined(GTI_TSAN)
#define GTI_SWITCH_IS_SLOW true
#else
#define GTI_SWITCH_IS_SLOW false
#endif

/* Leave `from`, which is current, for `to`; hook(w, arg) runs on the way.
 * Returns from->context.result when `from` is resumed, maybe on another
 * worker: the caller must not use `w` after it, and returns at once.
 *
 * This and what calls it have no other calls on their fast path, only tail
 * calls, so that they need no frame of their own: each register pushed and
 * each return after a switch would show in its cost. */
GTI_INLINE int gti_worker_switch(struct gti_worker *w, struct gti_task *from, struct gti_task *to,
                                 gti_hook *hook, void *arg)
{
    if (GTI_SWITCH_IS_SLOW || gti_unlikely(from->flags & (GTI_TASK_CANARY | GTI_TASK_SLOW)))
        return gti_worker_switch_slow(w, from, to, hook, arg);
    if (gti_unlikely(GTI_LOAD(to->state, relaxed) == (uint32_t)GTI_FRESH))
        return gti_worker_switch_fresh(w, from, to, hook, arg);
    gti_assert(GTI_LOAD(to->state, relaxed) == (uint32_t)GTI_READY);
    w->current = to;
    GTI_COUNT(w->count.switches);
    return gti_context_switch(&from->context, &to->context, hook, w, arg);
}

/* Call fn(arg) on the stack of the worker's OS thread: for what needs more
 * stack than a small task has. `w` is the calling worker. */
void gti_worker_on_os_stack(struct gti_worker *w, void (*fn)(void *), void *arg);

/* Put the hot stack back into the cache, where it ages. */
void gti_worker_cool(struct gti_worker *w);

/* Body of a worker's OS thread, after it set gti_worker_tls. */
void gti_worker_loop(struct gti_worker *w);

/* ---- idle workers (worker_idle.c) ---------------------------------------- */

/* Look everywhere, spin, sleep; NULL only when the runtime stops. */
struct gti_task *gti_worker_find(struct gti_worker *w);
/* Before and after a sleep in the kernel, with no task in its hands. A slot
 * that says "sleeping" does not say that: it does so from before the last look
 * at the queues on. */
GTI_INLINE void gti_worker_nap(struct gti_worker *w)
{
    /* Ordering: release, edge NAP -> all_nap(). */
    GTI_STORE(w->naps, GTI_LOAD(w->naps, relaxed) + 1u, release);
    /* Who sees what it does after a sleep sees that it has woken.
     * Ordering: seq_cst, edge NAP <-> check_deadlock(). */
    GTI_FENCE(seq_cst);
}
/* After work was published: wake a worker if one is needed. Returns 0, like
 * gti_worker_submit(). */
int gti_worker_wake_any(struct gti_worker *w);
void gti_worker_wake_this(struct gti_worker *target);
/* Move the inbox to the list of bound tasks, oldest first. */
void gti_worker_drain_inbox(struct gti_worker *w);

/* Make the monitor look now if it is at least so lazy. After a store that it
 * is to see. */
void gti_worker_nudge_monitor(enum gti_lazy lazy);

/* ---- the wheels (wheel.c) ------------------------------------------------- */

/* Put a task on the worker's wheel. */
void gti_worker_add_timer(struct gti_worker *w, struct gti_task *t, int64_t deadline,
                          enum gti_on_wheel how);
/* Take a task, whose claim the caller has won, off the wheel it may be on. */
void gti_worker_forget_timer(struct gti_task *t);
/* Make those ready whose deadline has passed: on the worker's own wheel, and
 * on those that nobody else looks after. */
void gti_worker_run_timers(struct gti_worker *w);
/* When to do so next; INT64_MAX: never. */
int64_t gti_worker_next_timer(struct gti_worker *w);
/* The same for the wheels that nobody else looks after. */
int64_t gti_worker_next_orphan(void);

#endif
