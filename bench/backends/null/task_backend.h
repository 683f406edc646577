/* bench/task.h without the operations: while the region is open a spawn is a
 * call, a yield and a lock are nothing, and a channel counts. What a loop takes
 * on it is the harness's own part of the figures. Never compared, only shown
 * beside them.
 *
 * Outside the region everything is libtb's plain flavour, so that tasks meet at
 * their barriers as ever. TASK_ONLY names the workloads whose loops still run
 * to their end, with right checksums, when nobody waits for anybody: on one CPU,
 * one task at a time. */
#ifndef TASK_BACKEND_NULL_H
#define TASK_BACKEND_NULL_H

#include <errno.h>
#include <stdlib.h>

#define task_group_spawn  null_group_spawn
#define task_group_wait   null_group_wait
#define task_yield        null_yield
#define task_mutex_lock   null_mutex_lock
#define task_mutex_unlock null_mutex_unlock
#define task_chan         null_tb_chan
#define task_chan_create  null_chan_create
#define task_chan_destroy null_chan_destroy
#define task_chan_send    null_chan_send
#define task_chan_recv    null_chan_recv
#define task_chan_close   null_chan_close
#define task_case_recv    null_case_recv
#include "../pthread/task_backend.h"
#undef task_group_spawn
#undef task_group_wait
#undef task_yield
#undef task_mutex_lock
#undef task_mutex_unlock
#undef task_chan
#undef task_chan_create
#undef task_chan_destroy
#undef task_chan_send
#undef task_chan_recv
#undef task_chan_close
#undef task_case_recv

#undef TASK_BACKEND_NAME
#define TASK_BACKEND_NAME "null"
#define TASK_ONLY                                                                                  \
    "spawn/one spawn/storm switch/yield channel/prod_cons sync/mutex sync/counter parallel/fib"

extern bool bench_region_open; /* bench.c */

/* The tasks of a region that is open have all ended when they were spawned. */
static inline int task_group_spawn(task_group *group, void (*fn)(void *), void *arg,
                                   const struct task_attr *attr)
{
    if (!bench_region_open)
        return null_group_spawn(group, fn, arg, attr);
    __asm__ volatile("" : "+r"(fn)); /* a backend does not know whom it calls */
    fn(arg);
    return 0;
}

static inline void task_group_wait(task_group *group)
{
    if (group->oldest)
        null_group_wait(group);
}

static inline void task_yield(void)
{
    if (!bench_region_open)
        null_yield();
    __asm__ volatile("" ::: "memory");
}

/* A region may close in a section: never the real one. */
static inline void task_mutex_lock(task_mutex *mutex)
{
    __asm__ volatile("" ::: "memory");
}

static inline void task_mutex_unlock(task_mutex *mutex)
{
    __asm__ volatile("" ::: "memory");
}

/* One sender, one receiver; the messages are 0, 1, 2... as channel/prod_cons
 * sends them. */
typedef struct null_channel {
    uint64_t sent, received; /* each written by one side */
    bool closed;
} task_chan;

static inline task_chan *task_chan_create(size_t elem_size, size_t capacity)
{
    return calloc(1, sizeof(task_chan));
}

static inline void task_chan_destroy(task_chan *chan)
{
    free(chan);
}

static inline int task_chan_send(task_chan *chan, const void *elem)
{
    __asm__ volatile("" ::"r"(elem) : "memory");
    __atomic_store_n(&chan->sent, chan->sent + 1, __ATOMIC_RELEASE);
    return 0;
}

static inline int task_chan_recv(task_chan *chan, void *elem)
{
    while (chan->received == __atomic_load_n(&chan->sent, __ATOMIC_ACQUIRE)) {
        if (__atomic_load_n(&chan->closed, __ATOMIC_ACQUIRE))
            return -EPIPE;
        null_yield();
    }
    *(uint64_t *)elem = chan->received++;
    return 0;
}

static inline void task_chan_close(task_chan *chan)
{
    __atomic_store_n(&chan->closed, true, __ATOMIC_RELEASE);
}

/* No workload of TASK_ONLY selects. */
static inline void task_case_recv(task_case *c, task_chan *chan, void *elem)
{
    null_case_recv(c, NULL, elem);
}

#endif
