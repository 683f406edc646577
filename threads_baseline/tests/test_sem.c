/* Semaphores of both flavours. */
#include "common.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>

#define WAITERS 4

#ifdef SANITIZED
#define ROUNDS 500
#else
#define ROUNDS 5000
#endif

struct waiter {
    const struct flavour *f;
    void *sem;
    _Atomic pid_t tid;
    atomic_int *passed;
};

static void wait_once(void *arg)
{
    struct waiter *w = arg;

    publish_tid(&w->tid);
    w->f->sem_wait(w->sem);
    atomic_fetch_add(w->passed, 1);
}

static void units_present_are_taken_without_blocking(void **state)
{
    const struct flavour *f = *state;
    void *sem = f->sem_create(2);

    f->sem_wait(sem);
    f->sem_wait(sem);
    f->sem_post(sem);
    f->sem_wait(sem);
    f->sem_destroy(sem);
}

static void try_wait_takes_a_unit_or_returns_eagain(void **state)
{
    const struct flavour *f = *state;
    void *sem = f->sem_create(1);

    assert_int_equal(f->sem_try_wait(sem), 0);
    assert_int_equal(f->sem_try_wait(sem), -EAGAIN);
    f->sem_post(sem);
    assert_int_equal(f->sem_try_wait(sem), 0);
    assert_int_equal(f->sem_try_wait(sem), -EAGAIN);
    f->sem_destroy(sem);
}

static void one_post_lets_exactly_one_sleeper_pass(void **state)
{
    const struct flavour *f = *state;
    void *sem = f->sem_create(0);
    struct waiter waiter[WAITERS];
    atomic_int passed = 0;
    struct tb_group group;

    f->group_init(&group);
    for (int k = 0; k < WAITERS; k++) {
        waiter[k] = (struct waiter){.f = f, .sem = sem, .passed = &passed};
        assert_int_equal(tb_group_spawn(&group, wait_once, &waiter[k], NULL), 0);
        await_asleep(&waiter[k].tid);
    }
    for (int k = 1; k <= WAITERS; k++) {
        assert_int_equal(atomic_load(&passed), k - 1);
        f->sem_post(sem);
        while (atomic_load(&passed) < k)
            sched_yield();
    }
    tb_group_wait(&group);
    assert_int_equal(atomic_load(&passed), WAITERS);
    f->sem_destroy(sem);
}

struct baton {
    const struct flavour *f;
    void *here, *there;
    int *plain; /* guarded by the baton alone */
};

static void run_with_baton(void *arg)
{
    struct baton *b = arg;

    for (int k = 0; k < ROUNDS; k++) {
        b->f->sem_wait(b->here);
        (*b->plain)++;
        b->f->sem_post(b->there);
    }
}

static void a_baton_passed_to_and_fro_orders_plain_memory(void **state)
{
    const struct flavour *f = *state;
    void *left = f->sem_create(1), *right = f->sem_create(0);
    int plain = 0;
    struct baton baton[2] = {{f, left, right, &plain}, {f, right, left, &plain}};
    struct tb_group group;

    f->group_init(&group);
    for (int k = 0; k < 2; k++)
        assert_int_equal(tb_group_spawn(&group, run_with_baton, &baton[k], NULL), 0);
    tb_group_wait(&group);
    assert_int_equal(plain, 2 * ROUNDS);
    f->sem_destroy(left);
    f->sem_destroy(right);
}

static void a_baton_is_not_lost_by_polling_waiters(void *arg)
{
    a_baton_passed_to_and_fro_orders_plain_memory(arg);
}

static void the_baton_test_holds_while_waiters_poll(void **state)
{
    struct tb_config config = {.ncpu = 2, .spin_ns = 50000};

    assert_int_equal(tb_run(&config, a_baton_is_not_lost_by_polling_waiters, state), 0);
}

static void post_once(void *arg)
{
    flavour_futex.sem_post(arg);
}

/* The address sanitizer sees a post that touches the freed semaphore. */
static void a_futex_semaphore_may_be_freed_as_soon_as_its_wait_returned(void **state)
{
    (void)state;
    for (int k = 0; k < 200; k++) {
        struct tb_group group;
        void *sem = flavour_futex.sem_create(0);

        flavour_futex.group_init(&group);
        assert_int_equal(tb_group_spawn(&group, post_once, sem, NULL), 0);
        flavour_futex.sem_wait(sem);
        flavour_futex.sem_destroy(sem);
        tb_group_wait(&group);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOR_EACH_FLAVOUR(units_present_are_taken_without_blocking),
        FOR_EACH_FLAVOUR(try_wait_takes_a_unit_or_returns_eagain),
        FOR_EACH_FLAVOUR(one_post_lets_exactly_one_sleeper_pass),
        FOR_EACH_FLAVOUR(a_baton_passed_to_and_fro_orders_plain_memory),
        FOR_EACH_FLAVOUR(the_baton_test_holds_while_waiters_poll),
        cmocka_unit_test(a_futex_semaphore_may_be_freed_as_soon_as_its_wait_returned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
