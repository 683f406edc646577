/* Condition variables. Their deadlines race in test_deadline.c. */
#include "common.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "worker.h"

#define TASKS 20

static gt_mutex mutex;
static gt_cond cond;

/* ---- who is woken -------------------------------------------------------------- */

static int woken[TASKS], awake;

static void wait_once(void *arg)
{
    gt_mutex_lock(&mutex);
    gt_cond_wait(&cond, &mutex);
    CHECK(gt_mutex_try_lock(&mutex) == -EBUSY); /* it is ours */
    woken[awake++] = (int)(intptr_t)arg;
    gt_mutex_unlock(&mutex);
}

/* No two run at once: they all wait when this returns. */
static void let_wait(gt_group *group)
{
    awake = 0;
    for (intptr_t i = 0; i < TASKS; i++) {
        spawn(group, wait_once, (void *)i);
        gt_yield();
    }
    CHECK(gt_mutex_try_lock(&mutex) == 0); /* each has given it back */
    gt_mutex_unlock(&mutex);
}

static void signal_each(void *arg)
{
    gt_group group = {0};
    (void)arg;
    let_wait(&group);
    for (int i = 0; i < TASKS; i++) {
        gt_cond_signal(&cond);
        for (int j = 0; j < 5; j++)
            gt_yield();
        CHECK(awake == i + 1 && woken[i] == i);
    }
    CHECK(gt_group_wait(&group) == 0);
}

static void a_signal_wakes_the_one_that_waits_longest(void **state)
{
    (void)state;
    run_alone(signal_each, NULL);
}

static void broadcast_under_mutex(void *arg)
{
    gt_group group = {0};
    (void)arg;
    let_wait(&group);
    gt_mutex_lock(&mutex);
    gt_cond_broadcast(&cond);
    for (int i = 0; i < 5; i++)
        gt_yield();
    CHECK(awake == 0); /* the mutex is still held */
    gt_mutex_unlock(&mutex);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(awake == TASKS);
}

static void a_broadcast_wakes_all_once_they_get_the_mutex(void **state)
{
    (void)state;
    run_alone(broadcast_under_mutex, NULL);
}

static void signal_nobody(void *arg)
{
    (void)arg;
    gt_cond_signal(&cond);
    gt_cond_broadcast(&cond);
    gt_mutex_lock(&mutex);
    CHECK(gt_cond_wait_until(&cond, &mutex, gt_now() + 500000) == -ETIMEDOUT);
    CHECK(gt_mutex_try_lock(&mutex) == -EBUSY);
    gt_mutex_unlock(&mutex);
}

static void a_signal_that_finds_nobody_is_gone(void **state)
{
    (void)state;
    run_on(1, signal_nobody, NULL);
    signal_nobody(NULL); /* without a runtime, too */
}

/* ---- a waiter whose deadline has passed ------------------------------------------ */

static struct gti_task *late;
static int late_result;
static bool signalled;

static void wait_too_long(void *arg)
{
    (void)arg;
    gt_mutex_lock(&mutex);
    late = gti_worker_self()->current;
    late_result = 1;
    late_result = gt_cond_wait_until(&cond, &mutex, gt_now() + 1000000);
    gt_mutex_unlock(&mutex);
}

/* Two take turns, so that one of them runs between the clock's claim and the
 * waiter. */
static void signal_when_late(void *arg)
{
    (void)arg;
    while (!signalled) {
        if (late && GTI_LOAD(late->claim, relaxed)) {
            CHECK(late_result == 1); /* it has not run yet */
            signalled = true;
            gt_cond_signal(&cond);
        }
        gt_yield();
    }
}

static void signal_the_next(void *arg)
{
    gt_group group = {0};
    (void)arg;
    late = NULL;
    signalled = false;
    awake = 0;
    spawn(&group, wait_too_long, NULL);
    gt_yield();
    spawn(&group, wait_once, NULL);
    gt_yield();
    spawn(&group, signal_when_late, NULL);
    spawn(&group, signal_when_late, NULL);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(late_result == -ETIMEDOUT && awake == 1);
}

static void a_signal_passes_over_one_whose_deadline_has_passed(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        run_alone(signal_the_next, NULL);
}

/* ---- a bounded buffer -------------------------------------------------------------- */

