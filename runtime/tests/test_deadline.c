/* Every wait that has a deadline, against the same questions: what a deadline
 * in the past means, that one in the future is kept, and that a wake-up which
 * races with it is neither lost nor spent twice. */
#include "things.h"

#include <errno.h>

#include "worker.h"

static const struct thing *it; /* the one in question */

static void block(void)
{
    things_begin();
    it->block();
}

/* After wake(): whoever got it, somebody has. */
static void end_round(bool somebody_got_it)
{
    if (it->stays_open)
        CHECK(it->wait(GT_NEVER) == 0);
    else
        CHECK(it->wait(0) == (somebody_got_it ? -ETIMEDOUT : 0));
    things_end();
}

static void on_each(gt_fn *fn, const int *workers, size_t n)
{
    for (it = things; it < things + THINGS; it++)
        for (size_t i = 0; i < n; i++) {
            gt_config config = {.workers = workers[i], .hog_ns = -1};
            int64_t left = gt_run(&config, fn, NULL);
            if (left != 0)
                fail_msg("%s, %d workers: %lld tasks left", it->name, workers[i], (long long)left);
        }
}

static const int one[] = {1}, one_and_two[] = {1, 2};

/* ---- one party --------------------------------------------------------------- */

static void past_deadlines(void *arg)
{
    (void)arg;
    const int64_t now = gt_now();
    const int64_t past[] = {INT64_MIN, -1, 0, 1, now - 1, now};
    for (size_t i = 0; i < COUNT_OF(past); i++)
        CHECK(it->wait(past[i]) == -ETIMEDOUT);
}

static void *past_deadlines_outside(void *arg)
{
    past_deadlines(arg);
    return NULL;
}

static void look_with_past_deadlines(void *arg)
{
    (void)arg;
    block();
    gt_group other = {0};
    CHECK(gt_group_spawn(&other, past_deadlines, NULL, NULL) == 0);
    CHECK(gt_group_wait(&other) == 0);
    pthread_t thread = outside(past_deadlines_outside, NULL);
    join(thread);
    it->wake();
    end_round(false);
}

static void a_deadline_in_the_past_does_not_wait(void **state)
{
    (void)state;
    on_each(look_with_past_deadlines, one_and_two, 2);
}

static void take_with(void *arg)
{
    const int64_t deadlines[] = {INT64_MIN, -1, 0, 1, GT_NEVER};
    (void)arg;
    for (size_t i = 0; i < COUNT_OF(deadlines); i++) {
        block();
        it->wake();
        if (it->stays_open)
            CHECK(it->wait(GT_NEVER) == 0); /* a member may be on its way */
        CHECK(it->wait(deadlines[i]) == 0);
        end_round(true);
    }
}

static void what_is_there_at_once_is_had_with_any_deadline(void **state)
{
    (void)state;
    on_each(take_with, one_and_two, 2);
}

static void wait_1_ms(void *arg)
{
    int64_t deadline = gt_now() + 1000000;
    (void)arg;
    CHECK(it->wait(deadline) == -ETIMEDOUT);
    CHECK(gt_now() >= deadline);
}

static void *wait_1_ms_outside(void *arg)
{
    wait_1_ms(arg);
    return NULL;
}

static void time_out_then_wake(void *arg)
{
    gt_group waiters = {0};
    (void)arg;
    block();
    for (int round = 0; round < 2; round++) { /* the second finds what the first has left */
        CHECK(gt_group_spawn(&waiters, wait_1_ms, NULL, NULL) == 0);
        CHECK(gt_group_wait(&waiters) == 0);
        pthread_t thread = outside(wait_1_ms_outside, NULL);
        join(thread);
    }
    it->wake();
    end_round(false);
}

static void a_deadline_is_kept_and_the_wake_up_after_it_goes_elsewhere(void **state)
{
    (void)state;
    on_each(time_out_then_wake, one_and_two, 2);
}

/* ---- two parties --------------------------------------------------------------- */

static struct waiter {
    int64_t deadline;
    atomic_int result; /* 1: it waits still */
    struct gti_task *task;
} waiter;

static void wait_for_it(void *arg)
{
    (void)arg;
    waiter.task = gti_worker_self()->current;
    atomic_store(&waiter.result, it->wait(waiter.deadline));
}

