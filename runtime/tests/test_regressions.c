/* Bugs that real runtimes had, by name, and those that this one had. */
#include "common.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- migration ------------------------------------------------------------ */

/* The task waits on a rendezvous that only a task bound to another worker
 * ends; when it is ready it is taken by whichever worker is free. It spins
 * with its own worker blocked until it has moved. */
static __thread int thread_local_mark;
static atomic_int moved;

static int read_mark(void)
{
    return thread_local_mark;
}

static int (*volatile read_mark_now)(void) = read_mark;

static void mark_worker(int worker, void *arg)
{
    (void)arg;
    thread_local_mark = worker + 100;
}

static gt_chan *hand;

static void answer(void *arg)
{
    (void)arg;
    uint64_t v = 1;
    CHECK(gt_chan_send(hand, &v) == 0);
}

static void ask_until_moved(void *arg)
{
    const int rounds = *(int *)arg;
    int moves = 0;
    for (int i = 0; i < rounds; i++) {
        int before = gt_worker();
        gt_attr attr = {.flags = GT_BOUND, .worker = 1 - before};
        gt_group group = {0};
        uint64_t v;
        errno = 1000 + before; /* belongs to this OS thread */
        CHECK(gt_group_spawn(&group, answer, NULL, &attr) == 0);
        CHECK(gt_chan_recv(hand, &v) == 0);
        int after = gt_worker();
        moves += before != after;
        /* Both must be those of the OS thread that runs us now. */
        CHECK(read_mark_now() == after + 100);
        errno = 2000 + after;
        CHECK(errno == 2000 + after);
        CHECK(gt_group_wait(&group) == 0);
        CHECK(read_mark_now() == gt_worker() + 100);
    }
    atomic_fetch_add(&moved, moves);
}

static void tls_and_errno_follow_the_os_thread_after_migration(void **state)
{
    (void)state;
    int rounds = 3000;
    /* A spare would have neither a mark nor a worker opposite. */
    gt_config config = {.workers = 2, .on_worker_start = mark_worker, .hog_ns = -1};
    hand = gt_chan_create(8, 0);
    atomic_store(&moved, 0);
    assert_int_equal(gt_run(&config, ask_until_moved, &rounds), 0);
    gt_chan_destroy(hand);
    /* The answering worker makes the asker ready in its own run-next slot, so
     * it moves nearly every time. */
    assert_in_range(atomic_load(&moved), 100, rounds);
}

static void yield_and_check_binding(void *arg)
{
    int worker = (int)(intptr_t)arg;
    gt_sem sem;
    for (int i = 0; i < 300; i++) {
        CHECK(gt_worker() == worker);
        gt_yield();
        CHECK(gt_worker() == worker);
        if (i % 50 == 0)
            gt_sleep_until(gt_now() + 1000);
        CHECK(gt_worker() == worker);
        gt_sem_init(&sem, 1);
        gt_sem_wait(&sem);
        CHECK(gt_worker() == worker);
    }
}

static gt_mutex contended;
static gt_chan *everywhere;

static void wait_in_every_way_and_check_binding(void *arg)
{
    int worker = (int)(intptr_t)arg;
    for (uint64_t i = 0; i < 300; i++) {
        uint64_t v = i;
        gt_mutex_lock(&contended);
        CHECK(gt_worker() == worker);
        gt_yield();
        gt_mutex_unlock(&contended);
        CHECK(gt_worker() == worker);
        /* Each has sent one more than it received, or as many: no deadlock. */
        CHECK((i & 1 ? gt_chan_recv(everywhere, &v) : gt_chan_send(everywhere, &v)) == 0);
        CHECK(gt_worker() == worker);
    }
}

static void bound_tasks_stay_where_they_are_bound(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 4; workers++) {
        gt_group group = {0};
        everywhere = gt_chan_create(8, 1);
        assert_int_equal(gt_start(&(gt_config){.workers = workers}), 0);
        for (int i = 0; i < 10 * workers; i++) {
            gt_attr attr = {.flags = GT_BOUND, .worker = i % workers};
            void *arg = (void *)(intptr_t)attr.worker;
            assert_int_equal(gt_group_spawn(&group, yield_and_check_binding, arg, &attr), 0);
            assert_int_equal(
                gt_group_spawn(&group, wait_in_every_way_and_check_binding, arg, &attr), 0);
        }
        assert_int_equal(gt_group_wait(&group), 0);
        assert_int_equal(gt_stop(), 0);
        gt_chan_destroy(everywhere);
    }
}

