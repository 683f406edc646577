/* What idle stacks keep together: budget, trimming, ageing. */
#include "stack_pages.h"

#include <string.h>
#include <sys/resource.h>

#define SECOND INT64_C(1000000000)

static size_t resident_in_all(struct gti_stack **s, size_t n)
{
    size_t pages = 0;
    for (size_t i = 0; i < n; i++)
        pages += resident_in(s[i]);
    return pages;
}

/* ---- trimming ------------------------------------------------------------- */

static void trim_drops_cached_and_shared_stacks(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct gti_stack_cache cache = {0};
        struct gti_stack *s[140];
        if (!init_with(kinds[kind]))
            continue;
        get_all(&cache, s, COUNT_OF(s), 2);
        for (size_t i = 0; i < COUNT_OF(s); i++)
            memset(s[i]->top - 32 * KIB, 1, 32 * KIB);
        put_all(&cache, s, COUNT_OF(s));
        assert_true(resident_in_all(s, COUNT_OF(s)) >= COUNT_OF(s) * 7);
        assert_true(retained(&cache) >= COUNT_OF(s) * 28 * KIB);
        gti_stack_trim(&cache);
        assert_int_equal(resident_in_all(s, COUNT_OF(s)), 0);
        assert_int_equal(retained(&cache), 0);
        get_all(&cache, s, COUNT_OF(s), 2);
        for (size_t i = 0; i < COUNT_OF(s); i++)
            if (s[i]->canary)
                assert_true(gti_stack_is_whole(s[i]));
        gti_stacks_destroy();
    }
}

static void trim_leaves_stacks_in_use_alone(void **state)
{
    (void)state;
    struct gti_stack_cache cache = {0};
    struct gti_stack *s[100];
    init(64 * MIB, 1);
    get_all(&cache, s, COUNT_OF(s), 2);
    for (size_t i = 0; i < COUNT_OF(s); i++)
        memset(s[i]->top - 8 * KIB, 5, 8 * KIB);
    for (size_t i = 0; i < COUNT_OF(s); i++)
        if (i % 3 != 0)
            stack_put(&cache, s[i]);
    gti_stack_trim(&cache);
    gti_stacks_age(&cache, 10 * SECOND);
    for (size_t i = 0; i < COUNT_OF(s); i += 3)
        for (size_t at = 1; at <= 8 * KIB; at++)
            assert_int_equal(s[i]->top[-(ptrdiff_t)at], 5);
}

/* ---- the budget ----------------------------------------------------------- */

static void touch(struct gti_stack *s, size_t pages)
{
    for (size_t i = 0; i < pages; i++)
        end_of(s)[-(ptrdiff_t)((i + 1) * gti_os_page_size())] = 1;
}

static void what_exceeds_the_budget_is_dropped_on_release(void **state)
{
    (void)state;
    static struct gti_stack *s[1000];
    uint64_t seed = test_seed();
    const size_t budgets[] = {0, 100 * KIB, MIB, 4 * MIB};
    for (size_t b = 0; b < COUNT_OF(budgets); b++) {
        struct gti_stack_cache cache = {0};
        init(budgets[b], 1);
        get_all(&cache, s, COUNT_OF(s), 2);
        for (size_t i = 0; i < COUNT_OF(s); i++)
            touch(s[i], 1 + next_random(&seed) % 16);
        for (size_t i = 0; i < COUNT_OF(s); i++) {
            stack_put(&cache, s[i]);
            assert_true(retained(&cache) <= budgets[b]);
        }
        assert_true(resident_in_all(s, COUNT_OF(s)) * gti_os_page_size() <= retained(&cache));
        gti_stacks_destroy();
    }
}

static void the_budget_is_used_before_anything_is_dropped(void **state)
{
    (void)state;
    static struct gti_stack *s[2000];
    struct gti_stack_cache cache = {0};
    init(64 * MIB, 1);
    get_all(&cache, s, COUNT_OF(s), 2);
    for (size_t i = 0; i < COUNT_OF(s); i++)
        touch(s[i], 2); /* 16 MiB in all */
    put_all(&cache, s, COUNT_OF(s));
    assert_int_equal(resident_in_all(s, COUNT_OF(s)), 2 * COUNT_OF(s));
    assert_true(retained(&cache) >= 2 * COUNT_OF(s) * gti_os_page_size());
}

