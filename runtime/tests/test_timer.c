/* The timer wheel against a plain array: random deadlines, removals and leaps
 * of time, then the edges. What the wheel promises: a task fires at its
 * deadline or up to one tick later, never earlier, and earlier ticks first. */
#include "common.h"

#include <stdlib.h>
#include <string.h>

#include "task.h"
#include "timer.h"

#define TICK (INT64_C(1) << GTI_TIMER_TICK_SHIFT)
#define MAX  300

struct entry {
    struct gti_task task; /* first: found back from the task */
    int64_t deadline;
    int64_t due; /* the tick it must fire at */
    bool queued;
};

static struct gti_timers wheel;
static struct entry *entries;

static int make(void **state)
{
    entries = aligned_alloc(GTI_CACHE_LINE, MAX * sizeof *entries);
    *state = entries;
    if (!entries)
        return -1;
    memset(entries, 0, MAX * sizeof *entries);
    return 0;
}

static int unmake(void **state)
{
    free(*state);
    return 0;
}

static int64_t tick_before(int64_t ns)
{
    return ns <= 0 ? 0 : ns >> GTI_TIMER_TICK_SHIFT;
}

static int64_t tick_after(int64_t ns)
{
    return tick_before(ns) + (ns > 0 && ns % TICK != 0);
}

static void add(int i, int64_t deadline)
{
    int64_t soonest = (int64_t)wheel.now + 1, tick = tick_after(deadline);
    entries[i].deadline = deadline;
    entries[i].due = tick > soonest ? tick : soonest;
    entries[i].queued = true;
    gti_timers_add(&wheel, &entries[i].task, deadline);
}

static void take_off(int i)
{
    gti_timers_remove(&wheel, &entries[i].task);
    entries[i].queued = false;
}

/* Advance; what fires is exactly what is due, in order. Returns how many. */
static int advance(int64_t now)
{
    int fired = 0;
    int64_t last = 0;
    for (struct gti_task *t = gti_timers_advance(&wheel, now), *next; t; t = next, fired++) {
        struct entry *e = (struct entry *)t;
        next = t->next;
        assert_true(e->queued);
        e->queued = false;
        assert_true(e->deadline <= now);
        assert_true(e->due <= tick_before(now));
        assert_true(e->due >= last);
        last = e->due;
    }
    for (int i = 0; i < MAX; i++)
        assert_true(!entries[i].queued || entries[i].due > tick_before(now));
    return fired;
}

/* How many are inside, and the tick of the first. */
static uint32_t queued(int64_t *ret_first)
{
    uint32_t n = 0;
    *ret_first = INT64_MAX;
    for (int i = 0; i < MAX; i++)
        if (entries[i].queued) {
            n++;
            if (entries[i].due < *ret_first)
                *ret_first = entries[i].due;
        }
    return n;
}

/* Deadlines at every distance: 1 ns to 100 years. */
static int64_t random_span(uint64_t *seed)
{
    unsigned bits = (unsigned)(next_random(seed) % 62);
    return (int64_t)(next_random(seed) & ((UINT64_C(1) << bits) - 1));
}

/* Start again: the clock has run far. */
static int64_t rewind_clock(void)
{
    for (int i = 0; i < MAX; i++)
        if (entries[i].queued)
            take_off(i);
    assert_int_equal(GTI_LOAD(wheel.count, relaxed), 0);
    gti_timers_init(&wheel, 1000 * TICK + 1);
    return 1000 * TICK + 1;
}

static void random_deadlines_agree_with_an_array(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    int64_t now = (int64_t)(next_random(&seed) % INT64_C(1000000000000000)), first;
    const int rounds = UNDER_ASAN ? 30000 : 300000;
    gti_timers_init(&wheel, now);
    for (int round = 0; round < rounds; round++) {
        int i = (int)(next_random(&seed) % MAX);
        int64_t span = random_span(&seed) / 2;
        if (entries[i].queued)
            take_off(i);
        else
            add(i, next_random(&seed) % 8 == 0 ? now - span : now + span);
        if (next_random(&seed) % 4)
            continue;
        /* Leaps of more than 10 s are rare, or the clock soon runs out. */
        span = random_span(&seed);
        now += next_random(&seed) % 64 ? span % INT64_C(10000000000) : span / 4;
        if (now > INT64_MAX / 4)
            now = rewind_clock();
        advance(now);
        uint32_t n = queued(&first);
        assert_int_equal(GTI_LOAD(wheel.count, relaxed), n);
        int64_t next = gti_timers_next(&wheel);
        assert_true(n ? tick_before(next) <= first && next > now : next == INT64_MAX);
    }
}

