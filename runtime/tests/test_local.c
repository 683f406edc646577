/* Task-local storage. Keys live as long as the process, so each test that
 * needs all of them runs in a child. */
#include "common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TASKS 200

static atomic_int destroyed;
static gt_local counted, plain; /* with a destructor and without */

static void count_destroyed(void *value)
{
    CHECK(gt_local_get(counted) == NULL); /* gone before it is destroyed */
    atomic_fetch_add(&destroyed, (int)(intptr_t)value);
}

static int make_keys(void **state)
{
    (void)state;
    return gt_local_create(&counted, count_destroyed) || gt_local_create(&plain, NULL);
}

/* ---- values ----------------------------------------------------------------------- */

static void keep_own_values(void *arg)
{
    CHECK(gt_local_get(counted) == NULL && gt_local_get(plain) == NULL);
    CHECK(gt_local_set(plain, arg) == 0);
    for (int i = 0; i < 10; i++) {
        gt_yield(); /* to another worker, perhaps */
        CHECK(gt_local_get(plain) == arg);
    }
    CHECK(gt_local_set(counted, (void *)1) == 0);
    CHECK(gt_local_get(counted) == (void *)1 && gt_local_get(plain) == arg);
    if ((uintptr_t)arg % 2) {
        CHECK(gt_local_set(counted, NULL) == 0); /* nothing to destroy then */
        CHECK(gt_local_get(counted) == NULL);
    }
}

static void many_keep_own_values(void *arg)
{
    gt_group group = {0};
    (void)arg;
    atomic_store(&destroyed, 0);
    for (uintptr_t i = 0; i < TASKS; i++)
        spawn(&group, keep_own_values, (void *)(i + 1));
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&destroyed) == TASKS / 2);
}

static void each_task_has_values_of_its_own(void **state)
{
    (void)state;
    on_one_two_and_four_workers(many_keep_own_values);
}

static void wrong_calls(void *arg)
{
    (void)arg;
    CHECK(gt_local_set(GT_MAX_LOCALS, NULL) == -EINVAL);
    CHECK(gt_local_set((gt_local)-1, NULL) == -EINVAL);
    CHECK(gt_local_get((gt_local)-1) == NULL);
    CHECK(gt_local_get((gt_local)-2) == NULL);
    CHECK(gt_local_set(plain, NULL) == 0); /* needs no memory */
    CHECK(gt_local_set(plain, arg) == 0);
    CHECK(gt_local_get((gt_local)-1) == NULL);
    CHECK(gt_local_get((gt_local)-2) == NULL);
    CHECK(gt_local_get(GT_MAX_LOCALS) == NULL);
}

static void unknown_keys_are_refused(void **state)
{
    int here;
    (void)state;
    run_on(1, wrong_calls, &here);
}

static int set_on_start;

static void set_on_worker(int worker, void *arg)
{
    (void)worker;
    set_on_start = gt_local_set(plain, arg);
}

static void outside_tasks_there_are_no_values(void **state)
{
    gt_config config = {.workers = 1, .on_worker_start = set_on_worker};
    (void)state;
    assert_int_equal(gt_local_set(plain, &config), -EPERM);
    assert_null(gt_local_get(plain));
    config.on_worker_start_arg = &config;
    assert_int_equal(gt_run(&config, nothing, NULL), 0);
    assert_int_equal(set_on_start, -EPERM);
}

/* ---- destructors --------------------------------------------------------------------- */

static gt_local waits, sets_again, reads;
static atomic_int waited, again, read_sum;

/* It may wait, and other tasks run meanwhile; the task may move. */
static void destroy_by_waiting(void *value)
{
    for (int i = 0; i < 5; i++)
        gt_yield();
    gt_sleep_until(gt_now() + 10000);
    free(value);
    atomic_fetch_add(&waited, 1);
}

/* A value without a destructor is there until the end. */
static void destroy_by_reading(void *value)
{
    (void)value;
    atomic_fetch_add(&read_sum, (int)(intptr_t)gt_local_get(plain));
}

static void destroy_by_setting(void *value)
{
    atomic_fetch_add(&again, 1);
    CHECK(gt_local_set(sets_again, value) == 0);
}

static void leave_values(void *arg)
{
    (void)arg;
    CHECK(gt_local_set(waits, malloc(24)) == 0);
    CHECK(gt_local_set(reads, (void *)1) == 0);
    CHECK(gt_local_set(plain, (void *)3) == 0);
}