/* ---- entry ---------------------------------------------------------------- */

static void entry_is_aligned(void *arg)
{
    __attribute__((aligned(16))) volatile char aligned[16];
    volatile double d = 1.5;
    char text[64];
    CHECK((uintptr_t)aligned % 16 == 0);
    CHECK((uintptr_t)__builtin_frame_address(0) % 16 == 0);
    /* Calls that save vector registers with aligned stores. */
    snprintf(text, sizeof text, "%.3f", d);
    CHECK(strcmp(text, "1.500") == 0);
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void entries_are_aligned_for_all_colours_and_classes(void *arg)
{
    atomic_int count = 0;
    gt_group group = {0};
    (void)arg;
    for (int i = 0; i < 300; i++) {
        gt_attr attr = {.stack_size = (size_t)65536 << i % 4};
        CHECK(gt_group_spawn(&group, entry_is_aligned, &count, &attr) == 0);
    }
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&count) == 300);
}

static void stacks_are_aligned_at_entry(void **state)
{
    (void)state;
    on_one_and_two_workers(entries_are_aligned_for_all_colours_and_classes);
}

/* ---- sleeping ------------------------------------------------------------- */

static void sleep_for_nothing(void *arg)
{
    const int64_t past[] = {0, -1, INT64_MIN, 1, gt_now() - 1, gt_now()};
    (void)arg;
    for (size_t i = 0; i < COUNT_OF(past); i++)
        gt_sleep_until(past[i]);
}

static void past_deadlines_do_not_sleep(void **state)
{
    (void)state;
    sleep_for_nothing(NULL); /* outside too */
    on_one_and_two_workers(sleep_for_nothing);
}

static int64_t base;
static int woken[32], woken_count;
static bool all_slept;

static void sleep_in_order(void *arg)
{
    intptr_t i = (intptr_t)arg;
    all_slept = all_slept && gt_now() < base;
    gt_sleep_until(base + i * 100000);
    CHECK(gt_now() >= base + i * 100000);
    woken[woken_count++] = (int)i;
}

/* Who comes after its deadline does not sleep; so all start longer before when
 * one did. */
static void sleepers_of_one_worker(void *arg)
{
    int64_t lead = 3000000;
    (void)arg;
    do {
        gt_group group = {0};
        base = gt_now() + lead;
        woken_count = 0;
        all_slept = true;
        for (intptr_t i = 0; i < (intptr_t)COUNT_OF(woken); i++)
            spawn(&group, sleep_in_order, (void *)(i * 7 % (intptr_t)COUNT_OF(woken)));
        CHECK(gt_group_wait(&group) == 0);
        lead *= 2;
    } while (!all_slept);
    for (int i = 0; i < (int)COUNT_OF(woken); i++)
        CHECK(woken[i] == i);
}

static void sleepers_wake_in_the_order_of_their_deadlines(void **state)
{
    (void)state;
    run_alone(sleepers_of_one_worker, NULL); /* nobody beside it wakes any */
}

static void sleep_for_ever(void *arg)
{
    (void)arg;
    gt_sleep_until(INT64_MAX);
    CHECK(false);
}

static void short_sleep(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++)
        gt_sleep_until(gt_now() + 500000);
}

static void int64_max_sleeps_for_ever_beside_others(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 2; workers++) {
        gt_group group = {0};
        assert_int_equal(gt_start(&(gt_config){.workers = workers}), 0);
        assert_int_equal(gt_spawn(sleep_for_ever, NULL, NULL), 0);
        assert_int_equal(gt_group_spawn(&group, short_sleep, NULL, NULL), 0);
        assert_int_equal(gt_group_wait(&group), 0);
        assert_int_equal(gt_stop(), 1);
    }
}

/* ---- signals -------------------------------------------------------------- */

static atomic_int signals_seen;

static void on_signal(int sig)
{
    (void)sig;
    atomic_fetch_add(&signals_seen, 1);
}

static atomic_int storm_over;