static void sleeping_to_next_fires_everything_in_order(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    int64_t now = 123456789, last = 0;
    int fired = 0, wakeups = 0;
    gti_timers_init(&wheel, now);
    for (int i = 0; i < MAX; i++)
        add(i, now + 1 + (int64_t)(next_random(&seed) % 50000000000));
    for (; GTI_LOAD(wheel.count, relaxed); wakeups++) {
        int64_t next = gti_timers_next(&wheel);
        assert_true(next > last); /* progress */
        last = next;
        fired += advance(next);
    }
    assert_int_equal(fired, MAX);
    /* A task moves down at most once per level. */
    assert_true(wakeups <= MAX * GTI_TIMER_LEVELS);
}

/* Not when they merely come down a level. */
static void who_sleeps_until_the_next_of_few_wakes_once(void **state)
{
    (void)state;
    for (int64_t distance = 2; distance < INT64_C(1) << 40; distance *= 3)
        for (int count = 1; count <= 3; count++) {
            gti_timers_init(&wheel, 4000 * TICK);
            for (int i = 0; i < count; i++)
                add(i, (4000 + distance + (count - i) * 5) * TICK);
            int64_t next = gti_timers_next(&wheel);
            assert_true(next == (4000 + distance + 5) * TICK);
            assert_int_equal(advance(next), 1);
            assert_int_equal(advance(next + 10 * TICK), count - 1);
        }
}

static void past_deadlines_fire_at_the_next_tick(void **state)
{
    (void)state;
    const int64_t now = 1000 * TICK, past[] = {0, -1, INT64_MIN, 1, now - 1, now};
    gti_timers_init(&wheel, now);
    for (int i = 0; i < (int)COUNT_OF(past); i++)
        add(i, past[i]);
    assert_int_equal(advance(now), 0);
    assert_true(gti_timers_next(&wheel) <= now + TICK);
    assert_int_equal(advance(now + TICK), (int)COUNT_OF(past));
    assert_int_equal(GTI_LOAD(wheel.count, relaxed), 0);
}

static void never_fires_early_at_any_distance(void **state)
{
    (void)state;
    for (int bit = 0; bit < 62; bit++) {
        int64_t deadline = (INT64_C(1) << bit) + 5000;
        gti_timers_init(&wheel, 4000);
        add(0, deadline);
        assert_int_equal(advance(deadline - 1), 0);
        assert_int_equal(advance(deadline + TICK), 1);
    }
}

static void int64_max_never_fires(void **state)
{
    (void)state;
    gti_timers_init(&wheel, 5);
    add(0, INT64_MAX);
    assert_true(gti_timers_next(&wheel) > INT64_MAX - 2 * TICK);
    assert_int_equal(advance(INT64_MAX - TICK), 0);
    take_off(0);
    assert_int_equal(GTI_LOAD(wheel.count, relaxed), 0);
    assert_true(gti_timers_next(&wheel) == INT64_MAX);
}

static void removal_from_the_middle_keeps_the_others(void **state)
{
    (void)state;
    for (int gone = 0; gone < 5; gone++) {
        gti_timers_init(&wheel, 0);
        for (int i = 0; i < 5; i++)
            add(i, 100 * TICK); /* one slot */
        take_off(gone);
        assert_int_equal(GTI_LOAD(wheel.count, relaxed), 4);
        assert_int_equal(advance(100 * TICK), 4);
    }
}

static void an_empty_wheel_has_no_next_time(void **state)
{
    (void)state;
    gti_timers_init(&wheel, 77);
    assert_true(gti_timers_next(&wheel) == INT64_MAX);
    assert_int_equal(advance(INT64_MAX), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_deadlines_agree_with_an_array, make, unmake),
        cmocka_unit_test_setup_teardown(sleeping_to_next_fires_everything_in_order, make, unmake),
        cmocka_unit_test_setup_teardown(who_sleeps_until_the_next_of_few_wakes_once, make, unmake),
        cmocka_unit_test_setup_teardown(past_deadlines_fire_at_the_next_tick, make, unmake),
        cmocka_unit_test_setup_teardown(never_fires_early_at_any_distance, make, unmake),
        cmocka_unit_test_setup_teardown(int64_max_never_fires, make, unmake),
        cmocka_unit_test_setup_teardown(removal_from_the_middle_keeps_the_others, make, unmake),
        cmocka_unit_test_setup_teardown(an_empty_wheel_has_no_next_time, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
