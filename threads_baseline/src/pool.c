/* The pool: one mutex, one FIFO of tasks, one condition for idle threads.
 *
 * Cost of a task: one critical section to queue it, one to take it. A thread
 * accounts for the task it finished and takes the next one in the same
 * critical section; task records are recycled through a list under the same
 * mutex and come from malloc in blocks, so no allocation either. The mutex is
 * of the adaptive kind: its sections are some ten nanoseconds long, worth
 * polling for, and a thread that slept for one would pay a thousandfold.
 *
 * Wake-ups: `idle` counts threads asleep that nobody has signalled yet; it is
 * the spawner that takes one off, and leaves a token in `wakeups` which the
 * woken thread consumes. So a storm of spawns signals each idle thread once,
 * not once per task, and no thread is signalled for nothing.
 *   Invariant, under the lock: idle + wakeups = threads in the wait loop.
 *   A task is queued while idle > 0 only until its spawn leaves the critical
 *   section; so no thread sleeps unsignalled while a task is queued, except
 *   those that went to sleep after finding the queue empty. A token whose
 *   task was taken by someone else sends its thread back to sleep.
 *
 * The thread that waits for a group helps: it runs queued tasks and sleeps
 * only when none is left. Sleeping at once would cost two context switches
 * for a task that is shorter than one. While it helps there may be one thread
 * more than CPUs, but none that only waits.
 *
 * A group lives on its owner's stack and is gone once its wait returns. So
 * its condition is signalled under the lock, which the owner must take before
 * it can return.
 */
#include "base.h"
#include "stack.h"
#include "tb/tb_pool.h"

#include <errno.h>
#include <stdlib.h>

#define BLOCK_TASKS 127

struct task {
    struct task *next;
    tb_fn fn;
    void *arg;
    struct tb_pool_group *group;
};

struct block {
    struct block *next;
    struct task task[BLOCK_TASKS];
};

struct tb_pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct task *first, *last; /* queue */
    struct task *free;
    struct block *blocks;
    unsigned idle, wakeups;
    bool stopping;
    struct tb_group threads; /* creator */
};

static struct tb_pool *current; /* written while only tb_pool_run()'s thread runs */

static void finish(struct tb_pool *pool, struct task *task)
{
    struct tb_pool_group *group = task->group;

    task->next = pool->free;
    pool->free = task;
    group->pending--;
    group->finished++;
    if (group->finished == group->wake_at)
        pthread_cond_signal(&group->done);
}

static struct task *take(struct tb_pool *pool)
{
    struct task *task = pool->first;

    if (task != NULL)
        pool->first = task->next;
    return task;
}

/* The lowest usable address of this thread's stack; looked up when a trim
 * asks for it, so that threads of untrimmed pools never do. */
static _Thread_local uintptr_t stack_low;

static __attribute__((noinline)) void trim_own_stack(void)
{
    if (stack_low == 0)
        stack_low = tbi_stack_query_low();
    tbi_stack_release(stack_low);
}

static void run(struct task *task)
{
    if (tbi_stack_trimming())
        trim_own_stack();
    task->fn(task->arg);
}

/* Wait for a task or the end of the pool; NULL for the end. */
static struct task *wait_for_task(struct tb_pool *pool)
{
    struct task *task;

    while ((task = take(pool)) == NULL && !pool->stopping) {
        pool->idle++;
        while (pool->wakeups == 0 && !pool->stopping)
            pthread_cond_wait(&pool->work, &pool->lock);
        if (pool->wakeups > 0)
            pool->wakeups--;
    }
    return task;
}

static void pool_thread(void *arg)
{
    struct tb_pool *pool = arg;
    struct task *task;

    pthread_mutex_lock(&pool->lock);
    while ((task = wait_for_task(pool)) != NULL) {
        pthread_mutex_unlock(&pool->lock);
        run(task);
        pthread_mutex_lock(&pool->lock);
        finish(pool, task);
    }
    pthread_mutex_unlock(&pool->lock);
}

static int init_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attr;

    pthread_mutexattr_init(&attr);
#ifdef PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
#endif
    int error = pthread_mutex_init(lock, &attr);
    pthread_mutexattr_destroy(&attr);
    return error;
}

