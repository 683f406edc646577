/* Start and stop, and what is asked of the runtime as a whole. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blocking.h"
#include "config.h"
#include "debug.h"
#include "group.h"
#include "local.h"
#include "monitor.h"
#include "netpoll.h"
#include "os_linux.h"
#include "park.h"
#include "thread.h"
#include "trace.h"

static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static char start_error[256];
static sigset_t start_mask; /* signals that the caller of gt_start() had blocked */

static void join_workers(int started)
{
    /* Ordering: release, edge STOP -> gti_worker_leaving(). */
    GTI_STORE(gti_rt.stopping, 1u, release);
    gti_worker_threads_join(started);
}

static size_t worker_bytes(void)
{
    size_t page = gti_os_page_size();
    size_t bytes = (size_t)(gti_rt.workers + gti_rt.max_spares) * sizeof(struct gti_worker);
    return (bytes + page - 1) & ~(page - 1);
}

static void destroy(void)
{
    gti_debug_destroy();
    gti_trace_destroy();
    gti_stacks_destroy();
    gti_local_free_abandoned();
    gti_tasks_destroy();
    gti_inject_clear();
    gti_netpoll_destroy();
    for (int i = 0; i < gti_workers_made(); i++)
        gti_worker_destroy(&gti_rt.worker[i]);
    gti_os_release(gti_rt.worker, worker_bytes());
    free(gti_rt.idle.slot);
    gti_rt.worker = NULL;
    gti_rt.idle.slot = NULL;
    gti_rt.workers = 0;
    GTI_STORE(gti_rt.made, 0, relaxed);
}

/* ---- start ---------------------------------------------------------------- */

