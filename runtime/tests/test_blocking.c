/* Blocking calls: what a task may do between begin and end, that the others go
 * on meanwhile, and that spares are bounded, kept and counted. Every wait here
 * is for an event that only the thing under test can bring about. */
#include "common.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "wrap.h"

#define MAX_BLOCKED 20

static void make_pipe(int fds[2])
{
    CHECK(pipe(fds) == 0);
}

static void close_pipe(int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

static void write_byte(int fd)
{
    CHECK(write(fd, "", 1) == 1);
}

static void read_byte(int fd)
{
    char c;
    CHECK(read(fd, &c, 1) == 1);
}

static void spawn(gt_group *group, gt_fn *fn, void *arg)
{
    CHECK(gt_group_spawn(group, fn, arg, NULL) == 0);
}

static void start(const gt_config *config)
{
    assert_int_equal(gt_start(config), 0);
}

static void count(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

/* A task that blocks in read() until somebody writes. */
struct blocker {
    int fds[2];
    atomic_int *inside, *after;
};

static void read_in_blocker(void *arg)
{
    struct blocker *b = arg;
    atomic_fetch_add(b->inside, 1);
    read_byte(b->fds[0]);
}

static void block(void *arg)
{
    struct blocker *b = arg;
    CHECK(gt_blocking(read_in_blocker, b, GT_NEVER) == 0);
    CHECK(gt_worker() >= 0);
    atomic_fetch_add(b->after, 1);
}

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

static struct blocker blockers[MAX_BLOCKED];
static atomic_int inside, after;

static void start_blockers(gt_group *group, int n)
{
    atomic_store(&inside, 0);
    atomic_store(&after, 0);
    for (int i = 0; i < n; i++) {
        blockers[i] = (struct blocker){.inside = &inside, .after = &after};
        make_pipe(blockers[i].fds);
        spawn(group, block, &blockers[i]);
    }
}

static void end_blockers(gt_group *group, int n)
{
    for (int i = 0; i < n; i++)
        write_byte(blockers[i].fds[1]);
    CHECK(gt_group_wait(group) == 0);
    CHECK(atomic_load(&after) == n);
    for (int i = 0; i < n; i++)
        close_pipe(blockers[i].fds);
}

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

/* ---- spares ---------------------------------------------------------------------- */

static void begin_beyond_the_bound(void *arg)
{
    int spares = *(int *)arg;
    gt_group blocked = {0};
    atomic_int ran = 0;
    start_blockers(&blocked, spares);
    await(&inside, spares);
    CHECK(gt_blocking(count, &ran, 0) == -ETIMEDOUT);
    CHECK(gt_blocking_begin(gt_now() + 2000000) == -ETIMEDOUT);
    CHECK(gt_worker() >= 0);
    CHECK(gt_blocking(count, &ran, gt_now() - 1) == -ETIMEDOUT);
    CHECK(atomic_load(&ran) == 0);
    /* One more, which waits until one of the others has ended. */
    blockers[spares] = (struct blocker){.inside = &inside, .after = &after};
    make_pipe(blockers[spares].fds);
    spawn(&blocked, block, &blockers[spares]);
    for (int i = 0; i < 100; i++)
        gt_yield();
    CHECK(atomic_load(&inside) == spares);
    write_byte(blockers[0].fds[1]);
    await(&after, 1);
    await(&inside, spares + 1);
    write_byte(blockers[0].fds[1]); /* end_blockers() writes once to each */
    read_byte(blockers[0].fds[0]);
    end_blockers(&blocked, spares + 1);
}

static void a_begin_beyond_the_spares_waits_or_times_out(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 2; workers++)
        for (int spares = 1; spares <= 3; spares++) {
            gt_config config = {.workers = workers, .spares = spares};
            assert_int_equal(gt_run(&config, begin_beyond_the_bound, &spares), 0);
        }
}

static void release(void *arg)
{
    write_byte(*(int *)arg);
}

static void block_until_another_task_has_run(void *arg)
{
    const int calls = *(int *)arg;
    gt_group group = {0};
    atomic_store(&inside, 0);
    atomic_store(&after, 0);
    blockers[0] = (struct blocker){.inside = &inside, .after = &after};
    make_pipe(blockers[0].fds);
    for (int i = 0; i < calls; i++) {
        spawn(&group, release, &blockers[0].fds[1]);
        block(&blockers[0]);
        CHECK(gt_group_wait(&group) == 0);
    }
    close_pipe(blockers[0].fds);
}

static void spares_are_kept_and_counted(void **state)
{
    (void)state;
    int calls = 50;
    gt_stats s;
    gt_counters c;
    gt_group group = {0};
    /* None but those that blocking calls need. */
    start(&(gt_config){.workers = 1, .spares = 5, .hog_ns = -1});
    gt_get_stats(&s);
    assert_int_equal(s.spares, 0);
    assert_int_equal(gt_get_counters(1, &c), -EINVAL);
    assert_int_equal(gt_group_spawn(&group, block_until_another_task_has_run, &calls, NULL), 0);
    assert_int_equal(gt_group_wait(&group), 0);
    await_no_active_spare();
    gt_get_stats(&s);
    assert_int_equal(s.workers, 1);
    assert_in_range(s.spares, 1, 2);
    assert_int_equal(s.sum.blocking, calls);
    assert_int_equal(s.live, 0);
    assert_int_equal(s.sum.spawned, calls + 1);
    assert_int_equal(s.sum.finished, calls + 1);
    assert_int_equal(gt_get_counters(s.spares, &c), 0);
    assert_int_equal(gt_get_counters(s.spares + 1, &c), -EINVAL);
    /* A spare that stood by is used again. */
    assert_int_equal(gt_group_spawn(&group, block_until_another_task_has_run, &calls, NULL), 0);
    assert_int_equal(gt_group_wait(&group), 0);
    gt_get_stats(&s);
    assert_in_range(s.spares, 1, 2);
    assert_int_equal(gt_stop(), 0);
}

static atomic_int seen_on_spare;

static void check_index(void *arg)
{
    int worker = gt_worker();
    gt_counters c;
    CHECK(worker >= 0 && worker < gt_workers() + *(int *)arg);
    CHECK(gt_get_counters(worker, &c) == 0 && c.switches > 0);
    atomic_store(&seen_on_spare, worker >= gt_workers());
    write_byte(blockers[0].fds[1]);
}

static void run_on_a_spare(void *arg)
{
    gt_group group = {0};
    blockers[0] = (struct blocker){.inside = &inside, .after = &after};
    make_pipe(blockers[0].fds);
    spawn(&group, check_index, arg);
    block(&blockers[0]);
    CHECK(gt_group_wait(&group) == 0);
    close_pipe(blockers[0].fds);
}

static void a_spare_has_an_index_behind_the_workers(void **state)
{
    (void)state;
    int spares = 3;
    /* A hog might have left its worker to others and be on a spare itself. */
    gt_config config = {.workers = 1, .spares = spares, .hog_ns = -1};
    assert_int_equal(gt_run(&config, run_on_a_spare, &spares), 0);
    assert_int_equal(seen_on_spare, 1);
}

static void a_refused_thread_for_a_spare_is_survived(void **state)
{
    (void)state;
    for (int ever = 0; ever < 2; ever++) {
        gt_group group = {0};
        atomic_int ran = 0;
        gt_stats s;
        /* A hog might have had its spare made before. */
        start(&(gt_config){.workers = 1, .hog_ns = -1});
        wrap_arm(WRAP_THREAD, 1, ever);
        start_blockers(&group, 1);
        await(&inside, 1);
        gt_group others = {0};
        spawn(&others, count, &ran);
        while (!wrap_fired())
            gt_yield();
        if (ever) {
            gt_get_stats(&s);
            assert_int_equal(s.active_spares, 0);
            assert_int_equal(ran, 0);
            wrap_arm(0, 0, false);
        }
        assert_int_equal(gt_group_wait(&others), 0);
        assert_int_equal(ran, 1);
        end_blockers(&group, 1);
        assert_int_equal(gt_stop(), 0);
        wrap_arm(0, 0, false);
    }
}

/* ---- stopping ---------------------------------------------------------------------- */

static void *stop_runtime(void *arg)
{
    *(int64_t *)arg = gt_stop();
    return NULL;
}

static void block_and_wait(void *arg)
{
    gt_sem never = {0};
    block(arg);
    gt_sem_wait(&never);
    CHECK(false);
}

static void wait_for_a_slot(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
    CHECK(gt_blocking_begin(GT_NEVER) == 0);
    gt_blocking_end();
}

/* It waits for the call to end, and for the task to wait then. */
static void stop_waits_for_blocking_calls(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 2; workers++)
        for (int waits = 0; waits < 2; waits++) {
            int64_t left = -1;
            gt_group group = {0};
            atomic_int waiting = 0;
            start(&(gt_config){.workers = workers, .spares = 1});
            atomic_store(&inside, 0);
            atomic_store(&after, 0);
            blockers[0] = (struct blocker){.inside = &inside, .after = &after};
            make_pipe(blockers[0].fds);
            spawn(&group, waits ? block_and_wait : block, &blockers[0]);
            await(&inside, 1);
            spawn(&group, wait_for_a_slot, &waiting);
            await(&waiting, 1);
            pthread_t thread = outside(stop_runtime, &left);
            /* The runtime says that it is not running before it waits. */
            while (gt_spawn(count, &waiting, NULL) == 0)
                gt_yield();
            assert_int_equal(after, 0);
            write_byte(blockers[0].fds[1]);
            join(thread);
            assert_int_equal(after, 1);
            /* Tasks that were spawned last may never have run. */
            assert_true(left >= waits);
            close_pipe(blockers[0].fds);
        }
}

