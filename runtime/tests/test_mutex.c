/* Mutexes. Their deadlines are in test_deadline.c. */
#include "common.h"

#include <errno.h>
#include <string.h>

#include "waitq.h"

#define TASKS  20
#define ROUNDS (UNDER_ASAN ? 500 : 5000)

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
    on_one_two_and_four_workers(contend);
}

static void try_lock_says_ebusy_while_it_is_held(void **state)
{
    (void)state;
    gt_mutex m;
    memset(&m, 0, sizeof m);
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
    on_one_two_and_four_workers(hog_and_want);
}

/* A thread outside the runtime is no worse off. */
static void *want_mutex_outside(void *arg)
{
    want_mutex(arg);
    return NULL;
}

static void hog_and_want_outside(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        gt_group group = {0};
        atomic_store(&got_it, 0);
        spawn(&group, hog_mutex, NULL);
        spawn(&group, hog_mutex, NULL);
        pthread_t thread = outside(want_mutex_outside, NULL);
        CHECK(gt_group_wait(&group) == 0);
        join(thread);
    }
}

static void an_outside_waiter_gets_the_mutex_from_tasks_that_keep_taking_it(void **state)
{
    (void)state;
    on_one_two_and_four_workers(hog_and_want_outside);
}

#define WAITERS    2
#define MAX_PASSES 4096

static int waiting(void)
{
    int found = 0;
    gti_spin_lock(mutex.waiters_.lock_);
    for (struct gti_waiter *wt = gti_waitq_first(&mutex.waiters_); wt; wt = wt->next)
        found++;
    gti_spin_unlock(mutex.waiters_.lock_);
    return found;
}

/* Let threads wait, then take the mutex before the one that is called as often
 * as it lets us. False if it was faster. */
static bool pass_over(void)
{
    pthread_t thread[WAITERS];
    int passes = 0;
    bool faster = false;
    atomic_store(&got_it, 0);
    gt_mutex_lock(&mutex);
    for (int i = 0; i < WAITERS; i++)
        thread[i] = outside(want_mutex_outside, NULL);
    while (waiting() < WAITERS)
        gt_yield();
    gt_mutex_unlock(&mutex);
    while (!faster && gt_mutex_try_lock(&mutex) == 0) {
        faster = atomic_load(&got_it) != 0;
        /* Nobody else was called meanwhile. */
        assert_true(faster || waiting() >= WAITERS - 1);
        assert_true(++passes <= MAX_PASSES);
        gt_mutex_unlock(&mutex);
    }
    for (int i = 0; i < WAITERS; i++)
        join(thread[i]);
    assert_int_equal(atomic_load(&got_it), WAITERS);
    assert_int_equal(GTI_LOAD(mutex.state_, relaxed), 0);
    return !faster && passes > 0;
}

static void one_waiter_is_called_and_handed_the_mutex_after_so_many_passes(void **state)
{
    (void)state;
    while (!pass_over())
        continue;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mutex_excludes_tasks_and_outside_threads),
        cmocka_unit_test(try_lock_says_ebusy_while_it_is_held),
        cmocka_unit_test(unlocking_what_one_does_not_hold_is_fatal),
        cmocka_unit_test(a_waiter_gets_the_mutex_from_tasks_that_keep_taking_it),
        cmocka_unit_test(an_outside_waiter_gets_the_mutex_from_tasks_that_keep_taking_it),
        cmocka_unit_test(one_waiter_is_called_and_handed_the_mutex_after_so_many_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
