/* Mutexes of both flavours. */
#include "common.h"
#include "count_futex.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SLEEPERS 3

#ifdef SANITIZED
#define ROUNDS 50
#else
#define ROUNDS 300
#endif

struct actor {
    const struct flavour *f;
    union any_mutex *mutex;
    int *plain; /* mutex */
    int result;
    _Atomic pid_t tid;
};

static void lock_once(void *arg)
{
    struct actor *a = arg;

    publish_tid(&a->tid);
    a->f->mutex_lock(a->mutex);
    ++*a->plain;
    a->f->mutex_unlock(a->mutex);
}

static void try_once(void *arg)
{
    struct actor *a = arg;

    a->result = a->f->mutex_try_lock(a->mutex);
    if (a->result == 0)
        a->f->mutex_unlock(a->mutex);
}

static int result_of_a_try_elsewhere(const struct flavour *f, union any_mutex *mutex)
{
    struct actor a = {.f = f, .mutex = mutex};
    struct tb_group group;

    f->group_init(&group);
    assert_int_equal(tb_group_spawn(&group, try_once, &a, NULL), 0);
    tb_group_wait(&group);
    return a.result;
}

static void a_held_mutex_refuses_every_try_with_ebusy(void **state)
{
    const struct flavour *f = *state;
    union any_mutex mutex;

    f->mutex_init(&mutex);
    for (int round = 0; round < 2; round++) {
        if (round == 0)
            f->mutex_lock(&mutex);
        else
            assert_int_equal(f->mutex_try_lock(&mutex), 0);
        assert_int_equal(f->mutex_try_lock(&mutex), -EBUSY);
        assert_int_equal(result_of_a_try_elsewhere(f, &mutex), -EBUSY);
        f->mutex_unlock(&mutex);
        assert_int_equal(result_of_a_try_elsewhere(f, &mutex), 0);
    }
    f->mutex_destroy(&mutex);
}

static void let_sleepers_through(const struct flavour *f)
{
    struct actor actor[SLEEPERS];
    union any_mutex mutex;
    struct tb_group group;
    int plain = 0;

    f->mutex_init(&mutex);
    f->group_init(&group);
    f->mutex_lock(&mutex);
    for (int k = 0; k < SLEEPERS; k++) {
        actor[k] = (struct actor){.f = f, .mutex = &mutex, .plain = &plain};
        assert_int_equal(tb_group_spawn(&group, lock_once, &actor[k], NULL), 0);
        await_asleep(&actor[k].tid);
    }
    assert_int_equal(plain, 0);
    f->mutex_unlock(&mutex);
    tb_group_wait(&group);
    assert_int_equal(plain, SLEEPERS);
    assert_int_equal(f->mutex_try_lock(&mutex), 0);
    f->mutex_unlock(&mutex);
    f->mutex_destroy(&mutex);
}

/* One wake-up per unlock: each sleeper's own unlock must wake the next. */
static void everyone_who_sleeps_for_the_mutex_gets_it(void **state)
{
    let_sleepers_through(*state);
}

static void let_sleepers_through_in_a_run(void *arg)
{
    let_sleepers_through(arg);
}

static void a_waiter_whose_polling_is_over_sleeps_and_gets_the_mutex(void **state)
{
    struct tb_config config = {.ncpu = 2, .spin_ns = 50000};

    assert_int_equal(tb_run(&config, let_sleepers_through_in_a_run, *state), 0);
}

/* An object that goes away with its last reference, as often guarded by a
 * mutex inside it. The address sanitizer sees an unlock that touches it later. */
struct counted {
    const struct flavour *f;
    union any_mutex mutex;
    int references; /* mutex */
};

static void drop_reference(void *arg)
{
    struct counted *object = arg;
    const struct flavour *f = object->f;

    f->mutex_lock(&object->mutex);
    bool last = --object->references == 0;
    f->mutex_unlock(&object->mutex);
    if (last) {
        f->mutex_destroy(&object->mutex);
        free(object);
    }
}

static void the_last_to_unlock_may_free_the_mutex(void **state)
{
    const struct flavour *f = *state;

    for (int k = 0; k < ROUNDS; k++) {
        struct counted *object = malloc(sizeof *object);
        struct tb_group group;

        assert_non_null(object);
        *object = (struct counted){.f = f, .references = 2};
        f->mutex_init(&object->mutex);
        f->group_init(&group);
        assert_int_equal(tb_group_spawn(&group, drop_reference, object, NULL), 0);
        drop_reference(object);
        tb_group_wait(&group);
    }
}

static void a_futex_mutex_nobody_waits_for_makes_no_system_call(void **state)
{
    struct tb_futex_mutex mutex;

    (void)state;
    tb_futex_mutex_init(&mutex);
    futex_calls_reset();
    for (int k = 0; k < 10; k++) {
        tb_futex_mutex_lock(&mutex);
        assert_int_equal(tb_futex_mutex_try_lock(&mutex), -EBUSY);
        tb_futex_mutex_unlock(&mutex);
        assert_int_equal(tb_futex_mutex_try_lock(&mutex), 0);
        tb_futex_mutex_unlock(&mutex);
    }
    assert_int_equal(futex_waits() + futex_wakes(), 0);
}

/* A sleeper is woken once, and its own unlock wakes once in vain. */
static void a_futex_mutex_wakes_at_most_once_in_vain(void **state)
{
    int plain = 0;
    union any_mutex mutex;
    struct actor a = {.f = &flavour_futex, .mutex = &mutex, .plain = &plain};
    struct tb_group group;

    (void)state;
    tb_futex_mutex_init(&mutex.futex);
    tb_futex_group_init(&group);
    tb_futex_mutex_lock(&mutex.futex);
    futex_calls_reset();
    assert_int_equal(tb_group_spawn(&group, lock_once, &a, NULL), 0);
    await_asleep(&a.tid);
    tb_futex_mutex_unlock(&mutex.futex);
    tb_group_wait(&group);
    assert_in_range(futex_waits(), 1, INT32_MAX);
    assert_int_equal(futex_wakes(), 2);
    tb_futex_mutex_lock(&mutex.futex);
    tb_futex_mutex_unlock(&mutex.futex);
    assert_int_equal(futex_wakes(), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOR_EACH_FLAVOUR(a_held_mutex_refuses_every_try_with_ebusy),
        FOR_EACH_FLAVOUR(everyone_who_sleeps_for_the_mutex_gets_it),
        FOR_EACH_FLAVOUR(a_waiter_whose_polling_is_over_sleeps_and_gets_the_mutex),
        FOR_EACH_FLAVOUR(the_last_to_unlock_may_free_the_mutex),
        cmocka_unit_test(a_futex_mutex_nobody_waits_for_makes_no_system_call),
        cmocka_unit_test(a_futex_mutex_wakes_at_most_once_in_vain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
