/* Starting: configuration, environment, on_worker_start, statistics. Stopping is in
 * test_stop.c. */
#include "common.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "os_linux.h"

static const int worker_counts[] = {1, 2, 4};

/* ---- configuration -------------------------------------------------------- */

static void assert_refused(const gt_config *config, const char *named)
{
    assert_int_equal(gt_start(config), -EINVAL);
    assert_non_null(strstr(gt_start_error(), named));
    assert_null(strchr(gt_start_error(), '\n'));
    assert_int_equal(gt_workers(), 0);
}

static void bad_environment_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const workers[] = {"abc", "0",  "-1",  "300", "",    " 1",
                                          "1 ",  "1x", "0x2", "+1",  "257", "99999999999999999999"};
    static const char *const stacks[] = {"abc", "0", "16383", "1073741825", "", "64k", "-65536"};
    static const char *const guards[] = {"", "none", "MPROTECT"};
    for (size_t i = 0; i < COUNT_OF(workers); i++) {
        setenv("GT_WORKERS", workers[i], 1);
        assert_refused(NULL, "GT_WORKERS");
    }
    unsetenv("GT_WORKERS");
    for (size_t i = 0; i < COUNT_OF(stacks); i++) {
        setenv("GT_STACK_SIZE", stacks[i], 1);
        assert_refused(NULL, "GT_STACK_SIZE");
    }
    unsetenv("GT_STACK_SIZE");
    for (size_t i = 0; i < COUNT_OF(guards); i++) {
        setenv("GT_GUARD", guards[i], 1);
        assert_refused(NULL, "GT_GUARD");
    }
    unsetenv("GT_GUARD");
}

static void bad_config_fields_are_refused_by_name(void **state)
{
    (void)state;
    assert_refused(&(gt_config){.workers = -1}, "workers");
    assert_refused(&(gt_config){.workers = GT_MAX_WORKERS + 1}, "workers");
    assert_refused(&(gt_config){.stack_size = GT_MIN_STACK - 1}, "stack_size");
    assert_refused(&(gt_config){.stack_size = GT_MAX_STACK + 1}, "stack_size");
}

static void stacks_keep_their_share_of_a_quarter_of_the_memory(void **state)
{
    (void)state;
    const uint64_t memory = gti_os_memory(), least = 64 << 20;
    char why[256];
    assert_true(memory > 0);
    assert_true(memory <= (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
    for (int workers = 1; workers <= GT_MAX_WORKERS; workers *= 4) {
        gt_config c;
        uint64_t share = memory / 4 / (uint64_t)workers;
        assert_int_equal(gti_config_resolve(&(gt_config){.workers = workers}, &c, why, sizeof why),
                         0);
        assert_int_equal(c.stack_retain, share > least ? share : least);
        assert_int_equal(gti_config_resolve(&(gt_config){.workers = workers, .stack_retain = 1}, &c,
                                            why, sizeof why),
                         0);
        assert_int_equal(c.stack_retain, 1);
    }
}

static void the_error_is_empty_after_a_good_start(void **state)
{
    (void)state;
    assert_int_equal(gt_start(&(gt_config){.workers = -1}), -EINVAL);
    assert_int_equal(gt_start(&(gt_config){.workers = 1}), 0);
    assert_string_equal(gt_start_error(), "");
    assert_int_equal(gt_stop(), 0);
}

static void environment_overrides_the_configured_workers(void **state)
{
    (void)state;
    setenv("GT_WORKERS", "3", 1);
    assert_int_equal(gt_start(&(gt_config){.workers = 1}), 0);
    assert_int_equal(gt_workers(), 3);
    assert_int_equal(gt_stop(), 0);
    unsetenv("GT_WORKERS");
    assert_int_equal(gt_start(&(gt_config){.workers = 1}), 0);
    assert_int_equal(gt_workers(), 1);
    assert_int_equal(gt_stop(), 0);
    assert_int_equal(gt_workers(), 0);
}

static void the_most_workers_start_and_stop(void **state)
{
    (void)state;
    assert_int_equal(gt_run(&(gt_config){.workers = GT_MAX_WORKERS}, nothing, NULL), 0);
}

static void one_cpu_child(void *arg)
{
    cpu_set_t set;
    (void)arg;
    CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &set))
        cpu++;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    CHECK(sched_setaffinity(0, sizeof set, &set) == 0);
    unsetenv("GT_WORKERS");
    CHECK(gt_start(NULL) == 0);
    CHECK(gt_workers() == 1);
    CHECK(gt_stop() == 0);
}

