/* What memory a stack holds: none when it is new, what was touched, and
 * after it was given back no more than is kept. */
#include "stack_pages.h"

#include <string.h>

/* ---- new stacks ----------------------------------------------------------- */

/* The page where a task begins. */
static size_t tops_resident(struct gti_stack **s, size_t n)
{
    size_t tops = 0;
    for (size_t i = 0; i < n; i++)
        tops += resident(end_of(s[i]) - gti_os_page_size(), end_of(s[i]));
    return tops;
}

/* One refill may be all that a program needs; who comes again may come often. */
static void stacks_of_a_pool_that_grows_are_populated(void **state)
{
    (void)state;
    static struct gti_stack *s[4 * GTI_STACK_BATCH];
    for (size_t kind = 0; kind < COUNT_OF(kinds); kind++) {
        struct gti_stack_cache cache = {0};
        if (!init_with(kinds[kind]))
            continue;
        gti_stacks_configure(&(gt_config){.stack_retain = 64 * MIB, .workers = 1});
        get_all(&cache, s, COUNT_OF(s), 2);
        size_t n = COUNT_OF(s) - GTI_STACK_BATCH;
        assert_int_equal(tops_resident(s, GTI_STACK_BATCH), 0);
        assert_int_equal(tops_resident(s + GTI_STACK_BATCH, n), n);
        put_all(&cache, s, COUNT_OF(s));
        gti_stack_trim(&cache);
        assert_int_equal(tops_resident(s, COUNT_OF(s)), 0);
        gti_stacks_destroy();
    }
}

/* ---- depth ---------------------------------------------------------------- */

static void a_new_stack_is_not_resident(void **state)
{
    (void)state;
    struct gti_stack_cache cache = {0};
    init(64 * MIB, 1);
    struct gti_stack *s = stack_get(&cache, 6); /* 1 MiB */
    assert_int_equal(resident_in(s), 0);
    assert_int_equal(retained(&cache), 0);
}

static void a_big_stack_keeps_64_kib_and_the_page_they_end_in(void **state)
{
    (void)state;
    for (unsigned size_class = 3; size_class < 9; size_class++) {
        struct gti_stack_cache cache = {0};
        init(64 * MIB, 1);
        struct gti_stack *s = stack_get(&cache, size_class);
        size_t usable = gti_stack_class_size(size_class);
        memset(s->top - usable, 1, usable);
        stack_put(&cache, s);
        assert_int_equal(resident_in(s), 64 * KIB / gti_os_page_size() + 1);
        assert_int_equal(s->top[-(ptrdiff_t)(64 * KIB)], 1);
        gti_stacks_destroy();
    }
}

/* One word below what is kept is enough to be seen, wherever in its page. */
static void one_word_deeper_than_what_is_kept_has_the_rest_dropped(void **state)
{
    (void)state;
    const size_t page = gti_os_page_size();
    const size_t at[] = {0, 8, page / 2, page - 8};
    struct gti_stack_cache cache = {0};
    init(64 * MIB, 1);
    struct gti_stack *s = stack_get(&cache, 5); /* 512 KiB */
    char *witness = end_of(s) - 64 * KIB - 2 * page;
    for (size_t i = 0; i < COUNT_OF(at); i++) {
        witness[at[i]] = 1;
        s->base[2 * page] = 1;
        stack_put(&cache, s);
        assert_int_equal(resident(s->base + page, witness + page), 0);
        assert_ptr_equal(stack_get(&cache, 5), s);
    }
}

static void a_stack_that_stayed_within_what_is_kept_is_left_as_it_is(void **state)
{
    (void)state;
    const size_t page = gti_os_page_size();
    struct gti_stack_cache cache = {0};
    init(64 * MIB, 1);
    struct gti_stack *s = stack_get(&cache, 5);
    char *kept = end_of(s) - 64 * KIB - page;
    memset(kept, 7, (size_t)(s->top - kept));
    /* What nobody told the witness of: so it shows whether pages were dropped. */
    s->base[2 * page] = 7;
    stack_put(&cache, s);
    assert_int_equal(s->base[2 * page], 7);
    for (char *at = kept; at < s->top; at += 64)
        assert_int_equal(*at, 7);
}

/* What lies above a slab belongs to others. */
static void giving_a_huge_stack_back_leaves_other_memory_alone(void **state)
{
    (void)state;
    for (unsigned size_class = 12; size_class <= 14; size_class++) { /* 64 to 256 MiB */
        const size_t bytes = gti_stack_class_size(size_class) + 4 * MIB;
        struct gti_stack_cache cache = {0};
        init(64 * MIB, 1);
        /* The kernel fills the highest hole that is large enough: make one,
         * with memory of ours above it. */
        char *all = mmap(NULL, 3 * bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        assert_true(all != MAP_FAILED);
        char *ours = all + bytes + 16 * MIB;
        size_t length = 2 * bytes - 16 * MIB;
        for (size_t at = 0; at < length; at += MIB)
            ours[at] = 42;
        munmap(all, (size_t)(ours - all));
        struct gti_stack *s = stack_get(&cache, size_class);
        assert_non_null(s);
        end_of(s)[-(ptrdiff_t)(MIB)] = 1;
        stack_put(&cache, s);
        gti_stack_trim(&cache);
        for (size_t at = 0; at < length; at += MIB)
            if (ours[at] != 42)
                fail_msg("class %u: memory %td bytes above the stack's top was dropped", size_class,
                         ours + at - s->top);
        munmap(ours, length);
        gti_stacks_destroy();
    }
}

static void a_stack_of_one_gib_commits_what_is_touched_and_no_more(void **state)
{
    (void)state;
    const size_t page = gti_os_page_size();
    struct gti_stack_cache cache = {0};
    init(64 * MIB, 1);
    struct gti_stack *s = stack_get(&cache, GTI_STACK_BIG - 1);
    assert_non_null(s);
    assert_true((size_t)(s->top - s->base) - page >= GT_MAX_STACK);
    s->top[-(ptrdiff_t)GT_MAX_STACK] = 1;
    size_t before = resident_in(s);
    memset(s->top - 20 * MIB, 1, 20 * MIB);
    assert_in_range(resident_in(s) - before, 20 * MIB / page, 20 * MIB / page + 1);
    stack_put(&cache, s);
    assert_int_equal(resident_in(s), 64 * KIB / page + 1);
    gti_stack_trim(&cache);
    assert_int_equal(resident_in(s), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(stacks_of_a_pool_that_grows_are_populated, fini),
        cmocka_unit_test_teardown(a_new_stack_is_not_resident, fini),
        cmocka_unit_test_teardown(a_big_stack_keeps_64_kib_and_the_page_they_end_in, fini),
        cmocka_unit_test_teardown(one_word_deeper_than_what_is_kept_has_the_rest_dropped, fini),
        cmocka_unit_test_teardown(a_stack_that_stayed_within_what_is_kept_is_left_as_it_is, fini),
        cmocka_unit_test_teardown(giving_a_huge_stack_back_leaves_other_memory_alone, fini),
        cmocka_unit_test_teardown(a_stack_of_one_gib_commits_what_is_touched_and_no_more, fini),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
