/* Making tasks: gt_spawn() and gt_group_spawn() are the same but for the group. */
#include "group.h"

#include <errno.h>

#include "trace.h"

static int check_attr(const gt_attr *attr, uint8_t *ret_class, uint16_t *ret_bound)
{
    if (attr->flags & ~GT_BOUND)
        return -EINVAL;
    if (attr->stack_size) {
        int size_class = gti_stack_class(attr->stack_size);
        if (size_class < 0)
            return size_class;
        *ret_class = (uint8_t)gti_stack_class_here((unsigned)size_class);
    }
    if (attr->flags & GT_BOUND) {
        if (attr->worker < 0 || attr->worker >= gti_rt.workers)
            return -EINVAL;
        /* Also with one worker: there are spares. */
        *ret_bound = (uint16_t)(attr->worker + 1);
    }
    return 0;
}

/* Hook: a task that has spawned many waits below them; or, if the shared queue
 * is long, behind what is there. The monitor may have moved its own there, and
 * those of outside threads it would keep waiting as well. */
static void step_back(struct gti_worker *w, void *task)
{
    struct gti_task *t = task;
    if (!t->bound && GTI_LOAD(gti_inject.count, relaxed) >= GTI_FRESH_SLICE) {
        gti_inject_push(t);
        gti_worker_wake_any(w);
    } else if (!gti_fresh_push_oldest(&w->fresh, &w->next, t)) {
        gti_worker_requeue(w, t);
    }
}

/* The list of fresh tasks is long, or may not be used now. Has the running task
 * made many since it was last switched to? */
static bool is_storm(struct gti_worker *w)
{
    struct gti_fresh *f = &w->fresh;
    uint64_t slice = GTI_LOAD(w->count.switches, relaxed);
    uint64_t spawned = GTI_LOAD(w->count.spawned, relaxed);
    if (f->slice != slice) {
        f->slice = slice;
        f->spawned = spawned;
        f->most = GTI_LOAD(f->count, relaxed) + GTI_FRESH_SLICE;
    }
    if (spawned - f->spawned < GTI_FRESH_SLICE)
        return false;
    f->most = GTI_FRESH_SLICE;
    gti_assert(w->current != &w->sched && !w->on_os_stack);
    return true;
}

/* Many fresh tasks: they run before more are made. So a storm of a million
 * touches the memory of a thousand, and holds up nothing else that is ready. */
static GTI_NOINLINE int submit_slow(struct gti_worker *w, struct gti_task *t)
{
    struct gti_task *self = w->current, *next;
    if (!gti_fresh_push(&w->fresh, &w->next, t, UINT32_MAX))
        gti_worker_requeue(w, t);
    else if (!w->alone)
        gti_worker_share(w, gti_worker_fresh_share(w, 1u));
    if (!is_storm(w))
        return 0;
    gti_group_settle(w);
    next = gti_worker_pick(w);
    if (!next && gti_worker_leaving(w))
        next = &w->sched;
    if (!next)
        return 0;
    self->context.result = 0; /* what the spawn returns */
    return gti_worker_switch(w, self, next, step_back, self);
}

/* Put a fresh task that is not bound where it runs next, if it may. */
GTI_INLINE int submit(struct gti_worker *w, struct gti_task *t)
{
    if (gti_unlikely(!gti_fresh_push(&w->fresh, &w->next, t, w->fresh.most)))
        return submit_slow(w, t);
    if (gti_likely(w->alone))
        return 0;
    uint32_t keep = gti_worker_fresh_share(w, 1u);
    return gti_unlikely(keep < GTI_LOAD(w->fresh.count, relaxed)) ? gti_worker_share(w, keep) : 0;
}

GTI_INLINE void task_init(struct gti_task *t, gt_fn *fn, void *arg, struct gt_group *group,
                          const char *name, uint8_t size_class, uint16_t bound)
{
    GTI_STORE(t->state, (uint32_t)GTI_FRESH, relaxed);
    t->bound = bound;
    t->size_class = size_class;
    t->flags = bound ? gti_rt.task_flags | GTI_TASK_BOUND : gti_rt.task_flags;
    t->fn = fn;
    t->arg = arg;
    t->group = group;
    t->name = name;
}

static GTI_NOINLINE int spawn_outside(struct gt_group *group, gt_fn *fn, void *arg,
                                      const char *name, uint8_t size_class, uint16_t bound)
{
    struct gti_task *t = gti_task_get_shared();
    if (!t)
        return -ENOMEM;
    task_init(t, fn, arg, group, name, size_class, bound);
    t->flags |= GTI_TASK_DUE;
    if (group)
        GTI_ADD(group->state_, GTI_GROUP_ONE, relaxed);
    GTI_ADD(gti_rt.spawned_outside, 1, relaxed);
    if (gti_trace_is_on())
        gti_trace_record(NULL, GTI_TRACE_SPAWN, t, 0);
    gti_worker_submit(NULL, t);
    return 0;
}

static void refill_tasks(void *cache)
{
    gti_task_refill(cache);
}

static GTI_NOINLINE int spawn_any(struct gt_group *group, gt_fn *fn, void *arg, const gt_attr *attr)
{
    struct gti_worker *w = gti_worker_self();
    uint8_t size_class = gti_rt.stack_class;
    uint16_t bound = 0;
    const char *name = NULL;
    if (gti_unlikely(!fn || !GTI_LOAD(gti_rt.running, relaxed)))
        return GTI_LOAD(gti_rt.forked, relaxed) ? -ENOTSUP : -EINVAL;
    if (attr) {
        int err = check_attr(attr, &size_class, &bound);
        if (err)
            return err;
        name = attr->name;
    }
    if (gti_unlikely(!w))
        return spawn_outside(group, fn, arg, name, size_class, bound);
    if (gti_unlikely(!w->tasks.free))
        gti_worker_on_os_stack(w, refill_tasks, &w->tasks);
    if (gti_unlikely(!w->tasks.free))
        return -ENOMEM;
    struct gti_task *t = gti_task_pop(&w->tasks);
    task_init(t, fn, arg, group, name, size_class, bound);
    if (group)
        gti_group_join(w, group);
    GTI_COUNT(w->count.spawned);
    if (gti_unlikely(t->flags & GTI_TASK_SLOW))
        gti_trace_record(w, GTI_TRACE_SPAWN, t, 0);
    return bound ? gti_worker_submit(w, t) : submit(w, t);
}

/* The common case: a worker spawns a task without attributes. No call in it
 * but tail calls, so it needs no frame. */
GTI_INLINE int spawn(struct gt_group *group, gt_fn *fn, void *arg, const gt_attr *attr)
{
    struct gti_worker *w = gti_worker_self();
    if (gti_unlikely(!w || attr || !fn || !w->tasks.free || gti_rt.task_flags ||
                     !GTI_LOAD(gti_rt.running, relaxed) ||
                     (group && !gti_group_try_join(w, group))))
        return spawn_any(group, fn, arg, attr);
    struct gti_task *t = gti_task_pop(&w->tasks);
    task_init(t, fn, arg, group, NULL, gti_rt.stack_class, 0);
    GTI_COUNT(w->count.spawned);
    return submit(w, t);
}

int gt_spawn(gt_fn *fn, void *arg, const gt_attr *attr)
{
    return spawn(NULL, fn, arg, attr);
}

int gt_group_spawn(gt_group *group, gt_fn *fn, void *arg, const gt_attr *attr)
{
    if (gti_unlikely(!group))
        return -EINVAL;
    return spawn(group, fn, arg, attr);
}
