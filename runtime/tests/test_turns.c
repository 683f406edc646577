/* Whose turn it is: tasks that keep a worker busy by themselves, and others that
 * must have theirs. Those who are busy count what they do, so that a test of
 * which the others do not run fails instead of hanging. */
#include "common.h"

#include <stdlib.h>
#include <unistd.h>

#include "wrap.h"

#define OTHERS 3000      /* more than one slice may spawn without being left */
#define LIMIT  (1 << 26) /* of what those who are busy do; a thousandth is enough */

static atomic_int ran, steps;
static gt_group group;

static void begin(void)
{
    atomic_store(&ran, 0);
    atomic_store(&steps, 0);
}

static void add(gt_fn *fn, void *arg)
{
    CHECK(gt_group_spawn(&group, fn, arg, NULL) == 0);
}

static void count(void *arg)
{
    (void)arg;
    atomic_fetch_add(&ran, 1);
}

/* One more step of a task that is busy; false when all others have run. */
static bool go_on(void)
{
    CHECK(atomic_fetch_add(&steps, 1) < LIMIT);
    return atomic_load(&ran) < OTHERS;
}

/* ---- who is busy ------------------------------------------------------------ */

struct pair {
    gt_sem ball[2];
};

static struct pair pairs[2];

static void play(struct pair *p, int me)
{
    do {
        gt_sem_post(&p->ball[1 - me]);
        gt_sem_wait(&p->ball[me]);
    } while (go_on());
    gt_sem_post(&p->ball[1 - me]);
}

static void play_first(void *pair)
{
    play(pair, 0);
}

static void play_second(void *pair)
{
    play(pair, 1);
}

static void start_pairs(int n)
{
    for (int i = 0; i < n; i++) {
        gt_sem_init(&pairs[i].ball[0], 0);
        gt_sem_init(&pairs[i].ball[1], 0);
        add(play_first, &pairs[i]);
        add(play_second, &pairs[i]);
    }
}

static void one_pair(void)
{
    start_pairs(1);
}

static void two_pairs(void)
{
    start_pairs(2);
}

static void link_of_chain(void *arg)
{
    if (go_on())
        add(link_of_chain, arg);
}

static void a_chain(void)
{
    add(link_of_chain, NULL);
}

/* ---- whom they might shut out ----------------------------------------------- */

static void spawn_others(void *arg)
{
    for (int i = 0; i < OTHERS; i++)
        add(count, arg);
}

static void *spawn_others_outside(void *arg)
{
    spawn_others(arg);
    return NULL;
}

static void children_beside(void (*busy)(void))
{
    begin();
    busy();
    while (atomic_load(&steps) == 0)
        gt_yield();
    add(spawn_others, NULL);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&ran) == OTHERS);
}

static void tasks_from_outside_beside(void (*busy)(void))
{
    begin();
    busy();
    while (atomic_load(&steps) == 0)
        gt_yield();
    pthread_t thread = outside(spawn_others_outside, NULL);
    CHECK(gt_group_wait(&group) == 0);
    join(thread);
    CHECK(atomic_load(&ran) == OTHERS);
}

static void beside_one_pair(void *arg)
{
    (void)arg;
    children_beside(one_pair);
    tasks_from_outside_beside(one_pair);
}

static void beside_two_pairs(void *arg)
{
    (void)arg;
    children_beside(two_pairs);
    tasks_from_outside_beside(two_pairs);
}

static void beside_a_chain(void *arg)
{
    (void)arg;
    tasks_from_outside_beside(a_chain);
}

static void without_membarrier(void *arg)
{
    (void)arg;
    wrap_arm(WRAP_MEMBARRIER, 1, true);
    on_one_and_two_workers(beside_one_pair);
    on_one_and_two_workers(beside_two_pairs);
    on_one_and_two_workers(beside_a_chain);
    CHECK(wrap_fired());
}

static void everybody_has_turns_without_membarrier(void **state)
{
    (void)state;
    assert_fine(without_membarrier, NULL);
}

