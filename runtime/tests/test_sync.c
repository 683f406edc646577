/* Mutex, wait group, semaphore, sleeping and yielding through the public API. */
#include "common.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define TASKS  20
#define ROUNDS (UNDER_ASAN ? 500 : 5000)

static const int worker_counts[] = {1, 2, 4};

static void on_each(gt_fn *fn)
{
    for (size_t i = 0; i < COUNT_OF(worker_counts); i++)
        run_on(worker_counts[i], fn, NULL);
}

static void spawn(gt_group *group, gt_fn *fn, void *arg)
{
    CHECK(gt_group_spawn(group, fn, arg, NULL) == 0);
}

/* ---- mutex ---------------------------------------------------------------- */

static gt_mutex mutex;
static long counter; /* plain: the mutex alone protects it */
static int inside;

static void count_under_mutex(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        gt_mutex_lock(&mutex);
        CHECK(inside++ == 0);
        counter++;
        if (i % 16 == 0)
            gt_yield(); /* held across a switch */
        CHECK(--inside == 0);
        gt_mutex_unlock(&mutex);
    }
}

static void *count_under_mutex_outside(void *arg)
{
    count_under_mutex(arg);
    return NULL;
}

static void contend(void *arg)
{
    gt_group group = {0};
    (void)arg;
    counter = 0;
    for (int i = 0; i < TASKS; i++)
        spawn(&group, count_under_mutex, NULL);
    pthread_t threads[2] = {outside(count_under_mutex_outside, NULL),
                            outside(count_under_mutex_outside, NULL)};
    CHECK(gt_group_wait(&group) == 0);
    for (int i = 0; i < 2; i++)
        join(threads[i]);
    CHECK(counter == (TASKS + 2) * (long)ROUNDS);
}

static void a_mutex_excludes_tasks_and_outside_threads(void **state)
{
    (void)state;
    on_each(contend);
}

static void try_lock_says_ebusy_while_it_is_held(void **state)
{
    (void)state;
    gt_mutex m = {{0}, {{0}, NULL, NULL}, NULL};
    assert_int_equal(gt_mutex_try_lock(&m), 0);
    assert_int_equal(gt_mutex_try_lock(&m), -EBUSY);
    gt_mutex_unlock(&m);
    assert_int_equal(gt_mutex_try_lock(&m), 0);
    gt_mutex_unlock(&m);
}

static void unlock_mutex(void *arg)
{
    (void)arg;
    gt_mutex_unlock(&mutex);
}

static void unlock_by_another(void *arg)
{
    (void)arg;
    gt_mutex_lock(&mutex);
    CHECK(gt_spawn(unlock_mutex, NULL, NULL) == 0);
    gt_sleep_until(INT64_MAX);
}

static void run_unlock_by_another(void *arg)
{
    (void)arg;
    run_on(1, unlock_by_another, NULL);
}

static void run_unlock_by_outside(void *arg)
{
    (void)arg;
    gt_config config = {.workers = 1};
    gt_group group = {0};
    CHECK(gt_start(&config) == 0);
    gt_mutex_lock(&mutex);
    CHECK(gt_group_spawn(&group, unlock_mutex, NULL, NULL) == 0);
    gt_group_wait(&group);
}

static void unlocking_what_one_does_not_hold_is_fatal(void **state)
{
    (void)state;
    assert_fatal(unlock_mutex, NULL, "gt_mutex_unlock");
    assert_fatal(run_unlock_by_another, NULL, "gt_mutex_unlock");
    assert_fatal(run_unlock_by_outside, NULL, "gt_mutex_unlock");
}

/* One task takes and releases in a tight loop; another must get its turn. */
static atomic_int got_it;

static void hog_mutex(void *arg)
{
    (void)arg;
    while (!atomic_load(&got_it)) {
        gt_mutex_lock(&mutex);
        gt_yield();
        gt_mutex_unlock(&mutex);
    }
}

static void want_mutex(void *arg)
{
    (void)arg;
    gt_mutex_lock(&mutex);
    atomic_fetch_add(&got_it, 1);
    gt_mutex_unlock(&mutex);
}

static void hog_and_want(void *arg)
{
    (void)arg;
    for (int i = 0; i < 200; i++) {
        gt_group group = {0};
        atomic_store(&got_it, 0);
        spawn(&group, hog_mutex, NULL);
        spawn(&group, hog_mutex, NULL);
        spawn(&group, want_mutex, NULL);
        CHECK(gt_group_wait(&group) == 0);
    }
}

