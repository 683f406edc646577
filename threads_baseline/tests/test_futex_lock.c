/* The short lock of the futex flavour, from inside. Its critical sections are
 * so short that the channels' tests hardly ever put a thread to sleep on it;
 * here threads do. */
#include "common.h"
#include "futex_lock.h"

#include <stdatomic.h>

#define SLEEPERS 3
#define THREADS  4

#ifdef SANITIZED
#define ROUNDS 5000
#else
#define ROUNDS 200000
#endif

struct shared {
    struct tbi_lock lock;
    int plain; /* lock */
};

struct actor {
    struct shared *shared;
    _Atomic pid_t tid;
};

static void lock_once(void *arg)
{
    struct actor *a = arg;

    publish_tid(&a->tid);
    tbi_lock(&a->shared->lock);
    a->shared->plain++;
    tbi_unlock(&a->shared->lock);
}

/* One wake-up per unlock: each sleeper's own unlock must wake the next. */
static void everyone_who_sleeps_for_the_lock_gets_it(void **state)
{
    struct shared shared = {.plain = 0};
    struct actor actor[SLEEPERS];
    struct tb_group group;

    (void)state;
    tb_group_init(&group);
    tbi_lock(&shared.lock);
    for (int k = 0; k < SLEEPERS; k++) {
        actor[k] = (struct actor){.shared = &shared};
        assert_int_equal(tb_group_spawn(&group, lock_once, &actor[k], NULL), 0);
        await_asleep(&actor[k].tid);
    }
    assert_int_equal(shared.plain, 0);
    tbi_unlock(&shared.lock);
    tb_group_wait(&group);
    assert_int_equal(shared.plain, SLEEPERS);
    assert_true(tbi_lock_try(&shared.lock));
}

static void a_held_lock_cannot_be_taken(void **state)
{
    struct tbi_lock lock = {0};

    (void)state;
    assert_true(tbi_lock_try(&lock));
    assert_false(tbi_lock_try(&lock));
    tbi_unlock(&lock);
    assert_true(tbi_lock_try(&lock));
}

static void increment(void *arg)
{
    struct shared *shared = arg;

    for (int k = 0; k < ROUNDS; k++) {
        tbi_lock(&shared->lock);
        shared->plain++;
        tbi_unlock(&shared->lock);
    }
}

static void contend(void *arg)
{
    struct tb_group group;

    tb_group_init(&group);
    for (int k = 0; k < THREADS; k++)
        assert_int_equal(tb_group_spawn(&group, increment, arg, NULL), 0);
    tb_group_wait(&group);
}

static void a_counter_under_the_lock_loses_no_increment(void **state)
{
    static const struct tb_config config[] = {{.ncpu = 1}, {.ncpu = 2, .spin_ns = 1000}};

    (void)state;
    for (size_t k = 0; k < COUNT_OF(config); k++) {
        struct shared shared = {.plain = 0};

        assert_int_equal(tb_run(&config[k], contend, &shared), 0);
        assert_int_equal(shared.plain, THREADS * ROUNDS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_held_lock_cannot_be_taken),
        cmocka_unit_test(everyone_who_sleeps_for_the_lock_gets_it),
        cmocka_unit_test(a_counter_under_the_lock_loses_no_increment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
