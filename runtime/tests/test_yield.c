/* Yielding, and what must go on beside tasks that do. */
#include "common.h"

#include <string.h>

/* ---- yield ---------------------------------------------------------------- */

static atomic_int yielded;
static int alternating[2];

static void alternate(void *arg)
{
    int me = (int)(intptr_t)arg;
    for (int i = 0; i < 1000; i++) {
        CHECK(alternating[1 - me] - alternating[me] <= 1);
        alternating[me]++;
        gt_yield();
    }
}

static void two_alternate(void *arg)
{
    gt_group group = {0};
    (void)arg;
    memset(alternating, 0, sizeof alternating);
    spawn(&group, alternate, (void *)(intptr_t)0);
    spawn(&group, alternate, (void *)(intptr_t)1);
    CHECK(gt_group_wait(&group) == 0);
}

static void yielding_tasks_of_one_worker_take_turns(void **state)
{
    (void)state;
    run_alone(two_alternate, NULL);
}

static void until_all_have_come(void *arg)
{
    int n = (int)(intptr_t)arg;
    atomic_fetch_add(&yielded, 1);
    while (atomic_load(&yielded) < n)
        gt_yield();
}

static void everybody_waits_by_yielding(void *arg)
{
    (void)arg;
    for (intptr_t n = 2; n <= 5000; n *= 3) {
        gt_group group = {0};
        atomic_store(&yielded, 0);
        for (int i = 0; i < n; i++)
            spawn(&group, until_all_have_come, (void *)n);
        CHECK(gt_group_wait(&group) == 0);
    }
}

static void yielding_starves_no_task_however_many_there_are(void **state)
{
    (void)state;
    on_one_two_and_four_workers(everybody_waits_by_yielding);
}

static void yield_until_flag(void *arg)
{
    while (!atomic_load((atomic_int *)arg))
        gt_yield();
}

static void sleep_and_set(void *arg)
{
    gt_sleep_until(gt_now() + 2000000);
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void sleeper_beside_yielders(void *arg)
{
    (void)arg;
    for (int yielders = 1; yielders <= 3; yielders++) {
        gt_group group = {0};
        atomic_int flag = 0;
        for (int i = 0; i < yielders; i++)
            spawn(&group, yield_until_flag, &flag);
        spawn(&group, sleep_and_set, &flag);
        CHECK(gt_group_wait(&group) == 0);
    }
}

static void yielding_tasks_do_not_keep_a_sleeper_from_waking(void **state)
{
    (void)state;
    on_one_two_and_four_workers(sleeper_beside_yielders);
}

static void *set_from_outside(void *arg)
{
    gt_group group = {0};
    CHECK(gt_group_spawn(&group, sleep_and_set, arg, NULL) == 0);
    CHECK(gt_group_wait(&group) == 0);
    return NULL;
}

static void injection_beside_yielders(void *arg)
{
    (void)arg;
    for (int yielders = 1; yielders <= 5; yielders++) {
        gt_group group = {0};
        atomic_int flag = 0;
        for (int i = 0; i < yielders; i++)
            spawn(&group, yield_until_flag, &flag);
        pthread_t thread = outside(set_from_outside, &flag);
        CHECK(gt_group_wait(&group) == 0);
        join(thread);
    }
}

static void yielding_tasks_do_not_keep_a_task_from_outside_from_running(void **state)
{
    (void)state;
    on_one_two_and_four_workers(injection_beside_yielders);
}

static void set_flag(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

/* As many yielders on each worker, so that no worker ever goes idle. */
static void bound_beside_yielders(void *arg)
{
    (void)arg;
    for (int yielders = 1; yielders <= 3; yielders++)
        for (int worker = 0; worker < gt_workers(); worker++) {
            gt_group group = {0};
            atomic_int flag = 0;
            gt_attr attr = {.flags = GT_BOUND};
            for (int i = 0; i < yielders * gt_workers(); i++) {
                attr.worker = i % gt_workers();
                CHECK(gt_group_spawn(&group, yield_until_flag, &flag, &attr) == 0);
            }
            for (int i = 0; i < 100; i++)
                gt_yield();
            attr.worker = worker;
            CHECK(gt_group_spawn(&group, set_flag, &flag, &attr) == 0);
            CHECK(gt_group_wait(&group) == 0);
        }
}

static void yielding_tasks_do_not_keep_a_bound_task_from_running(void **state)
{
    (void)state;
    on_one_two_and_four_workers(bound_beside_yielders);
}

/* Two tasks that wake each other again and again use the run-next slot; the
 * rest of the worker's queue must have its turn all the same. */
static gt_sem ping, pong;
static atomic_int enough;

static void play_ping(void *arg)
{
    (void)arg;
    while (!atomic_load(&enough)) {
        gt_sem_post(&pong);
        gt_sem_wait(&ping);
    }
    gt_sem_post(&pong);
}

static void play_pong(void *arg)
{
    (void)arg;
    while (!atomic_load(&enough)) {
        gt_sem_wait(&pong);
        gt_sem_post(&ping);
    }
    gt_sem_post(&ping);
}

static void others_beside_ping_pong(void *arg)
{
    (void)arg;
    gt_group group = {0};
    gt_sem_init(&ping, 0);
    gt_sem_init(&pong, 0);
    atomic_store(&enough, 0);
    spawn(&group, play_ping, NULL);
    spawn(&group, play_pong, NULL);
    for (int i = 0; i < 1000; i++)
        gt_yield();
    sleep_and_set(&enough);
    CHECK(gt_group_wait(&group) == 0);
}

static void tasks_that_wake_each_other_do_not_shut_out_the_rest(void **state)
{
    (void)state;
    on_one_two_and_four_workers(others_beside_ping_pong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yielding_tasks_of_one_worker_take_turns),
        cmocka_unit_test(yielding_starves_no_task_however_many_there_are),
        cmocka_unit_test(yielding_tasks_do_not_keep_a_sleeper_from_waking),
        cmocka_unit_test(yielding_tasks_do_not_keep_a_task_from_outside_from_running),
        cmocka_unit_test(yielding_tasks_do_not_keep_a_bound_task_from_running),
        cmocka_unit_test(tasks_that_wake_each_other_do_not_shut_out_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