static void block_briefly(void *arg)
{
    int fds[2];
    make_pipe(fds);
    CHECK(gt_blocking_begin(GT_NEVER) == 0);
    write_byte(fds[1]);
    read_byte(fds[0]);
    struct timespec ts = {0, 30000};
    nanosleep(&ts, NULL);
    gt_blocking_end();
    close_pipe(fds);
    count(arg);
}

/* Spares come, stand down and are woken while the runtime stops. */
static void stop_while_spares_come_and_go(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    for (int round = 0; round < (UNDER_ASAN ? 50 : 200); round++) {
        gt_group group = {0};
        atomic_int done = 0;
        int n = 1 + (int)(next_random(&seed) % 4);
        start(&(gt_config){.workers = 1 + round % 2});
        for (int i = 0; i < n; i++)
            spawn(&group, block_briefly, &done);
        assert_int_equal(gt_group_wait(&group), 0);
        /* Spares stand down some 10 ms after they were needed. */
        int64_t until = gt_now() + (int64_t)(next_random(&seed) % 16000000);
        if (next_random(&seed) % 4)
            gt_sleep_until(until);
        assert_int_equal(gt_stop(), 0);
        assert_int_equal(done, n);
    }
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
        cmocka_unit_test(a_begin_beyond_the_spares_waits_or_times_out),
        cmocka_unit_test(spares_are_kept_and_counted),
        cmocka_unit_test(a_spare_has_an_index_behind_the_workers),
        cmocka_unit_test(a_refused_thread_for_a_spare_is_survived),
        cmocka_unit_test(stop_waits_for_blocking_calls),
        cmocka_unit_test(stop_while_spares_come_and_go),
    };
    alarm(240); /* what hangs ends with SIGALRM */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