static void spawn_waiter(gt_group *waiters, int64_t deadline)
{
    atomic_store(&waiter.result, 1);
    waiter.deadline = deadline;
    CHECK(gt_group_spawn(waiters, wait_for_it, NULL, NULL) == 0);
}

static void wait_without_deadline(void *arg)
{
    gt_group waiters = {0};
    (void)arg;
    block();
    spawn_waiter(&waiters, GT_NEVER);
    for (int i = 0; i < 100; i++)
        gt_yield();
    CHECK(atomic_load(&waiter.result) == 1);
    it->wake();
    CHECK(gt_group_wait(&waiters) == 0);
    CHECK(atomic_load(&waiter.result) == 0);
    end_round(true);
}

static void without_a_deadline_it_waits_until_it_is_woken(void **state)
{
    (void)state;
    on_each(wait_without_deadline, one_and_two, 2);
}

static bool is_claimed(void)
{
    return GTI_LOAD(waiter.task->claim, relaxed) != 0;
}

/* One worker, which does not look at the clock while this runs. */
static void wake_after_deadline(void *arg)
{
    gt_group waiters = {0};
    (void)arg;
    block();
    spawn_waiter(&waiters, gt_now() + 2000000);
    gt_yield();
    while (gt_now() <= waiter.deadline)
        continue;
    if (is_claimed()) /* this thread lost its CPU before it yielded */
        CHECK(gt_group_wait(&waiters) == 0 && atomic_load(&waiter.result) == -ETIMEDOUT);
    it->wake();
    CHECK(gt_group_wait(&waiters) == 0);
    end_round(atomic_load(&waiter.result) == 0);
}

static void a_wake_up_before_the_clock_is_looked_at_still_counts(void **state)
{
    (void)state;
    on_each(wake_after_deadline, one, 1);
}

/* Two that take turns: when one of them has run the timers and so made the
 * waiter ready, the other runs before the waiter, and sees it claimed. */
static bool woken;

static void watch(void)
{
    while (!woken) {
        if (waiter.task && is_claimed()) {
            CHECK(atomic_load(&waiter.result) == 1);
            woken = true;
            return;
        }
        gt_yield();
    }
}

static void watch_too(void *arg)
{
    (void)arg;
    watch();
}

/* One waits for a group at a time; and a late waiter may still find the
 * condition true. */
static bool several_may_wait(void)
{
    return !is_group(it) && !is_cond(it);
}

static void wait_behind(void *arg)
{
    (void)arg;
    CHECK(it->wait(GT_NEVER) == 0);
}

static void wake_one_that_is_late(void *arg)
{
    gt_group waiters = {0}, watchers = {0};
    (void)arg;
    block();
    waiter.task = NULL;
    woken = false;
    CHECK(gt_group_spawn(&watchers, watch_too, NULL, NULL) == 0);
    spawn_waiter(&waiters, gt_now() + 2000000);
    while (!waiter.task)
        gt_yield();
    if (several_may_wait())
        CHECK(gt_group_spawn(&waiters, wait_behind, NULL, NULL) == 0);
    watch();
    it->wake();
    CHECK(gt_group_wait(&waiters) == 0);
    CHECK(gt_group_wait(&watchers) == 0);
    CHECK(!several_may_wait() || atomic_load(&waiter.result) == -ETIMEDOUT);
    end_round(several_may_wait() || atomic_load(&waiter.result) == 0);
}

static void a_wake_up_passes_over_one_whose_deadline_has_passed(void **state)
{
    (void)state;
    on_each(wake_one_that_is_late, one, 1);
}

/* ---- races --------------------------------------------------------------------- */

#define RACES (UNDER_ASAN ? 50 : 300)

static void *wait_for_it_outside(void *arg)
{
    (void)arg;
    atomic_store(&waiter.result, it->wait(waiter.deadline));
    return NULL;
}

/* Wake it at about its deadline: between 50 us before and 50 us after. */
static void wake_in_time(uint64_t *random)
{
    int64_t when = waiter.deadline - 50000 + (int64_t)(next_random(random) % 100000);
    if (next_random(random) % 2)
        gt_sleep_until(when);
    while (gt_now() < when)
        gt_yield();
    it->wake();
}

