/* Stopping: what gt_stop() counts, and that nothing stays behind. */
#include "common.h"

#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

static const int worker_counts[] = {1, 2, 4};

/* ---- what is left --------------------------------------------------------- */

static void stop_without_start_returns_einval(void **state)
{
    (void)state;
    assert_int_equal(gt_stop(), -EINVAL);
    assert_int_equal(gt_start(&(gt_config){.workers = 1}), 0);
    assert_int_equal(gt_stop(), 0);
    assert_int_equal(gt_stop(), -EINVAL);
}

static gt_sem never;
static atomic_int parked;

static void park_for_ever(void *arg)
{
    (void)arg;
    atomic_fetch_add(&parked, 1);
    gt_sem_wait(&never);
    CHECK(false);
}

static void sleep_for_ever(void *arg)
{
    (void)arg;
    atomic_fetch_add(&parked, 1);
    gt_sleep_until(INT64_MAX);
    CHECK(false);
}

static void yield_for_ever(void *arg)
{
    (void)arg;
    atomic_fetch_add(&parked, 1);
    for (;;)
        gt_yield();
}

static atomic_int release_hog, hogs_in;

static void hog(void *arg)
{
    (void)arg;
    atomic_fetch_add(&hogs_in, 1);
    while (!atomic_load(&release_hog))
        continue;
    gt_yield(); /* stops here, or ends */
}

/* Tells the hogs to go on when the stop is on its way (or earlier: then
 * fewer tasks are left, and the test allows for that). */
static void *release_later(void *arg)
{
    atomic_int *tid = arg;
    await_asleep(tid);
    atomic_store(&release_hog, 1);
    return NULL;
}

static void stop_counts_parked_sleeping_and_yielding_tasks(void **state)
{
    (void)state;
    gt_fn *const kinds[] = {park_for_ever, sleep_for_ever, yield_for_ever};
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++)
        for (int n = 0; n < 9; n++) {
            assert_int_equal(gt_start(&(gt_config){.workers = worker_counts[w]}), 0);
            gt_sem_init(&never, 0);
            atomic_store(&parked, 0);
            for (int i = 0; i < n; i++)
                assert_int_equal(gt_spawn(kinds[i % 3], NULL, NULL), 0);
            await(&parked, n);
            assert_int_equal(gt_stop(), n);
        }
}

/* Every worker is busy, and no spare stands in, so what is spawned meanwhile cannot have run. */
static void stop_counts_tasks_that_never_ran(void **state)
{
    (void)state;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        atomic_int self = 0;
        int workers = worker_counts[w];
        gt_sem_init(&never, 0); /* who waited on it is gone */
        assert_int_equal(gt_start(&(gt_config){.workers = workers, .hog_ns = -1}), 0);
        atomic_store(&hogs_in, 0);
        atomic_store(&release_hog, 0);
        for (int i = 0; i < workers; i++)
            assert_int_equal(gt_spawn(hog, NULL, NULL), 0);
        await(&hogs_in, workers);
        for (int i = 0; i < 500; i++)
            assert_int_equal(gt_spawn(park_for_ever, NULL, NULL), 0);
        pthread_t thread = outside(release_later, &self);
        atomic_store(&self, (int)gettid());
        int64_t left = gt_stop();
        join(thread);
        assert_in_range(left, 500, 500 + workers);
    }
}

static void spawn_many_and_leave(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++)
        CHECK(gt_spawn(park_for_ever, NULL, NULL) == 0);
}

static void run_returns_how_many_tasks_were_left(void **state)
{
    (void)state;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        gt_sem_init(&never, 0);
        gt_config config = {.workers = worker_counts[w]};
        assert_int_equal(gt_run(&config, spawn_many_and_leave, NULL), 1000);
    }
}

/* ---- nothing stays behind ------------------------------------------------- */

static int threads_of_this_process(void)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    int n = -1;
    CHECK(f);
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "Threads: %d", &n) == 1)
            break;
    fclose(f);
    return n;
}

static gt_group abandoned; /* its members outlive the task that spawns them */

static void some_work(void *arg)
{
    abandoned = (gt_group){0};
    for (int i = 0; i < 300; i++)
        CHECK(gt_group_spawn(&abandoned, i % 2 ? nothing : yield_for_ever, NULL, NULL) == 0);
    gt_attr big = {.stack_size = (size_t)1 << 20};
    CHECK(gt_spawn(nothing, arg, &big) == 0);
    for (int i = 0; i < 3; i++)
        gt_yield();
}

static void start_and_stop_200_times_leaves_nothing_behind(void **state)
{
    (void)state;
    int maps = 0, threads = threads_of_this_process();
    size_t heap = 0;
    for (int round = 0; round < 220; round++) {
        /* Spares, if any came, would leave their stacks to the C library. */
        gt_config config = {.workers = worker_counts[round % 3], .hog_ns = -1};
        int64_t left = gt_run(&config, some_work, NULL);
        assert_in_range(left, 150, 301);
        /* A joined thread may be counted until the kernel is done with it; so
         * one of the tests before may be in `threads`. */
        while (threads_of_this_process() > threads)
            sched_yield();
        if (round == 19) {
            maps = mapping_count();
            heap = mallinfo2().uordblks;
        }
    }
    /* A sanitizer has mappings of its own that come and go. */
    if (!UNDER_ASAN && !UNDER_TSAN) {
        assert_in_range(mapping_count(), 1, maps + 2);
        assert_in_range(mallinfo2().uordblks, 1, heap + 4096);
    }
}

int main(void)
{
    unsetenv("GT_WORKERS");
    unsetenv("GT_STACK_SIZE");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stop_without_start_returns_einval),
        cmocka_unit_test(stop_counts_parked_sleeping_and_yielding_tasks),
        cmocka_unit_test(stop_counts_tasks_that_never_ran),
        cmocka_unit_test(run_returns_how_many_tasks_were_left),
        cmocka_unit_test(start_and_stop_200_times_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
