/* How a run is judged, on workloads and a backend made for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../backend.h"
#include "../run.h"

const char backend_name[] = "fake";
const bool backend_can_block = true;
const bool backend_remedy_optional = true;
const bool backend_blocking_calls = false;
const char backend_stack_policy[] = "small";
const size_t backend_stack_bytes = 4096;
const char backend_only[] = "";

/* What the fake backend returns instead of running the root task. */
static int backend_error;
static int backend_ncpu;
static int64_t backend_spin;
static bool backend_no_remedy;

int backend_main(const struct backend_config *config, void (*root)(void *), void *arg)
{
    backend_ncpu = config->ncpu;
    backend_spin = config->spin_ns;
    backend_no_remedy = config->no_remedy;
    if (backend_error)
        return backend_error;
    root(arg);
    return 0;
}

/* What the fake workload does; a test sets what it needs. */
static struct script {
    unsigned starts, stops;
    uint64_t created, done, sent, delivered;
    uint64_t wrong; /* added to the checksum */
    int limit;      /* at half of n */
    const char *invalid;
    double alone;    /* and a tenth of it for a wake-up, unless 0 */
    int64_t latency; /* recorded, and twice this, unless 0 */
    uint64_t work;   /* per round, inside the region */
} script;

static unsigned runs;
static uint64_t rounds_seen[16];

static uint64_t unit(const struct params *p)
{
    return p->n;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    return rounds * p->n * 7;
}

static uint64_t run_script(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct ledger *l = bench_ledger(b);

    rounds_seen[runs++ % 16] = rounds;
    for (unsigned i = 0; i < script.starts; i++)
        bench_start(b);
    for (volatile uint64_t i = 0; i < script.work * rounds; i++)
        continue;
    for (unsigned i = 0; i < script.stops; i++)
        bench_stop(b);
    *l = (struct ledger){script.created, script.done, script.sent, script.delivered, 0, 0};
    if (script.invalid)
        bench_invalid(b, script.invalid);
    if (script.alone > 0) {
        bench_alone(b, script.alone);
        bench_wakeup_cpu(b, script.alone / 10);
    }
    if (script.latency) {
        bench_record(b, script.latency);
        bench_record(b, 2 * script.latency);
    }
    if (!script.limit)
        return expected(rounds, p) + script.wrong;
    bench_limit(b, p->n / 2, script.limit);
    return p->n / 2 * 7 + script.wrong;
}

static const struct workload plain = {
    .name = "fake/plain", .axes = "n P", .unit = unit, .run = run_script, .expected = expected};
static const struct workload once = {.name = "fake/once",
                                     .axes = "n P",
                                     .flags = WORKLOAD_ONE_ROUND | WORKLOAD_NO_WARMUP,
                                     .unit = unit,
                                     .run = run_script,
                                     .expected = expected};
static const struct workload timed = {.name = "fake/timed",
                                      .axes = "n temp P",
                                      .unit = unit,
                                      .run = run_script,
                                      .expected = expected};
static const struct workload hogs = {.name = "fake/hogs",
                                     .axes = "n remedy P",
                                     .flags = WORKLOAD_VOID_LIMIT | WORKLOAD_ONE_ROUND,
                                     .unit = unit,
                                     .run = run_script,
                                     .expected = expected};
static const struct workload stacks = {.name = "fake/stacks",
                                       .axes = "n stack P",
                                       .unit = unit,
                                       .run = run_script,
                                       .expected = expected};
static const struct workload calls = {.name = "fake/calls",
                                      .axes = "n P",
                                      .flags = WORKLOAD_BLOCKING_CALLS,
                                      .unit = unit,
                                      .run = run_script,
                                      .expected = expected};
static const struct workload *const table[] = {&plain, &once, &timed, &hogs, &stacks, &calls};

static struct run r;

static int set_up(void **state)
{
    script = (struct script){.starts = 1, .stops = 1};
    backend_error = 0;
    runs = 0;
    memset(&r, 0, sizeof r);
    return 0;
}

