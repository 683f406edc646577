/* bench/task.h on the plain flavour of libtb: one thread per task, mutex and
 * condition variables, default stacks. */
#ifndef TASK_BACKEND_PTHREAD_H
#define TASK_BACKEND_PTHREAD_H

#include "tb/tb.h"
#include "tb/tb_pthread.h"

#define TASK_BACKEND_NAME    "pthread"
#define TASK_CAN_BLOCK       1
#define TASK_REMEDY_OPTIONAL 0
#define TASK_BLOCKING_CALLS  1
#define TASK_STACK_POLICY    "64k"
#define TASK_STACK_BYTES     ((size_t)64 << 10)

typedef struct tb_group task_group;
typedef struct tb_sem task_sem;
typedef struct tb_mutex task_mutex;
typedef struct tb_chan task_chan;
typedef struct tb_case task_case;

static inline int task_main(const struct task_config *config, void (*root)(void *), void *arg)
{
    struct tb_config tb = {config->ncpu, config->cpu, config->pinned, config->spin_ns};

    return tb_run(&tb, root, arg);
}

static inline void task_group_init(task_group *group)
{
    tb_group_init(group);
}

static inline int task_group_spawn(task_group *group, void (*fn)(void *), void *arg,
                                   const struct task_attr *attr)
{
    struct tb_attr tb = {TB_ANYWHERE, 0};

    if (attr != NULL)
        tb = (struct tb_attr){tb_slot_cpu(attr->slot), attr->stack_bytes};
    return tb_group_spawn(group, fn, arg, &tb);
}

static inline int task_group_reap(task_group *group)
{
    return tb_group_reap(group);
}

static inline void task_group_wait(task_group *group)
{
    tb_group_wait(group);
}

static inline void task_yield(void)
{
    tb_yield();
}

static inline void task_sleep_until(int64_t deadline_ns)
{
    tb_sleep_until(deadline_ns);
}

static inline void task_blocking(void (*fn)(void *), void *arg)
{
    fn(arg);
}

static inline void task_sem_init(task_sem *sem, unsigned count)
{
    tb_sem_init(sem, count);
}

static inline void task_sem_wait(task_sem *sem)
{
    tb_sem_wait(sem);
}

static inline void task_sem_post(task_sem *sem)
{
    tb_sem_post(sem);
}

static inline void task_sem_destroy(task_sem *sem)
{
    tb_sem_destroy(sem);
}

static inline void task_mutex_init(task_mutex *mutex)
{
    tb_mutex_init(mutex);
}

static inline void task_mutex_lock(task_mutex *mutex)
{
    tb_mutex_lock(mutex);
}

static inline void task_mutex_unlock(task_mutex *mutex)
{
    tb_mutex_unlock(mutex);
}

static inline void task_mutex_destroy(task_mutex *mutex)
{
    tb_mutex_destroy(mutex);
}

static inline task_chan *task_chan_create(size_t elem_size, size_t capacity)
{
    return tb_chan_create(elem_size, capacity);
}

static inline void task_chan_destroy(task_chan *chan)
{
    tb_chan_destroy(chan);
}

static inline int task_chan_send(task_chan *chan, const void *elem)
{
    return tb_chan_send(chan, elem);
}

static inline int task_chan_recv(task_chan *chan, void *elem)
{
    return tb_chan_recv(chan, elem);
}

static inline void task_chan_close(task_chan *chan)
{
    tb_chan_close(chan);
}

static inline void task_case_recv(task_case *c, task_chan *chan, void *elem)
{
    *c = (struct tb_case){.chan = chan, .op = TB_RECV, .elem = elem};
}

static inline int task_select(task_case *cases, int n)
{
    return tb_chan_select(cases, n, TB_NEVER);
}

static inline int task_case_result(const task_case *c)
{
    return c->result;
}

static inline void task_stack_trim(void)
{
    tb_stack_trim();
}

#endif
