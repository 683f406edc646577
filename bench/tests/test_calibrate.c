/* Tests of calibrate.h: what counts as impossible, and that the figures hold
 * together on this machine. No bound here is a time that a slow machine could
 * miss. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <stdio.h>

#include "../calibrate.h"
#include "../options.h"

const char backend_name[] = "test";

static struct calibration plausible(void)
{
    return (struct calibration){
        .ncpu = 1, .clock_ns = 28, .chain_ns = 0.9, .empty_ns = 0.3, .cycle_ns = 0.3};
}

static void plausible_figures_have_no_fault(void **state)
{
    struct calibration c = plausible();

    assert_null(calibration_fault(&c));
}

static void an_empty_loop_below_a_cycle_is_a_fault(void **state)
{
    struct calibration c = plausible();

    c.empty_ns = 0.26;
    assert_non_null(calibration_fault(&c));
}

static void figures_of_zero_are_a_fault(void **state)
{
    struct calibration c = plausible();

    c.clock_ns = 0;
    assert_non_null(calibration_fault(&c));
    c = plausible();
    c.chain_ns = 0;
    assert_non_null(calibration_fault(&c));
    c = plausible();
    c.empty_ns = -0.1;
    assert_non_null(calibration_fault(&c));
}

static void a_list_that_names_no_cpus_is_a_usage_error(void **state)
{
    static const char *const wrong[] = {
        "",    "a",       "0,",  ",0",  "0,0", "0,1,2", "-1",   "0 1",  "0-1",
        "1e1", "9999999", "0,x", "0;1", " 0",  "+0",    "0x10", "0,-1", "99999999999999999999"};
    struct calibration c;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(calibrate(wrong[i], &c), EXIT_USAGE);
}

static void a_cpu_that_is_not_there_is_unsupported(void **state)
{
    struct calibration c;

    assert_int_equal(calibrate("999999", &c), EXIT_UNSUPPORTED);
}

static int first_allowed(void)
{
    cpu_set_t set;
    int cpu = 0;

    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof set, &set);
    while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &set))
        cpu++;
    return cpu;
}

static void one_cpu_has_no_other_to_send_a_line_to(void **state)
{
    struct calibration c;
    char list[16];
    int cpu = first_allowed();

    snprintf(list, sizeof list, "%d", cpu);
    assert_int_equal(calibrate(list, &c), EXIT_OK);
    assert_int_equal(c.ncpu, 1);
    assert_int_equal(c.cpu[0], cpu);
    assert_true(c.line_ns == 0);
    assert_true(c.clock_ns > 0 && c.chain_ns > 0 && c.empty_ns > 0);
    assert_int_equal(sched_getcpu(), cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plausible_figures_have_no_fault),
        cmocka_unit_test(an_empty_loop_below_a_cycle_is_a_fault),
        cmocka_unit_test(figures_of_zero_are_a_fault),
        cmocka_unit_test(a_list_that_names_no_cpus_is_a_usage_error),
        cmocka_unit_test(a_cpu_that_is_not_there_is_unsupported),
        cmocka_unit_test(one_cpu_has_no_other_to_send_a_line_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
