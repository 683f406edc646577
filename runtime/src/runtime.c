/* Start and stop, and what is asked of the runtime as a whole. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "debug.h"
#include "group.h"
#include "os_linux.h"
#include "park.h"

/* A worker's OS thread runs the scheduling loop and on_worker_start() only. */
#define WORKER_STACK ((size_t)256 << 10)

static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static char start_error[256];

/* ---- worker threads ------------------------------------------------------- */

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

static void *worker_thread(void *arg)
{
    struct gti_worker *w = arg;
    gti_worker_tls = w;
    find_os_stack(w);
    int err = gti_debug_thread_init(w);
    if (err)
        gti_fatal("worker %d: no signal stack: %s", w->id, strerror(-err));
    if (gti_rt.on_worker_start)
        gti_rt.on_worker_start(w->id, gti_rt.on_worker_start_arg);
    gti_worker_loop(w);
    gti_debug_thread_destroy();
    gti_worker_tls = NULL;
    return NULL;
}

static bool worker_init(struct gti_worker *w, int id)
{
    memset(w, 0, sizeof *w);
    w->id = id;
    w->alone = gti_rt.workers == 1;
    w->credit_batch = 1; /* its first act may be to finish a member: see gti_group_leave() */
    w->current = &w->sched;
    w->random = 2654435761u * (uint32_t)(id + 1);
    gti_timers_init(&w->timers, gti_os_now());
    bool enough = gti_runq_init(&w->runq);
    return gti_debug_worker_init(w) && enough;
}

/* Signals that are not faults are for the threads that the program made: a
 * handler without SA_ONSTACK would run on a task's small stack. */
static int worker_start(struct gti_worker *w)
{
    sigset_t all, old;
    pthread_attr_t attr;
    pthread_t thread;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGTRAP);
    sigdelset(&all, SIGPROF);
    int err = pthread_attr_init(&attr);
    if (err)
        return -err;
    pthread_attr_setstacksize(&attr, WORKER_STACK);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    err = pthread_create(&thread, &attr, worker_thread, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    w->os_thread = (uint64_t)thread;
    return -err;
}

static void join_workers(int started)
{
    /* Ordering: release, edge STOP -> gti_worker_stopping(). */
    GTI_STORE(gti_rt.stopping, 1u, release);
    for (int i = 0; i < started; i++)
        gti_worker_wake_this(&gti_rt.worker[i]);
    for (int i = 0; i < started; i++)
        pthread_join((pthread_t)gti_rt.worker[i].os_thread, NULL);
}

static void destroy(void)
{
    gti_debug_destroy();
    gti_stacks_destroy();
    gti_tasks_destroy();
    gti_inject_clear();
    for (int i = 0; i < gti_rt.workers; i++) {
        gti_runq_destroy(&gti_rt.worker[i].runq);
        gti_debug_worker_destroy(&gti_rt.worker[i]);
    }
    free(gti_rt.worker);
    free(gti_rt.idle.slot);
    gti_rt.worker = NULL;
    gti_rt.idle.slot = NULL;
    gti_rt.workers = 0;
}

/* ---- start ---------------------------------------------------------------- */

static int start_threads(const gt_config *c)
{
    bool enough = true;
    for (int i = 0; i < c->workers; i++)
        enough &= worker_init(&gti_rt.worker[i], i);
    if (!enough) {
        snprintf(start_error, sizeof start_error, "no memory for %d workers", c->workers);
        return -ENOMEM;
    }
    for (int i = 0; i < c->workers; i++) {
        int err = worker_start(&gti_rt.worker[i]);
        if (err) {
            snprintf(start_error, sizeof start_error, "worker %d of %d: pthread_create: %s", i,
                     c->workers, strerror(-err));
            join_workers(i);
            return err;
        }
    }
    return 0;
}

