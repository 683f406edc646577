/* How much is touched before a cold cell, and that nothing of it stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "../prewarm.h"
#include "../procfile.h"

static const uint64_t kib = 1024, mib = 1024 * 1024;

static uint64_t bytes_for(uint64_t n, bool cold, uint64_t budget)
{
    const struct params p = {.n = n, .cold = cold};

    return prewarm_bytes(&p, budget);
}

static void only_cold_cells_are_prewarmed(void **state)
{
    (void)state;
    assert_int_equal(bytes_for(1000, false, UINT64_MAX), 0);
    assert_int_equal(bytes_for(1000, true, UINT64_MAX), 1000 * 36 * kib);
}

static void it_is_enough_for_threads_and_for_a_million_tasks(void **state)
{
    (void)state;
    assert_int_equal(bytes_for(32768, true, UINT64_MAX), 32768 * 36 * kib);
    assert_int_equal(bytes_for(100000, true, UINT64_MAX), 32768 * 36 * kib);
    assert_int_equal(bytes_for(1000000, true, UINT64_MAX), 1000000 * 5 * kib);
}

static void the_budget_bounds_it(void **state)
{
    (void)state;
    assert_int_equal(bytes_for(1000000, true, 7 * mib), 7 * mib);
    assert_int_equal(bytes_for(1, true, 7 * mib), 36 * kib);
}

static uint64_t resident(void)
{
    char text[PROCFILE_MAX];
    uint64_t bytes = 0;

    assert_true(procfile_read("/proc/self/status", text, sizeof text) > 0);
    assert_true(procfile_value(text, "VmRSS", &bytes));
    return bytes;
}

static void every_page_is_touched_and_none_is_kept(void **state)
{
    const uint64_t before = resident();
    struct rusage start, end;

    (void)state;
    getrusage(RUSAGE_SELF, &start);
    prewarm(64 * mib);
    getrusage(RUSAGE_SELF, &end);
    /* One for each huge page at least. */
    assert_true(end.ru_minflt - start.ru_minflt >= 32);
    assert_true(resident() < before + 16 * mib);
}

static void nothing_is_prewarmed_by_zero_bytes_or_too_many(void **state)
{
    const uint64_t before = resident();

    (void)state;
    prewarm(0);
    prewarm(UINT64_C(1) << 62);
    assert_true(resident() < before + 16 * mib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_cold_cells_are_prewarmed),
        cmocka_unit_test(it_is_enough_for_threads_and_for_a_million_tasks),
        cmocka_unit_test(the_budget_bounds_it),
        cmocka_unit_test(every_page_is_touched_and_none_is_kept),
        cmocka_unit_test(nothing_is_prewarmed_by_zero_bytes_or_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