static int tear_down(void **state)
{
    free(r.measured.json);
    return 0;
}

static void measure_spinning(const char *cell, int64_t spin_ns)
{
    const struct options o = {.spin_ns = spin_ns, .time_budget = 20, .rounds = 3};
    char error[CELL_ERROR_MAX];

    assert_int_equal(cell_parse(cell, table, 6, &r.cell, error), 0);
    if (run_prepare(&r, &o))
        run_measure(&r);
}

static void measure(const char *cell)
{
    measure_spinning(cell, -1);
}

static void assert_judged(enum status status, const char *reason)
{
    if (r.status != status || !strstr(r.reason, reason))
        fail_msg("status %s, reason '%s'; expected %s, '%s'", status_name(r.status), r.reason,
                 status_name(status), reason);
}

static void a_correct_run_is_ok(void **state)
{
    script.created = script.done = 5;
    measure("fake/plain/n:10/P:1");
    assert_judged(STATUS_OK, "");
    assert_non_null(r.measured.json);
    assert_int_equal(r.unit, 10);
    assert_int_equal(r.rounds, 3);
    assert_int_equal(backend_ncpu, 1);
    assert_int_equal(backend_spin, 0);
}

static void nobody_spins_on_one_cpu(void **state)
{
    measure_spinning("fake/plain/n:10/P:1", 50000);
    assert_int_equal(backend_spin, 0);
    assert_int_equal(r.spin_ns, 0);
}

static void one_unmeasured_round_comes_first(void **state)
{
    measure("fake/plain/n:10/P:1");
    assert_int_equal(runs, 2);
    assert_int_equal(rounds_seen[0], 1);
    assert_int_equal(rounds_seen[1], 3);
}

static void cold_and_single_cells_run_once(void **state)
{
    measure("fake/once/n:10/P:1");
    assert_int_equal(runs, 1);
    assert_int_equal(r.rounds, 1);
    tear_down(NULL);
    set_up(NULL);
    measure("fake/timed/n:10/temp:cold/P:1");
    assert_int_equal(runs, 1);
    assert_int_equal(r.rounds, 1);
    tear_down(NULL);
    set_up(NULL);
    measure("fake/timed/n:10/temp:warm/P:1");
    assert_int_equal(runs, 2);
    assert_int_equal(r.rounds, 3);
}

static void a_wrong_checksum_fails(void **state)
{
    script.wrong = 1;
    measure("fake/plain/n:10/P:1");
    assert_judged(STATUS_FAILED, "checksum 0x");
    assert_int_equal(status_exit(r.status), EXIT_FAILED);
    assert_int_equal(runs, 1); /* the warm-up already said so */
    assert_null(r.measured.json);
}

static void a_lost_task_fails(void **state)
{
    script.created = 5;
    script.done = 4;
    measure("fake/plain/n:10/P:1");
    assert_judged(STATUS_FAILED, "5 tasks created, 4 done");
}

static void a_lost_message_fails(void **state)
{
    script.sent = 5;
    script.delivered = 6;
    measure("fake/plain/n:10/P:1");
    assert_judged(STATUS_FAILED, "5 messages sent, 6 delivered");
}

static void a_region_must_be_opened_and_closed_once(void **state)
{
    script.starts = 0;
    script.stops = 0;
    measure("fake/plain/n:10/P:1");
    assert_judged(STATUS_FAILED, "opened 0 and closed 0");
    assert_null(r.measured.json);
}

static void a_region_that_is_not_closed_fails(void **state)
{
    script.stops = 0;
    measure("fake/once/n:10/P:1");
    assert_judged(STATUS_FAILED, "opened 1 and closed 0");
}

static void a_limit_is_a_result_without_a_time(void **state)
{
    script.limit = EAGAIN;
    measure("fake/once/n:10/P:1");
    assert_judged(STATUS_LIMIT, "limit reached at n=5: EAGAIN (unknown)");
    assert_int_equal(status_exit(r.status), EXIT_OK);
    assert_null(r.measured.json);
}

