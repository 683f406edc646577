/* Wait groups and semaphores. Their deadlines are in test_deadline.c. */
#include "common.h"

#include <errno.h>
#include <string.h>

#define TASKS  20
#define ROUNDS (UNDER_ASAN ? 500 : 5000)

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
    on_one_two_and_four_workers(count_down);
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
    on_one_two_and_four_workers(stack_reuse);
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
        gt_yield(); /* nobody else runs: it waits now */
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
    run_alone(queue_for_sem, NULL);
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
    on_one_two_and_four_workers(three_tokens);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waitgroup_releases_every_waiter_at_zero),
        cmocka_unit_test(waitgroup_at_zero_does_not_wait),
        cmocka_unit_test(waitgroup_below_zero_is_fatal),
        cmocka_unit_test(objects_on_the_stack_may_go_as_soon_as_the_wait_returns),
        cmocka_unit_test(sem_counts_without_waiting),
        cmocka_unit_test(sem_serves_waiters_in_order),
        cmocka_unit_test(sem_never_lets_more_through_than_its_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
