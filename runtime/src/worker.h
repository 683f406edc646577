/* A worker: one OS thread that runs tasks, and the queues it owns.
 *
 * Order in which a worker looks for its next task:
 *   1. its run-next slot: what the running task made ready last. It costs
 *      nothing and its data is warm; a budget keeps two tasks that wake each
 *      other from shutting out the rest
 *   2. its run queue and its list of bound tasks, taking turns
 *   3. every GTI_HOUSEKEEPING-th time, before 2: due timers, its inbox, the
 *      shared queue
 *   4. nothing of its own left: timers, inbox, the shared queue, stealing
 *      (worker_idle.c); then spin, then sleep
 *
 * The run-next slot is private to the worker. A task in it waits until the
 * running task waits, yields or returns, even while another worker idles;
 * what it displaces goes to the run queue, where others may steal it.
 */
#ifndef GTI_WORKER_H
#define GTI_WORKER_H

#include "idle.h"
#include "inject.h"
#include "runq_memory.h"
#include "sanitizer.h"
#include "task.h"
#include "timer.h"

#define GTI_RUNNEXT_BUDGET 64u
#define GTI_HOUSEKEEPING   64u

struct gti_worker {
    /* Owner only. */
    struct gti_task *current; /* the running task, or &sched */
    struct gti_task *runnext;
    struct gti_task *bound_head, *bound_tail; /* bound tasks that are ready */
    uint32_t streak;                          /* run-next slot used in a row */
    uint32_t tick;
    bool alone; /* the only worker: no thieves, no binding */
    /* Completions and reservations not yet booked on a group (group.h). */
    struct gt_group *credit_group;
    int64_t credit;
    uint32_t credit_batch;
    struct gti_task_cache tasks;
    struct gti_stack_cache stacks;
    struct gti_timers timers;
    struct gti_task sched; /* stands for the scheduling loop on the OS thread's stack */
    int id;
    uint32_t random;
    uint64_t spawned, finished, switches, steals, stolen, sleeps, wakes, growths;
    uint64_t os_thread; /* pthread_t */
    void *os_stack;     /* lowest address; for sanitizers */
    size_t os_stack_size;
    void *signal_stack;
    /* Others. */
    struct gti_runq runq;
    GTI_ATOMIC(struct gti_task *) inbox GTI_NO_SHARING; /* newest first */
} GTI_NO_SHARING;

struct gti_runtime {
    struct gti_worker *worker;
    int workers;
    uint8_t stack_class; /* of tasks that ask for none */
    int64_t spin_ns;
    void (*on_worker_start)(int worker, void *arg);
    void *on_worker_start_arg;
    struct gti_idle idle GTI_NO_SHARING;
    GTI_ATOMIC(uint32_t) stopping GTI_NO_SHARING;
    GTI_ATOMIC(uint32_t) running;
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

/* gt_stop() was called: workers go back to their loops and end. */
GTI_INLINE bool gti_worker_stopping(void)
{
    /* Ordering: acquire, edge STOP <- gt_stop(). */
    return GTI_LOAD(gti_rt.stopping, acquire) != 0;
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
    struct gti_task *displaced = w->runnext;
    w->runnext = t;
    return displaced ? gti_worker_requeue(w, displaced) : 0;
}

/* ---- running them -------------------------------------------------------- */

struct gti_task *gti_worker_pick_slow(struct gti_worker *w);

/* The run-next slot, or NULL. */
GTI_INLINE struct gti_task *gti_worker_pick_next(struct gti_worker *w)
{
    struct gti_task *t = w->runnext;
    if (gti_unlikely(!t || w->streak >= GTI_RUNNEXT_BUDGET))
        return NULL;
    w->runnext = NULL;
    w->streak++;
    return t;
}

/* The next task of this worker's own queues, or NULL. */
GTI_INLINE struct gti_task *gti_worker_pick(struct gti_worker *w)
{
    struct gti_task *t = gti_worker_pick_next(w);
    return gti_likely(t != NULL) ? t : gti_worker_pick_slow(w);
}

/* With many tasks in turn each one's descriptor and stack have left the
 * nearer caches by the time it runs; these many places ahead they are fetched. */
#define GTI_PREFETCH_TASK  16u
#define GTI_PREFETCH_STACK 8u

GTI_INLINE void gti_worker_prefetch(struct gti_worker *w)
{
    struct gti_task *far = gti_runq_peek(&w->runq, GTI_PREFETCH_TASK);
    if (far) {
        struct gti_task *near = gti_runq_peek(&w->runq, GTI_PREFETCH_STACK);
        __builtin_prefetch(far, 1);
        if (near)
            __builtin_prefetch(near->context.sp, 1);
    }
}

/* The oldest of its run queue, or NULL. */
GTI_INLINE struct gti_task *gti_worker_pop(struct gti_worker *w)
{
    gti_worker_prefetch(w);
    return w->alone ? gti_runq_pop_alone(&w->runq) : gti_runq_pop(&w->runq);
}

/* When `to` is fresh, `from` has a canary, or a sanitizer must know. */
int gti_worker_switch_slow(struct gti_worker *w, struct gti_task *from, struct gti_task *to,
                           gti_hook *hook, void *arg);

#ifdef GTI_ASAN
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
    if (GTI_SWITCH_IS_SLOW || gti_unlikely(GTI_LOAD(to->state, relaxed) == (uint32_t)GTI_FRESH ||
                                           from->flags & GTI_TASK_CANARY))
        return gti_worker_switch_slow(w, from, to, hook, arg);
    gti_task_transition(to, GTI_READY, GTI_RUNNING);
    w->current = to;
    w->switches++;
    return gti_context_switch(&from->context, &to->context, hook, w, arg);
}

/* Body of a worker's OS thread, after it set gti_worker_tls. */
void gti_worker_loop(struct gti_worker *w);

/* ---- idle workers (worker_idle.c) ---------------------------------------- */

/* Look everywhere, spin, sleep; NULL only when the runtime stops. */
struct gti_task *gti_worker_find(struct gti_worker *w);
/* After work was published: wake a worker if one is needed. */
void gti_worker_wake_any(struct gti_worker *w);
void gti_worker_wake_this(struct gti_worker *target);
/* Move the inbox to the list of bound tasks, oldest first. */
void gti_worker_drain_inbox(struct gti_worker *w);
/* Make due sleepers ready. */
void gti_worker_run_timers(struct gti_worker *w);

#endif