static int start_locked(const gt_config *config)
{
    gt_config c;
    const char *why = "";
    if (GTI_LOAD(gti_rt.running, relaxed)) {
        snprintf(start_error, sizeof start_error, "the runtime is running already");
        return -EALREADY;
    }
    int err = gti_config_resolve(config, &c, start_error, sizeof start_error);
    if (err)
        return err;
    err = gti_stacks_init(&why);
    if (err) {
        snprintf(start_error, sizeof start_error, "%s", why);
        return err;
    }
    memset(&gti_rt, 0, sizeof gti_rt);
    size_t count = (size_t)c.workers;
    gti_rt.worker = aligned_alloc(_Alignof(struct gti_worker), count * sizeof(struct gti_worker));
    gti_rt.idle.slot = calloc(count, sizeof(struct gti_idle_slot));
    gti_rt.idle.workers = c.workers;
    if (!gti_rt.worker || !gti_rt.idle.slot) {
        free(gti_rt.worker);
        free(gti_rt.idle.slot);
        snprintf(start_error, sizeof start_error, "no memory for %d workers", c.workers);
        return -ENOMEM;
    }
    gti_rt.workers = c.workers;
    gti_rt.spin_ns = c.spin_ns;
    gti_rt.stack_class = (uint8_t)gti_stack_class(c.stack_size);
    gti_rt.on_worker_start = c.on_worker_start;
    gti_rt.on_worker_start_arg = c.on_worker_start_arg;
    err = gti_debug_init();
    if (!err)
        err = start_threads(&c);
    if (err) {
        destroy();
        return err;
    }
    GTI_STORE(gti_rt.running, 1u, relaxed);
    return 0;
}

int gt_start(const gt_config *config)
{
    pthread_mutex_lock(&start_lock);
    start_error[0] = '\0';
    int err = start_locked(config);
    pthread_mutex_unlock(&start_lock);
    return err;
}

const char *gt_start_error(void)
{
    return start_error;
}

/* ---- stop ----------------------------------------------------------------- */

static int64_t live_tasks(void)
{
    uint64_t live = GTI_LOAD(gti_rt.spawned_outside, relaxed);
    for (int i = 0; i < gti_rt.workers; i++)
        live += gti_rt.worker[i].spawned - gti_rt.worker[i].finished;
    return (int64_t)live;
}

int64_t gt_stop(void)
{
    if (gti_worker_self())
        return -EINVAL;
    int64_t live = -EINVAL;
    pthread_mutex_lock(&start_lock);
    if (GTI_LOAD(gti_rt.running, relaxed)) {
        GTI_STORE(gti_rt.running, 0u, relaxed);
        join_workers(gti_rt.workers);
        live = live_tasks();
        destroy();
    }
    pthread_mutex_unlock(&start_lock);
    return live;
}

int64_t gt_run(const gt_config *config, gt_fn *fn, void *arg)
{
    int err = gt_start(config);
    if (err)
        return err;
    gt_group group = {0};
    err = gt_group_spawn(&group, fn, arg, NULL);
    if (!err)
        err = gt_group_wait(&group);
    int64_t live = gt_stop();
    return err ? err : live;
}

/* ---- questions ------------------------------------------------------------ */

int gt_worker(void)
{
    struct gti_worker *w = gti_worker_self();
    return w ? w->id : -1;
}

int gt_workers(void)
{
    return gti_rt.workers;
}

void gt_stack_trim(void)
{
    struct gti_worker *w = gti_worker_self();
    gti_stack_trim(w ? &w->stacks : NULL);
}

void gt_get_stats(gt_stats *ret_stats)
{
    gt_stats s = {.workers = gti_rt.workers,
                  .spawned = GTI_LOAD(gti_rt.spawned_outside, relaxed),
                  .wakes = GTI_LOAD(gti_rt.wakes_outside, relaxed)};
    for (int i = 0; i < gti_rt.workers; i++) {
        const struct gti_worker *w = &gti_rt.worker[i];
        s.spawned += w->spawned;
        s.finished += w->finished;
        s.switches += w->switches;
        s.steals += w->steals;
        s.stolen += w->stolen;
        s.sleeps += w->sleeps;
        s.wakes += w->wakes;
        s.growths += w->growths;
    }
    gti_stack_stats(&s);
    *ret_stats = s;
}