static void race(void *arg)
{
    uint64_t random = *(uint64_t *)arg;
    for (int i = 0; i < RACES; i++) {
        gt_group waiters = {0};
        block();
        spawn_waiter(&waiters, gt_now() + 100000);
        wake_in_time(&random);
        CHECK(gt_group_wait(&waiters) == 0);
        end_round(atomic_load(&waiter.result) == 0);
    }
    for (int i = 0; i < RACES / 10; i++) {
        block();
        atomic_store(&waiter.result, 1);
        waiter.deadline = gt_now() + 200000;
        pthread_t thread = outside(wait_for_it_outside, NULL);
        wake_in_time(&random);
        join(thread);
        end_round(atomic_load(&waiter.result) == 0);
    }
}

/* With hogs found after 20 us, others look after a worker's clock at any
 * moment, such as while it has just begun to wait. */
static void a_race_between_deadline_and_wake_up_has_one_winner(void **state)
{
    uint64_t seed = test_seed();
    const gt_config configs[] = {
        {.workers = 1}, {.workers = 2}, {.workers = 2, .hog_ns = 20000, .spares = 2}};
    (void)state;
    for (it = things; it < things + THINGS; it++)
        for (size_t i = 0; i < COUNT_OF(configs); i++) {
            int64_t left = gt_run(&configs[i], race, &seed);
            if (left != 0)
                fail_msg("%s, configuration %zu: %lld tasks left", it->name, i, (long long)left);
        }
}

/* ---- the rest ------------------------------------------------------------------- */

static void wait_for_nothing(void *arg)
{
    char c;
    gt_chan *ch = gt_chan_create(1, 0);
    (void)arg;
    CHECK(gt_chan_recv_until(ch, &c, gt_now() + 100000) == -ETIMEDOUT);
    /* What the wait before has left must not matter. */
    gt_case off = {.op = GT_OFF};
    for (int i = 0; i < 3; i++) {
        int64_t deadline = gt_now() + 500000;
        CHECK(gt_select(&off, 1, deadline) == -ETIMEDOUT);
        CHECK(gt_now() >= deadline);
    }
    gt_chan_destroy(ch);
}

static void a_select_with_all_cases_off_ends_at_its_deadline(void **state)
{
    (void)state;
    run_on(1, wait_for_nothing, NULL);
    wait_for_nothing(NULL); /* without a runtime, too */
}

static void deadlines_do_not_hide_wrong_arguments(void **state)
{
    (void)state;
    uint64_t n = 0;
    assert_int_equal(gt_chan_send_until(NULL, &n, 0), -EINVAL);
    assert_int_equal(gt_chan_recv_until(NULL, &n, GT_NEVER), -EINVAL);
    assert_int_equal(gt_group_wait_until(NULL, 0), -EINVAL);
    assert_int_equal(gt_group_wait_until(NULL, GT_NEVER), -EINVAL);
}

static void closed_channels_do_not_wait_for_a_deadline(void **state)
{
    (void)state;
    uint64_t n = 7;
    gt_chan *ch = gt_chan_create(sizeof n, 1);
    assert_non_null(ch);
    assert_int_equal(gt_chan_send_until(ch, &n, 0), 0);
    gt_chan_close(ch);
    assert_int_equal(gt_chan_send_until(ch, &n, 0), -EPIPE);
    assert_int_equal(gt_chan_send_until(ch, &n, GT_NEVER), -EPIPE);
    n = 0;
    assert_int_equal(gt_chan_recv_until(ch, &n, 0), 0);
    assert_int_equal(n, 7);
    assert_int_equal(gt_chan_recv_until(ch, &n, -1), -EPIPE);
    assert_int_equal(gt_chan_recv_until(ch, &n, GT_NEVER), -EPIPE);
    gt_chan_destroy(ch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_in_the_past_does_not_wait),
        cmocka_unit_test(what_is_there_at_once_is_had_with_any_deadline),
        cmocka_unit_test(a_deadline_is_kept_and_the_wake_up_after_it_goes_elsewhere),
        cmocka_unit_test(without_a_deadline_it_waits_until_it_is_woken),
        cmocka_unit_test(a_wake_up_before_the_clock_is_looked_at_still_counts),
        cmocka_unit_test(a_wake_up_passes_over_one_whose_deadline_has_passed),
        cmocka_unit_test(a_race_between_deadline_and_wake_up_has_one_winner),
        cmocka_unit_test(a_select_with_all_cases_off_ends_at_its_deadline),
        cmocka_unit_test(deadlines_do_not_hide_wrong_arguments),
        cmocka_unit_test(closed_channels_do_not_wait_for_a_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