static void the_affinity_mask_is_respected(void **state)
{
    (void)state;
    cpu_set_t set;
    assert_fine(one_cpu_child, NULL);
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    assert_int_equal(gt_start(NULL), 0);
    assert_in_range(gt_workers(), 1, CPU_COUNT(&set));
    assert_int_equal(gt_stop(), 0);
}

/* ---- starting twice, and not at all --------------------------------------- */

static void a_second_start_returns_ealready(void **state)
{
    (void)state;
    assert_int_equal(gt_start(&(gt_config){.workers = 1}), 0);
    assert_int_equal(gt_start(&(gt_config){.workers = 1}), -EALREADY);
    assert_true(strlen(gt_start_error()) > 0);
    assert_int_equal(gt_workers(), 1);
    assert_int_equal(gt_stop(), 0);
}

static void spawn_without_a_runtime_returns_einval(void **state)
{
    (void)state;
    gt_group group = {0};
    assert_int_equal(gt_spawn(nothing, NULL, NULL), -EINVAL);
    assert_int_equal(gt_group_spawn(&group, nothing, NULL, NULL), -EINVAL);
    assert_int_equal(gt_group_wait(&group), 0);
}

static void start_and_stop_inside(void *arg)
{
    (void)arg;
    CHECK(gt_start(NULL) == -EALREADY);
    CHECK(gt_stop() == -EINVAL);
    CHECK(gt_workers() > 0 && gt_worker() >= 0 && gt_worker() < gt_workers());
}

static void a_task_can_neither_start_nor_stop(void **state)
{
    (void)state;
    on_one_and_two_workers(start_and_stop_inside);
    assert_int_equal(gt_worker(), -1);
}

/* ---- on_worker_start ------------------------------------------------------ */

static atomic_int started[GT_MAX_WORKERS], wrong_thread;
static int mark;

static void worker_starts(int worker, void *arg)
{
    if (arg != &mark || gt_worker() != worker)
        atomic_fetch_add(&wrong_thread, 1);
    atomic_fetch_add(&started[worker], 1);
}

static void check_started(void *arg)
{
    (void)arg;
    CHECK(atomic_load(&started[gt_worker()]) == 1);
}

static void on_worker_start_runs_once_on_each_worker_before_its_tasks(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 8; workers++) {
        gt_config config = {
            .workers = workers, .on_worker_start = worker_starts, .on_worker_start_arg = &mark};
        gt_group group = {0};
        for (int i = 0; i < workers; i++)
            atomic_store(&started[i], 0);
        assert_int_equal(gt_start(&config), 0);
        for (int i = 0; i < workers; i++) {
            gt_attr attr = {.flags = GT_BOUND, .worker = i};
            assert_int_equal(gt_group_spawn(&group, check_started, NULL, &attr), 0);
        }
        assert_int_equal(gt_group_wait(&group), 0);
        assert_int_equal(gt_stop(), 0);
        for (int i = 0; i < workers; i++)
            assert_int_equal(atomic_load(&started[i]), 1);
        assert_int_equal(atomic_load(&wrong_thread), 0);
    }
}

