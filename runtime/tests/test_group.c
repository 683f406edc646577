/* Groups through the public API. */
#include "common.h"

#include <errno.h>
#include <string.h>

static const int worker_counts[] = {1, 2, 4};

static void add_one(void *arg)
{
    atomic_fetch_add_explicit((atomic_int *)arg, 1, memory_order_relaxed);
}

static void wait_on_an_empty_group_returns_at_once(void **state)
{
    (void)state;
    gt_group group = {0};
    assert_int_equal(gt_group_wait(&group), 0);
    assert_int_equal(gt_group_wait(&group), 0);
}

static void null_and_missing_function_return_einval(void **state)
{
    (void)state;
    gt_group group = {0};
    gt_config config = {.workers = 1};
    assert_int_equal(gt_group_wait(NULL), -EINVAL);
    assert_int_equal(gt_start(&config), 0);
    assert_int_equal(gt_group_spawn(NULL, add_one, NULL, NULL), -EINVAL);
    assert_int_equal(gt_group_spawn(&group, NULL, NULL, NULL), -EINVAL);
    assert_int_equal(gt_group_wait(&group), 0);
    assert_int_equal(gt_stop(), 0);
}

static void refused_spawn(void *arg)
{
    gt_group group = {0};
    const gt_attr bad[] = {
        {.stack_size = 1}, {.stack_size = GT_MIN_STACK - 1},  {.stack_size = GT_MAX_STACK + 1},
        {.flags = 2},      {.flags = GT_BOUND, .worker = -1}, {.flags = GT_BOUND, .worker = 1000}};
    (void)arg;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK(gt_group_spawn(&group, add_one, NULL, &bad[i]) == -EINVAL);
        CHECK(gt_spawn(add_one, NULL, &bad[i]) == -EINVAL);
    }
    CHECK(gt_group_wait(&group) == 0); /* nothing was counted */
}

static void a_refused_spawn_is_not_counted(void **state)
{
    (void)state;
    on_one_two_and_four_workers(refused_spawn);
}

static void many_members(void *arg)
{
    gt_group group = {0};
    atomic_int count = 0;
    const int n = UNDER_ASAN ? 10000 : 100000;
    (void)arg;
    for (int i = 0; i < n; i++)
        spawn(&group, add_one, &count);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&count) == n);
}

static void wait_returns_after_100_000_members(void **state)
{
    (void)state;
    on_one_two_and_four_workers(many_members);
}

static void reuse(void *arg)
{
    gt_group group = {0};
    atomic_int count = 0;
    (void)arg;
    for (int round = 1; round <= 2000; round++) {
        for (int i = 0; i < 5; i++)
            spawn(&group, add_one, &count);
        CHECK(gt_group_wait(&group) == 0);
        CHECK(atomic_load(&count) == 5 * round);
    }
}

static void a_group_can_be_used_again_after_wait(void **state)
{
    (void)state;
    on_one_two_and_four_workers(reuse);
}

/* A frame whose group and counter are gone, and overwritten, as soon as the
 * wait returns: a late touch by a member's worker would show. */
static __attribute__((noinline)) void short_lived(int members)
{
    gt_group group = {0};
    atomic_int count = 0;
    for (int i = 0; i < members; i++)
        spawn(&group, add_one, &count);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&count) == members);
}

static __attribute__((noinline)) void overwrite_stack(void)
{
    volatile char frame[512];
    memset((char *)frame, 0xff, sizeof frame);
}

static void stack_reuse(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20000; i++) {
        short_lived(i % 4);
        overwrite_stack();
    }
}

static void a_group_on_the_stack_may_go_as_soon_as_wait_returns(void **state)
{
    (void)state;
    on_one_two_and_four_workers(stack_reuse);
}

struct nest {
    gt_group *group;
    atomic_int *count;
    int depth;
};

static struct nest nests[12];

/* Doubles at each level, all into the one group. */
static void nested(void *arg)
{
    struct nest *n = arg;
    atomic_fetch_add(n->count, 1);
    if (n->depth == 0)
        return;
    for (int i = 0; i < 2; i++) {
        spawn(n->group, nested, n - 1);
        if (n->depth % 3 == 0)
            gt_yield();
    }
}

static void nested_spawns(void *arg)
{
    gt_group group = {0};
    atomic_int count = 0;
    (void)arg;
    for (int i = 0; i < (int)COUNT_OF(nests); i++)
        nests[i] = (struct nest){&group, &count, i};
    spawn(&group, nested, &nests[COUNT_OF(nests) - 1]);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&count) == (1 << COUNT_OF(nests)) - 1);
}

static void members_may_spawn_into_their_own_group(void **state)
{
    (void)state;
    on_one_two_and_four_workers(nested_spawns);
}

