/* Misuse that would corrupt, and that no other test has: each ends the process
 * with a line that names the call. */
#include "common.h"

#include <string.h>

static gt_mutex mutex;
static gt_group group;
static gt_sem go;

static void lock_twice(void *arg)
{
    (void)arg;
    gt_mutex_lock(&mutex);
    gt_mutex_lock(&mutex);
}

static void lock_twice_until(void *arg)
{
    (void)arg;
    gt_mutex_lock(&mutex);
    gt_mutex_lock_until(&mutex, gt_now() + 3600 * INT64_C(1000000000));
}

static void in_task(void *arg)
{
    run_on(1, *(gt_fn **)arg, NULL);
}

static void locking_a_mutex_twice_is_fatal(void **state)
{
    gt_fn *const ways[] = {lock_twice, lock_twice_until};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        gt_fn *fn = ways[i];
        assert_fatal(in_task, &fn, "gt_mutex_lock");
        assert_fatal(fn, NULL, "gt_mutex_lock"); /* a thread outside */
    }
}

static void wait_to_go(void *arg)
{
    (void)arg;
    gt_sem_wait(&go);
}

static void overwrite_group(void *arg)
{
    CHECK(gt_start(&(gt_config){.workers = *(int *)arg}) == 0);
    CHECK(gt_group_spawn(&group, wait_to_go, NULL, NULL) == 0);
    memset(&group, 0, sizeof group);
    gt_sem_post(&go);
    gt_stats s;
    do
        gt_get_stats(&s);
    while (s.live > 0);
    gt_stop();
}

static void overwriting_a_group_in_use_is_fatal(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 2; workers++)
        assert_fatal(overwrite_group, &workers, "a group's count fell below 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(locking_a_mutex_twice_is_fatal),
        cmocka_unit_test(overwriting_a_group_in_use_is_fatal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
