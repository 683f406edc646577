/* Tasks that never give up their worker: whatever waits behind them goes on. A
 * hog here spins until that has happened, so that a test of which it does not
 * hangs. Those that come in numbers are in test_hog_many.c. */
#include "hogs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wrap.h"

static void spawn_bound(gt_group *group, gt_fn *fn, void *arg, int worker)
{
    gt_attr attr = {.flags = GT_BOUND, .worker = worker};
    CHECK(gt_group_spawn(group, fn, arg, &attr) == 0);
}

/* ---- what waits behind a hog ------------------------------------------------------ */

static void hog_the_next(void *arg)
{
    (void)arg;
    CHECK(gt_spawn(count, NULL, NULL) == 0);
    spin_until(&ran, 1);
}

static void the_task_in_the_run_next_slot_runs(void **state)
{
    (void)state;
    hog_on_one_and_two_workers(hog_the_next);
}

static void hog_the_queue(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++) /* more than a ring holds at first */
        CHECK(gt_spawn(count, NULL, NULL) == 0);
    spin_until(&ran, 1000);
}

static void the_run_queue_runs(void **state)
{
    (void)state;
    hog_on_one_and_two_workers(hog_the_queue);
}

static gt_sem never;

static void wait_in_vain(void *arg)
{
    CHECK(gt_sem_wait_until(&never, gt_now() + (int64_t)(intptr_t)arg) == -ETIMEDOUT);
    atomic_fetch_add(&ran, 1);
}

static void hog_the_clock(void *arg)
{
    (void)arg;
    for (intptr_t i = 0; i < 50; i++)
        CHECK(gt_spawn(i % 2 ? nap : wait_in_vain, (void *)(i * 300000 + 1), NULL) == 0);
    for (int i = 0; i < 3; i++)
        gt_yield(); /* they go to sleep */
    spin_until(&ran, 50);
}

static void sleepers_and_deadlines_are_not_late_for_ever(void **state)
{
    (void)state;
    hog_on_one_and_two_workers(hog_the_clock);
}

