/* Slow tasks that are no hogs: what waits behind them is not late for long. And
 * what only looks like a hog, which is not taken for one. */
#include "hogs.h"

/* ---- slow, but no hogs -------------------------------------------------------------------- */

#define MAX_TURNS 40 /* housekeeping by itself comes every 64th */
#define ATTEMPTS  20 /* at what may fail when an OS thread does not run for a while */

static atomic_int turns, late_turns;
static atomic_bool all_there; /* what the slow ones may delay */

static void compute(int64_t ns)
{
    int64_t until = gt_now() + ns;
    while (gt_now() < until)
        continue;
}

static void take_turn(void)
{
    compute(4000000);
    atomic_fetch_add(&turns, 1);
    if (atomic_load(&all_there))
        CHECK(atomic_fetch_add(&late_turns, 1) < MAX_TURNS);
}

static void start_turns(void)
{
    atomic_store(&turns, 0);
    atomic_store(&late_turns, 0);
    atomic_store(&all_there, false);
}

static void slow_yielder(void *arg)
{
    const int enough = (int)(intptr_t)arg;
    while (atomic_load(&ran) < enough) {
        take_turn();
        gt_yield();
    }
}

static void *spawn_after_a_while(void *arg)
{
    while (atomic_load(&turns) < 2)
        sched_yield();
    return spawn_outside(arg);
}

static void slow_turns_delay_nobody_for_long(void **state)
{
    (void)state;
    gt_group group = {0};
    start(&(gt_config){.workers = 1});
    start_turns();
    assert_int_equal(pipe(pipe_fds), 0);
    spawn(&group, nap, (void *)(intptr_t)1000000);
    spawn(&group, read_one, NULL);
    pthread_t thread = outside(spawn_after_a_while, NULL);
    spawn(&group, slow_yielder, (void *)(intptr_t)3);
    spawn(&group, slow_yielder, (void *)(intptr_t)3);
    while (atomic_load(&turns) < 2)
        sched_yield();
    assert_int_equal(write(pipe_fds[1], "", 1), 1);
    join(thread);
    atomic_store(&all_there, true);
    finish(&group);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static gt_sem ball[2];

static void slow_player(void *arg)
{
    size_t me = (size_t)(uintptr_t)arg;
    while (atomic_load(&ran) < 1) {
        gt_sem_wait(&ball[me]);
        take_turn();
        gt_sem_post(&ball[1 - me]);
    }
    gt_sem_post(&ball[1 - me]);
}

static void play(void *arg)
{
    gt_group group = {0};
    (void)arg;
    gt_sem_init(&ball[0], 1);
    gt_sem_init(&ball[1], 0);
    spawn(&group, slow_player, (void *)0);
    spawn(&group, slow_player, (void *)1);
    while (atomic_load(&turns) < 2)
        gt_yield();
    CHECK(gt_group_wait(&group) == 0);
}

/* Two that wake each other, each in the other's run-next slot. */
static void slow_partners_do_not_shut_out_the_rest(void **state)
{
    (void)state;
    gt_group group = {0};
    start(&(gt_config){.workers = 1});
    start_turns();
    spawn(&group, play, NULL);
    while (atomic_load(&turns) < 1)
        sched_yield();
    spawn(&group, count, NULL);
    atomic_store(&all_there, true);
    finish(&group);
}

static void yield_alone(void *arg)
{
    int64_t until = gt_now() + 150000000;
    (void)arg;
    while (gt_now() < until)
        gt_yield();
}

/* ---- nobody is a hog, but one worker idles -------------------------------------- */

static gt_sem call;

static void answer(void *arg)
{
    (void)arg;
    gt_sem_wait(&call);
    count(NULL);
}

static void call_and_compute(void *arg)
{
    gt_group *group = arg;
    spawn(group, count, NULL); /* the only fresh task: its worker keeps it */
    spin_until(&ran, 1);
    spawn(group, answer, NULL);
    gt_yield();
    gt_sem_post(&call); /* into the run-next slot */
    spin_until(&ran, 2);
}

static void an_idle_worker_takes_what_waits_behind_a_task_that_computes(void **state)
{
    (void)state;
    gt_group group = {0};
    start(&(gt_config){.workers = 2, .hog_ns = INT64_C(3600000000000)});
    gt_sem_init(&call, 0);
    spawn(&group, call_and_compute, &group);
    finish(&group);
}

/* It is found one only if its OS thread does not run for 50 ms; so not always. */
static void a_lone_yielder_is_no_hog(void **state)
{
    (void)state;
    gt_stats s = {.sum.hogs = 1};
    for (int attempt = 0; attempt < ATTEMPTS && s.sum.hogs; attempt++) {
        gt_group group = {0};
        start(&(gt_config){.workers = 1, .hog_ns = 50000000});
        spawn(&group, yield_alone, NULL);
        assert_int_equal(gt_group_wait(&group), 0);
        gt_get_stats(&s);
        assert_int_equal(gt_stop(), 0);
    }
    assert_int_equal(s.sum.hogs, 0);
    assert_int_equal(s.spares, 0);
}

static void a_worker_that_wakes_after_a_long_sleep_is_no_hog(void **state)
{
    (void)state;
    gt_stats s = {.sum.hogs = 1};
    for (int attempt = 0; attempt < ATTEMPTS && s.sum.hogs; attempt++) {
        gt_group group = {0};
        start(&(gt_config){.workers = 2, .hog_ns = 5000000});
        for (int i = 0; i < 5; i++) {
            gt_sleep_until(gt_now() + 30000000);
            spawn(&group, count, NULL);
            assert_int_equal(gt_group_wait(&group), 0);
        }
        gt_get_stats(&s);
        assert_int_equal(gt_stop(), 0);
    }
    assert_int_equal(s.sum.hogs, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_turns_delay_nobody_for_long),
        cmocka_unit_test(slow_partners_do_not_shut_out_the_rest),
        cmocka_unit_test(an_idle_worker_takes_what_waits_behind_a_task_that_computes),
        cmocka_unit_test(a_lone_yielder_is_no_hog),
        cmocka_unit_test(a_worker_that_wakes_after_a_long_sleep_is_no_hog),
    };
    alarm(240); /* what hangs ends with SIGALRM */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