static void every_worker_starts_even_if_stopped_at_once(void **state)
{
    (void)state;
    for (int round = 0; round < 100; round++) {
        gt_config config = {
            .workers = 4, .on_worker_start = worker_starts, .on_worker_start_arg = &mark};
        for (int i = 0; i < 4; i++)
            atomic_store(&started[i], 0);
        assert_int_equal(gt_start(&config), 0);
        assert_int_equal(gt_stop(), 0);
        for (int i = 0; i < 4; i++)
            assert_int_equal(atomic_load(&started[i]), 1);
    }
}

/* All that it does it does as an outside thread. */
static gt_mutex start_mutex;
static atomic_int in_tasks, at_start;

static void count_up(void *arg)
{
    gt_yield();
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void wait_at_start(int worker, void *arg)
{
    gt_group group = {0};
    int err;
    (void)arg;
    gt_mutex_lock(&start_mutex);
    gt_sleep_until(gt_now() + 1000000);
    gt_yield();
    gt_mutex_unlock(&start_mutex);
    for (int i = 0; i < 3; i++) {
        while ((err = gt_group_spawn(&group, count_up, &in_tasks, NULL)) == -EINVAL)
            gt_yield(); /* gt_start() has not returned */
        CHECK(err == 0);
    }
    CHECK(gt_group_wait(&group) == 0);
    CHECK(gt_worker() == worker);
    CHECK(gt_stop() == -EINVAL);
    atomic_fetch_add(&at_start, 1);
}

static void start_with_waits(void *arg)
{
    int workers = *(int *)arg;
    CHECK(gt_start(&(gt_config){.workers = workers, .on_worker_start = wait_at_start}) == 0);
    await(&at_start, workers);
    CHECK(gt_stop() == 0);
    CHECK(atomic_load(&in_tasks) == 3 * workers);
}

static void on_worker_start_may_wait(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 4; workers++)
        assert_fine(start_with_waits, &workers);
}

/* ---- statistics ----------------------------------------------------------- */

static void stats_add_up(void **state)
{
    (void)state;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        gt_stats s;
        gt_group group = {0};
        assert_int_equal(gt_start(&(gt_config){.workers = worker_counts[w]}), 0);
        for (int i = 0; i < 1000; i++)
            assert_int_equal(gt_group_spawn(&group, nothing, NULL, NULL), 0);
        assert_int_equal(gt_group_wait(&group), 0);
        gt_get_stats(&s);
        assert_int_equal(gt_get_counters(0, NULL), -EINVAL);
        assert_int_equal(s.workers, worker_counts[w]);
        assert_int_equal(s.sum.spawned, 1000);
        assert_int_equal(s.sum.finished, 1000);
        assert_true(s.sum.switches >= 1000);
        assert_true(s.stacks > 0 && s.stack_bytes > s.stacks * 65536);
        assert_in_range(s.guard, GT_GUARD_MADVISE, GT_GUARD_CANARY);
        assert_int_equal(gt_stop(), 0);
    }
}

int main(void)
{
    unsetenv("GT_WORKERS");
    unsetenv("GT_STACK_SIZE");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_environment_is_refused_by_name),
        cmocka_unit_test(bad_config_fields_are_refused_by_name),
        cmocka_unit_test(stacks_keep_their_share_of_a_quarter_of_the_memory),
        cmocka_unit_test(the_error_is_empty_after_a_good_start),
        cmocka_unit_test(environment_overrides_the_configured_workers),
        cmocka_unit_test(the_most_workers_start_and_stop),
        cmocka_unit_test(the_affinity_mask_is_respected),
        cmocka_unit_test(a_second_start_returns_ealready),
        cmocka_unit_test(spawn_without_a_runtime_returns_einval),
        cmocka_unit_test(a_task_can_neither_start_nor_stop),
        cmocka_unit_test(on_worker_start_runs_once_on_each_worker_before_its_tasks),
        cmocka_unit_test(every_worker_starts_even_if_stopped_at_once),
        cmocka_unit_test(on_worker_start_may_wait),
        cmocka_unit_test(stats_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