/* A stack that was counted once may be used deeper the next time. */
static void stacks_that_grew_are_counted_anew(void **state)
{
    (void)state;
    static struct gti_stack *s[1500];
    const size_t page = gti_os_page_size();
    struct gti_stack_cache cache = {0};
    init(1024 * MIB, 1);
    for (size_t pages = 1; pages <= 16; pages *= 4) {
        get_all(&cache, s, COUNT_OF(s), 2);
        for (size_t i = 0; i < COUNT_OF(s); i++)
            touch(s[i], pages);
        put_all(&cache, s, COUNT_OF(s));
        /* But for the few rows that rely on one count of page faults. */
        assert_true(retained(&cache) >= (COUNT_OF(s) - 500) * pages * page);
    }
}

static long page_faults(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_minflt;
}

/* Looking is a fault for each when the witness is read for the first time. */
static void stacks_that_can_hardly_have_grown_are_not_looked_at(void **state)
{
    (void)state;
    static struct gti_stack *s[1500];
    struct gti_stack_cache cache = {0};
    init(64 * MIB, 1);
    for (int round = 0; round < 2; round++) {
        get_all(&cache, s, COUNT_OF(s), 2);
        for (size_t i = 0; i < COUNT_OF(s); i++)
            touch(s[i], 1);
        if (round == 1) /* a few faults: "none since" does not hold */
            touch(s[0], 16);
        long before = page_faults();
        put_all(&cache, s, COUNT_OF(s));
        if (round == 1)
            assert_true(page_faults() - before < 100);
    }
}

/* What was set aside for growth that nobody looked for is not handed out. */
static void growth_counts_against_the_budget(void **state)
{
    (void)state;
    static struct gti_stack *s[2000];
    const size_t page = gti_os_page_size();
    struct gti_stack_cache cache = {0};
    const size_t budget = (COUNT_OF(s) + 600) * page;
    init(budget, 1);
    for (size_t pages = 1; pages <= 4; pages++) {
        get_all(&cache, s, COUNT_OF(s), 2);
        for (size_t i = 0; i < COUNT_OF(s); i++)
            touch(s[i], pages);
        for (size_t i = 0; i < COUNT_OF(s); i++) {
            stack_put(&cache, s[i]);
            assert_true(retained(&cache) <= budget + gti_stack_cache_retained(&cache));
        }
        /* But for the few rows that rely on one count of page faults. */
        assert_true(resident_in_all(s, COUNT_OF(s)) * page <=
                    budget + gti_stack_cache_retained(&cache) + 600 * pages * page);
    }
}

static void take_a_page_fault(void)
{
    const size_t page = gti_os_page_size();
    char *at = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED);
    *(volatile char *)at = 1;
    munmap(at, page);
}

/* Stacks that are used as deep as the time before are found to be so without a
 * look below each. */
static void the_first_times_counting_takes_no_page_faults(void **state)
{
    (void)state;
    static struct gti_stack *s[1280];
    struct gti_stack_cache cache = {0};
    init(64 * MIB, 1);
    for (int round = 0; round < 3; round++) {
        get_all(&cache, s, COUNT_OF(s), 2);
        for (size_t i = 0; i < COUNT_OF(s); i++)
            touch(s[i], 1);
        take_a_page_fault();
        uint32_t before = gti_os_page_faults();
        put_all(&cache, s, COUNT_OF(s));
        assert_true(gti_os_page_faults() - before < COUNT_OF(s) / 4);
    }
    assert_int_equal(resident_in_all(s, COUNT_OF(s)), COUNT_OF(s));
}

static void every_worker_has_its_budget(void **state)
{
    (void)state;
    static struct gti_stack *s[4000];
    size_t kept[2];
    for (int round = 0; round < 2; round++) {
        struct gti_stack_cache cache = {0};
        init(2 * MIB, round ? 4 : 1);
        get_all(&cache, s, COUNT_OF(s), 2);
        for (size_t i = 0; i < COUNT_OF(s); i++)
            touch(s[i], 1);
        put_all(&cache, s, COUNT_OF(s));
        kept[round] = resident_in_all(s, COUNT_OF(s)) * gti_os_page_size();
        gti_stacks_destroy();
    }
    assert_true(kept[0] >= MIB / 2 && kept[0] <= 2 * MIB);
    assert_true(kept[1] >= 3 * kept[0] && kept[1] <= 8 * MIB);
}