static void partners_shut_out_neither_children_nor_spawners(void **state)
{
    (void)state;
    on_one_and_two_workers(beside_one_pair);
}

static void two_pairs_of_partners_do_not_either(void **state)
{
    (void)state;
    on_one_and_two_workers(beside_two_pairs);
}

static void a_chain_of_new_tasks_leaves_turns_to_those_from_outside(void **state)
{
    (void)state;
    on_one_and_two_workers(beside_a_chain);
}

/* ---- bound tasks ------------------------------------------------------------- */

static void spawn_bound(gt_fn *fn)
{
    gt_attr attr = {.flags = GT_BOUND, .worker = 0};
    CHECK(gt_group_spawn(&group, fn, NULL, &attr) == 0);
}

static void yield_until_one_ran(void *arg)
{
    (void)arg;
    while (atomic_load(&ran) == 0) {
        CHECK(atomic_fetch_add(&steps, 1) < LIMIT);
        gt_yield();
    }
}

static void sleep_and_count(void *arg)
{
    gt_sleep_until(gt_now() + 2000000);
    count(arg);
}

static void bound_sleeper_beside_two_yielders(void *arg)
{
    (void)arg;
    begin();
    spawn_bound(sleep_and_count);
    add(yield_until_one_ran, NULL);
    add(yield_until_one_ran, NULL);
    CHECK(gt_group_wait(&group) == 0);
}

static void a_bound_task_has_its_turn_beside_unbound_ones_that_yield(void **state)
{
    (void)state;
    on_one_and_two_workers(bound_sleeper_beside_two_yielders);
}

/* The queue of a worker that is alone moves to spares while a task of it is a
 * hog; a bound task that yields must not go with it. */
#define YIELDERS 8
#define HOGGINGS 10

static void yield_in_place(void *arg)
{
    (void)arg;
    while (atomic_load(&ran) == 0) {
        CHECK(gt_worker() == 0);
        gt_yield();
    }
}

static void yield_anywhere(void *arg)
{
    (void)arg;
    while (atomic_load(&ran) == 0) {
        atomic_fetch_add(&steps, 1);
        gt_yield();
    }
}

static void hog_again_and_again(void *arg)
{
    gt_stats s;
    for (int i = 0; i < HOGGINGS; i++) {
        int patience = 100000; /* until those that a spare ran are back */
        do {
            gt_yield();
            gt_get_stats(&s);
        } while (s.active_spares && --patience > 0);
        for (int turns = 0; turns < 500 + i; turns++)
            gt_yield();
        int before = atomic_load(&steps);
        while (atomic_load(&steps) == before)
            continue; /* until a spare runs them */
    }
    count(arg);
}

static void bound_yielder_beside_a_hog(void *arg)
{
    (void)arg;
    begin();
    spawn_bound(yield_in_place);
    for (int i = 0; i < YIELDERS; i++)
        add(yield_anywhere, NULL);
    spawn_bound(hog_again_and_again);
    CHECK(gt_group_wait(&group) == 0);
}

static void a_bound_task_that_yields_beside_a_hog_stays_where_it_is_bound(void **state)
{
    (void)state;
    gt_config config = {.workers = 1};
    assert_int_equal(gt_run(&config, bound_yielder_beside_a_hog, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: whether there is membarrier is found out once per process. */
        cmocka_unit_test(everybody_has_turns_without_membarrier),
        cmocka_unit_test(partners_shut_out_neither_children_nor_spawners),
        cmocka_unit_test(two_pairs_of_partners_do_not_either),
        cmocka_unit_test(a_chain_of_new_tasks_leaves_turns_to_those_from_outside),
        cmocka_unit_test(a_bound_task_has_its_turn_beside_unbound_ones_that_yield),
        cmocka_unit_test(a_bound_task_that_yields_beside_a_hog_stays_where_it_is_bound),
    };
    alarm(240); /* what hangs ends with SIGALRM */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
