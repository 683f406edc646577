/* See thread.h. */
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "chan_memory.h"
#include "debug.h"
#include "os_linux.h"

/* A worker's OS thread runs the scheduling loop and on_worker_start() only. */
#define WORKER_STACK ((size_t)256 << 10)

#ifdef GTI_ASAN
static void find_os_stack(struct gti_worker *w)
{
    pthread_attr_t attr;
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        pthread_attr_getstack(&attr, &w->os_stack, &w->os_stack_size);
        pthread_attr_destroy(&attr);
    }
}
#else
static void find_os_stack(struct gti_worker *w)
{
    (void)w;
}
#endif

bool gti_worker_init(struct gti_worker *w, int id)
{
    memset(w, 0, sizeof *w);
    w->id = id;
    w->spare = id >= gti_rt.workers;
    w->alone = gti_rt.workers == 1;
    w->in_turn = w->alone;
    w->credit_batch = 1; /* its first act may be to finish a member: see gti_group_leave() */
    w->current = &w->sched;
    w->random = 2654435761u * (uint32_t)(id + 1);
    GTI_STORE(w->active, 1u, relaxed);
    /* Without membarrier the bias could not be revoked: there is none. */
    GTI_STORE(w->next.shared, gti_os_has_membarrier() ? 0u : 1u, relaxed);
    int64_t now = gti_os_now();
    w->watch.since = w->watch.blocked_since = w->watch.turned = now;
    gti_timers_init(&w->timers, now);
    bool enough = gti_runq_init(&w->runq);
    return gti_debug_worker_init(w) && enough;
}

void gti_worker_destroy(struct gti_worker *w)
{
    gti_runq_destroy(&w->runq);
    gti_chans_release(w);
    gti_debug_worker_destroy(w);
}

/* ---- spares ---------------------------------------------------------------- */

/* What it had becomes everybody's, spawners after what they have made; its wheel
 * is an orphan until it is back. */
static void stand_down(struct gti_worker *w)
{
    struct gti_task *t = gti_next_take(&w->next);
    while (t || (t = gti_worker_pop(w)) != NULL ||
           (t = gti_fresh_take(&w->fresh, &w->next, true)) != NULL) {
        gti_inject_push(t);
        t = NULL;
    }
    gti_worker_cool(w);
    gti_stack_flush(&w->stacks);
    GTI_STORE(w->idle, 1u, relaxed);
    GTI_ADD(gti_rt.orphans, 1, relaxed);
    /* Ordering: release, edge SPARE-DOWN -> gti_spare_activate(). */
    GTI_STORE(w->active, 0u, release);
    GTI_SUB(gti_rt.active_spares, 1, relaxed);
    gti_worker_wake_any(w);
    while (GTI_LOAD(w->active, relaxed) == 0u && !GTI_LOAD(gti_rt.stopping, relaxed))
        gti_os_futex_wait(&w->active.v_, 0, INT64_MAX);
    GTI_STORE(w->idle, 0u, relaxed);
    GTI_SUB(gti_rt.orphans, 1, relaxed);
}

static void run_loop(struct gti_worker *w)
{
    for (;;) {
        gti_worker_loop(w);
        /* Ordering: acquire, edge STOP <- gt_stop(). */
        if (GTI_LOAD(gti_rt.stopping, acquire))
            return;
        stand_down(w);
    }
}

static __thread int starting = -1;

void gti_thread_forked(void)
{
    starting = -1;
}

int gti_thread_starting(void)
{
    return starting;
}

/* As an outside thread: what waited as a worker would queue the scheduling loop. */
static void call_on_worker_start(struct gti_worker *w)
{
    if (!gti_rt.on_worker_start || w->spare)
        return;
    starting = w->id;
    gti_rt.on_worker_start(w->id, gti_rt.on_worker_start_arg);
    starting = -1;
}

static void *thread_main(void *arg)
{
    struct gti_worker *w = arg;
    GTI_STORE(w->os_id, gti_os_thread_id(), relaxed);
    gti_os_thread_punctual();
    if (w->spare) /* beside hogs */
        gti_os_thread_slice(0, GTI_SLICE_SHORT);
    find_os_stack(w);
    int err = gti_debug_thread_init(w);
    if (err)
        gti_fatal("worker %d: no signal stack: %s", w->id, strerror(-err));
    call_on_worker_start(w);
    gti_worker_tls = w;
    run_loop(w);
    gti_debug_thread_destroy();
    gti_worker_tls = NULL;
    return NULL;
}

/* Signals that are not faults are for the threads that the program made: a
 * handler without SA_ONSTACK would run on a task's small stack. */
int gti_worker_thread_start(struct gti_worker *w)
{
    pthread_t thread;
    sigset_t blocked;
    sigfillset(&blocked);
    static const int wanted[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGPROF};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        sigdelset(&blocked, wanted[i]);
    int err = gti_os_thread_create(&thread, WORKER_STACK, &blocked, thread_main, w);
    w->os_thread = (uint64_t)thread;
    return err;
}

void gti_worker_threads_join(int count)
{
    for (int i = 0; i < count; i++) {
        struct gti_worker *w = &gti_rt.worker[i];
        gti_worker_wake_this(w);
        /* The store is what a spare sees that is about to stand by. */
        GTI_STORE(w->active, 1u, relaxed);
        gti_os_futex_wake(&w->active.v_, 1);
    }
    for (int i = 0; i < count; i++)
        pthread_join((pthread_t)gti_rt.worker[i].os_thread, NULL);
}

static int make_spare(int id)
{
    struct gti_worker *w = &gti_rt.worker[id];
    if (!gti_worker_init(w, id)) {
        gti_worker_destroy(w);
        return -ENOMEM;
    }
    /* Ordering: release, edge SPARE-MADE -> gti_workers_made(). */
    GTI_STORE(gti_rt.made, id + 1, release);
    GTI_STORE(gti_rt.idle.workers, id + 1, relaxed);
    int err = gti_worker_thread_start(w);
    if (err) {
        GTI_STORE(gti_rt.idle.workers, id, relaxed);
        GTI_STORE(gti_rt.made, id, relaxed);
        gti_worker_destroy(w);
    }
    return err;
}

int gti_spare_activate(void)
{
    int made = gti_workers_made(), err = 0;
    for (int i = gti_rt.workers; i < made; i++) {
        struct gti_worker *w = &gti_rt.worker[i];
        /* Ordering: acquire, edge SPARE-DOWN <- stand_down(). */
        if (GTI_LOAD(w->active, acquire))
            continue;
        GTI_STORE(w->retire, 0u, relaxed);
        GTI_ADD(gti_rt.active_spares, 1, relaxed);
        GTI_STORE(w->active, 1u, relaxed);
        gti_os_futex_wake(&w->active.v_, 1);
        return 0;
    }
    if (made == gti_rt.workers + gti_rt.max_spares)
        return -EAGAIN;
    err = make_spare(made);
    if (!err)
        GTI_ADD(gti_rt.active_spares, 1, relaxed);
    return err;
}

void gti_spare_retire(struct gti_worker *w)
{
    GTI_STORE(w->retire, 1u, relaxed);
    gti_worker_wake_this(w);
}
