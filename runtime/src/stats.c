/* Counters, for gt_get_stats(). */
#include <errno.h>

#include "worker.h"

uint64_t gti_live_tasks(void)
{
    uint64_t live = GTI_LOAD(gti_rt.spawned_outside, relaxed);
    for (int i = 0, n = gti_workers_made(); i < n; i++) {
        const struct gti_counters *c = &gti_rt.worker[i].count;
        live += GTI_LOAD(c->spawned, relaxed) - GTI_LOAD(c->finished, relaxed);
    }
    return live;
}

static void add_worker(gt_counters *sum, const struct gti_worker *w)
{
    const struct gti_counters *c = &w->count;
    sum->spawned += GTI_LOAD(c->spawned, relaxed);
    sum->finished += GTI_LOAD(c->finished, relaxed);
    sum->switches += GTI_LOAD(c->switches, relaxed);
    sum->steals += GTI_LOAD(c->steals, relaxed);
    sum->stolen += GTI_LOAD(c->stolen, relaxed);
    sum->sleeps += GTI_LOAD(c->sleeps, relaxed);
    sum->wakes += GTI_LOAD(c->wakes, relaxed);
    sum->growths += GTI_LOAD(c->growths, relaxed);
    sum->timers += GTI_LOAD(c->timers, relaxed);
    sum->polls += GTI_LOAD(c->polls, relaxed);
    sum->events += GTI_LOAD(c->events, relaxed);
    sum->blocking += GTI_LOAD(c->blocking, relaxed);
    sum->hogs += GTI_LOAD(c->hogs, relaxed);
    sum->retained_bytes += gti_stack_cache_retained(&w->stacks);
}

int gt_get_counters(int worker, gt_counters *ret_counters)
{
    if (worker < 0 || worker >= gti_workers_made() || !ret_counters)
        return -EINVAL;
    *ret_counters = (gt_counters){0};
    add_worker(ret_counters, &gti_rt.worker[worker]);
    return 0;
}

void gt_get_stats(gt_stats *ret_stats)
{
    int made = gti_workers_made();
    gt_stats s = {
        .workers = gti_rt.workers,
        .spares = made - gti_rt.workers,
        .active_spares = GTI_LOAD(gti_rt.active_spares, relaxed),
        .live = gti_live_tasks(),
    };
    for (int i = 0; i < made; i++)
        add_worker(&s.sum, &gti_rt.worker[i]);
    s.sum.spawned += GTI_LOAD(gti_rt.spawned_outside, relaxed);
    s.sum.wakes += GTI_LOAD(gti_rt.wakes_outside, relaxed);
    gti_stack_stats(&s);
    *ret_stats = s;
}
