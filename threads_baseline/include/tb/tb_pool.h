/* The pool flavour: P threads and one queue, for tasks that run to completion.
 *
 * A task of a pool must not wait for another task: all threads may then be
 * waiting and none left to run it. The exception is tb_pool_group_wait() and
 * tb_pool_group_reap(), which run queued tasks while they wait, on the
 * waiting thread's stack.
 *
 * Channels, semaphores, mutexes and wait groups are those of tb_pthread.h. A
 * task may use what does not wait for a task that may be still in the queue:
 * the tries, tb_sem_post(), tb_waitgroup_add() and tb_waitgroup_done(), and a
 * mutex, since whoever holds that is running. But a mutex must not be held
 * across tb_pool_group_wait() or tb_pool_group_reap(): the task they run on
 * the holder's stack may want it. All other waits are for threads outside the
 * pool, such as the root.
 */
#ifndef TB_TB_POOL_H
#define TB_TB_POOL_H

#include "tb/tb.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tb_pool; /* private */

/* A pool of nthreads >= 1 threads with default stacks. cpu: NULL, or nthreads
 * CPU numbers; thread k then runs on cpu[k] only. Returns 0 and the pool, or
 * -EINVAL, -ENOMEM, -EAGAIN; nothing is held after a failure. */
int tb_pool_create(int nthreads, const int *cpu, struct tb_pool **ret_pool);

/* End the threads; every group must have been waited for. Accepts NULL. */
void tb_pool_destroy(struct tb_pool *pool);

/* As tb_run(), with a pool of config->ncpu threads around the root, pinned one
 * per CPU if config->pinned. The root is a further thread, not of the pool. */
int tb_pool_run(const struct tb_config *config, tb_fn root, void *arg);

/* The pool of the current tb_pool_run(), NULL outside of one. */
struct tb_pool *tb_pool_current(void);

/* Tasks to be waited for together. Belongs to one thread, which may be a task
 * of the pool. Members are private. */
struct tb_pool_group {
    struct tb_pool *pool;
    uint64_t pending;    /* pool's lock; spawned and not yet finished */
    uint64_t finished;   /* pool's lock */
    uint64_t wake_at;    /* pool's lock; value of finished the owner sleeps for, 0 if awake */
    pthread_cond_t done; /* the owner sleeps here */
};

void tb_pool_group_init(struct tb_pool_group *group, struct tb_pool *pool);

/* Queue fn(arg). attr may be NULL. attr->cpu is ignored: one queue serves all
 * threads, which is what makes it a pool. Tasks start in the order of
 * spawning.
 *
 * -ENOMEM when bookkeeping memory is short, or when attr->stack_bytes is more
 * than the default stack of a thread leaves usable. */
int tb_pool_group_spawn(struct tb_pool_group *group, tb_fn fn, void *arg,
                        const struct tb_attr *attr);

/* Wait until one more member has finished than at the call; runs queued tasks
 * meanwhile. -ECHILD when none is pending. A pool starts tasks in order and
 * cannot promise that they end in order: this may not be the oldest. */
int tb_pool_group_reap(struct tb_pool_group *group);

/* Wait until no member is pending; runs queued tasks meanwhile, of any group
 * of the pool. */
void tb_pool_group_wait(struct tb_pool_group *group);

#ifdef __cplusplus
}
#endif

#endif