int tb_pool_create(int nthreads, const int *cpu, struct tb_pool **ret_pool)
{
    struct tb_pool *pool;

    if (nthreads < 1)
        return -EINVAL;
    pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return -ENOMEM;
    tbi_check(init_lock(&pool->lock), "pthread_mutex_init");
    tbi_check(pthread_cond_init(&pool->work, NULL), "pthread_cond_init");
    tb_group_init(&pool->threads);
    for (int k = 0; k < nthreads; k++) {
        struct tb_attr attr = {cpu != NULL ? cpu[k] : TB_ANYWHERE, 0};
        int error = tb_group_spawn(&pool->threads, pool_thread, pool, &attr);

        if (error != 0) {
            tb_pool_destroy(pool);
            return error;
        }
    }
    *ret_pool = pool;
    return 0;
}

void tb_pool_destroy(struct tb_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_broadcast(&pool->work);
    tb_group_wait(&pool->threads);
    while (pool->blocks != NULL) {
        struct block *block = pool->blocks;

        pool->blocks = block->next;
        free(block);
    }
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

int tb_pool_run(const struct tb_config *config, tb_fn root, void *arg)
{
    int error = tbi_config_enter(config);

    if (error != 0)
        return error;
    error = tb_pool_create(config->ncpu, config->pinned ? config->cpu : NULL, &current);
    if (error == 0) {
        error = tbi_run_root(root, arg);
        tb_pool_destroy(current);
        current = NULL;
    }
    tbi_config_leave();
    return error;
}

struct tb_pool *tb_pool_current(void)
{
    return current;
}

void tb_pool_group_init(struct tb_pool_group *group, struct tb_pool *pool)
{
    *group = (struct tb_pool_group){.pool = pool, .done = PTHREAD_COND_INITIALIZER};
}

/* Put a new block of records on the free list. */
static bool grow(struct tb_pool *pool)
{
    struct block *block = malloc(sizeof *block);

    if (block == NULL)
        return false;
    block->next = pool->blocks;
    pool->blocks = block;
    for (int k = 0; k < BLOCK_TASKS; k++) {
        block->task[k].next = pool->free;
        pool->free = &block->task[k];
    }
    return true;
}

static bool fits_stack(size_t stack_bytes)
{
    size_t need = tbi_stack_size_for(stack_bytes);

    return need != 0 && need <= tb_stack_default_size();
}

int tb_pool_group_spawn(struct tb_pool_group *group, tb_fn fn, void *arg,
                        const struct tb_attr *attr)
{
    struct tb_pool *pool = group->pool;

    if (attr != NULL && attr->stack_bytes != 0 && !fits_stack(attr->stack_bytes))
        return -ENOMEM;
    pthread_mutex_lock(&pool->lock);
    struct task *task = pool->free;
    if (task == NULL && grow(pool))
        task = pool->free;
    if (task == NULL) {
        pthread_mutex_unlock(&pool->lock);
        return -ENOMEM;
    }
    pool->free = task->next;
    *task = (struct task){.fn = fn, .arg = arg, .group = group};
    if (pool->first == NULL)
        pool->first = task;
    else
        pool->last->next = task;
    pool->last = task;
    group->pending++;
    bool wake = pool->idle > 0;
    if (wake) {
        pool->idle--;
        pool->wakeups++;
    }
    pthread_mutex_unlock(&pool->lock);
    if (wake)
        pthread_cond_signal(&pool->work);
    return 0;
}

/* Help, and sleep when there is nothing to do, until the group has finished
 * `target` tasks. Lock held. */
static void wait_until(struct tb_pool *pool, struct tb_pool_group *group, uint64_t target)
{
    while (group->finished < target) {
        struct task *task = take(pool);

        if (task != NULL) {
            pthread_mutex_unlock(&pool->lock);
            run(task);
            pthread_mutex_lock(&pool->lock);
            finish(pool, task);
        } else {
            group->wake_at = target;
            pthread_cond_wait(&group->done, &pool->lock);
            group->wake_at = 0;
        }
    }
}

int tb_pool_group_reap(struct tb_pool_group *group)
{
    struct tb_pool *pool = group->pool;

    pthread_mutex_lock(&pool->lock);
    bool pending = group->pending > 0;
    if (pending)
        wait_until(pool, group, group->finished + 1);
    pthread_mutex_unlock(&pool->lock);
    return pending ? 0 : -ECHILD;
}

void tb_pool_group_wait(struct tb_pool_group *group)
{
    struct tb_pool *pool = group->pool;

    pthread_mutex_lock(&pool->lock);
    while (group->pending > 0)
        wait_until(pool, group, group->finished + group->pending);
    pthread_mutex_unlock(&pool->lock);
}