static int refuse(int err, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int refuse(int err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(start_error, sizeof start_error, format, args);
    va_end(args);
    return err;
}

static int start_threads(const gt_config *c)
{
    for (int i = 0; i < c->workers; i++) {
        bool enough = gti_worker_init(&gti_rt.worker[i], i);
        /* Ordering: release, edge SPARE-MADE -> gti_workers_made(). */
        GTI_STORE(gti_rt.made, i + 1, release);
        if (!enough)
            return refuse(-ENOMEM, "no memory for %d workers", c->workers);
    }
    GTI_STORE(gti_rt.idle.workers, c->workers, relaxed);
    for (int i = 0; i < c->workers; i++) {
        int err = gti_worker_thread_start(&gti_rt.worker[i]);
        if (err) {
            join_workers(i);
            return refuse(err, "worker %d of %d: pthread_create: %s", i, c->workers,
                          strerror(-err));
        }
    }
    int err = gti_monitor_start(c->hog_ns, !(c->flags & GT_NO_DEADLOCK_EXIT));
    if (err) {
        join_workers(c->workers);
        return refuse(err, "the monitor: pthread_create: %s", strerror(-err));
    }
    return 0;
}

static int allocate(const gt_config *c)
{
    size_t count = (size_t)(c->workers + c->spares);
    memset(&gti_rt, 0, sizeof gti_rt);
    gti_rt.workers = c->workers;
    gti_rt.max_spares = c->spares;
    gti_rt.worker = gti_os_reserve(worker_bytes(), gti_os_page_size());
    gti_rt.idle.slot = calloc(count, sizeof(struct gti_idle_slot));
    if (gti_rt.worker && gti_rt.idle.slot)
        return 0;
    if (gti_rt.worker)
        gti_os_release(gti_rt.worker, worker_bytes());
    free(gti_rt.idle.slot);
    gti_rt.workers = 0;
    return refuse(-ENOMEM, "no memory for %d workers", c->workers);
}

static int start_locked(const gt_config *config)
{
    gt_config c;
    const char *why = "";
    if (GTI_LOAD(gti_rt.forked, relaxed))
        return refuse(-ENOTSUP, "this process was forked from one in which the runtime ran");
    if (GTI_LOAD(gti_rt.running, relaxed))
        return refuse(-EALREADY, "the runtime is running already");
    int err = gti_config_resolve(config, &c, start_error, sizeof start_error);
    if (err)
        return err;
    err = gti_stacks_init(&why);
    if (err)
        return refuse(err, "%s", why);
    gti_stacks_configure(&c);
    err = allocate(&c);
    if (err)
        return err;
    gti_os_guards_begin();
    gti_rt.spin_ns = c.spin_ns;
    gti_rt.stack_class = (uint8_t)gti_stack_class(c.stack_size);
    gti_rt.on_worker_start = c.on_worker_start;
    gti_rt.on_worker_start_arg = c.on_worker_start_arg;
    gt_sem_init(&gti_rt.blocking_slots, c.spares);
    err = gti_trace_init(start_error, sizeof start_error);
    if (!err && (err = gti_debug_init()) != 0)
        refuse(err, "the handlers of SIGSEGV, SIGBUS and SIGQUIT: %s", strerror(-err));
    if (!err)
        err = start_threads(&c);
    if (err) {
        destroy();
        return err;
    }
    GTI_STORE(gti_rt.running, 1u, relaxed);
    return 0;
}

/* Whatever the calling thread does at the moment. */
static bool is_workers_thread(void)
{
    return gti_worker_self() || gti_blocking_worker() || gti_thread_starting() >= 0;
}

/* In the child only the thread that forked goes on. Whatever the others held
 * or were in the middle of stays so; nothing of it is used again. A worker's
 * thread blocks all signals, which the child must not inherit: it may be about
 * to execute another program. */
static void after_fork(void)
{
    static const pthread_mutex_t unlocked = PTHREAD_MUTEX_INITIALIZER;
    if (!gti_rt.worker)
        return;
    if (is_workers_thread())
        pthread_sigmask(SIG_SETMASK, &start_mask, NULL);
    memcpy(&start_lock, &unlocked, sizeof unlocked);
    GTI_STORE(gti_rt.forked, 1u, relaxed);
    GTI_STORE(gti_rt.running, 0u, relaxed);
    GTI_STORE(gti_rt.made, 0, relaxed);
    gti_rt.workers = 0;
    gti_worker_tls = NULL;
    gti_blocking_forked();
    gti_thread_forked();
    gti_debug_forked();
    gti_trace_forked();
}

static void watch_fork(void)
{
    pthread_atfork(NULL, NULL, after_fork);
}

int gt_start(const gt_config *config)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_fork);
    pthread_mutex_lock(&start_lock);
    start_error[0] = '\0';
    pthread_sigmask(SIG_SETMASK, NULL, &start_mask);
    int err = start_locked(config);
    pthread_mutex_unlock(&start_lock);
    return err;
}

const char *gt_start_error(void)
{
    return start_error;
}

/* ---- stop ----------------------------------------------------------------- */

int64_t gt_stop(void)
{
    if (GTI_LOAD(gti_rt.forked, relaxed))
        return -ENOTSUP;
    if (is_workers_thread())
        return -EINVAL;
    int64_t live = -EINVAL;
    pthread_mutex_lock(&start_lock);
    if (GTI_LOAD(gti_rt.running, relaxed)) {
        GTI_STORE(gti_rt.running, 0u, relaxed);
        gti_monitor_stop();
        join_workers(gti_workers_made());
        live = (int64_t)gti_live_tasks();
        gti_dump_await_others();
        /* Ordering: acquire, edge OUTSIDE-SUBMIT <- gti_worker_submit_slow(). */
        while (GTI_LOAD(gti_rt.outside_submitting, acquire) != 0u)
            gti_os_thread_yield();
        gti_trace_finish();
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
    return w ? w->id : gti_thread_starting();
}

int gt_workers(void)
{
    return gti_rt.workers;
}

static void trim_stacks(void *worker)
{
    struct gti_worker *w = worker;
    gti_worker_cool(w);
    gti_stack_trim(&w->stacks);
}

void gt_stack_trim(void)
{
    struct gti_worker *w = gti_worker_self();
    if (w)
        gti_worker_on_os_stack(w, trim_stacks, w);
    else
        gti_stack_trim(NULL);
}
