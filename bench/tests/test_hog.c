/* Which sleeps of wake/hog are in its region: the workload itself, on sleeps
 * that end at once and a harness that counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../task.h"

static void sleep_until(int64_t deadline);

#define task_sleep_until sleep_until
#include "../workloads/wake_hog.c"

struct bench {
    struct ledger ledger;
    unsigned starts, stops;
    unsigned before, inside, after; /* sleeps */
    unsigned recorded;
};

static struct bench counted;

static void sleep_until(int64_t deadline)
{
    if (counted.starts == 0)
        counted.before++;
    else if (counted.stops == 0)
        counted.inside++;
    else
        counted.after++;
}

void bench_start(struct bench *b)
{
    b->starts++;
}

void bench_stop(struct bench *b)
{
    b->stops++;
}

void bench_record(struct bench *b, int64_t ns)
{
    b->recorded++;
}

struct ledger *bench_ledger(struct bench *b)
{
    return &b->ledger;
}

void *bench_alloc(struct bench *b, uint64_t count, size_t size)
{
    return calloc(count + 1, size);
}

void bench_limit(struct bench *b, uint64_t reached, int err)
{
    fail_msg("no spawn is refused here");
}

static void play_rounds(uint64_t rounds, bool no_remedy)
{
    const struct params p = {.n = 1, .ncpu = 1, .no_remedy = no_remedy};

    counted = (struct bench){0};
    workload_wake_hog.run(rounds, &p, &counted);
    assert_int_equal(counted.starts, 1);
    assert_int_equal(counted.stops, 1);
    assert_int_equal(counted.after, 0);
    assert_int_equal(counted.recorded, rounds * workload_wake_hog.unit(&p));
}

static void the_region_holds_the_sleeps_that_it_is_divided_by(void **state)
{
    play_rounds(3, false);
    assert_int_equal(counted.inside, counted.recorded);
    assert_int_equal(counted.before, SETTLE);
}

static void without_the_remedy_the_region_begins_with_the_hogs(void **state)
{
    play_rounds(3, true);
    assert_int_equal(counted.inside, counted.recorded + SETTLE);
    assert_int_equal(counted.before, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_region_holds_the_sleeps_that_it_is_divided_by),
        cmocka_unit_test(without_the_remedy_the_region_begins_with_the_hogs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