#define ROOM   3
#define AMOUNT (UNDER_ASAN ? 500 : 5000)

static gt_cond not_empty, not_full;
static int buffer[ROOM], in_buffer;
static long put_sum, taken_sum; /* under the mutex */

/* Every third wait has a deadline that may pass. */
static void wait_on(gt_cond *c, int i)
{
    if (i % 3)
        gt_cond_wait(c, &mutex);
    else
        gt_cond_wait_until(c, &mutex, gt_now() + 20000);
}

static void produce(void *arg)
{
    (void)arg;
    for (int i = 1; i <= AMOUNT; i++) {
        gt_mutex_lock(&mutex);
        while (in_buffer == ROOM)
            wait_on(&not_full, i);
        buffer[in_buffer++] = i;
        put_sum += i;
        gt_mutex_unlock(&mutex);
        gt_cond_signal(&not_empty); /* without the mutex: allowed */
    }
}

static void consume(void *arg)
{
    (void)arg;
    for (int i = 1; i <= AMOUNT; i++) {
        gt_mutex_lock(&mutex);
        while (in_buffer == 0)
            wait_on(&not_empty, i);
        taken_sum += buffer[--in_buffer];
        gt_cond_signal(&not_full);
        gt_mutex_unlock(&mutex);
    }
}

static void *produce_outside(void *arg)
{
    produce(arg);
    return NULL;
}

static void *consume_outside(void *arg)
{
    consume(arg);
    return NULL;
}

static void pass_on(void *arg)
{
    gt_group group = {0};
    (void)arg;
    put_sum = taken_sum = 0;
    for (int i = 0; i < 4; i++) {
        spawn(&group, produce, NULL);
        spawn(&group, consume, NULL);
    }
    pthread_t threads[2] = {outside(produce_outside, NULL), outside(consume_outside, NULL)};
    CHECK(gt_group_wait(&group) == 0);
    for (int i = 0; i < 2; i++)
        join(threads[i]);
    CHECK(in_buffer == 0);
    CHECK(put_sum == 5L * AMOUNT * (AMOUNT + 1) / 2 && taken_sum == put_sum);
}

static void a_bounded_buffer_loses_nothing(void **state)
{
    (void)state;
    on_one_two_and_four_workers(pass_on);
}

/* ---- misuse -------------------------------------------------------------------------- */

static void wait_without_mutex(void *arg)
{
    (void)arg;
    gt_cond_wait(&cond, &mutex);
}

static void wait_without_mutex_until(void *arg)
{
    (void)arg;
    gt_cond_wait_until(&cond, &mutex, 0);
}

static gt_sem never;

static void hold_mutex(void *arg)
{
    (void)arg;
    gt_mutex_lock(&mutex);
    gt_sem_wait(&never);
}

static void wait_with_the_mutex_of_another(void *arg)
{
    CHECK(gt_spawn(hold_mutex, NULL, NULL) == 0);
    while (gt_mutex_try_lock(&mutex) == 0) {
        gt_mutex_unlock(&mutex);
        gt_yield();
    }
    wait_without_mutex(arg);
}

static void run_on_one(void *arg)
{
    run_on(1, *(gt_fn **)arg, NULL);
}

static void waiting_without_the_mutex_is_fatal(void **state)
{
    static const char text[] = "gt_cond_wait: the caller does not hold the mutex";
    gt_fn *fn = wait_without_mutex, *until = wait_without_mutex_until;
    gt_fn *other = wait_with_the_mutex_of_another;
    (void)state;
    assert_fatal(fn, NULL, text);
    assert_fatal(run_on_one, &fn, text);
    assert_fatal(run_on_one, &other, text);
    assert_fatal(run_on_one, &until, "gt_cond_wait_until: the caller does not hold the mutex");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_wakes_the_one_that_waits_longest),
        cmocka_unit_test(a_broadcast_wakes_all_once_they_get_the_mutex),
        cmocka_unit_test(a_signal_that_finds_nobody_is_gone),
        cmocka_unit_test(a_signal_passes_over_one_whose_deadline_has_passed),
        cmocka_unit_test(a_bounded_buffer_loses_nothing),
        cmocka_unit_test(waiting_without_the_mutex_is_fatal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
