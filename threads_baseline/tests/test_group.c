/* Groups: order of joining, failure of the k-th creation, placement. */
#include "common.h"
#include "wrap.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#define MEMBERS 100 /* several chunks of records */

static void count(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void every_member_runs_once_and_is_joined(void **state)
{
    const struct flavour *f = *state;
    struct tb_group group;
    atomic_int ran[MEMBERS] = {0};

    wrap_reset(0, 0);
    f->group_init(&group);
    for (int round = 1; round <= 2; round++) {
        for (int k = 0; k < MEMBERS; k++)
            assert_int_equal(tb_group_spawn(&group, count, &ran[k], NULL), 0);
        tb_group_wait(&group);
        for (int k = 0; k < MEMBERS; k++)
            assert_int_equal(atomic_load(&ran[k]), round);
    }
    assert_int_equal(wrap_created(), 2 * MEMBERS);
    assert_int_equal(wrap_joined(), 2 * MEMBERS);
}

static void wait_and_reap_of_an_empty_group_return_at_once(void **state)
{
    const struct flavour *f = *state;
    struct tb_group group;

    f->group_init(&group);
    assert_int_equal(tb_group_reap(&group), -ECHILD);
    tb_group_wait(&group);
    assert_int_equal(tb_group_reap(&group), -ECHILD);
}

struct gate {
    const struct flavour *f;
    void *sem;
};

static void pass_gate(void *arg)
{
    struct gate *gate = arg;

    gate->f->sem_wait(gate->sem);
}

/* Only the oldest can end: a reap of any other member would hang. */
static void reap_joins_the_oldest_first(void **state)
{
    const struct flavour *f = *state;
    struct gate gate[MEMBERS];
    struct tb_group group;

    wrap_reset(0, 0);
    f->group_init(&group);
    for (int k = 0; k < MEMBERS; k++) {
        gate[k] = (struct gate){f, f->sem_create(0)};
        assert_int_equal(tb_group_spawn(&group, pass_gate, &gate[k], NULL), 0);
    }
    for (int k = 0; k < MEMBERS; k++) {
        assert_int_equal(wrap_joined(), k);
        f->sem_post(gate[k].sem);
        assert_int_equal(tb_group_reap(&group), 0);
    }
    assert_int_equal(tb_group_reap(&group), -ECHILD);
    tb_group_wait(&group);
    for (int k = 0; k < MEMBERS; k++)
        f->sem_destroy(gate[k].sem);
}

static void a_refused_creation_is_eagain_and_leaves_the_group_usable(void **state)
{
    const struct flavour *f = *state;

    for (int fail = 1; fail <= MEMBERS; fail += 11) {
        atomic_int ran = 0;
        struct tb_group group;

        wrap_reset(fail, 1);
        f->group_init(&group);
        for (int k = 1; k <= MEMBERS; k++)
            assert_int_equal(tb_group_spawn(&group, count, &ran, NULL), k < fail ? 0 : -EAGAIN);
        for (int k = 1; k < fail; k++)
            assert_int_equal(tb_group_reap(&group), 0);
        assert_int_equal(tb_group_reap(&group), -ECHILD);
        tb_group_wait(&group);
        assert_int_equal(atomic_load(&ran), fail - 1);
        assert_int_equal(wrap_joined(), wrap_created());
    }
    wrap_reset(0, 0);
}

static void reap_and_retry_after_eagain_reaches_the_full_count(void **state)
{
    const struct flavour *f = *state;

    for (int fail = 2; fail <= MEMBERS; fail += 13) {
        atomic_int ran = 0;
        struct tb_group group;
        int retries = 0;

        wrap_reset(fail, 0);
        f->group_init(&group);
        for (int k = 0; k < MEMBERS; k++)
            while (tb_group_spawn(&group, count, &ran, NULL) == -EAGAIN) {
                assert_int_equal(tb_group_reap(&group), 0);
                retries++;
            }
        tb_group_wait(&group);
        assert_int_equal(retries, 1);
        assert_int_equal(atomic_load(&ran), MEMBERS);
        assert_int_equal(wrap_joined(), MEMBERS);
    }
    wrap_reset(0, 0);
}

static void a_run_whose_root_cannot_start_reports_it(void **state)
{
    struct tb_config config = {.ncpu = 1};
    atomic_int ran = 0;

    (void)state;
    wrap_reset(1, 0);
    assert_int_equal(tb_run(&config, count, &ran), -EAGAIN);
    assert_int_equal(atomic_load(&ran), 0);
    assert_int_equal(tb_run(&config, count, &ran), 0);
    assert_int_equal(atomic_load(&ran), 1);
    wrap_reset(0, 0);
}

struct where {
    cpu_set_t mask;
    int cpu;
};

static void note_where(void *arg)
{
    struct where *where = arg;

    where->cpu = sched_getcpu();
    sched_getaffinity(0, sizeof where->mask, &where->mask);
}

static void a_thread_with_a_cpu_starts_there_and_may_run_nowhere_else(void **state)
{
    const struct flavour *f = *state;
    int cpu[64];
    int ncpu = allowed_cpus(cpu, 64);

    for (int k = 0; k < ncpu; k++) {
        struct tb_attr attr = {.cpu = cpu[k]};
        struct where where = {.cpu = -1};
        struct tb_group group;

        f->group_init(&group);
        assert_int_equal(tb_group_spawn(&group, note_where, &where, &attr), 0);
        tb_group_wait(&group);
        assert_int_equal(where.cpu, cpu[k]);
        assert_int_equal(CPU_COUNT(&where.mask), 1);
        assert_true(CPU_ISSET((size_t)cpu[k], &where.mask));
    }
}

static void a_cpu_that_does_not_exist_is_einval_and_starts_nothing(void **state)
{
    const struct flavour *f = *state;
    struct tb_attr attr = {.cpu = 100000};
    atomic_int ran = 0;
    struct tb_group group;

    f->group_init(&group);
    assert_int_equal(tb_group_spawn(&group, count, &ran, &attr), -EINVAL);
    tb_group_wait(&group);
    assert_int_equal(atomic_load(&ran), 0);
}

static void a_stack_no_address_space_can_hold_is_refused(void **state)
{
    const struct flavour *f = *state;
    struct tb_attr none = {TB_ANYWHERE, SIZE_MAX - 100};
    struct tb_attr huge = {TB_ANYWHERE, (size_t)1 << 50};
    atomic_int ran = 0;
    struct tb_group group;

    f->group_init(&group);
    assert_int_equal(tb_group_spawn(&group, count, &ran, &none), -ENOMEM);
    assert_int_equal(tb_group_spawn(&group, count, &ran, &huge), -EAGAIN);
    tb_group_wait(&group);
    assert_int_equal(atomic_load(&ran), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOR_EACH_FLAVOUR(every_member_runs_once_and_is_joined),
        FOR_EACH_FLAVOUR(wait_and_reap_of_an_empty_group_return_at_once),
        FOR_EACH_FLAVOUR(reap_joins_the_oldest_first),
        FOR_EACH_FLAVOUR(a_refused_creation_is_eagain_and_leaves_the_group_usable),
        FOR_EACH_FLAVOUR(reap_and_retry_after_eagain_reaches_the_full_count),
        cmocka_unit_test(a_run_whose_root_cannot_start_reports_it),
        FOR_EACH_FLAVOUR(a_thread_with_a_cpu_starts_there_and_may_run_nowhere_else),
        FOR_EACH_FLAVOUR(a_cpu_that_does_not_exist_is_einval_and_starts_nothing),
        FOR_EACH_FLAVOUR(a_stack_no_address_space_can_hold_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