static void a_limit_that_leaves_nothing_to_check_has_the_checksum_of_nothing(void **state)
{
    script.limit = EAGAIN;
    measure("fake/hogs/n:10/remedy:on/P:1");
    assert_judged(STATUS_FAILED, "checksum"); /* the script's is that of five tasks */
    tear_down(NULL);
    set_up(NULL);
    script.limit = EAGAIN;
    script.wrong = (uint64_t)0 - 35;
    measure("fake/hogs/n:10/remedy:on/P:1");
    assert_judged(STATUS_LIMIT, "limit reached at n=5: EAGAIN");
}

static void a_limit_at_which_nobody_counted_names_no_number(void **state)
{
    script.limit = EAGAIN;
    measure("fake/plain/n:1/P:1");
    assert_judged(STATUS_LIMIT, "limit reached: EAGAIN (unknown)");
}

static void the_remedy_is_switched_off_where_the_cell_says_so(void **state)
{
    measure("fake/hogs/n:10/remedy:on/P:1");
    assert_false(backend_no_remedy);
    tear_down(NULL);
    set_up(NULL);
    measure("fake/hogs/n:10/remedy:off/P:1");
    assert_true(backend_no_remedy);
}

static void a_stack_policy_is_asked_for_where_the_backend_has_it(void **state)
{
    measure("fake/stacks/n:10/stack:small/P:1");
    assert_judged(STATUS_OK, "");
    assert_int_equal(r.cell.params.stack_bytes, 4096);
    tear_down(NULL);
    set_up(NULL);
    measure("fake/stacks/n:10/P:1");
    assert_int_equal(r.cell.params.stack_bytes, 0);
}

static void a_stack_policy_of_another_backend_is_skipped(void **state)
{
    measure("fake/stacks/n:10/stack:64k/P:1");
    assert_judged(STATUS_SKIPPED, "not offered: this stack policy");
    assert_int_equal(runs, 0);
}

static void a_call_that_holds_up_every_task_is_skipped(void **state)
{
    measure("fake/calls/n:10/P:1");
    assert_judged(STATUS_SKIPPED, "a call that blocks it blocks every task");
    assert_int_equal(runs, 0);
}

static void what_is_told_beside_the_time_is_of_the_measured_run(void **state)
{
    script.alone = 50;
    measure("fake/plain/n:10/P:1");
    assert_true(r.bench.alone_ns == 50);
    assert_true(r.bench.wakeup_cpu_ns == 5);
    tear_down(NULL);
    set_up(NULL);
    measure("fake/plain/n:10/P:1");
    assert_true(r.bench.alone_ns == 0);
}

static void latencies_are_those_of_the_measured_run_alone(void **state)
{
    script.latency = 100;
    measure("fake/plain/n:10/P:1");
    assert_int_equal(runs, 2);
    assert_int_equal(r.latency.count, 2);
    assert_int_equal(r.latency.max, 200);
    assert_int_equal(histogram_quantile(&r.latency, 500), 100);
}

static void a_limit_in_the_warm_up_ends_the_cell(void **state)
{
    script.limit = E2BIG;
    measure("fake/plain/n:10/P:1");
    assert_judged(STATUS_LIMIT, "limit reached at n=5: memory budget");
    assert_int_equal(runs, 1);
}

static void a_limit_does_not_excuse_a_wrong_checksum(void **state)
{
    script.limit = EAGAIN;
    script.wrong = 1;
    measure("fake/once/n:10/P:1");
    assert_judged(STATUS_FAILED, "checksum");
}

static void an_invalid_measurement_keeps_its_time(void **state)
{
    script.invalid = "no switches";
    measure("fake/plain/n:10/P:1");
    assert_judged(STATUS_INVALID, "no switches");
    assert_int_equal(runs, 2);
    assert_non_null(r.measured.json);
    assert_int_equal(status_exit(r.status), EXIT_OK);
}

