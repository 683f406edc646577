/* Many tasks that never give up their worker, at once and one after another; and
 * what their OS threads get from the kernel. */
#include "hogs.h"

#include <sys/syscall.h>

/* ---- many hogs -------------------------------------------------------------------------- */

static void four_hogs_on_two_workers_leave_the_others_running(void **state)
{
    (void)state;
    hog_on_one_and_two_workers(work_beside_hogs);
}

/* Any task may be found a hog, so that spares come, sleep and go in all orders. */
static void hogs_found_at_once_leave_the_others_running(void **state)
{
    (void)state;
    for (int round = 0; round < 40; round++) {
        gt_group group = {0};
        start(&(gt_config){.workers = 1, .hog_ns = 30000});
        spawn(&group, work_beside_hogs, NULL);
        assert_int_equal(gt_group_wait(&group), 0);
        assert_int_equal(gt_stop(), 0);
    }
}

/* Spawns faster than others can take away, as far as memory allows. */
static void spawn_all_the_time(void *arg)
{
    (void)arg;
    for (int i = 0; atomic_load_explicit(&ran, memory_order_relaxed) < 1000; i++) {
        if (i < (UNDER_ASAN ? 200000 : 2000000))
            CHECK(gt_spawn(count, NULL, NULL) == 0);
        if (i > 200000 && i % 64 == 0)
            sched_yield();
    }
}

static void hogs_that_spawn_all_the_time_starve_nobody(void **state)
{
    (void)state;
    hog_on_one_and_two_workers(spawn_all_the_time);
}

static void hog_and_go(void *arg)
{
    int64_t until = gt_now() + (int64_t)(intptr_t)arg;
    CHECK(gt_spawn(count, NULL, NULL) == 0);
    while (gt_now() < until)
        continue;
    CHECK(gt_spawn(nap, (void *)(intptr_t)100000, NULL) == 0);
    gt_yield();
}

/* Hogs that end at any point of what the monitor does with them. */
static void nothing_is_lost_when_hogs_come_and_go(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    for (int workers = 1; workers <= 2; workers++) {
        gt_group group = {0};
        const int hogs = UNDER_ASAN ? 100 : 300;
        start(&(gt_config){.workers = workers, .hog_ns = 200000});
        for (int i = 0; i < hogs; i++)
            spawn(&group, hog_and_go, (void *)(intptr_t)(next_random(&seed) % 1000000));
        assert_int_equal(gt_group_wait(&group), 0);
        while (atomic_load(&ran) < 2 * hogs)
            sched_yield();
        finish(&group);
    }
}

/* ---- the kernel's time slices -------------------------------------------------------- */

/* The slice of a thread; with `set` 0 or more, after setting it. 0: unknown. */
static uint64_t slice_of(long thread, int64_t set)
{
    struct {
        uint32_t size, policy;
        uint64_t flags;
        uint32_t nice, priority;
        uint64_t runtime, deadline, period;
    } s = {.size = sizeof s};
    if (syscall(SYS_sched_getattr, thread, &s, sizeof s, 0) != 0)
        return 0;
    if (set < 0)
        return s.runtime;
    s.runtime = (uint64_t)set;
    syscall(SYS_sched_setattr, thread, &s, 0);
    return slice_of(thread, -1);
}

static uint64_t usual_slice;
static _Atomic long hogged_thread;

static void hog_until_the_slice_is_long(void *arg)
{
    (void)arg;
    long self = syscall(SYS_gettid);
    atomic_store(&hogged_thread, self);
    while (slice_of(self, -1) <= usual_slice)
        continue;
}

static void a_hog_has_a_long_slice_while_it_lasts(void **state)
{
    (void)state;
    usual_slice = slice_of(0, 0);
    if (slice_of(0, 20000000) != 20000000 || slice_of(0, 0) != usual_slice)
        skip(); /* before Linux 6.12, or not allowed */
    for (int workers = 1; workers <= 2; workers++) {
        gt_group group = {0};
        start(&(gt_config){.workers = workers});
        spawn(&group, hog_until_the_slice_is_long, NULL);
        assert_int_equal(gt_group_wait(&group), 0);
        while (slice_of(atomic_load(&hogged_thread), -1) > usual_slice)
            sched_yield();
        finish(&group);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_hogs_on_two_workers_leave_the_others_running),
        cmocka_unit_test(hogs_found_at_once_leave_the_others_running),
        cmocka_unit_test(hogs_that_spawn_all_the_time_starve_nobody),
        cmocka_unit_test(nothing_is_lost_when_hogs_come_and_go),
        cmocka_unit_test(a_hog_has_a_long_slice_while_it_lasts),
    };
    alarm(240); /* what hangs ends with SIGALRM */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
