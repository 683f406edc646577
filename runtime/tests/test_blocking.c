/* Blocking calls: what a task may do between begin and end, and that the others
 * go on meanwhile. Every wait here is for an event that only the thing under test
 * can bring about. */
#include "blockers.h"

#include <errno.h>
#include <time.h>

/* ---- between begin and end ---------------------------------------------------- */

static void is_outside(void *arg)
{
    CHECK(gt_worker() == -1);
    CHECK(gt_blocking_begin(GT_NEVER) == -EINVAL);
    CHECK(gt_blocking(count, arg, GT_NEVER) == -EINVAL);
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void begin_and_end(void *arg)
{
    CHECK(gt_worker() >= 0);
    CHECK(gt_blocking(is_outside, arg, 0) == 0);
    CHECK(gt_worker() >= 0);
    CHECK(gt_blocking_begin(GT_NEVER) == 0);
    is_outside(arg);
    gt_blocking_end();
    CHECK(gt_worker() >= 0);
    gt_blocking_end(); /* of nothing */
    CHECK(gt_worker() >= 0);
    CHECK(gt_blocking(NULL, NULL, GT_NEVER) == -EINVAL);
    gt_yield();
    CHECK(gt_worker() >= 0);
}

static void the_caller_is_outside_in_between_and_calls_do_not_nest(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 2; workers++) {
        atomic_int calls = 0;
        run_on(workers, begin_and_end, &calls);
        assert_int_equal(calls, 2);
    }
}

static void outside_tasks_begin_and_end_do_nothing(void **state)
{
    (void)state;
    atomic_int calls = 0;
    for (int running = 0; running < 2; running++) {
        if (running)
            start(&(gt_config){.workers = 1});
        assert_int_equal(gt_blocking_begin(GT_NEVER), 0);
        assert_int_equal(gt_blocking_begin(0), 0);
        gt_blocking_end();
        gt_blocking_end();
        assert_int_equal(gt_blocking(count, &calls, GT_NEVER), 0);
        assert_int_equal(gt_blocking(NULL, NULL, GT_NEVER), -EINVAL);
    }
    assert_int_equal(calls, 2);
    gt_stats s;
    gt_get_stats(&s);
    assert_int_equal(s.sum.blocking, 0);
    assert_int_equal(gt_stop(), 0);
}

static gt_chan *there, *back;

static void answer(void *arg)
{
    uint64_t v;
    (void)arg;
    CHECK(gt_chan_recv(there, &v) == 0);
    v++;
    CHECK(gt_chan_send(back, &v) == 0);
}

static void use_everything(void *arg)
{
    uint64_t v = 41;
    atomic_int counted = 0;
    gt_group group = {0};
    gt_sem sem = {0};
    (void)arg;
    spawn(&group, answer, NULL);
    for (int i = 0; i < 10; i++)
        spawn(&group, count, &counted);
    CHECK(gt_chan_send(there, &v) == 0);
    CHECK(gt_chan_recv(back, &v) == 0 && v == 42);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&counted) == 10);
    gt_yield();
    int64_t deadline = gt_now() + 1000000;
    CHECK(gt_sem_wait_until(&sem, deadline) == -ETIMEDOUT);
    gt_sleep_until(deadline + 100000);
    CHECK(gt_now() >= deadline + 100000);
    /* Neither may it stop what it is part of. */
    CHECK(gt_stop() == -EINVAL);
    CHECK(gt_start(NULL) == -EALREADY);
}

static void call_everything(void *arg)
{
    CHECK(gt_blocking(use_everything, arg, GT_NEVER) == 0);
}

static void calls_in_between_act_as_from_an_outside_thread(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 2; workers++) {
        there = gt_chan_create(8, 0);
        back = gt_chan_create(8, 0);
        run_on(workers, call_everything, NULL);
        gt_chan_destroy(there);
        gt_chan_destroy(back);
    }
}

static int fall(int depth)
{
    volatile char frame[1000];
    frame[0] = (char)depth;
    return depth < 0 ? frame[0] : fall(depth + 1) + frame[0];
}

static void overflow(void *arg)
{
    *(volatile int *)arg = fall(0);
}

static void block_and_overflow(void *arg)
{
    CHECK(gt_blocking(overflow, arg, GT_NEVER) == 0);
}

static void overflow_in_child(void *arg)
{
    run_on(1, block_and_overflow, arg);
}

static void an_overflow_in_between_is_reported(void **state)
{
    (void)state;
    int sink;
    if (!UNDER_ASAN) /* which has a handler of its own */
        assert_fatal(overflow_in_child, &sink, "stack overflow in task");
}

/* ---- the others go on ----------------------------------------------------------- */

static void nap_and_count(void *arg)
{
    gt_sleep_until(gt_now() + 100000);
    count(arg);
}

