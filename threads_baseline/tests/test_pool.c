/* The pool. */
#include "common.h"
#include "stack_probe.h"
#include "tb/tb_futex.h"
#include "tb/tb_pool.h"
#include "wrap.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#define TASKS 10000

static void count(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void every_task_runs_exactly_once(void **state)
{
    atomic_int *ran = calloc(TASKS, sizeof *ran);

    (void)state;
    for (int nthreads = 1; nthreads <= 4; nthreads++) {
        struct tb_pool_group group;
        struct tb_pool *pool;

        assert_int_equal(tb_pool_create(nthreads, NULL, &pool), 0);
        tb_pool_group_init(&group, pool);
        for (int k = 0; k < TASKS; k++)
            assert_int_equal(tb_pool_group_spawn(&group, count, &ran[k], NULL), 0);
        tb_pool_group_wait(&group);
        for (int k = 0; k < TASKS; k++)
            assert_int_equal(atomic_load(&ran[k]), nthreads);
        tb_pool_destroy(pool);
    }
    free(ran);
}

/* A task that occupies a pool thread until told to go. */
struct stopper {
    struct tb_futex_sem started, go;
    cpu_set_t mask;
};

static void stop_here(void *arg)
{
    struct stopper *s = arg;

    sched_getaffinity(0, sizeof s->mask, &s->mask);
    tb_futex_sem_post(&s->started);
    tb_futex_sem_wait(&s->go);
}

static void occupy(struct tb_pool_group *group, struct stopper *s)
{
    tb_futex_sem_init(&s->started, 0);
    tb_futex_sem_init(&s->go, 0);
    assert_int_equal(tb_pool_group_spawn(group, stop_here, s, NULL), 0);
    tb_futex_sem_wait(&s->started);
}

struct log {
    int entry[64];
    int count;
    struct stopper *stopper;
};

struct entry {
    struct log *log;
    int number;
};

static void append(void *arg)
{
    struct entry *e = arg;

    e->log->entry[e->log->count++] = e->number;
    if (e->log->count == 64)
        tb_futex_sem_post(&e->log->stopper->go);
}

/* The only pool thread is occupied until the last task has run: a wait that
 * did not help would hang. */
static void the_waiter_runs_queued_tasks_in_the_order_of_spawning(void **state)
{
    struct stopper stopper;
    struct log log = {.stopper = &stopper};
    struct entry entry[64];
    struct tb_pool_group group;
    struct tb_pool *pool;

    (void)state;
    assert_int_equal(tb_pool_create(1, NULL, &pool), 0);
    tb_pool_group_init(&group, pool);
    occupy(&group, &stopper);
    for (int k = 0; k < 64; k++) {
        entry[k] = (struct entry){&log, k};
        assert_int_equal(tb_pool_group_spawn(&group, append, &entry[k], NULL), 0);
    }
    tb_pool_group_wait(&group);
    for (int k = 0; k < 64; k++)
        assert_int_equal(log.entry[k], k);
    tb_pool_destroy(pool);
}

static void post(void *arg)
{
    tb_futex_sem_post(arg);
}

/* The spawner never helps here: a lost wake-up of the pool's threads hangs. */
static void tasks_run_though_nobody_waits_for_them(void **state)
{
    struct tb_futex_sem done;
    struct tb_pool_group group;
    struct tb_pool *pool;

    (void)state;
    tb_futex_sem_init(&done, 0);
    assert_int_equal(tb_pool_create(2, NULL, &pool), 0);
    tb_pool_group_init(&group, pool);
    for (int k = 0; k < 2000; k++) {
        for (int n = 0; n < 1 + k % 3; n++)
            assert_int_equal(tb_pool_group_spawn(&group, post, &done, NULL), 0);
        for (int n = 0; n < 1 + k % 3; n++)
            tb_futex_sem_wait(&done);
    }
    tb_pool_group_wait(&group);
    tb_pool_destroy(pool);
}

static void a_waiter_with_nothing_to_run_sleeps_until_its_group_is_done(void **state)
{
    struct stopper stopper[2];
    struct tb_pool_group mine, other;
    struct tb_pool *pool;

    (void)state;
    assert_int_equal(tb_pool_create(2, NULL, &pool), 0);
    tb_pool_group_init(&mine, pool);
    tb_pool_group_init(&other, pool);
    occupy(&other, &stopper[1]);
    for (int k = 0; k < 200; k++) {
        occupy(&mine, &stopper[0]);
        tb_futex_sem_post(&stopper[0].go);
        tb_pool_group_wait(&mine);
    }
    tb_futex_sem_post(&stopper[1].go);
    tb_pool_group_wait(&other);
    tb_pool_destroy(pool);
}

/* The only pool thread is occupied: it is reap that runs the task, which cannot
 * have ended before the call and left none to reap. */
static void reap_runs_one_more_itself_and_then_says_echild(void **state)
{
    struct stopper stopper;
    struct tb_pool_group mine, other;
    struct tb_pool *pool;
    atomic_int ran = 0;

    (void)state;
    assert_int_equal(tb_pool_create(1, NULL, &pool), 0);
    tb_pool_group_init(&mine, pool);
    tb_pool_group_init(&other, pool);
    assert_int_equal(tb_pool_group_reap(&mine), -ECHILD);
    occupy(&other, &stopper);
    for (int k = 1; k <= 50; k++) {
        assert_int_equal(tb_pool_group_spawn(&mine, count, &ran, NULL), 0);
        assert_int_equal(tb_pool_group_spawn(&mine, count, &ran, NULL), 0);
        assert_int_equal(tb_pool_group_reap(&mine), 0);
        assert_int_equal(atomic_load(&ran), 2 * k - 1);
        assert_int_equal(tb_pool_group_reap(&mine), 0);
        assert_int_equal(atomic_load(&ran), 2 * k);
        assert_int_equal(tb_pool_group_reap(&mine), -ECHILD);
    }
    tb_futex_sem_post(&stopper.go);
    tb_pool_group_wait(&other);
    tb_pool_destroy(pool);
}

/* A task that ends when the owner of its group sleeps. */
struct lullaby {
    struct tb_pool_group *group;
    struct tb_futex_sem begun;
    int plain; /* written by the task, read once it was reaped */
};

/* Without the pool's lock, which only the pool has. The owner wrote this with
 * the lock held and gives it up by falling asleep, and the pool cannot count
 * the task as finished before. */
__attribute__((no_sanitize("thread"))) static bool owner_sleeps(const struct tb_pool_group *group)
{
    return *(const volatile uint64_t *)&group->wake_at != 0;
}

static void end_when_the_owner_sleeps(void *arg)
{
    struct lullaby *l = arg;

    tb_futex_sem_post(&l->begun);
    while (!owner_sleeps(l->group))
        sched_yield();
    l->plain++;
}

static void reap_sleeps_until_a_task_that_runs_elsewhere_ends(void **state)
{
    struct tb_pool_group group;
    struct tb_pool *pool;
    struct lullaby l = {.group = &group};

    (void)state;
    assert_int_equal(tb_pool_create(1, NULL, &pool), 0);
    tb_pool_group_init(&group, pool);
    tb_futex_sem_init(&l.begun, 0);
    for (int k = 1; k <= 200; k++) {
        assert_int_equal(tb_pool_group_spawn(&group, end_when_the_owner_sleeps, &l, NULL), 0);
        tb_futex_sem_wait(&l.begun); /* or reap would run it */
        assert_int_equal(tb_pool_group_reap(&group), 0);
        assert_int_equal(l.plain, k);
    }
    assert_int_equal(tb_pool_group_reap(&group), -ECHILD);
    tb_pool_destroy(pool);
}

static void threads_of_a_pinned_pool_have_one_cpu_each(void **state)
{
    int cpu[2];
    struct stopper stopper[2];
    struct tb_pool_group group;
    struct tb_pool *pool;
    cpu_set_t both;

    (void)state;
    if (allowed_cpus(cpu, 2) < 2)
        skip();
    assert_int_equal(tb_pool_create(2, cpu, &pool), 0);
    tb_pool_group_init(&group, pool);
    occupy(&group, &stopper[0]);
    occupy(&group, &stopper[1]);
    CPU_OR(&both, &stopper[0].mask, &stopper[1].mask);
    assert_int_equal(CPU_COUNT(&stopper[0].mask), 1);
    assert_int_equal(CPU_COUNT(&stopper[1].mask), 1);
    assert_int_equal(CPU_COUNT(&both), 2);
    tb_futex_sem_post(&stopper[0].go);
    tb_futex_sem_post(&stopper[1].go);
    tb_pool_group_wait(&group);
    tb_pool_destroy(pool);
}

static void a_pool_whose_kth_thread_is_refused_holds_nothing(void **state)
{
    (void)state;
    for (int k = 1; k <= 4; k++) {
        struct tb_pool *pool = NULL;

        wrap_reset(k, 0);
        assert_int_equal(tb_pool_create(4, NULL, &pool), -EAGAIN);
        assert_null(pool);
        assert_int_equal(wrap_created(), k - 1);
        assert_int_equal(wrap_joined(), k - 1);
    }
    wrap_reset(0, 0);
    assert_int_equal(tb_pool_create(0, NULL, &(struct tb_pool *){NULL}), -EINVAL);
    tb_pool_destroy(NULL);
}

static void a_stack_larger_than_the_threads_have_is_enomem(void **state)
{
    struct tb_attr fits = {TB_ANYWHERE, tb_stack_default_size() / 2};
    struct tb_attr too_large = {TB_ANYWHERE, tb_stack_default_size()};
    struct tb_pool_group group;
    struct tb_pool *pool;
    atomic_int ran = 0;

    (void)state;
    assert_int_equal(tb_pool_create(1, NULL, &pool), 0);
    tb_pool_group_init(&group, pool);
    assert_int_equal(tb_pool_group_spawn(&group, count, &ran, &fits), 0);
    assert_int_equal(tb_pool_group_spawn(&group, count, &ran, &too_large), -ENOMEM);
    tb_pool_group_wait(&group);
    assert_int_equal(atomic_load(&ran), 1);
    tb_pool_destroy(pool);
}

static void spawn_through_current(void *arg)
{
    struct tb_pool_group group;

    tb_pool_group_init(&group, tb_pool_current());
    for (int k = 0; k < 100; k++)
        tb_pool_group_spawn(&group, count, arg, NULL);
    tb_pool_group_wait(&group);
}

static void a_run_has_a_current_pool_and_ends_it(void **state)
{
    struct tb_config config = {.ncpu = 2, .spin_ns = 1000};
    atomic_int ran = 0;

    (void)state;
    wrap_reset(0, 0);
    assert_int_equal(tb_pool_run(&config, spawn_through_current, &ran), 0);
    assert_int_equal(atomic_load(&ran), 100);
    assert_null(tb_pool_current());
    assert_int_equal(wrap_created(), 3);
    assert_int_equal(wrap_joined(), 3);
    for (int k = 1; k <= 3; k++) {
        wrap_reset(k, 0);
        assert_int_equal(tb_pool_run(&config, spawn_through_current, &ran), -EAGAIN);
        assert_int_equal(wrap_created(), k - 1);
        assert_int_equal(wrap_joined(), k - 1);
    }
    wrap_reset(0, 0);
    assert_int_equal(atomic_load(&ran), 100);
}

struct probe {
    struct tb_futex_sem done;
    size_t resident;
};

static void dig_and_report(void *arg)
{
    struct probe *p = arg;

    probe_dig(256 * 1024);
    tb_futex_sem_post(&p->done);
}

static void look_and_report(void *arg)
{
    struct probe *p = arg;

    p->resident = probe_resident();
    tb_futex_sem_post(&p->done);
}

static void run_on_pool_thread(struct tb_pool_group *group, tb_fn fn, struct probe *p)
{
    assert_int_equal(tb_pool_group_spawn(group, fn, p, NULL), 0);
    tb_futex_sem_wait(&p->done);
}

static void after_a_trim_the_next_task_starts_on_a_stack_that_is_not_resident(void **state)
{
    struct tb_pool_group group;
    struct tb_pool *pool;
    struct probe p = {.resident = 0};

    (void)state;
    tb_futex_sem_init(&p.done, 0);
    assert_int_equal(tb_pool_create(1, NULL, &pool), 0);
    tb_pool_group_init(&group, pool);
    run_on_pool_thread(&group, dig_and_report, &p);
    run_on_pool_thread(&group, look_and_report, &p);
    assert_in_range(p.resident, 40, 80); /* 256 KiB less the frames, in pages of 4 KiB */
    tb_stack_trim();
    run_on_pool_thread(&group, look_and_report, &p);
    assert_int_equal(p.resident, 0);
    tb_pool_group_wait(&group);
    tb_pool_destroy(pool);
}

struct shared {
    struct tb_mutex lock;
    struct tb_waitgroup wg;
    int plain; /* lock */
};

static void count_and_be_done(void *arg)
{
    struct shared *s = arg;

    tb_mutex_lock(&s->lock);
    s->plain++;
    tb_mutex_unlock(&s->lock);
    tb_waitgroup_done(&s->wg);
}

static void tasks_share_a_mutex_and_end_the_wait_of_a_thread_outside(void **state)
{
    struct tb_pool_group group;
    struct tb_pool *pool;
    struct shared s = {.plain = 0};

    (void)state;
    tb_mutex_init(&s.lock);
    tb_waitgroup_init(&s.wg);
    assert_int_equal(tb_pool_create(2, NULL, &pool), 0);
    tb_pool_group_init(&group, pool);
    tb_waitgroup_add(&s.wg, TASKS);
    for (int k = 0; k < TASKS; k++)
        assert_int_equal(tb_pool_group_spawn(&group, count_and_be_done, &s, NULL), 0);
    tb_waitgroup_wait(&s.wg);
    assert_int_equal(s.plain, TASKS);
    tb_pool_group_wait(&group);
    tb_pool_destroy(pool);
    tb_waitgroup_destroy(&s.wg);
    tb_mutex_destroy(&s.lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_exactly_once),
        cmocka_unit_test(the_waiter_runs_queued_tasks_in_the_order_of_spawning),
        cmocka_unit_test(tasks_run_though_nobody_waits_for_them),
        cmocka_unit_test(a_waiter_with_nothing_to_run_sleeps_until_its_group_is_done),
        cmocka_unit_test(reap_runs_one_more_itself_and_then_says_echild),
        cmocka_unit_test(reap_sleeps_until_a_task_that_runs_elsewhere_ends),
        cmocka_unit_test(threads_of_a_pinned_pool_have_one_cpu_each),
        cmocka_unit_test(a_pool_whose_kth_thread_is_refused_holds_nothing),
        cmocka_unit_test(a_stack_larger_than_the_threads_have_is_enomem),
        cmocka_unit_test(a_run_has_a_current_pool_and_ends_it),
        cmocka_unit_test(tasks_share_a_mutex_and_end_the_wait_of_a_thread_outside),
        cmocka_unit_test(after_a_trim_the_next_task_starts_on_a_stack_that_is_not_resident),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