static void *storm(void *arg)
{
    pthread_t target = *(pthread_t *)arg;
    while (!atomic_load(&storm_over)) {
        pthread_kill(target, SIGUSR1);
        struct timespec ts = {0, 20000};
        nanosleep(&ts, NULL);
    }
    return NULL;
}

/* Interrupted system calls everywhere in an outside thread's waits. */
static void waits_outside_survive_interrupted_system_calls(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = on_signal}, old;
    pthread_t self = pthread_self();
    sigaction(SIGUSR1, &action, &old);
    atomic_store(&storm_over, 0);
    pthread_t thread = outside(storm, &self);
    assert_int_equal(gt_start(&(gt_config){.workers = 2}), 0);
    /* Rounds until signals have surely hit waits. */
    for (int i = 0; i < 50 || atomic_load(&signals_seen) < 50; i++) {
        gt_group group = {0};
        int64_t deadline = gt_now() + 300000;
        assert_int_equal(gt_group_spawn(&group, short_sleep, NULL, NULL), 0);
        gt_sleep_until(deadline);
        assert_true(gt_now() >= deadline);
        assert_int_equal(gt_group_wait(&group), 0);
    }
    assert_int_equal(gt_stop(), 0);
    atomic_store(&storm_over, 1);
    join(thread);
    sigaction(SIGUSR1, &old, NULL);
}

static void check_blocked(void *arg)
{
    sigset_t blocked;
    (void)arg;
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0);
    CHECK(sigismember(&blocked, SIGUSR1) && sigismember(&blocked, SIGALRM));
    CHECK(!sigismember(&blocked, SIGSEGV) && !sigismember(&blocked, SIGBUS));
}

static void workers_block_signals_and_the_starter_keeps_its_mask(void **state)
{
    (void)state;
    sigset_t before, after;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    run_on(2, check_blocked, NULL);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    for (int sig = 1; sig < 32; sig++)
        assert_int_equal(sigismember(&before, sig), sigismember(&after, sig));
}

/* ---- the last thing a task does ------------------------------------------- */

/* The waiter goes on, and stops the runtime, while the last member's worker
 * is still leaving that member's stack. */
static void stop_right_after_the_last_task(void **state)
{
    (void)state;
    for (int round = 0; round < 500; round++) {
        gt_group group = {0};
        assert_int_equal(gt_start(&(gt_config){.workers = 1 + round % 4}), 0);
        for (int i = 0; i < round % 5; i++)
            assert_int_equal(gt_group_spawn(&group, nothing, NULL, NULL), 0);
        assert_int_equal(gt_group_wait(&group), 0);
        assert_int_equal(gt_stop(), 0);
    }
}

/* ---- trimming while others run -------------------------------------------- */

static void deep(void *arg)
{
    volatile char frame[20000];
    memset((char *)frame, 1, sizeof frame);
    gt_yield();
    for (size_t i = 0; i < sizeof frame; i++)
        CHECK(frame[i] == 1);
    (void)arg;
}

static void trim_beside_deep_tasks(void *arg)
{
    (void)arg;
    for (int round = 0; round < 100; round++) {
        gt_group group = {0};
        for (int i = 0; i < 100; i++) {
            spawn(&group, deep, NULL);
            if (i % 10 == 0) {
                gt_yield();
                gt_stack_trim();
            }
        }
        CHECK(gt_group_wait(&group) == 0);
        gt_stack_trim();
    }
}

static void trim_touches_no_stack_in_use(void **state)
{
    (void)state;
    on_one_and_two_workers(trim_beside_deep_tasks);
    gt_stack_trim(); /* without a runtime: nothing to do */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls_and_errno_follow_the_os_thread_after_migration),
        cmocka_unit_test(bound_tasks_stay_where_they_are_bound),
        cmocka_unit_test(stacks_are_aligned_at_entry),
        cmocka_unit_test(past_deadlines_do_not_sleep),
        cmocka_unit_test(sleepers_wake_in_the_order_of_their_deadlines),
        cmocka_unit_test(int64_max_sleeps_for_ever_beside_others),
        cmocka_unit_test(waits_outside_survive_interrupted_system_calls),
        cmocka_unit_test(workers_block_signals_and_the_starter_keeps_its_mask),
        cmocka_unit_test(stop_right_after_the_last_task),
        cmocka_unit_test(trim_touches_no_stack_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
