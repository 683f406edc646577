/* Seeded stress of the pool: several spawners, groups of random size, tasks
 * that spawn and wait for groups of their own. Every task is counted. */
#include "common.h"
#include "tb/tb_pool.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>

#define SPAWNERS 3

#ifdef SANITIZED
#define GROUPS 100
#else
#define GROUPS 2000
#endif

struct spawner {
    struct tb_pool *pool;
    uint64_t random;
    atomic_ullong *ran;
    uint64_t spawned;
    int failures;
};

struct leaf {
    atomic_ullong *ran;
    uint64_t random;
};

static void leaf(void *arg)
{
    struct leaf *l = arg;

    if (l->random % 64 == 0)
        sched_yield();
    atomic_fetch_add(l->ran, 1);
}

struct branch {
    struct tb_pool *pool;
    struct leaf leaf;
};

static void branch(void *arg)
{
    struct branch *b = arg;
    struct tb_pool_group group;
    atomic_ullong before = 0;
    struct leaf own = {&before, b->leaf.random};

    tb_pool_group_init(&group, b->pool);
    for (int k = 0; k < 3; k++)
        tb_pool_group_spawn(&group, leaf, &own, NULL);
    tb_pool_group_wait(&group);
    /* A wait that returned early loses counts. */
    atomic_fetch_add(b->leaf.ran, atomic_load(&before));
}

static void spawner(void *arg)
{
    struct spawner *s = arg;
    struct branch branches[64];

    for (int g = 0; g < GROUPS; g++) {
        struct tb_pool_group group;
        uint64_t n = next_random(&s->random) % 64;

        tb_pool_group_init(&group, s->pool);
        for (uint64_t k = 0; k < n; k++) {
            uint64_t random = next_random(&s->random);
            bool nested = random % 8 == 0;

            branches[k] = (struct branch){s->pool, {s->ran, random >> 8}};
            int error = nested ? tb_pool_group_spawn(&group, branch, &branches[k], NULL)
                               : tb_pool_group_spawn(&group, leaf, &branches[k].leaf, NULL);
            s->failures += error != 0;
            s->spawned += nested ? 3 : 1;
        }
        if (n % 4 == 1) {
            int error = tb_pool_group_reap(&group);

            s->failures += error != 0 && error != -ECHILD; /* all may have finished */
        }
        tb_pool_group_wait(&group);
    }
}

static uint64_t seed;

static void every_task_of_every_group_runs_exactly_once(void **state)
{
    (void)state;
    for (int nthreads = 1; nthreads <= 4; nthreads *= 2) {
        atomic_ullong ran = 0;
        struct spawner s[SPAWNERS];
        struct tb_group threads;
        struct tb_pool *pool;
        uint64_t spawned = 0;

        assert_int_equal(tb_pool_create(nthreads, NULL, &pool), 0);
        tb_group_init(&threads);
        for (int k = 0; k < SPAWNERS; k++) {
            s[k] = (struct spawner){.pool = pool, .random = next_random(&seed), .ran = &ran};
            assert_int_equal(tb_group_spawn(&threads, spawner, &s[k], NULL), 0);
        }
        tb_group_wait(&threads);
        for (int k = 0; k < SPAWNERS; k++) {
            assert_int_equal(s[k].failures, 0);
            spawned += s[k].spawned;
        }
        assert_int_equal(atomic_load(&ran), spawned);
        tb_pool_destroy(pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_of_every_group_runs_exactly_once),
    };

    seed = test_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
