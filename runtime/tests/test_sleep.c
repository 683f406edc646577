/* Sleepers and waits with a deadline, by the bugs that other runtimes had: a
 * great many, durations at the edges, wake-ups that race with the clock, and
 * wheels whose worker has something else to do or stands by. */
#include "common.h"

#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "os_linux.h"
#include "worker.h"

#define MS INT64_C(1000000)

static atomic_int woken;

/* ---- a great many ------------------------------------------------------------- */

static int64_t base;

static void sleep_spread(void *arg)
{
    int64_t deadline = base + (int64_t)(intptr_t)arg;
    gt_sleep_until(deadline);
    CHECK(gt_now() >= deadline);
    atomic_fetch_add(&woken, 1);
}

struct many {
    int n;
    int64_t ahead; /* the first deadline; what follows is spread */
    bool all;      /* out: they were asleep at once */
};

/* Nobody leaves a wheel before `base`. */
static bool are_asleep(uint32_t n)
{
    uint32_t asleep = 0;
    for (int i = 0; i < gti_workers_made(); i++)
        asleep += GTI_LOAD(gti_rt.worker[i].timers.count, relaxed);
    return asleep == n && gt_now() < base;
}

static void a_great_many(void *arg)
{
    struct many *m = arg;
    const intptr_t n = m->n;
    gt_group group = {0};
    atomic_store(&woken, 0);
    base = gt_now() + m->ahead;
    for (intptr_t i = 0; i < n; i++) {
        spawn(&group, sleep_spread, (void *)(i * 7919 % n * 500));
        if (i % 1000 == 0)
            gt_yield(); /* those who have come so far go to sleep */
    }
    while (!(m->all = are_asleep((uint32_t)n)) && gt_now() < base)
        gt_yield();
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&woken) == (int)n);
}

/* As much time as they need to fall asleep. */
static void sleep_all_at_once(int workers, int n)
{
    struct many m = {.n = n, .ahead = n * INT64_C(2000)};
    for (; !m.all; m.ahead *= 2)
        run_on(workers, a_great_many, &m);
}

/* A million, or as many as half of the free memory has stacks for. */
static void a_million_sleep_at_once_and_wake(void **state)
{
    (void)state;
    long long free_bytes = (long long)sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE);
    long long allowed = (long long)(gti_os_memory() / 2);
    long long most = (free_bytes < allowed ? free_bytes : allowed) / 2 / 12288;
    int n = UNDER_ASAN || UNDER_TSAN ? 3000 : most < 1000000 ? (int)most : 1000000;
    sleep_all_at_once(1, n);
    sleep_all_at_once(2, n / 10);
}

/* ---- edges ------------------------------------------------------------------------ */

static gt_sem never;

static void wait_at_the_edges(void *arg)
{
    const int64_t past[] = {0, -1, INT64_MIN, INT64_MIN + 1, 1, gt_now() - 1, gt_now()};
    (void)arg;
    for (size_t i = 0; i < COUNT_OF(past); i++) {
        gt_sleep_until(past[i]);
        CHECK(gt_sem_wait_until(&never, past[i]) == -ETIMEDOUT);
    }
}

static void wait_for_a_post(void *arg)
{
    CHECK(gt_sem_wait_until(&never, (int64_t)(intptr_t)arg) == 0);
    atomic_fetch_add(&woken, 1);
}

/* So far away that nothing may overflow on the way. */
static void wait_for_very_long(void *arg)
{
    gt_group group = {0};
    (void)arg;
    atomic_store(&woken, 0);
    for (int i = 0; i < 62; i++)
        spawn(&group, wait_for_a_post, (void *)(intptr_t)(INT64_MAX - (INT64_C(1) << i) + 1));
    spawn(&group, wait_for_a_post, (void *)(intptr_t)INT64_MAX);
    gt_sleep_until(gt_now() + MS);
    CHECK(atomic_load(&woken) == 0);
    for (int i = 0; i < 63; i++)
        gt_sem_post(&never);
    CHECK(gt_group_wait(&group) == 0);
}

static void durations_0_minus_1_and_int64_max_go_14431(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 2; workers++) {
        run_on(workers, wait_at_the_edges, NULL);
        run_on(workers, wait_for_very_long, NULL);
    }
    wait_at_the_edges(NULL);
}

/* ---- woken early -------------------------------------------------------------------- */

#define WAITERS 50

static gt_sem given[WAITERS];
static atomic_int in_time, late;

static void wait_or_give_up(void *arg)
{
    int64_t rounds = 200;
    gt_sem *sem = arg;
    for (int64_t i = 0; i < rounds; i++)
        /* About as long as the giver takes to come round. */
        if (gt_sem_wait_until(sem, gt_now() + i * 2000) == 0)
            atomic_fetch_add(&in_time, 1);
        else
            atomic_fetch_add(&late, 1);
    atomic_fetch_add(&woken, 1);
}

static atomic_int posted;

static void give(void *arg)
{
    (void)arg;
    for (int i = 0; atomic_load(&woken) < WAITERS; i++) {
        if (atomic_load(&woken) < WAITERS) {
            gt_sem_post(&given[i % WAITERS]);
            atomic_fetch_add(&posted, 1);
        }
        gt_yield();
    }
}

/* Each post is taken by a waiter or still there: none ended in a wait that had
 * given up, and no wait ended twice. */
