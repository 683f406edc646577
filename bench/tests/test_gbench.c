/* The C API over Google Benchmark. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../gbench/gbench.h"

static void burn(int64_t ns)
{
    struct timespec start, now;

    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000000000 + now.tv_nsec - start.tv_nsec < ns);
}

enum { BURN_NS = 2000000 };

static void measured_body(struct gbench *g, void *arg)
{
    int *calls = arg;

    (*calls)++;
    burn(BURN_NS);
    gbench_start(g);
    burn(BURN_NS);
    gbench_stop(g);
    burn(BURN_NS);
}

static void an_entry_is_one_line_under_the_given_name(void **state)
{
    struct gbench_result result;
    int calls = 0;

    assert_int_equal(gbench_run("spawn/one/P:1", 1000, measured_body, &calls, &result), 0);
    assert_int_equal(calls, 1);
    assert_non_null(result.json);
    assert_int_equal(result.json[0], '{');
    assert_int_equal(result.json[strlen(result.json) - 1], '}');
    assert_null(strchr(result.json, '\n'));
    assert_non_null(strstr(result.json, "\"name\": \"spawn/one/P:1\","));
    assert_non_null(strstr(result.json, "\"iterations\": 1000,"));
    assert_non_null(strstr(result.json, "\"time_unit\": \"ns\""));
    assert_null(strstr(result.json, "host_name"));
    assert_null(strstr(result.json, "real_time/"));
    free(result.json);
}

static void only_the_region_counts(void **state)
{
    struct gbench_result result;
    int calls = 0;

    assert_int_equal(gbench_run("x", 1000, measured_body, &calls, &result), 0);
    /* The region lasts at least BURN_NS; a machine that stalls adds to it,
     * which is why there is no upper bound. */
    assert_true(result.real_ns * 1000 >= BURN_NS);
    assert_true(result.cpu_ns > 0);
    free(result.json);
}

static void *stop_elsewhere(void *arg)
{
    burn(BURN_NS);
    gbench_stop(arg);
    return NULL;
}

static void two_threads_body(struct gbench *g, void *arg)
{
    pthread_t thread;

    gbench_start(g);
    assert_int_equal(pthread_create(&thread, NULL, stop_elsewhere, g), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* The CPU time is that of the process: the other thread's is in it. */
static void a_region_may_be_closed_by_another_thread(void **state)
{
    struct gbench_result result;

    assert_int_equal(gbench_run("x", 10, two_threads_body, NULL, &result), 0);
    assert_non_null(result.json);
    assert_true(result.real_ns * 10 >= BURN_NS);
    assert_true(result.cpu_ns > 0);
    free(result.json);
}

static void no_region_body(struct gbench *g, void *arg)
{
    *(bool *)arg = true;
}

static void half_a_region_body(struct gbench *g, void *arg)
{
    *(bool *)arg = true;
    gbench_start(g);
}

static void without_a_whole_region_there_is_no_measurement(void **state)
{
    struct gbench_result result;
    bool ran = false;

    assert_int_equal(gbench_run("x", 10, no_region_body, &ran, &result), 0);
    assert_true(ran);
    assert_null(result.json);
    ran = false;
    assert_int_equal(gbench_run("x", 10, half_a_region_body, &ran, &result), 0);
    assert_true(ran);
    assert_null(result.json);
}

static void no_iterations_are_refused(void **state)
{
    struct gbench_result result;
    bool ran = false;

    assert_int_equal(gbench_run("x", 0, no_region_body, &ran, &result), -EINVAL);
    assert_int_equal(gbench_run("x", -5, no_region_body, &ran, &result), -EINVAL);
    assert_false(ran);
    assert_null(result.json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_one_line_under_the_given_name),
        cmocka_unit_test(only_the_region_counts),
        cmocka_unit_test(a_region_may_be_closed_by_another_thread),
        cmocka_unit_test(without_a_whole_region_there_is_no_measurement),
        cmocka_unit_test(no_iterations_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
