/* Telling limits apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "../limit.h"

/* A system with room everywhere. */
static const struct limit_facts roomy = {
    .threads = 500,
    .user_threads = 100,
    .maps = 300,
    .as_bytes = 1 << 30,
    .pids_current = 50,
    .pids_max = LIMIT_NONE,
    .pid_max = 32768,
    .threads_max = 192731,
    .rlimit_nproc = LIMIT_NONE,
    .rlimit_as = LIMIT_NONE,
    .max_map_count = 65530,
    .overcommit = 0,
};

static const struct limit_budget budget = {
    .memory_bytes = 1000, .seconds = 20, .pids_reserve = 1000};

static struct limit classify(int error, const struct limit_facts *facts)
{
    return limit_classify(32420, error, facts, &budget);
}

static void assert_named(int error, const struct limit_facts *facts, const char *name,
                         uint64_t value)
{
    struct limit l = classify(error, facts);

    assert_string_equal(l.name, name);
    assert_int_equal(l.value, value);
    assert_int_equal(l.reached, 32420);
    assert_int_equal(l.error, error);
}

static void process_numbers_run_out(void **state)
{
    struct limit_facts f = roomy;

    f.threads = 32500;
    f.maps = 65000;
    assert_named(EAGAIN, &f, "pid_max", 32768);
}

static void mappings_run_out_just_before_process_numbers(void **state)
{
    struct limit_facts f = roomy;

    f.threads = 32700;
    f.maps = 65529;
    assert_named(EAGAIN, &f, "max_map_count", 65530);
    assert_named(ENOMEM, &f, "max_map_count", 65530);
}

static void threads_max_runs_out(void **state)
{
    struct limit_facts f = roomy;

    f.pid_max = 4194304;
    f.threads = 192720;
    assert_named(EAGAIN, &f, "threads-max", 192731);
}

static void the_cgroup_runs_out_first(void **state)
{
    struct limit_facts f = roomy;

    f.pids_max = f.pids_current = 512;
    f.threads = 32500;
    assert_named(EAGAIN, &f, "cgroup pids.max", 512);
}

static void the_users_limit_runs_out(void **state)
{
    struct limit_facts f = roomy;

    f.rlimit_nproc = 1000;
    f.user_threads = 900;
    assert_named(EAGAIN, &f, "RLIMIT_NPROC", 1000);
}

static void the_address_space_runs_out(void **state)
{
    struct limit_facts f = roomy;

    f.rlimit_as = f.as_bytes + (8 << 20);
    assert_named(EAGAIN, &f, "RLIMIT_AS", f.rlimit_as);
    assert_named(ENOMEM, &f, "RLIMIT_AS", f.rlimit_as);
}

static void memory_is_refused_by_the_overcommit_rule(void **state)
{
    struct limit_facts f = roomy;

    assert_named(ENOMEM, &f, "overcommit_memory", 0);
    f.overcommit = 2;
    assert_named(EAGAIN, &f, "overcommit_memory", 2);
}

static void what_is_not_near_any_limit_is_unknown(void **state)
{
    assert_named(EAGAIN, &roomy, "unknown", LIMIT_NONE);
}

static void a_limit_that_does_not_exist_is_never_named(void **state)
{
    struct limit_facts f = {.threads = UINT64_MAX - 1, .user_threads = UINT64_MAX - 1};

    f.pids_max = f.pid_max = f.threads_max = LIMIT_NONE;
    f.rlimit_nproc = f.rlimit_as = f.max_map_count = LIMIT_NONE;
    assert_named(EAGAIN, &f, "unknown", LIMIT_NONE);
}

static void what_is_kept_free_of_a_sessions_processes_is_named_with_what_is_left(void **state)
{
    struct limit_facts f = roomy;

    f.pids_max = 33000;
    f.pids_current = 32000;
    assert_named(EDQUOT, &f, "cgroup pids.max, less what is kept free", 32000);
}

static void budgets_are_limits_without_an_error_name(void **state)
{
    assert_named(E2BIG, &roomy, "memory budget", 1000);
    assert_named(ETIME, &roomy, "time budget", 20);
    assert_null(limit_errno_name(EDQUOT));
    assert_null(limit_errno_name(E2BIG));
    assert_null(limit_errno_name(ETIME));
    assert_string_equal(limit_errno_name(EAGAIN), "EAGAIN");
    assert_string_equal(limit_errno_name(ENOMEM), "ENOMEM");
}

static void the_facts_of_this_system_are_read(void **state)
{
    struct rlimit as;
    struct limit_facts f;

    limit_facts_read(&f);
    assert_true(f.threads >= 1);
    assert_true(f.user_threads >= 1);
    assert_true(f.maps > 5);
    assert_true(f.as_bytes > 1 << 20);
    assert_true(f.pid_max != LIMIT_NONE && f.pid_max >= 301);
    assert_true(f.threads_max != LIMIT_NONE && f.threads_max >= f.threads);
    assert_true(f.max_map_count != LIMIT_NONE && f.max_map_count > f.maps);
    assert_int_equal(getrlimit(RLIMIT_AS, &as), 0);
    assert_true(f.rlimit_as == (as.rlim_cur == RLIM_INFINITY ? LIMIT_NONE : as.rlim_cur));
    assert_string_equal(limit_classify(1, EAGAIN, &f, &budget).name, "unknown");
}

static void the_default_memory_budget_is_at_most_half_of_what_is_there(void **state)
{
    /* What is there changes while other processes run. */
    uint64_t before = limit_memory_available(), budget_here = limit_default_memory();
    uint64_t after = limit_memory_available(), available = before > after ? before : after;

    assert_in_range(budget_here, 1 << 20, available / 2 + (64 << 20));
    assert_in_range(limit_memory_used(), 1 << 20, available);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(process_numbers_run_out),
        cmocka_unit_test(mappings_run_out_just_before_process_numbers),
        cmocka_unit_test(threads_max_runs_out),
        cmocka_unit_test(the_cgroup_runs_out_first),
        cmocka_unit_test(the_users_limit_runs_out),
        cmocka_unit_test(the_address_space_runs_out),
        cmocka_unit_test(memory_is_refused_by_the_overcommit_rule),
        cmocka_unit_test(what_is_not_near_any_limit_is_unknown),
        cmocka_unit_test(a_limit_that_does_not_exist_is_never_named),
        cmocka_unit_test(budgets_are_limits_without_an_error_name),
        cmocka_unit_test(what_is_kept_free_of_a_sessions_processes_is_named_with_what_is_left),
        cmocka_unit_test(the_facts_of_this_system_are_read),
        cmocka_unit_test(the_default_memory_budget_is_at_most_half_of_what_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
