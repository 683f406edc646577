/* Blocking calls: begin and end around code that may block the OS thread.
 *
 * The task keeps its OS thread, and the thread its worker: nothing moves. The
 * worker says that it is blocked; if that lasts, the monitor has a spare take
 * part instead (monitor.h), and thieves empty its ring. Meanwhile the thread
 * counts as one that is no worker, so that the code in between may call
 * anything here. At the end the task goes on at once: for the moment until the
 * monitor retires the spare, one more thread runs tasks than gt_start() made.
 *
 * At most `spares` calls are under way at a time, so each has a spare unless
 * hogs have taken it.
 */
#include "blocking.h"

#include <errno.h>

#include "group.h"
#include "trace.h"

static __thread struct gti_worker *left;

struct gti_worker *gti_blocking_worker(void)
{
    return left;
}

void gti_blocking_forked(void)
{
    left = NULL;
}

/* Not inlined: after a wait the address of a thread-local must be found anew. */
static GTI_NOINLINE void leave(void)
{
    left = gti_worker_tls;
    gti_worker_tls = NULL;
}

static GTI_NOINLINE struct gti_worker *come_back(void)
{
    struct gti_worker *w = left;
    left = NULL;
    gti_worker_tls = w;
    return w;
}

/* Something waits for the worker that only the monitor can give to others; of
 * the fresh list, tasks that wait below what they have spawned. */
static bool is_missed(struct gti_worker *w)
{
    return (w->alone && !gti_runq_is_empty(&w->runq)) || !gti_inject_is_empty() ||
           GTI_LOAD(w->fresh.count, relaxed) != 0 || GTI_LOAD(w->timers.count, relaxed) != 0;
}

int gt_blocking_begin(int64_t deadline)
{
    if (!gti_worker_self())
        return gti_blocking_worker() ? -EINVAL : 0;
    int err = gt_sem_wait_until(&gti_rt.blocking_slots, deadline);
    if (err)
        return err;
    struct gti_worker *w = gti_worker_self();
    gti_group_settle(w);
    gti_worker_share(w, 0);
    struct gti_task *next = gti_next_take(&w->next);
    if (next)
        gti_worker_requeue(w, next);
    leave();
    GTI_COUNT(w->count.blocking);
    if (gti_trace_is_on())
        gti_trace_record(w, GTI_TRACE_BLOCK, NULL, 0);
    GTI_STORE(w->blocked, 1u, relaxed);
    if (is_missed(w))
        gti_worker_nudge_monitor(GTI_LAZY);
    return 0;
}

void gt_blocking_end(void)
{
    if (!gti_blocking_worker())
        return;
    struct gti_worker *w = come_back();
    GTI_STORE(w->blocked, 0u, relaxed);
    if (gti_trace_is_on())
        gti_trace_record(w, GTI_TRACE_UNBLOCK, NULL, 0);
    gt_sem_post(&gti_rt.blocking_slots);
}

int gt_blocking(gt_fn *fn, void *arg, int64_t deadline)
{
    if (!fn)
        return -EINVAL;
    int err = gt_blocking_begin(deadline);
    if (err)
        return err;
    fn(arg);
    gt_blocking_end();
    return 0;
}
