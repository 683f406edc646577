/* bench/task.h on libgt, the in-tree green threads, in their default
 * configuration: P workers, one per CPU of the mask, 64 KiB stacks. A slot is
 * a worker; a worker is pinned only where the placement asks for it. */
#ifndef GREENBENCH_TASK_BACKEND_H
#define GREENBENCH_TASK_BACKEND_H

#include <errno.h>
#include <sched.h>
#include <stdio.h>

#include "gt/gt.h"

#define TASK_BACKEND_NAME    "gt"
#define TASK_CAN_BLOCK       1
#define TASK_REMEDY_OPTIONAL 1
#define TASK_BLOCKING_CALLS  1
#define TASK_STACK_POLICY    "small"
#ifdef __OPTIMIZE__
#define TASK_STACK_BYTES 2048
#else /* whose frames are larger */
#define TASK_STACK_BYTES GT_SMALL_STACK
#endif

typedef gt_group task_group;
typedef gt_sem task_sem;
typedef gt_mutex task_mutex;
typedef gt_chan task_chan;
typedef gt_case task_case;

static inline void task_backend_pin(int worker, void *arg)
{
    const struct task_config *config = arg;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(config->cpu[worker], &set);
    sched_setaffinity(0, sizeof set, &set);
}

static inline int task_main(const struct task_config *config, void (*root)(void *), void *arg)
{
    const gt_config c = {
        .workers = config->ncpu,
        .spin_ns = config->spin_ns > 0 ? config->spin_ns : -1,
        .on_worker_start = config->pinned ? task_backend_pin : NULL,
        .on_worker_start_arg = (void *)(uintptr_t)config,
        .hog_ns = config->no_remedy ? -1 : 0,
    };
    int64_t left = gt_run(&c, root, arg);
    if (left < 0 && *gt_start_error())
        fprintf(stderr, "bench_gt: %s\n", gt_start_error());
    return left > 0 ? -EBUSY : (int)left;
}

static inline void task_group_init(task_group *g)
{
    *g = (gt_group){0};
}

static inline int task_group_spawn(task_group *g, void (*fn)(void *), void *arg,
                                   const struct task_attr *attr)
{
    if (!attr || (attr->slot < 0 && attr->stack_bytes == 0))
        return gt_group_spawn(g, fn, arg, NULL);
    /* One worker is the only place there is; a bound task would take a slower way to it. */
    const gt_attr a = {
        .stack_size = attr->stack_bytes,
        .flags = attr->slot >= 0 && gt_workers() > 1 ? GT_BOUND : 0,
        .worker = attr->slot >= 0 ? attr->slot : 0,
    };
    return gt_group_spawn(g, fn, arg, &a);
}

/* A finished green thread holds nothing that a spawn could wait for. */
static inline int task_group_reap(task_group *g)
{
    (void)g;
    return -ECHILD;
}

static inline void task_group_wait(task_group *g)
{
    gt_group_wait(g);
}

static inline void task_yield(void)
{
    gt_yield();
}

static inline void task_sleep_until(int64_t ns)
{
    gt_sleep_until(ns);
}

static inline void task_blocking(void (*fn)(void *), void *arg)
{
    gt_blocking(fn, arg, GT_NEVER);
}

static inline void task_sem_init(task_sem *sem, unsigned count)
{
    gt_sem_init(sem, count);
}

static inline void task_sem_wait(task_sem *sem)
{
    gt_sem_wait(sem);
}

static inline void task_sem_post(task_sem *sem)
{
    gt_sem_post(sem);
}

static inline void task_sem_destroy(task_sem *sem)
{
    (void)sem;
}

static inline void task_mutex_init(task_mutex *mutex)
{
    *mutex = (gt_mutex){0};
}

static inline void task_mutex_lock(task_mutex *mutex)
{
    gt_mutex_lock(mutex);
}

static inline void task_mutex_unlock(task_mutex *mutex)
{
    gt_mutex_unlock(mutex);
}

static inline void task_mutex_destroy(task_mutex *mutex)
{
    (void)mutex;
}

static inline task_chan *task_chan_create(size_t elem_size, size_t capacity)
{
    return gt_chan_create(elem_size, capacity);
}

static inline void task_chan_destroy(task_chan *ch)
{
    gt_chan_destroy(ch);
}

static inline int task_chan_send(task_chan *ch, const void *elem)
{
    return gt_chan_send(ch, elem);
}

static inline int task_chan_recv(task_chan *ch, void *elem)
{
    return gt_chan_recv(ch, elem);
}

static inline void task_chan_close(task_chan *ch)
{
    gt_chan_close(ch);
}

static inline void task_case_recv(task_case *c, task_chan *chan, void *elem)
{
    *c = (gt_case){.chan = chan, .op = GT_RECV, .elem = elem};
}

static inline int task_select(task_case *cases, int n)
{
    return gt_select(cases, n, GT_NEVER);
}

static inline int task_case_result(const task_case *c)
{
    return c->result;
}

static inline void task_stack_trim(void)
{
    gt_stack_trim();
}

#endif