static void a_waiter_gets_the_mutex_from_tasks_that_keep_taking_it(void **state)
{
    (void)state;
    on_each(hog_and_want);
}

/* ---- wait group ----------------------------------------------------------- */

static gt_waitgroup wg;
static atomic_int done_count, through;

static void finish(void *arg)
{
    (void)arg;
    atomic_fetch_add(&done_count, 1);
    gt_waitgroup_done(&wg);
}

static void wait_for_all(void *arg)
{
    gt_waitgroup_wait(&wg);
    CHECK(atomic_load(&done_count) == (int)(intptr_t)arg);
    atomic_fetch_add(&through, 1);
}

static void *wait_for_all_outside(void *arg)
{
    wait_for_all(arg);
    return NULL;
}

static void count_down(void *arg)
{
    (void)arg;
    for (int round = 0; round < 100; round++) {
        gt_group group = {0};
        void *n = (void *)(intptr_t)50;
        atomic_store(&done_count, 0);
        atomic_store(&through, 0);
        gt_waitgroup_add(&wg, 30);
        gt_waitgroup_add(&wg, 20);
        pthread_t thread = outside(wait_for_all_outside, n);
        for (int i = 0; i < 5; i++)
            spawn(&group, wait_for_all, n);
        for (int i = 0; i < 50; i++)
            spawn(&group, finish, NULL);
        wait_for_all(n);
        CHECK(gt_group_wait(&group) == 0);
        join(thread);
        CHECK(atomic_load(&through) == 7);
    }
}

static void waitgroup_releases_every_waiter_at_zero(void **state)
{
    (void)state;
    on_each(count_down);
}

static void waitgroup_at_zero_does_not_wait(void **state)
{
    (void)state;
    gt_waitgroup zero;
    memset(&zero, 0, sizeof zero);
    gt_waitgroup_wait(&zero);
    gt_waitgroup_add(&zero, 1);
    gt_waitgroup_done(&zero);
    gt_waitgroup_wait(&zero);
}

static void below_zero(void *arg)
{
    (void)arg;
    gt_waitgroup_add(&wg, 1);
    gt_waitgroup_done(&wg);
    gt_waitgroup_done(&wg);
}

static void waitgroup_below_zero_is_fatal(void **state)
{
    (void)state;
    assert_fatal(below_zero, NULL, "below 0");
}

static void finish_one(void *arg)
{
    gt_waitgroup_done(arg);
}

static __attribute__((noinline)) void short_lived_waitgroup(void)
{
    gt_waitgroup w;
    memset(&w, 0, sizeof w);
    gt_waitgroup_add(&w, 2);
    CHECK(gt_spawn(finish_one, &w, NULL) == 0);
    CHECK(gt_spawn(finish_one, &w, NULL) == 0);
    gt_waitgroup_wait(&w);
}

static __attribute__((noinline)) void short_lived_sem(void);

static void keep_stack_busy(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        volatile char frame[256];
        short_lived_waitgroup();
        short_lived_sem();
        memset((char *)frame, 0xff, sizeof frame);
    }
    gt_sem_post(arg);
}

static void *keep_stack_busy_outside(void *arg)
{
    keep_stack_busy(arg);
    return NULL;
}

static void stack_reuse(void *arg)
{
    gt_sem finished;
    (void)arg;
    gt_sem_init(&finished, 0);
    pthread_t thread = outside(keep_stack_busy_outside, &finished);
    keep_stack_busy(&finished);
    gt_sem_wait(&finished);
    gt_sem_wait(&finished);
    join(thread); /* not before: it needs this worker */
}

static void objects_on_the_stack_may_go_as_soon_as_the_wait_returns(void **state)
{
    (void)state;
    on_each(stack_reuse);
}

/* ---- semaphore ------------------------------------------------------------ */

static void post_one(void *arg)
{
    gt_sem_post(arg);
}

static void short_lived_sem(void)
{
    gt_sem s;
    memset(&s, 0, sizeof s);
    CHECK(gt_spawn(post_one, &s, NULL) == 0);
    gt_sem_wait(&s);
}