static void work_beside_blockers(void *arg)
{
    int n = *(int *)arg;
    gt_group blocked = {0};
    start_blockers(&blocked, n);
    await(&inside, n);
    for (int round = 0; round < 20; round++) {
        atomic_int done = 0;
        gt_group group = {0};
        for (int i = 0; i < 20; i++)
            spawn(&group, i % 4 ? count : nap_and_count, &done);
        spawn(&group, answer, NULL);
        uint64_t v = 1;
        CHECK(gt_chan_send(there, &v) == 0);
        CHECK(gt_chan_recv(back, &v) == 0);
        CHECK(gt_group_wait(&group) == 0);
        CHECK(atomic_load(&done) == 20);
    }
    CHECK(atomic_load(&inside) == n && atomic_load(&after) == 0);
    end_blockers(&blocked, n);
}

static void others_go_on_while_tasks_block(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 2; workers++)
        for (int n = 1; n <= MAX_BLOCKED;
             n = n * 4 < MAX_BLOCKED || n == MAX_BLOCKED ? n * 4 : MAX_BLOCKED) {
            there = gt_chan_create(8, 0);
            back = gt_chan_create(8, 1);
            run_on(workers, work_beside_blockers, &n);
            gt_chan_destroy(there);
            gt_chan_destroy(back);
        }
}

/* The sleeper ends the call that blocks its worker. */
static void nap_and_write(void *arg)
{
    gt_sleep_until(gt_now() + 3000000);
    write_byte(blockers[0].fds[1]);
    (void)arg;
}

static void block_behind_a_sleeper(void *arg)
{
    gt_group group = {0};
    for (int i = 0; i < *(int *)arg; i++) {
        atomic_store(&inside, 0);
        atomic_store(&after, 0);
        blockers[0] = (struct blocker){.inside = &inside, .after = &after};
        make_pipe(blockers[0].fds);
        spawn(&group, nap_and_write, NULL);
        gt_yield(); /* it sleeps, on this worker if there is one */
        block(&blockers[0]);
        CHECK(gt_group_wait(&group) == 0);
        close_pipe(blockers[0].fds);
    }
}

static void timers_of_a_blocked_worker_are_not_stranded(void **state)
{
    (void)state;
    int rounds = 20;
    for (int workers = 1; workers <= 2; workers++)
        run_on(workers, block_behind_a_sleeper, &rounds);
}

static atomic_int bound_ran;

static void bound_nap(void *arg)
{
    int worker = *(int *)arg;
    CHECK(gt_worker() == worker);
    gt_sleep_until(gt_now() + 1000000);
    CHECK(gt_worker() == worker);
    atomic_fetch_add(&bound_ran, 1);
}

/* Bound sleepers of a blocked worker wait for it; the others' do not. */
static void block_beside_bound_sleepers(void *arg)
{
    static int worker[2] = {0, 1};
    gt_group group = {0};
    (void)arg;
    atomic_store(&bound_ran, 0);
    for (int i = 0; i < 20; i++) {
        gt_attr attr = {.flags = GT_BOUND, .worker = i % 2};
        CHECK(gt_group_spawn(&group, bound_nap, &worker[i % 2], &attr) == 0);
    }
    gt_group blocked = {0};
    start_blockers(&blocked, 2);
    await(&inside, 2);
    /* Long enough for the deadlines to pass and be looked after by spares. */
    gt_sleep_until(gt_now() + 5000000);
    end_blockers(&blocked, 2);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&bound_ran) == 20);
}

static void bound_sleepers_of_a_blocked_worker_stay_bound(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++)
        run_on(2, block_beside_bound_sleepers, NULL);
}

static void nap_in_the_kernel(void *arg)
{
    struct timespec ts = {0, 60000000};
    (void)arg;
    nanosleep(&ts, NULL);
}

static void block_while_all_others_wait(void *arg)
{
    (void)arg;
    CHECK(gt_blocking(nap_in_the_kernel, NULL, GT_NEVER) == 0);
}

static void block_in_child(void *arg)
{
    run_on(*(int *)arg, block_while_all_others_wait, NULL);
}

static void a_blocking_call_is_no_deadlock(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 2; workers++)
        assert_fine(block_in_child, &workers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_caller_is_outside_in_between_and_calls_do_not_nest),
        cmocka_unit_test(outside_tasks_begin_and_end_do_nothing),
        cmocka_unit_test(calls_in_between_act_as_from_an_outside_thread),
        cmocka_unit_test(an_overflow_in_between_is_reported),
        cmocka_unit_test(others_go_on_while_tasks_block),
        cmocka_unit_test(timers_of_a_blocked_worker_are_not_stranded),
        cmocka_unit_test(bound_sleepers_of_a_blocked_worker_stay_bound),
        cmocka_unit_test(a_blocking_call_is_no_deadlock),
    };
    alarm(240); /* what hangs ends with SIGALRM */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