static void stacks_taken_again_are_no_longer_retained(void **state)
{
    (void)state;
    static struct gti_stack *s[1000];
    struct gti_stack_cache cache = {0};
    gt_stats before = {0}, after = {0};
    init(64 * MIB, 1);
    gti_stack_stats(&before);
    for (int round = 0; round < 5; round++) {
        get_all(&cache, s, COUNT_OF(s), 2);
        gti_stack_stats(&after);
        assert_true(after.sum.retained_bytes <= GTI_STACK_BATCH * 68 * KIB);
        for (size_t i = 0; i < COUNT_OF(s); i++)
            touch(s[i], 3);
        put_all(&cache, s, COUNT_OF(s));
    }
    gti_stack_stats(&after);
    assert_true(after.stacks <= COUNT_OF(s) + 2 * 64);
}

/* ---- age ------------------------------------------------------------------ */

static void a_flushed_cache_is_empty_and_its_stacks_age_with_the_shared_ones(void **state)
{
    (void)state;
    struct gti_stack_cache cache = {0}, other = {0};
    struct gti_stack *s[10], *small;
    init(64 * MIB, 1);
    get_all(&cache, s, COUNT_OF(s), 2);
    small = stack_get(&cache, GTI_STACK_SMALL);
    for (size_t i = 0; i < COUNT_OF(s); i++)
        touch(s[i], 1);
    put_all(&cache, s, COUNT_OF(s));
    stack_put(&cache, small);
    gti_stack_flush(&cache);
    assert_int_equal(gti_stack_cache_retained(&cache), 0);
    assert_int_equal(resident_in_all(s, COUNT_OF(s)), COUNT_OF(s));
    /* Another cache takes what holds memory before anything else. */
    for (size_t i = 0; i < COUNT_OF(s); i++)
        assert_int_equal(resident_in(stack_get(&other, 2)), 1);
    gti_stack_flush(&other);
    put_all(&other, s, COUNT_OF(s));
    gti_stack_flush(&other);
    for (int turn = 1; turn < 4; turn++)
        gti_stacks_age(NULL, turn * SECOND);
    assert_int_equal(resident_in_all(s, COUNT_OF(s)), 0);
}

/* Until nothing more is to be done at `now`. */
static int64_t age(struct gti_stack_cache *cache, int64_t now)
{
    int64_t next;
    for (int i = 0; i < 1000; i++)
        if ((next = gti_stacks_age(cache, now)) > now)
            return next;
    fail_msg("no end");
    return 0;
}

static void stacks_idle_for_a_second_are_dropped(void **state)
{
    (void)state;
    static struct gti_stack *s[2000];
    for (unsigned size_class = 0; size_class < 5; size_class++) {
        struct gti_stack_cache cache = {0};
        init(1024 * MIB, 1);
        get_all(&cache, s, COUNT_OF(s), size_class);
        for (size_t i = 0; i < COUNT_OF(s); i++)
            touch(s[i], 1);
        int64_t t0 = 77 * SECOND;
        age(&cache, t0);
        put_all(&cache, s, COUNT_OF(s));
        age(&cache, t0 + SECOND);
        assert_true(resident_in_all(s, COUNT_OF(s)) >= COUNT_OF(s));
        age(&cache, t0 + SECOND * 2 - 1);
        assert_true(resident_in_all(s, COUNT_OF(s)) >= COUNT_OF(s));
        age(&cache, t0 + SECOND * 2);
        assert_int_equal(resident_in_all(s, COUNT_OF(s)), 0);
        assert_int_equal(retained(&cache), 0);
        assert_int_equal(age(&cache, t0 + SECOND * 3), GT_NEVER);
        gti_stacks_destroy();
    }
}