static void sem_counts_without_waiting(void **state)
{
    (void)state;
    gt_sem s;
    gt_sem_init(&s, 2);
    assert_int_equal(gt_sem_try_wait(&s), 0);
    gt_sem_wait(&s);
    assert_int_equal(gt_sem_try_wait(&s), -EAGAIN);
    gt_sem_post(&s);
    gt_sem_post(&s);
    assert_int_equal(gt_sem_try_wait(&s), 0);
    assert_int_equal(gt_sem_try_wait(&s), 0);
    assert_int_equal(gt_sem_try_wait(&s), -EAGAIN);
}

static gt_sem sem;
static int turn[TASKS], turns;

static void take_turn(void *arg)
{
    gt_sem_wait(&sem);
    turn[turns++] = (int)(intptr_t)arg;
}

static void queue_for_sem(void *arg)
{
    gt_group group = {0};
    (void)arg;
    gt_sem_init(&sem, 0);
    turns = 0;
    for (intptr_t i = 0; i < TASKS; i++) {
        spawn(&group, take_turn, (void *)i);
        gt_yield(); /* one worker: it waits now */
    }
    for (int i = 0; i < TASKS; i++) {
        gt_sem_post(&sem);
        CHECK(gt_sem_try_wait(&sem) == -EAGAIN); /* the waiter owns it */
        gt_yield();
        CHECK(turns == i + 1 && turn[i] == i);
    }
    CHECK(gt_group_wait(&group) == 0);
}

static void sem_serves_waiters_in_order(void **state)
{
    (void)state;
    run_on(1, queue_for_sem, NULL);
}

static atomic_int holders, most;

static void hold_one_of_three(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS / 10; i++) {
        gt_sem_wait(&sem);
        int now = atomic_fetch_add(&holders, 1) + 1, seen = atomic_load(&most);
        while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
            continue;
        gt_yield();
        atomic_fetch_sub(&holders, 1);
        gt_sem_post(&sem);
    }
}

static void *hold_one_of_three_outside(void *arg)
{
    hold_one_of_three(arg);
    return NULL;
}

static void three_tokens(void *arg)
{
    gt_group group = {0};
    (void)arg;
    gt_sem_init(&sem, 3);
    atomic_store(&most, 0);
    for (int i = 0; i < TASKS; i++)
        spawn(&group, hold_one_of_three, NULL);
    pthread_t thread = outside(hold_one_of_three_outside, NULL);
    CHECK(gt_group_wait(&group) == 0);
    join(thread);
    CHECK(atomic_load(&most) == 3);
    for (int i = 0; i < 3; i++)
        CHECK(gt_sem_try_wait(&sem) == 0);
    CHECK(gt_sem_try_wait(&sem) == -EAGAIN);
}

static void sem_never_lets_more_through_than_its_count(void **state)
{
    (void)state;
    on_each(three_tokens);
}

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
    run_on(1, two_alternate, NULL);
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
    on_each(everybody_waits_by_yielding);
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
    on_each(sleeper_beside_yielders);
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
    on_each(injection_beside_yielders);
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
    on_each(bound_beside_yielders);
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
    on_each(others_beside_ping_pong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mutex_excludes_tasks_and_outside_threads),
        cmocka_unit_test(try_lock_says_ebusy_while_it_is_held),
        cmocka_unit_test(unlocking_what_one_does_not_hold_is_fatal),
        cmocka_unit_test(a_waiter_gets_the_mutex_from_tasks_that_keep_taking_it),
        cmocka_unit_test(waitgroup_releases_every_waiter_at_zero),
        cmocka_unit_test(waitgroup_at_zero_does_not_wait),
        cmocka_unit_test(waitgroup_below_zero_is_fatal),
        cmocka_unit_test(objects_on_the_stack_may_go_as_soon_as_the_wait_returns),
        cmocka_unit_test(sem_counts_without_waiting),
        cmocka_unit_test(sem_serves_waiters_in_order),
        cmocka_unit_test(sem_never_lets_more_through_than_its_count),
        cmocka_unit_test(yielding_tasks_of_one_worker_take_turns),
        cmocka_unit_test(yielding_starves_no_task_however_many_there_are),
        cmocka_unit_test(yielding_tasks_do_not_keep_a_sleeper_from_waking),
        cmocka_unit_test(yielding_tasks_do_not_keep_a_task_from_outside_from_running),
        cmocka_unit_test(yielding_tasks_do_not_keep_a_bound_task_from_running),
        cmocka_unit_test(tasks_that_wake_each_other_do_not_shut_out_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
