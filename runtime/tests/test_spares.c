/* Spares, which stand in for workers in blocking calls: that they are bounded,
 * kept and counted, and how the runtime stops beside them. Every wait here is for
 * an event that only the thing under test can bring about. */
#include "blockers.h"

#include <errno.h>
#include <time.h>

#include "wrap.h"

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