/* Members of two groups in turn, so that no worker can keep booking one. */
static void two_groups(void *arg)
{
    gt_group groups[2] = {{{0}, NULL}, {{0}, NULL}};
    atomic_int count[2] = {0, 0};
    (void)arg;
    for (int i = 0; i < 10000; i++)
        spawn(&groups[i % 2], add_one, &count[i % 2]);
    CHECK(gt_group_wait(&groups[1]) == 0);
    CHECK(atomic_load(&count[1]) == 5000);
    CHECK(gt_group_wait(&groups[0]) == 0);
    CHECK(atomic_load(&count[0]) == 5000);
}

static void groups_do_not_get_in_each_others_way(void **state)
{
    (void)state;
    on_one_two_and_four_workers(two_groups);
}

/* A tree: each task waits for a group of its own. */
static void tree(void *arg)
{
    uintptr_t depth = (uintptr_t)arg;
    gt_group group = {0};
    for (int i = 0; depth && i < 3; i++)
        spawn(&group, tree, (void *)(depth - 1));
    CHECK(gt_group_wait(&group) == 0);
}

static void grow_a_tree(void *arg)
{
    (void)arg;
    tree((void *)(uintptr_t)7);
}

static void each_task_may_wait_for_a_group_of_its_own(void **state)
{
    (void)state;
    on_one_two_and_four_workers(grow_a_tree);
}

/* A worker whose first dealing with groups is to finish a member, not to spawn
 * one: it steals members, the first just returns, the next spawn more. */
struct thief_plan {
    gt_group group;
    atomic_int runs[2], ran;
};

static void count_run(void *arg)
{
    atomic_fetch_add(&((struct thief_plan *)arg)->ran, 1);
}

static void spawn_unless_first(void *arg)
{
    struct thief_plan *p = arg;
    if (atomic_fetch_add(&p->runs[gt_worker()], 1) > 0) {
        for (int i = 0; i < 3; i++)
            spawn(&p->group, count_run, p);
        gt_yield(); /* the worker settles what it owes */
    }
    atomic_fetch_add(&p->ran, 1);
}

static void be_robbed(void *arg)
{
    struct thief_plan *p = arg;
    int self = gt_worker();
    for (int i = 0; i < 20; i++)
        spawn(&p->group, spawn_unless_first, p);
    while (atomic_load(&p->runs[1 - self]) < 3)
        continue; /* busy, so that the other worker takes some */
    CHECK(gt_group_wait(&p->group) == 0);
    int spawners = atomic_load(&p->runs[0]) + atomic_load(&p->runs[1]);
    CHECK(spawners == 20);
    int first = (atomic_load(&p->runs[0]) > 0) + (atomic_load(&p->runs[1]) > 0);
    CHECK(atomic_load(&p->ran) == 20 + 3 * (20 - first));
}

static void a_worker_that_finishes_a_member_before_it_spawns_one_counts_right(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        struct thief_plan plan;
        memset(&plan, 0, sizeof plan);
        /* No spare may join the thief, however long it takes. */
        gt_config config = {.workers = 2, .hog_ns = -1};
        CHECK(gt_run(&config, be_robbed, &plan) == 0);
    }
}

/* A worker keeps part of what it reserved or finished for itself, and must
 * give it back before a task of its own waits, or the group stays open. */
static gt_sem may_wait, may_end;
static atomic_int children;

static void spawn_then_wait(void *arg)
{
    for (int i = 0; i < 7; i++)
        spawn(arg, add_one, &children);
    gt_sem_post(&may_wait);
    gt_sem_wait(&may_end);
}

static void spawn_then_yield(void *arg)
{
    for (int i = 0; i < 7; i++)
        spawn(arg, add_one, &children);
    gt_sem_post(&may_wait);
    while (gt_sem_try_wait(&may_end) != 0)
        gt_yield();
}

static void spawner_lives_on(void *arg)
{
    gt_fn *const ways[] = {spawn_then_wait, spawn_then_yield};
    (void)arg;
    for (int round = 0; round < 200; round++) {
        gt_group own = {0}, others = {0};
        gt_sem_init(&may_wait, 0);
        gt_sem_init(&may_end, 0);
        atomic_store(&children, 0);
        spawn(&own, ways[round % 2], &others);
        gt_sem_wait(&may_wait);
        CHECK(gt_group_wait(&others) == 0);
        CHECK(atomic_load(&children) == 7);
        gt_sem_post(&may_end);
        CHECK(gt_group_wait(&own) == 0);
    }
}

static void a_spawner_that_waits_for_something_else_does_not_hold_the_group(void **state)
{
    (void)state;
    on_one_two_and_four_workers(spawner_lives_on);
}

/* A member that ended leaves its count with the worker, which then runs
 * another member that waits for what follows the group. */
static void end_or_wait(void *arg)
{
    if (atomic_fetch_add(&children, 1) == 0)
        gt_sem_wait(arg);
}