static void race_with_the_clock(void *arg)
{
    gt_group group = {0};
    int left = 0;
    (void)arg;
    atomic_store(&woken, 0);
    atomic_store(&in_time, 0);
    atomic_store(&late, 0);
    atomic_store(&posted, 0);
    for (int i = 0; i < WAITERS; i++) {
        CHECK(gt_sem_init(&given[i], 0) == 0);
        spawn(&group, wait_or_give_up, &given[i]);
    }
    spawn(&group, give, NULL);
    CHECK(gt_group_wait(&group) == 0);
    for (int i = 0; i < WAITERS; i++)
        while (gt_sem_try_wait(&given[i]) == 0)
            left++;
    CHECK(atomic_load(&in_time) + atomic_load(&late) == 200 * WAITERS);
    CHECK(atomic_load(&in_time) + left == atomic_load(&posted));
}

static void a_storm_of_cancelled_deadlines_loses_no_wake_up(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 4; workers++)
        run_on(workers, race_with_the_clock, NULL);
}

static void wait_and_be_woken_at_once(void *arg)
{
    gt_sem sem = {0};
    (void)arg;
    for (int i = 0; i < 2000; i++) {
        /* The clock strikes between the look at it and the queue, or just after:
         * brpc 617, 2511. */
        int err = gt_sem_wait_until(&sem, gt_now() + i % 40 * 50);
        CHECK(err == -ETIMEDOUT);
        gt_sem_post(&sem);
        CHECK(gt_sem_wait_until(&sem, i % 2 ? 0 : GT_NEVER) == 0);
    }
}

static void a_deadline_may_pass_before_the_waiter_is_queued_brpc_617(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 2; workers++)
        run_on(workers, wait_and_be_woken_at_once, NULL);
    wait_and_be_woken_at_once(NULL);
}

/* ---- wheels without their worker -------------------------------------------------------- */

static void sleep_on_a_spare(void *arg)
{
    (void)arg;
    CHECK(gt_worker() >= gt_workers());
    atomic_fetch_add(&woken, 1);
    /* Longer than a spare lingers: it stands by when the time comes. */
    int64_t deadline = gt_now() + 60 * MS;
    CHECK(gt_sem_wait_until(&never, deadline) == -ETIMEDOUT);
    CHECK(gt_now() >= deadline);
}

static void hold_until_they_sleep(void *arg)
{
    while (atomic_load(&woken) < *(int *)arg)
        sched_yield();
}

static void leave_sleepers_on_a_spare(void *arg)
{
    gt_group group = {0};
    int n = 20;
    (void)arg;
    for (int round = 0; round < 3; round++) {
        atomic_store(&woken, 0);
        for (int i = 0; i < n; i++)
            spawn(&group, sleep_on_a_spare, NULL);
        CHECK(gt_blocking(hold_until_they_sleep, &n, GT_NEVER) == 0);
        await_no_active_spare();
        CHECK(gt_group_wait(&group) == 0);
        await_no_active_spare(); /* that one woke us, perhaps */
    }
}

static void timers_of_a_spare_that_stands_by_are_not_stranded_go_45716(void **state)
{
    (void)state;
    /* With hogs it might be the spawner that is on a spare, and the worker free. */
    gt_config config = {.workers = 1, .hog_ns = -1};
    assert_int_equal(gt_run(&config, leave_sleepers_on_a_spare, NULL), 0);
}

static atomic_int hogs, hogs_end;

static void hog(void *arg)
{
    (void)arg;
    atomic_fetch_add(&hogs, 1);
    while (!atomic_load(&hogs_end))
        continue;
}

/* The sleepers are spread over all wheels; then every worker is hogged. */
static void sleep_behind_hogs(void *arg)
{
    gt_group sleepers = {0}, all = {0};
    int workers = *(int *)arg;
    atomic_store(&woken, 0);
    atomic_store(&hogs, 0);
    atomic_store(&hogs_end, 0);
    base = gt_now() + 3 * MS;
    for (intptr_t i = 0; i < 100; i++) {
        spawn(&sleepers, sleep_spread, (void *)(i * 100000));
        if (i % 10 == 0)
            gt_yield();
    }
    for (int i = 0; i < workers + 1; i++)
        spawn(&all, hog, NULL);
    await(&hogs, workers + 1);
    CHECK(gt_group_wait(&sleepers) == 0);
    atomic_store(&hogs_end, 1);
    CHECK(gt_group_wait(&all) == 0);
}

static void timers_are_not_lost_under_hogs_go_38860(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 3; workers++)
        run_on(workers, sleep_behind_hogs, &workers);
}

/* ---- the kernel's share ---------------------------------------------------------- */

static void ask_for_the_slack(void *arg)
{
    *(int *)arg = prctl(PR_GET_TIMERSLACK, 0ul, 0ul, 0ul, 0ul);
}

static void timeouts_of_workers_are_not_put_off_and_those_of_others_left_alone(void **state)
{
    (void)state;
    int before = prctl(PR_GET_TIMERSLACK, 0ul, 0ul, 0ul, 0ul), slack = -1;
    if (before <= 1)
        skip(); /* an emulator does not know it; or real time */
    assert_int_equal(gt_run(&(gt_config){.workers = 2}, ask_for_the_slack, &slack), 0);
    assert_int_equal(slack, 1);
    assert_int_equal(prctl(PR_GET_TIMERSLACK, 0ul, 0ul, 0ul, 0ul), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_sleep_at_once_and_wake),
        cmocka_unit_test(durations_0_minus_1_and_int64_max_go_14431),
        cmocka_unit_test(a_storm_of_cancelled_deadlines_loses_no_wake_up),
        cmocka_unit_test(a_deadline_may_pass_before_the_waiter_is_queued_brpc_617),
        cmocka_unit_test(timers_of_a_spare_that_stands_by_are_not_stranded_go_45716),
        cmocka_unit_test(timers_are_not_lost_under_hogs_go_38860),
        cmocka_unit_test(timeouts_of_workers_are_not_put_off_and_those_of_others_left_alone),
    };
    alarm(240); /* what hangs ends with SIGALRM */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
