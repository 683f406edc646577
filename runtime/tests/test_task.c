/* Task descriptors: caches, labels, state transitions. */
#include "common.h"

#include <stdlib.h>
#include <string.h>

#include "task.h"

static int fini(void **state)
{
    (void)state;
    gti_tasks_destroy();
    return 0;
}

static struct gti_task *task_get(struct gti_task_cache *cache)
{
    return cache->free || gti_task_refill(cache) ? gti_task_pop(cache) : NULL;
}

static void a_new_descriptor_is_zeroed_and_aligned(void **state)
{
    (void)state;
    struct gti_task_cache cache = {0};
    for (int i = 0; i < 1000; i++) {
        struct gti_task *t = task_get(&cache);
        CHECK(t);
        assert_int_equal((uintptr_t)t % GTI_CACHE_LINE, 0);
        assert_int_equal(GTI_LOAD(t->state, relaxed), GTI_FREE);
        assert_int_equal(t->flags, 0);
    }
}

static int by_address(const void *a, const void *b)
{
    struct gti_task *const *x = a, *const *y = b;
    return (*x > *y) - (*x < *y);
}

static void no_descriptor_is_given_out_twice(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct gti_task_cache cache[3] = {0};
    static struct gti_task *out[20000];
    size_t n = 0;
    for (int round = 0; round < 400000; round++) {
        uint64_t r = next_random(&seed);
        struct gti_task_cache *c = &cache[r % 3];
        /* Mostly filling, then mostly emptying, so that caches spill. */
        bool put = (r >> 8) % 8 < (round / 40000 % 2 ? 6 : 2);
        if (n == COUNT_OF(out) || (n > 0 && put)) {
            size_t i = (r >> 16) % n;
            gti_task_put(c, out[i]);
            assert_true(c->count < 2 * GTI_TASK_BATCH);
            out[i] = out[--n];
        } else {
            out[n++] = (r >> 12) % 16 ? task_get(c) : gti_task_get_shared();
            assert_non_null(out[n - 1]);
        }
    }
    qsort(out, n, sizeof out[0], by_address);
    for (size_t i = 1; i < n; i++)
        assert_ptr_not_equal(out[i - 1], out[i]);
}

static void a_full_cache_spills_and_another_refills_from_it(void **state)
{
    (void)state;
    struct gti_task_cache one = {0}, two = {0};
    struct gti_task *t[4 * GTI_TASK_BATCH];
    for (size_t i = 0; i < COUNT_OF(t); i++)
        t[i] = task_get(&one);
    for (size_t i = 0; i < COUNT_OF(t); i++)
        gti_task_put(&one, t[i]);
    /* The batches spilled last are the first to be taken again. */
    for (size_t i = 0; i < GTI_TASK_BATCH; i++) {
        struct gti_task *again = task_get(&two);
        bool known = false;
        for (size_t k = 0; k < COUNT_OF(t); k++)
            known |= again == t[k];
        assert_true(known);
    }
}

/* Not static, so that dladdr() finds it where the executable exports names. */
void entry_with_a_symbol(void *arg);
void entry_with_a_symbol(void *arg)
{
    (void)arg;
}

static void a_label_is_the_function_after_the_name(void **state)
{
    (void)state;
    struct gti_task named = {.fn = entry_with_a_symbol, .name = "reader"};
    struct gti_task nameless = {.fn = entry_with_a_symbol};
    assert_string_equal(gti_task_label(&named), "reader, entered at entry_with_a_symbol");
    assert_string_equal(gti_task_label(&nameless), "entry_with_a_symbol");
}

static void from_a_state_it_is_not_in(void *arg)
{
    (void)arg;
    struct gti_task t = {0};
    gti_task_transition(&t, GTI_FREE, GTI_FRESH);
    gti_task_transition(&t, GTI_WAITING, GTI_READY);
}

static void a_wrong_transition_is_fatal_where_asserts_are_on(void **state)
{
    (void)state;
#ifdef NDEBUG
    skip();
#else
    assert_fatal(from_a_state_it_is_not_in, NULL, "assertion");
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_new_descriptor_is_zeroed_and_aligned, fini),
        cmocka_unit_test_teardown(no_descriptor_is_given_out_twice, fini),
        cmocka_unit_test_teardown(a_full_cache_spills_and_another_refills_from_it, fini),
        cmocka_unit_test(a_label_is_the_function_after_the_name),
        cmocka_unit_test(a_wrong_transition_is_fatal_where_asserts_are_on),
    };
    (void)from_a_state_it_is_not_in;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