static void members_wait_while_others_end(void *arg)
{
    gt_sem sem;
    (void)arg;
    for (int round = 0; round < 200; round++) {
        gt_group first = {0}, second = {0};
        gt_sem_init(&sem, 0);
        atomic_store(&children, 1);
        for (int i = 0; i < 5; i++)
            spawn(&first, end_or_wait, &sem);
        for (int i = 0; i < 5; i++)
            spawn(&second, end_or_wait, &sem);
        CHECK(gt_group_wait(&first) == 0);
        CHECK(gt_group_wait(&second) == 0);
        atomic_store(&children, 0);
        spawn(&first, end_or_wait, &sem); /* waits */
        for (int i = 0; i < 5; i++)
            spawn(&second, add_one, &children);
        CHECK(gt_group_wait(&second) == 0);
        gt_sem_post(&sem);
        CHECK(gt_group_wait(&first) == 0);
    }
}

static void a_member_that_waits_does_not_hold_another_group(void **state)
{
    (void)state;
    on_one_two_and_four_workers(members_wait_while_others_end);
}

/* ---- memory visibility and outside threads -------------------------------- */

#define CELLS 1000

static int cells[CELLS]; /* plain: the wait alone orders them */

static void write_cell(void *arg)
{
    *(int *)arg = (int)((int *)arg - cells) + 1;
}

static void what_members_wrote_is_visible_outside_after_wait(void **state)
{
    (void)state;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        gt_config config = {.workers = worker_counts[w]};
        assert_int_equal(gt_start(&config), 0);
        for (int round = 0; round < 50; round++) {
            gt_group group = {0};
            memset(cells, 0, sizeof cells);
            for (int i = 0; i < CELLS; i++)
                assert_int_equal(gt_group_spawn(&group, write_cell, &cells[i], NULL), 0);
            assert_int_equal(gt_group_wait(&group), 0);
            for (int i = 0; i < CELLS; i++)
                assert_int_equal(cells[i], i + 1);
        }
        assert_int_equal(gt_stop(), 0);
    }
}

static void *outside_rounds(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3000; i++)
        short_lived(i % 3);
    return NULL;
}

static void several_outside_threads_wait_for_groups_of_their_own(void **state)
{
    (void)state;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        gt_config config = {.workers = worker_counts[w]};
        pthread_t threads[3];
        assert_int_equal(gt_start(&config), 0);
        for (size_t i = 0; i < COUNT_OF(threads); i++)
            threads[i] = outside(outside_rounds, NULL);
        for (size_t i = 0; i < COUNT_OF(threads); i++)
            join(threads[i]);
        assert_int_equal(gt_stop(), 0);
    }
}

/* ---- misuse --------------------------------------------------------------- */

static gt_group shared;

static void wait_for_shared(void *arg)
{
    (void)arg;
    gt_group_wait(&shared);
}

static void never_returns(void *arg)
{
    (void)arg;
    gt_sleep_until(INT64_MAX);
}

static void two_waiters(void *arg)
{
    (void)arg;
    spawn(&shared, never_returns, NULL);
    CHECK(gt_spawn(wait_for_shared, NULL, NULL) == 0);
    CHECK(gt_spawn(wait_for_shared, NULL, NULL) == 0);
    gt_sleep_until(INT64_MAX);
}

static void run_two_waiters(void *arg)
{
    run_on(*(int *)arg, two_waiters, NULL);
}

static void a_second_waiter_is_fatal(void **state)
{
    (void)state;
    int workers = 1;
    assert_fatal(run_two_waiters, &workers, "one group");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait_on_an_empty_group_returns_at_once),
        cmocka_unit_test(null_and_missing_function_return_einval),
        cmocka_unit_test(a_refused_spawn_is_not_counted),
        cmocka_unit_test(wait_returns_after_100_000_members),
        cmocka_unit_test(a_group_can_be_used_again_after_wait),
        cmocka_unit_test(a_group_on_the_stack_may_go_as_soon_as_wait_returns),
        cmocka_unit_test(members_may_spawn_into_their_own_group),
        cmocka_unit_test(groups_do_not_get_in_each_others_way),
        cmocka_unit_test(each_task_may_wait_for_a_group_of_its_own),
        cmocka_unit_test(a_worker_that_finishes_a_member_before_it_spawns_one_counts_right),
        cmocka_unit_test(a_spawner_that_waits_for_something_else_does_not_hold_the_group),
        cmocka_unit_test(a_member_that_waits_does_not_hold_another_group),
        cmocka_unit_test(what_members_wrote_is_visible_outside_after_wait),
        cmocka_unit_test(several_outside_threads_wait_for_groups_of_their_own),
        cmocka_unit_test(a_second_waiter_is_fatal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