static void a_backend_that_the_machine_refuses_is_skipped(void **state)
{
    backend_error = -EPERM;
    measure("fake/plain/n:10/P:1");
    assert_judged(STATUS_SKIPPED, "the backend could not start: Operation not permitted");
    assert_int_equal(status_exit(r.status), EXIT_SKIPPED);
    assert_null(r.measured.json);
}

static void a_backend_that_is_misused_fails(void **state)
{
    backend_error = -EINVAL;
    measure("fake/plain/n:10/P:1");
    assert_judged(STATUS_FAILED, "the backend could not start");
}

static void more_cpus_than_there_are_is_skipped(void **state)
{
    measure("fake/plain/n:10/P:4096");
    assert_judged(STATUS_SKIPPED, "P:4096: this process may use");
    assert_int_equal(runs, 0);
}

static void a_pilot_reaches_its_target_step_by_step(void **state)
{
    const struct options o = {.spin_ns = -1, .time_budget = 20};
    char error[CELL_ERROR_MAX];

    assert_int_equal(cell_parse("fake/plain/n:10/P:1", table, 4, &r.cell, error), 0);
    script.work = 1000;
    assert_true(run_prepare(&r, &o));
    run_pilot(&r, 10);
    assert_int_equal(r.status, STATUS_OK);
    assert_true(runs > 1);
    assert_int_equal(rounds_seen[0], 1);
    for (unsigned i = 1; i < runs && i < 8; i++)
        assert_in_range(rounds_seen[i], 2 * rounds_seen[i - 1], 16 * rounds_seen[i - 1]);
    assert_true(r.ns_per_round > 0);
    /* The region of the rounds it asks for is as long as was wanted. */
    assert_in_range(r.rounds * r.ns_per_round, 10000000 - 2 * r.ns_per_round, 10000001);
}

static void a_pilot_of_next_to_nothing_stays_within_what_rounds_takes(void **state)
{
    const struct options o = {.spin_ns = -1, .time_budget = 20};
    char error[CELL_ERROR_MAX];

    assert_int_equal(cell_parse("fake/plain/n:10/P:1", table, 4, &r.cell, error), 0);
    assert_true(run_prepare(&r, &o));
    run_pilot(&r, 10);
    assert_int_equal(r.status, STATUS_OK);
    assert_int_equal(r.rounds, 1000000000);
}

#define JUDGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        JUDGED(a_correct_run_is_ok),
        JUDGED(nobody_spins_on_one_cpu),
        JUDGED(one_unmeasured_round_comes_first),
        JUDGED(cold_and_single_cells_run_once),
        JUDGED(a_wrong_checksum_fails),
        JUDGED(a_lost_task_fails),
        JUDGED(a_lost_message_fails),
        JUDGED(a_region_must_be_opened_and_closed_once),
        JUDGED(a_region_that_is_not_closed_fails),
        JUDGED(a_limit_is_a_result_without_a_time),
        JUDGED(a_limit_that_leaves_nothing_to_check_has_the_checksum_of_nothing),
        JUDGED(a_limit_at_which_nobody_counted_names_no_number),
        JUDGED(the_remedy_is_switched_off_where_the_cell_says_so),
        JUDGED(a_stack_policy_is_asked_for_where_the_backend_has_it),
        JUDGED(a_stack_policy_of_another_backend_is_skipped),
        JUDGED(a_call_that_holds_up_every_task_is_skipped),
        JUDGED(what_is_told_beside_the_time_is_of_the_measured_run),
        JUDGED(latencies_are_those_of_the_measured_run_alone),
        JUDGED(a_limit_in_the_warm_up_ends_the_cell),
        JUDGED(a_limit_does_not_excuse_a_wrong_checksum),
        JUDGED(an_invalid_measurement_keeps_its_time),
        JUDGED(a_backend_that_the_machine_refuses_is_skipped),
        JUDGED(a_backend_that_is_misused_fails),
        JUDGED(more_cpus_than_there_are_is_skipped),
        JUDGED(a_pilot_reaches_its_target_step_by_step),
        JUDGED(a_pilot_of_next_to_nothing_stays_within_what_rounds_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
