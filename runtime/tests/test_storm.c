/* Spawning many: who does is left for them, and what may rely on that. */
#include "common.h"

#define STORM 20000
#define MANY  3000

static atomic_int ran;

static void run(void *arg)
{
    (void)arg;
    atomic_fetch_add(&ran, 1);
}

/* Returns how many were alive at most. */
static int storm(int n)
{
    gt_group group = {0};
    int most = 0;
    atomic_store(&ran, 0);
    for (int i = 0; i < n; i++) {
        CHECK(gt_group_spawn(&group, run, NULL, NULL) == 0);
        int alive = i + 1 - atomic_load(&ran);
        most = alive > most ? alive : most;
    }
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&ran) == n);
    return most;
}

static void storm_with_few_alive(void *arg)
{
    (void)arg;
    CHECK(storm(STORM) < STORM / 2);
}

static void most_of_a_storm_has_run_before_its_end_is_spawned(void **state)
{
    (void)state;
    on_one_two_and_four_workers(storm_with_few_alive);
}

static void bound_storm(void *arg)
{
    int here = gt_worker();
    (void)arg;
    storm(STORM);
    CHECK(gt_worker() == here);
}

static void spawn_bound_storm(void *arg)
{
    (void)arg;
    for (int worker = 0; worker < gt_workers(); worker++) {
        gt_group group = {0};
        gt_attr attr = {.flags = GT_BOUND, .worker = worker};
        CHECK(gt_group_spawn(&group, bound_storm, NULL, &attr) == 0);
        CHECK(gt_group_wait(&group) == 0);
    }
}

static void a_bound_spawner_stays_where_it_is_bound(void **state)
{
    (void)state;
    on_one_two_and_four_workers(spawn_bound_storm);
}

static gt_mutex mutex;

static void lock_and_run(void *arg)
{
    gt_mutex_lock(&mutex);
    run(arg);
    gt_mutex_unlock(&mutex);
}

static void storm_that_wants_the_spawners_mutex(void *arg)
{
    gt_group group = {0};
    (void)arg;
    atomic_store(&ran, 0);
    gt_mutex_lock(&mutex);
    for (int i = 0; i < MANY; i++)
        CHECK(gt_group_spawn(&group, lock_and_run, NULL, NULL) == 0);
    CHECK(atomic_load(&ran) == 0);
    gt_mutex_unlock(&mutex);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&ran) == MANY);
}

static void a_spawner_may_hold_a_mutex_that_the_storm_wants(void **state)
{
    (void)state;
    on_one_two_and_four_workers(storm_that_wants_the_spawners_mutex);
}

static gt_sem gate;

static void park(void *arg)
{
    gt_sem_wait(&gate);
    run(arg);
}

static void storm_that_parks(void *arg)
{
    gt_group group = {0};
    (void)arg;
    atomic_store(&ran, 0);
    gt_sem_init(&gate, 0);
    for (int i = 0; i < MANY; i++)
        CHECK(gt_group_spawn(&group, park, NULL, NULL) == 0);
    CHECK(atomic_load(&ran) == 0);
    for (int i = 0; i < MANY; i++)
        gt_sem_post(&gate);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&ran) == MANY);
}

static void a_spawner_goes_on_when_the_storm_waits(void **state)
{
    (void)state;
    on_one_two_and_four_workers(storm_that_parks);
}

/* Each spawns its successor, which is then the newest. */
static gt_group chain;

static void spawn_successor(void *arg)
{
    if (atomic_load(&ran) == 0)
        CHECK(gt_group_spawn(&chain, spawn_successor, arg, NULL) == 0);
}

static void old_one_under_a_chain(void *arg)
{
    (void)arg;
    atomic_store(&ran, 0);
    CHECK(gt_group_spawn(&chain, run, NULL, NULL) == 0);
    CHECK(gt_group_spawn(&chain, spawn_successor, NULL, NULL) == 0);
    CHECK(gt_group_wait(&chain) == 0);
}

static void the_oldest_has_its_turn_under_an_endless_chain_of_new_ones(void **state)
{
    (void)state;
    on_one_two_and_four_workers(old_one_under_a_chain);
}

/* A task that only yields, beside one that only spawns. */
static atomic_int turns;

static void take_turns(void *arg)
{
    (void)arg;
    while (atomic_load(&turns) < 1000) {
        atomic_fetch_add(&turns, 1);
        gt_yield();
    }
}

static void storm_beside_a_yielder(void *arg)
{
    gt_group group = {0}, others = {0};
    (void)arg;
    atomic_store(&turns, 0);
    CHECK(gt_group_spawn(&others, take_turns, NULL, NULL) == 0);
    while (atomic_load(&turns) < 1000)
        CHECK(gt_group_spawn(&group, run, NULL, NULL) == 0);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(gt_group_wait(&others) == 0);
}

static void a_yielding_task_has_turns_during_an_endless_storm(void **state)
{
    (void)state;
    on_one_two_and_four_workers(storm_beside_a_yielder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_of_a_storm_has_run_before_its_end_is_spawned),
        cmocka_unit_test(a_bound_spawner_stays_where_it_is_bound),
        cmocka_unit_test(a_spawner_may_hold_a_mutex_that_the_storm_wants),
        cmocka_unit_test(a_spawner_goes_on_when_the_storm_waits),
        cmocka_unit_test(the_oldest_has_its_turn_under_an_endless_chain_of_new_ones),
        cmocka_unit_test(a_yielding_task_has_turns_during_an_endless_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
