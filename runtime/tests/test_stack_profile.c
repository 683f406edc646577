/* GT_STACK_PROFILE: how deep each entry function used its stack. */
#include "common.h"

#include <stdlib.h>
#include <string.h>

#define KIB ((size_t)1 << 10)
/* The runtime's own frames above and below a task's, and colouring. */
#define SLACK (UNDER_ASAN ? 4 * KIB : 2 * KIB)

static gt_group group;

static void run_profiled(int workers, gt_fn *fn, void *arg)
{
    gt_config config = {.workers = workers, .flags = GT_STACK_PROFILE};
    CHECK(gt_run(&config, fn, arg) == 0);
}

static bool find(gt_fn *fn, gt_stack_use *ret)
{
    gt_stack_use use[64];
    int n = gt_stack_profile(use, COUNT_OF(use));
    assert_in_range(n, 0, COUNT_OF(use));
    for (int i = 0; i < n; i++)
        if (use[i].fn == fn) {
            *ret = use[i];
            return true;
        }
    return false;
}

__attribute__((noinline)) static void fill(size_t bytes)
{
    volatile char room[512];
    for (size_t i = 0; i < sizeof room; i++)
        room[i] = 1;
    if (bytes > sizeof room)
        fill(bytes - sizeof room);
    room[0] = 2;
}

static void shallow(void *arg)
{
    (void)arg;
}

static void by_argument(void *arg)
{
    fill((size_t)(uintptr_t)arg);
}

static void deep_and_parked(void *arg)
{
    fill((size_t)(uintptr_t)arg);
    for (int i = 0; i < 5; i++)
        gt_yield();
}

static void spawn_depths(void *arg)
{
    (void)arg;
    /* The same stacks again and again: what one left must not count for the
     * next. */
    for (int i = 0; i < 100; i++) {
        gt_attr attr = {.name = "digger"};
        CHECK(gt_group_spawn(&group, by_argument, (void *)(i == 50 ? 40 * KIB : 1 * KIB), &attr) ==
              0);
        CHECK(gt_group_wait(&group) == 0);
        CHECK(gt_group_spawn(&group, deep_and_parked, (void *)(20 * KIB), NULL) == 0);
        CHECK(gt_group_spawn(&group, shallow, NULL, NULL) == 0);
        CHECK(gt_group_wait(&group) == 0);
    }
}

static void the_deepest_use_of_each_function_is_told(void **state)
{
    (void)state;
    gt_stack_use use;
    for (int workers = 1; workers <= 2; workers++) {
        run_profiled(workers, spawn_depths, NULL);
        /* It can still be asked for after the end. */
        assert_true(find(by_argument, &use));
        assert_int_equal(use.tasks, 100);
        assert_string_equal(use.name, "digger");
        assert_int_equal(use.limit, 64 * KIB);
        assert_true(use.max_used >= 40 * KIB);
        assert_true(use.max_used <= (UNDER_ASAN ? 64 : 46) * KIB);
        assert_true(find(deep_and_parked, &use));
        assert_int_equal(use.tasks, 100);
        assert_true(use.max_used >= 20 * KIB);
        assert_true(use.max_used <= (UNDER_ASAN ? 40 : 24) * KIB);
        assert_true(find(shallow, &use));
        assert_int_equal(use.tasks, 100);
        assert_in_range(use.max_used, 1, SLACK);
    }
}

static void small_and_big(void *arg)
{
    (void)arg;
    gt_attr small = {.stack_size = 4096}, big = {.stack_size = 1024 * KIB};
    for (int i = 0; i < 20; i++) {
        CHECK(gt_group_spawn(&group, by_argument, (void *)(1 * KIB), &small) == 0);
        CHECK(gt_group_spawn(&group, deep_and_parked, (void *)(700 * KIB), &big) == 0);
        CHECK(gt_group_wait(&group) == 0);
    }
}

static void stacks_of_other_sizes_are_measured_too(void **state)
{
    (void)state;
    gt_stack_use use;
    if (UNDER_ASAN || UNDER_TSAN) /* no small stacks */
        skip();
    run_profiled(1, small_and_big, NULL);
    assert_true(find(by_argument, &use));
    assert_int_equal(use.limit, 4096);
    assert_in_range(use.max_used, 1 * KIB, 3 * KIB);
    assert_true(find(deep_and_parked, &use));
    assert_int_equal(use.limit, 1024 * KIB);
    assert_in_range(use.max_used, 700 * KIB, 790 * KIB);
}

static void nothing_is_measured_unless_asked(void **state)
{
    (void)state;
    gt_stack_use use;
    run_on(1, spawn_depths, NULL);
    assert_int_equal(gt_stack_profile(&use, 1), 0);
}

static void the_environment_may_ask(void **state)
{
    (void)state;
    gt_stack_use use;
    setenv("GT_STACK_PROFILE", "1", 1);
    run_on(1, spawn_depths, NULL);
    assert_true(find(by_argument, &use));
    setenv("GT_STACK_PROFILE", "yes", 1);
    assert_true(gt_run(NULL, shallow, NULL) < 0);
    assert_non_null(strstr(gt_start_error(), "GT_STACK_PROFILE"));
    unsetenv("GT_STACK_PROFILE");
}

static void a_short_array_gets_what_fits_and_the_number_of_all(void **state)
{
    (void)state;
    gt_stack_use use[2] = {{0}};
    run_profiled(1, spawn_depths, NULL);
    assert_int_equal(gt_stack_profile(NULL, 0), 4);
    assert_int_equal(gt_stack_profile(use, 1), 4);
    assert_non_null((void *)(uintptr_t)use[0].fn);
    assert_null((void *)(uintptr_t)use[1].fn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_deepest_use_of_each_function_is_told),
        cmocka_unit_test(stacks_of_other_sizes_are_measured_too),
        cmocka_unit_test(nothing_is_measured_unless_asked),
        cmocka_unit_test(the_environment_may_ask),
        cmocka_unit_test(a_short_array_gets_what_fits_and_the_number_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
