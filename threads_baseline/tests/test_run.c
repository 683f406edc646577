/* Runs: configuration, slots, sleeping. */
#include "common.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>

static void note(void *arg)
{
    *(bool *)arg = true;
}

static void a_configuration_out_of_range_is_einval_and_runs_nothing(void **state)
{
    static const struct tb_config bad[] = {
        {.ncpu = 0}, {.ncpu = -1}, {.ncpu = 1, .spin_ns = -1}, {.ncpu = 1, .pinned = true}};

    (void)state;
    for (size_t k = 0; k < COUNT_OF(bad); k++) {
        bool ran = false;

        assert_int_equal(tb_run(&bad[k], note, &ran), -EINVAL);
        assert_false(ran);
    }
}

static void run_inside(void *arg)
{
    struct tb_config config = {.ncpu = 1};

    *(int *)arg = tb_run(&config, note, &(bool){false});
}

static void a_run_inside_a_run_is_ebusy(void **state)
{
    struct tb_config config = {.ncpu = 1};
    int result = 0;

    (void)state;
    assert_int_equal(tb_run(&config, run_inside, &result), 0);
    assert_int_equal(result, -EBUSY);
}

struct slots {
    int cpu[4];
    bool main_thread;
    pthread_t main;
};

static void note_slots(void *arg)
{
    struct slots *slots = arg;

    slots->cpu[0] = tb_slot_cpu(0);
    slots->cpu[1] = tb_slot_cpu(1);
    slots->cpu[2] = tb_slot_cpu(2);
    slots->cpu[3] = tb_slot_cpu(TB_ANYWHERE);
    slots->main_thread = pthread_equal(pthread_self(), slots->main);
}

static void slots_are_cpus_in_pinned_runs_only(void **state)
{
    int cpu[2] = {3, 5};
    struct tb_config pinned = {.ncpu = 2, .cpu = cpu, .pinned = true};
    struct tb_config loose = {.ncpu = 2, .cpu = cpu};
    struct tb_config single = {.ncpu = 1, .cpu = cpu, .pinned = true};
    struct slots slots = {.main = pthread_self()};
    const int want[4] = {3, 5, TB_ANYWHERE, TB_ANYWHERE};

    (void)state;
    assert_int_equal(tb_run(&pinned, note_slots, &slots), 0);
    assert_memory_equal(slots.cpu, want, sizeof want);
    assert_int_equal(tb_run(&loose, note_slots, &slots), 0);
    assert_int_equal(slots.cpu[0], TB_ANYWHERE);
    assert_int_equal(tb_run(&single, note_slots, &slots), 0);
    assert_int_equal(slots.cpu[0], TB_ANYWHERE);
    assert_int_equal(tb_slot_cpu(0), TB_ANYWHERE);
}

static void the_root_does_not_run_on_the_main_thread(void **state)
{
    struct tb_config config = {.ncpu = 1};
    struct slots slots = {.main = pthread_self(), .main_thread = true};

    (void)state;
    assert_int_equal(tb_run(&config, note_slots, &slots), 0);
    assert_false(slots.main_thread);
}

static void a_sleep_never_ends_before_its_deadline(void **state)
{
    static const int64_t length_ns[] = {1, 1000, 1000000, 20000000};

    (void)state;
    for (size_t k = 0; k < COUNT_OF(length_ns); k++) {
        int64_t deadline = now_ns() + length_ns[k];

        tb_sleep_until(deadline);
        assert_true(now_ns() >= deadline);
    }
}

/* They would hang if they were taken as durations or wrapped. */
static void a_sleep_until_the_past_returns(void **state)
{
    (void)state;
    tb_sleep_until(now_ns() - 1);
    tb_sleep_until(0);
    tb_sleep_until(-1);
    tb_sleep_until(INT64_MIN);
    tb_yield();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration_out_of_range_is_einval_and_runs_nothing),
        cmocka_unit_test(a_run_inside_a_run_is_ebusy),
        cmocka_unit_test(slots_are_cpus_in_pinned_runs_only),
        cmocka_unit_test(the_root_does_not_run_on_the_main_thread),
        cmocka_unit_test(a_sleep_never_ends_before_its_deadline),
        cmocka_unit_test(a_sleep_until_the_past_returns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
