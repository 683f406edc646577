/* bench/task.h on Boost.Fiber, one OS thread with the library's default
 * scheduler: an optional peer to check the others against.
 *
 * The workloads are C and the library is C++, so that every operation is a
 * call to boost_fiber.cc instead of an inline function. Where that call can be
 * a jump it is one: it costs a nanosecond and no frame.
 */
#ifndef GREENBENCH_TASK_BACKEND_H
#define GREENBENCH_TASK_BACKEND_H

#include <errno.h>

#include "boost_fiber.h"

#define TASK_BACKEND_NAME    "boost_fiber"
#define TASK_CAN_BLOCK       1
#define TASK_REMEDY_OPTIONAL 0
#define TASK_BLOCKING_CALLS  0
#define TASK_STACK_POLICY    ""
#define TASK_STACK_BYTES     0

typedef struct {
    struct bf_group *group;
} task_group;

typedef struct {
    struct bf_sem *sem;
} task_sem;

typedef struct {
    struct bf_mutex *mutex;
} task_mutex;

typedef struct bf_chan task_chan;

static inline int task_main(const struct task_config *config, void (*root)(void *), void *arg)
{
    if (config->ncpu != 1)
        return -ENOSYS;
    root(arg);
    return 0;
}

static inline void task_group_init(task_group *g)
{
    g->group = bf_group_new();
}

static inline int task_group_spawn(task_group *g, void (*fn)(void *), void *arg,
                                   const struct task_attr *attr)
{
    return bf_group_spawn(g->group, fn, arg, attr ? attr->stack_bytes : 0);
}

static inline int task_group_reap(task_group *g)
{
    (void)g;
    return -ECHILD;
}

static inline void task_group_wait(task_group *g)
{
    bf_group_wait(g->group);
}

static inline void task_yield(void)
{
    bf_yield();
}

static inline void task_sleep_until(int64_t ns)
{
    bf_sleep_until(ns);
}

/* One OS thread: whatever blocks it blocks them all. */
static inline void task_blocking(void (*fn)(void *), void *arg)
{
    fn(arg);
}

static inline void task_sem_init(task_sem *sem, unsigned count)
{
    sem->sem = bf_sem_new(count);
}

static inline void task_sem_wait(task_sem *sem)
{
    bf_sem_wait(sem->sem);
}

static inline void task_sem_post(task_sem *sem)
{
    bf_sem_post(sem->sem);
}

static inline void task_sem_destroy(task_sem *sem)
{
    bf_sem_free(sem->sem);
}

static inline void task_mutex_init(task_mutex *mutex)
{
    mutex->mutex = bf_mutex_new();
}

static inline void task_mutex_lock(task_mutex *mutex)
{
    bf_mutex_lock(mutex->mutex);
}

static inline void task_mutex_unlock(task_mutex *mutex)
{
    bf_mutex_unlock(mutex->mutex);
}

static inline void task_mutex_destroy(task_mutex *mutex)
{
    bf_mutex_free(mutex->mutex);
}

static inline task_chan *task_chan_create(size_t elem_size, size_t capacity)
{
    return bf_chan_new(elem_size, capacity);
}

static inline void task_chan_destroy(task_chan *ch)
{
    bf_chan_free(ch);
}

static inline int task_chan_send(task_chan *ch, const void *elem)
{
    return bf_chan_send(ch, elem);
}

static inline int task_chan_recv(task_chan *ch, void *elem)
{
    return bf_chan_recv(ch, elem);
}

static inline void task_chan_close(task_chan *ch)
{
    bf_chan_close(ch);
}

/* The contract asks for a select, and the library has none: see no_select.c. */
typedef struct {
    int unused;
} task_case;

static inline void task_case_recv(task_case *c, task_chan *ch, void *elem)
{
    (void)ch;
    (void)elem;
    *c = (task_case){0};
}

static inline int task_select(task_case *cases, int n)
{
    (void)cases;
    (void)n;
    return -ENOSYS;
}

static inline int task_case_result(const task_case *c)
{
    (void)c;
    return -ENOSYS;
}

/* Idle stacks are the allocator's, which keeps them until it is destroyed. */
static inline void task_stack_trim(void)
{
}

#endif