static void hog_the_network(void *arg)
{
    (void)arg;
    CHECK(pipe(pipe_fds) == 0);
    for (int i = 0; i < 10; i++)
        CHECK(gt_spawn(read_one, NULL, NULL) == 0);
    for (int i = 0; i < 3; i++)
        gt_yield(); /* they wait */
    CHECK(write(pipe_fds[1], "0123456789", 10) == 10);
    spin_until(&ran, 10);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void waiters_for_descriptors_are_served(void **state)
{
    (void)state;
    hog_on_one_and_two_workers(hog_the_network);
}

static void hog_the_shared_queue(void *arg)
{
    pthread_t thread = outside(spawn_outside, arg);
    spin_until(&ran, 1);
    join(thread);
}

static void the_shared_queue_runs(void **state)
{
    (void)state;
    hog_on_one_and_two_workers(hog_the_shared_queue);
}

/* A hog whose last act made another worker's wheel, the network and the queue
 * depend on a worker that then hogs as well. */
static void hog_too(void *arg)
{
    (void)arg;
    atomic_fetch_add(&over, 1);
    spin_until(&over, 100);
}

static void hogs_one_after_another(void *arg)
{
    (void)arg;
    CHECK(pipe(pipe_fds) == 0);
    for (int round = 1; round <= 4; round++) {
        CHECK(gt_spawn(read_one, NULL, NULL) == 0);
        CHECK(gt_spawn(nap, (void *)(intptr_t)3000000, NULL) == 0);
        gt_yield();
        gt_sleep_until(gt_now() + 15000000); /* the monitor gets lazy, spares stand by */
        CHECK(gt_spawn(hog_too, NULL, NULL) == 0);
        gt_sleep_until(gt_now() + 100000);
        await(&over, round);
        CHECK(write(pipe_fds[1], "", 1) == 1);
        await(&ran, 2 * round);
    }
    atomic_store(&over, 100);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void each_new_hog_leaves_the_others_served(void **state)
{
    (void)state;
    hog_on_one_and_two_workers(hogs_one_after_another);
}

/* ---- bound tasks -------------------------------------------------------------------- */

static atomic_int bound_ran;

static void bound_to_0(void *arg)
{
    CHECK(gt_worker() == 0);
    CHECK(atomic_load(&over));
    atomic_fetch_add(&bound_ran, 1);
    (void)arg;
}

static void bound_nap(void *arg)
{
    CHECK(gt_worker() == 0);
    gt_sleep_until(gt_now() + 1000000);
    CHECK(gt_worker() == 0);
    bound_to_0(arg);
}

static void hog_worker_0(void *arg)
{
    gt_group *group = arg;
    gt_counters c;
    spawn_bound(group, bound_nap, NULL, 0);
    gt_yield();
    spawn_bound(group, bound_to_0, NULL, 0); /* the run-next slot */
    do
        CHECK(gt_get_counters(0, &c) == 0);
    while (c.hogs == 0);
    CHECK(gt_spawn(count, NULL, NULL) == 0);
    spawn_bound(group, bound_to_0, NULL, 0);
    /* The monitor looks again and again, and the sleeper's time passes. */
    int64_t until = gt_now() + 40000000;
    while (gt_now() < until || atomic_load(&ran) == 0)
        continue;
    CHECK(atomic_load(&bound_ran) == 0);
    atomic_store(&over, 1);
}

static void bound_tasks_wait_for_their_worker(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 2; workers++) {
        gt_group group = {0};
        start(&(gt_config){.workers = workers});
        atomic_store(&bound_ran, 0);
        spawn_bound(&group, hog_worker_0, &group, 0);
        finish(&group);
        assert_int_equal(bound_ran, 3);
    }
}

/* ---- settings ------------------------------------------------------------------------- */

static void hog_until_over(void *arg)
{
    (void)arg;
    CHECK(gt_spawn(count, NULL, NULL) == 0);
    atomic_store(&over, 1);
    spin_until(&over, 2);
}

/* Nobody else runs for 50 ms; then this thread ends the hog. */
static void starves(const gt_config *config)
{
    gt_group group = {0};
    gt_stats s;
    start(config);
    spawn(&group, hog_until_over, NULL);
    while (atomic_load(&over) == 0)
        sched_yield();
    gt_sleep_until(gt_now() + 50000000);
    gt_get_stats(&s);
    CHECK(atomic_load(&ran) == 0);
    CHECK(s.sum.hogs == 0 && s.spares == 0);
    atomic_store(&over, 2);
    CHECK(gt_group_wait(&group) == 0);
    while (atomic_load(&ran) == 0)
        sched_yield();
    CHECK(gt_stop() == 0);
}

static void a_negative_hog_ns_leaves_hogs_alone(void **state)
{
    (void)state;
    starves(&(gt_config){.workers = 1, .hog_ns = -1});
}

static void off_by_environment(void *arg)
{
    (void)arg;
    setenv("GT_HOG_MS", "0", 1);
    starves(&(gt_config){.workers = 1, .hog_ns = 1000000});
    setenv("GT_HOG_MS", "2", 1);
    gt_group group = {0};
    start(&(gt_config){.workers = 1, .hog_ns = -1});
    spawn(&group, hog_the_next, NULL);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(gt_stop() == 0);
    const char *wrong[] = {"", "-1", "1x", "1000001", "99999999999999999999"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        setenv("GT_HOG_MS", wrong[i], 1);
        CHECK(gt_start(NULL) == -EINVAL);
        CHECK(strstr(gt_start_error(), "GT_HOG_MS="));
    }
}

static void gt_hog_ms_overrides(void **state)
{
    (void)state;
    assert_fine(off_by_environment, NULL);
}

static void spares_out_of_range_are_refused(void **state)
{
    (void)state;
    assert_int_equal(gt_start(&(gt_config){.spares = -1}), -EINVAL);
    assert_non_null(strstr(gt_start_error(), "gt_config.spares"));
    assert_int_equal(gt_start(&(gt_config){.spares = GT_MAX_SPARES + 1}), -EINVAL);
}

/* ---- without membarrier -------------------------------------------------------------------- */

static void hogs_without_membarrier(void *arg)
{
    gt_fn *const hogs[] = {hog_the_next, hog_the_queue, hog_the_clock, hog_the_network,
                           work_beside_hogs};
    (void)arg;
    wrap_arm(WRAP_MEMBARRIER, 1, true);
    for (int workers = 1; workers <= 2; workers++)
        for (size_t i = 0; i < COUNT_OF(hogs); i++) {
            atomic_store(&over, 0);
            atomic_store(&ran, 0);
            run_on(workers, hogs[i], NULL);
        }
    CHECK(wrap_fired());
}

static void hogs_starve_nobody_without_membarrier(void **state)
{
    (void)state;
    assert_fine(hogs_without_membarrier, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: whether there is membarrier is found out once per process. */
        cmocka_unit_test(hogs_starve_nobody_without_membarrier),
        cmocka_unit_test(the_task_in_the_run_next_slot_runs),
        cmocka_unit_test(the_run_queue_runs),
        cmocka_unit_test(sleepers_and_deadlines_are_not_late_for_ever),
        cmocka_unit_test(waiters_for_descriptors_are_served),
        cmocka_unit_test(the_shared_queue_runs),
        cmocka_unit_test(each_new_hog_leaves_the_others_served),
        cmocka_unit_test(bound_tasks_wait_for_their_worker),
        cmocka_unit_test(a_negative_hog_ns_leaves_hogs_alone),
        cmocka_unit_test(gt_hog_ms_overrides),
        cmocka_unit_test(spares_out_of_range_are_refused),
    };
    alarm(240); /* what hangs ends with SIGALRM */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