static void many_leave_values(void *arg)
{
    gt_group group = {0};
    (void)arg;
    atomic_store(&waited, 0);
    atomic_store(&read_sum, 0);
    for (int i = 0; i < TASKS; i++)
        spawn(&group, leave_values, NULL);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&waited) == TASKS); /* before the group was complete */
    CHECK(atomic_load(&read_sum) == 3 * TASKS);
}

static void destructors_run_in_the_task_and_may_wait(void **state)
{
    (void)state;
    assert_int_equal(gt_local_create(&waits, destroy_by_waiting), 0);
    assert_int_equal(gt_local_create(&reads, destroy_by_reading), 0);
    on_one_and_two_workers(many_leave_values);
}

static void leave_one_that_comes_again(void *arg)
{
    CHECK(gt_local_set(sets_again, arg) == 0);
}

static void a_destructor_that_sets_a_value_does_not_run_for_ever(void **state)
{
    int here;
    (void)state;
    assert_int_equal(gt_local_create(&sets_again, destroy_by_setting), 0);
    run_on(1, leave_one_that_comes_again, &here);
    assert_true(atomic_load(&again) > 1 && atomic_load(&again) < 100);
}

/* ---- all keys ---------------------------------------------------------------------------- */

static gt_local all[GT_MAX_LOCALS];
static int calls[GT_MAX_LOCALS];

static void count_call(void *value)
{
    calls[(intptr_t)value - 1]++;
}

static void use_all_keys(void *arg)
{
    int n = *(int *)arg;
    for (int i = n - 1; i >= 0; i--) /* the array need not grow */
        CHECK(gt_local_set(all[i], (void *)(intptr_t)(i + 1)) == 0);
    for (int i = 0; i < n; i++)
        CHECK(gt_local_get(all[i]) == (void *)(intptr_t)(i + 1));
}

static void grow_over_all_keys(void *arg)
{
    int n = *(int *)arg;
    for (int i = 0; i < n; i++) {
        CHECK(gt_local_get(all[i]) == NULL);
        CHECK(gt_local_set(all[i], (void *)(intptr_t)(i + 1)) == 0);
        for (int j = 0; j < n; j++)
            CHECK(gt_local_get(all[j]) == (j <= i ? (void *)(intptr_t)(j + 1) : NULL));
    }
}

static void take_all_keys(void *arg)
{
    int n = 0;
    (void)arg;
    while (n < GT_MAX_LOCALS && gt_local_create(&all[n], count_call) == 0)
        n++;
    CHECK(n == GT_MAX_LOCALS - 2); /* this program has made two before */
    gt_local unchanged = 77;
    CHECK(gt_local_create(&unchanged, NULL) == -EAGAIN && unchanged == 77);
    run_on(1, use_all_keys, &n);
    run_on(1, grow_over_all_keys, &n);
    for (int i = 0; i < n; i++)
        CHECK(calls[i] == 2);
}

static void there_are_as_many_keys_as_promised(void **state)
{
    (void)state;
    assert_fine(take_all_keys, NULL);
}

/* ---- stop ------------------------------------------------------------------------------------ */

static atomic_int set;

static void set_and_wait(void *arg)
{
    CHECK(gt_local_set(counted, arg) == 0);
    atomic_fetch_add(&set, 1);
    gt_sleep_until(GT_NEVER);
}

/* That the arrays are freed is for a leak checker to see. */
static void abandoned_tasks_run_no_destructors(void **state)
{
    gt_config config = {.workers = 2};
    (void)state;
    atomic_store(&destroyed, 0);
    assert_int_equal(gt_start(&config), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(gt_spawn(set_and_wait, (void *)1, NULL), 0);
    await(&set, 5);
    assert_int_equal(gt_stop(), 5);
    assert_int_equal(atomic_load(&destroyed), 0);
    run_on(1, many_keep_own_values, NULL); /* and the next runtime finds nothing of it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_as_many_keys_as_promised),
        cmocka_unit_test(each_task_has_values_of_its_own),
        cmocka_unit_test(unknown_keys_are_refused),
        cmocka_unit_test(outside_tasks_there_are_no_values),
        cmocka_unit_test(destructors_run_in_the_task_and_may_wait),
        cmocka_unit_test(a_destructor_that_sets_a_value_does_not_run_for_ever),
        cmocka_unit_test(abandoned_tasks_run_no_destructors),
    };
    return cmocka_run_group_tests(tests, make_keys, NULL);
}
