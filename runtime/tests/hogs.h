/* What the tests of tasks that seldom or never give up their worker share. */
#ifndef GT_TESTS_HOGS_H
#define GT_TESTS_HOGS_H

#include "common.h"

#include <sched.h>
#include <unistd.h>

static atomic_int over, ran;

static inline void start(const gt_config *config)
{
    assert_int_equal(gt_start(config), 0);
    atomic_store(&over, 0);
    atomic_store(&ran, 0);
}

static inline void spin_until(atomic_int *counter, int value)
{
    while (atomic_load_explicit(counter, memory_order_acquire) < value)
        continue;
}

static inline void count(void *arg)
{
    (void)arg;
    atomic_fetch_add(&ran, 1);
}

static inline void finish(gt_group *group)
{
    gt_stats s;
    assert_int_equal(gt_group_wait(group), 0);
    do { /* tasks outside the group end, and spares stand down, by themselves */
        gt_get_stats(&s);
        sched_yield();
    } while (s.active_spares || s.live);
    assert_int_equal(s.sum.spawned, s.sum.finished);
    assert_int_equal(gt_stop(), 0);
}

static inline void nap(void *arg)
{
    gt_sleep_until(gt_now() + (int64_t)(intptr_t)arg);
    atomic_fetch_add(&ran, 1);
}

static int pipe_fds[2];

static inline void read_one(void *arg)
{
    char c;
    (void)arg;
    CHECK(gt_read(pipe_fds[0], &c, 1, GT_NEVER) == 1);
    atomic_fetch_add(&ran, 1);
}

static inline void *spawn_outside(void *arg)
{
    CHECK(gt_spawn(count, arg, NULL) == 0);
    return NULL;
}

/* Run fn(NULL) as a task beside nothing else, on 1 and on 2 workers. */
static inline void hog_on_one_and_two_workers(gt_fn *fn)
{
    for (int workers = 1; workers <= 2; workers++) {
        gt_group group = {0};
        start(&(gt_config){.workers = workers});
        spawn(&group, fn, NULL);
        finish(&group);
    }
}

static inline void hog_among_many(void *arg)
{
    (void)arg;
    atomic_fetch_add(&over, 1);
    spin_until(&over, 100);
}

static inline void work_beside_hogs(void *arg)
{
    gt_group hogs = {0}, others = {0};
    (void)arg;
    for (int i = 0; i < 4; i++)
        spawn(&hogs, hog_among_many, NULL);
    await(&over, 4);
    for (intptr_t i = 0; i < 100; i++)
        spawn(&others, i % 2 ? count : nap, (void *)(intptr_t)(i * 10000));
    CHECK(gt_group_wait(&others) == 0);
    CHECK(atomic_load(&ran) == 100);
    atomic_store(&over, 100);
    CHECK(gt_group_wait(&hogs) == 0);
}

#endif
