/* Running a function once. Its deadlines race in test_deadline.c. */
#include "common.h"

#include <errno.h>
#include <string.h>

#define TASKS 30

static gt_once once;
static atomic_int runs, through;
static int written; /* plain: the end of the function publishes it */

static void write_slowly(void *arg)
{
    atomic_fetch_add(&runs, 1);
    for (int i = 0; i < 20; i++)
        gt_yield();
    gt_sleep_until(gt_now() + 100000);
    written = *(int *)arg;
}

static void come(void *arg)
{
    gt_once_run(&once, write_slowly, arg);
    CHECK(written == *(int *)arg);
    atomic_fetch_add(&through, 1);
}

static void *come_outside(void *arg)
{
    come(arg);
    return NULL;
}

static void many_come(void *arg)
{
    (void)arg;
    for (int round = 1; round <= 20; round++) {
        gt_group group = {0};
        memset(&once, 0, sizeof once);
        atomic_store(&runs, 0);
        atomic_store(&through, 0);
        written = 0;
        for (int i = 0; i < TASKS / 2; i++)
            spawn(&group, come, &round);
        pthread_t threads[2] = {outside(come_outside, &round), outside(come_outside, &round)};
        for (int i = 0; i < TASKS / 2; i++)
            spawn(&group, come, &round);
        CHECK(gt_group_wait(&group) == 0);
        for (int i = 0; i < 2; i++)
            join(threads[i]);
        CHECK(atomic_load(&runs) == 1);
        CHECK(atomic_load(&through) == TASKS + 2);
    }
}

static void it_runs_once_and_all_see_what_it_wrote(void **state)
{
    (void)state;
    on_one_two_and_four_workers(many_come);
}

static void count(void *arg)
{
    ++*(int *)arg;
}

static void later_calls_do_not_run_it_again(void **state)
{
    (void)state;
    gt_once o;
    int n = 0;
    memset(&o, 0, sizeof o);
    gt_once_run(&o, count, &n);
    gt_once_run(&o, count, &n);
    assert_int_equal(gt_once_run_until(&o, count, &n, INT64_MIN), 0);
    assert_int_equal(n, 1);
}

static void the_deadline_is_not_for_the_one_that_runs_it(void **state)
{
    (void)state;
    gt_once o;
    int n = 0;
    memset(&o, 0, sizeof o);
    assert_int_equal(gt_once_run_until(&o, count, &n, -1), 0);
    assert_int_equal(n, 1);
}

static gt_sem gate;

static void wait_at_gate(void *arg)
{
    (void)arg;
    atomic_fetch_add(&runs, 1);
    gt_sem_wait(&gate);
}

static void run_to_gate(void *arg)
{
    gt_once_run(&once, wait_at_gate, arg);
}

/* It may give up and come again, and still be let through by the same end. */
static void give_up_and_come_again(void *arg)
{
    gt_group group = {0};
    (void)arg;
    memset(&once, 0, sizeof once);
    atomic_store(&runs, 0);
    spawn(&group, run_to_gate, NULL);
    await(&runs, 1);
    CHECK(gt_once_run_until(&once, wait_at_gate, NULL, 0) == -ETIMEDOUT);
    CHECK(gt_once_run_until(&once, wait_at_gate, NULL, gt_now() + 500000) == -ETIMEDOUT);
    gt_sem_post(&gate);
    CHECK(gt_once_run_until(&once, wait_at_gate, NULL, GT_NEVER) == 0);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&runs) == 1);
}

static void who_gives_up_may_come_again(void **state)
{
    (void)state;
    on_one_and_two_workers(give_up_and_come_again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_runs_once_and_all_see_what_it_wrote),
        cmocka_unit_test(later_calls_do_not_run_it_again),
        cmocka_unit_test(the_deadline_is_not_for_the_one_that_runs_it),
        cmocka_unit_test(who_gives_up_may_come_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