static void stacks_that_are_used_every_turn_keep_their_memory(void **state)
{
    (void)state;
    struct gti_stack_cache cache = {0};
    struct gti_stack *s[20];
    init(64 * MIB, 1);
    get_all(&cache, s, COUNT_OF(s), 2);
    for (size_t i = 0; i < COUNT_OF(s); i++)
        touch(s[i], 1);
    put_all(&cache, s, COUNT_OF(s));
    int64_t t = SECOND;
    for (int turn = 0; turn < 6; turn++, t += SECOND) {
        get_all(&cache, s, 5, 2);
        put_all(&cache, s, 5);
        age(&cache, t);
    }
    assert_int_equal(resident_in_all(s, 5), 5);
    /* The other 15 lay below them all the time. */
    get_all(&cache, s, COUNT_OF(s), 2);
    assert_int_equal(resident_in_all(s, COUNT_OF(s)), 5);
}

static void ageing_says_when_it_is_due_again(void **state)
{
    (void)state;
    struct gti_stack_cache cache = {0};
    init(64 * MIB, 1);
    assert_int_equal(gti_stacks_age(&cache, SECOND), GT_NEVER);
    assert_int_equal(gti_stacks_age(NULL, SECOND), GT_NEVER);
    struct gti_stack *s = stack_get(&cache, 2);
    assert_int_equal(gti_stacks_age(&cache, 2 * SECOND), GT_NEVER);
    touch(s, 1);
    stack_put(&cache, s);
    assert_int_equal(gti_stacks_age(&cache, 3 * SECOND), 4 * SECOND);
    assert_int_equal(gti_stacks_age(&cache, 3 * SECOND + 1), 4 * SECOND);
    assert_int_equal(gti_stacks_age(&cache, 4 * SECOND), GT_NEVER);
    assert_int_equal(resident_in(s), 0);
}

/* A worker must not be held up by dropping all of a large pool at once. */
static void much_is_dropped_in_slices(void **state)
{
    (void)state;
    static struct gti_stack *s[5000];
    struct gti_stack_cache cache = {0};
    init(1024 * MIB, 1);
    get_all(&cache, s, COUNT_OF(s), 2);
    for (size_t i = 0; i < COUNT_OF(s); i++)
        touch(s[i], 1);
    put_all(&cache, s, COUNT_OF(s));
    assert_int_equal(gti_stacks_age(NULL, SECOND), 2 * SECOND);
    assert_int_equal(gti_stacks_age(NULL, 2 * SECOND), 2 * SECOND);
    size_t left = resident_in_all(s, COUNT_OF(s));
    assert_true(left < COUNT_OF(s) && left > COUNT_OF(s) / 2);
    assert_int_equal(age(NULL, 2 * SECOND), 3 * SECOND);
    assert_true(resident_in_all(s, COUNT_OF(s)) <= 2 * GTI_STACK_BATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(trim_drops_cached_and_shared_stacks, fini),
        cmocka_unit_test_teardown(trim_leaves_stacks_in_use_alone, fini),
        cmocka_unit_test_teardown(what_exceeds_the_budget_is_dropped_on_release, fini),
        cmocka_unit_test_teardown(the_budget_is_used_before_anything_is_dropped, fini),
        cmocka_unit_test_teardown(stacks_that_grew_are_counted_anew, fini),
        cmocka_unit_test_teardown(stacks_that_can_hardly_have_grown_are_not_looked_at, fini),
        cmocka_unit_test_teardown(growth_counts_against_the_budget, fini),
        cmocka_unit_test_teardown(the_first_times_counting_takes_no_page_faults, fini),
        cmocka_unit_test_teardown(every_worker_has_its_budget, fini),
        cmocka_unit_test_teardown(stacks_taken_again_are_no_longer_retained, fini),
        cmocka_unit_test_teardown(a_flushed_cache_is_empty_and_its_stacks_age_with_the_shared_ones,
                                  fini),
        cmocka_unit_test_teardown(stacks_idle_for_a_second_are_dropped, fini),
        cmocka_unit_test_teardown(stacks_that_are_used_every_turn_keep_their_memory, fini),
        cmocka_unit_test_teardown(ageing_says_when_it_is_due_again, fini),
        cmocka_unit_test_teardown(much_is_dropped_in_slices, fini),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
