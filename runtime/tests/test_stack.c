/* Task stacks: classes, the three kinds of guard, caches, trimming. */
#include "common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os_linux.h"
#include "stacks.h"
#include "worker.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

static const char *const kinds[] = {"madvise", "mprotect", "canary"};
enum { MADVISE, MPROTECT, CANARY };

static bool init_with(const char *guard)
{
    const char *why = NULL;
    setenv("GT_GUARD", guard, 1);
    int err = gti_stacks_init(&why);
    unsetenv("GT_GUARD");
    return err == 0;
}

static int fini(void **state)
{
    (void)state;
    gti_stacks_destroy();
    return 0;
}

static size_t slot(const struct gti_stack *s)
{
    return gti_stack_slot_size(s->size_class, gti_os_page_size());
}

/* ---- sizes ---------------------------------------------------------------- */

static void a_class_is_the_smallest_that_holds_the_size(void **state)
{
    (void)state;
    assert_int_equal(gti_stack_class(GT_MIN_STACK), 0);
    assert_int_equal(gti_stack_class(GT_MIN_STACK + 1), 1);
    assert_int_equal(gti_stack_class(64 * KIB), 2);
    assert_int_equal(gti_stack_class(GT_MAX_STACK), GTI_STACK_BIG - 1);
    for (unsigned c = 0; c < GTI_STACK_BIG; c++) {
        assert_int_equal(gti_stack_class(gti_stack_class_size(c)), c);
        if (c > 0)
            assert_int_equal(gti_stack_class(gti_stack_class_size(c) - 1), c);
    }
}

static void small_classes_are_taken_at_their_exact_size_only(void **state)
{
    (void)state;
    const size_t refused[] = {0,       1,        2 * KIB - 1,      2 * KIB + 1,      3000,    5000,
                              8 * KIB, 12 * KIB, GT_MIN_STACK - 1, GT_MAX_STACK + 1, SIZE_MAX};
    assert_int_equal(gti_stack_class(2 * KIB), GTI_STACK_SMALL);
    assert_int_equal(gti_stack_class(GT_SMALL_STACK), GTI_STACK_SMALL + 1);
    assert_int_equal(gti_stack_class_size(GTI_STACK_SMALL), 2 * KIB);
    assert_int_equal(gti_stack_class_size(GTI_STACK_SMALL + 1), 4 * KIB);
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        assert_int_equal(gti_stack_class(refused[i]), -EINVAL);
}

static void a_slot_has_its_size_besides_the_guard_for_every_page_size(void **state)
{
    (void)state;
    for (size_t page = 4 * KIB; page <= 64 * KIB; page *= 4)
        for (unsigned c = 0; c < GTI_STACK_BIG; c++) {
            size_t bytes = gti_stack_slot_size(c, page);
            assert_int_equal(bytes % page, 0);
            assert_true(bytes - page > gti_stack_class_size(c) + 1024);
            assert_true(bytes <= gti_stack_class_size(c) + 2 * page + 1536);
        }
}

static void stacks_of_every_class_are_aligned_writable_and_apart(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct gti_stack_cache cache = {0};
        if (!init_with(kinds[kind]))
            continue;
        for (unsigned c = 0; c < GTI_STACK_CLASSES; c++) {
            struct gti_stack *a = stack_get(&cache, c), *b = stack_get(&cache, c);
            assert_non_null(a);
            assert_non_null(b);
            assert_int_equal(a->size_class, c);
            assert_int_equal((uintptr_t)a->top % 16, 0);
            assert_true((size_t)(a->top - a->base) <= slot(a));
            assert_true((size_t)(a->top - a->base) >= gti_stack_class_size(c));
            assert_true(a->top <= b->base || b->top <= a->base);
            a->top[-1] = 1;
            a->top[-(ptrdiff_t)gti_stack_class_size(c) + 8] = 1;
            stack_put(&cache, a);
            stack_put(&cache, b);
        }
        gti_stacks_destroy();
    }
}

static void an_unknown_guard_is_refused_with_a_reason(void **state)
{
    (void)state;
    const char *why = NULL;
    setenv("GT_GUARD", "moat", 1);
    assert_int_equal(gti_stacks_init(&why), -EINVAL);
    unsetenv("GT_GUARD");
    assert_non_null(why);
    assert_non_null(strstr(why, "GT_GUARD"));
    assert_null(strchr(why, '\n'));
}

/* ---- guards --------------------------------------------------------------- */

/* Can the kernel write there? Asks without a fault. */
static bool writable(char *at)
{
    int fds[2];
    CHECK(pipe(fds) == 0);
    char byte = 0;
    bool ok = write(fds[1], &byte, 1) == 1 && read(fds[0], at, 1) == 1;
    close(fds[0]);
    close(fds[1]);
    return ok;
}

static void write_to(void *at)
{
    *(volatile char *)at = 1;
}

static void guards_fault_and_neighbours_do_not(void **state)
{
    (void)state;
    for (int kind = MADVISE; kind <= MPROTECT; kind++) {
        struct gti_stack_cache cache = {0};
        struct gti_stack *s[200];
        if (!init_with(kinds[kind])) {
            print_message("this kernel has no %s guards\n", kinds[kind]);
            continue;
        }
        for (size_t i = 0; i < COUNT_OF(s); i++) {
            s[i] = stack_get(&cache, 2);
            assert_non_null(s[i]);
            assert_false(s[i]->canary);
        }
        const size_t page = gti_os_page_size();
        for (size_t i = 0; i < COUNT_OF(s); i++) {
            assert_false(writable(s[i]->base));
            assert_false(writable(s[i]->base + page - 1));
            assert_true(writable(s[i]->base + page));
            assert_true(writable(s[i]->top - 1));
            assert_true(gti_stack_guards(s[i], s[i]->base));
            assert_true(gti_stack_guards(s[i], s[i]->base + page - 1));
            assert_false(gti_stack_guards(s[i], s[i]->base + page));
            assert_false(gti_stack_guards(s[i], s[i]->base - 1));
        }
        struct outcome o = in_child(write_to, s[7]->base + 100);
        /* A sanitizer turns the signal into an exit. */
        assert_false(o.exited && o.code == 0);
        assert_fine(write_to, s[7]->base + page);
        gti_stacks_destroy();
    }
}

static void guards_hold_after_trim_and_reuse(void **state)
{
    (void)state;
    for (int kind = MADVISE; kind <= MPROTECT; kind++)
        for (unsigned size_class = 0; size_class < 5; size_class++) {
            struct gti_stack_cache cache = {0};
            if (!init_with(kinds[kind]))
                continue;
            struct gti_stack *s = stack_get(&cache, size_class);
            for (int round = 0; round < 3; round++) {
                stack_put(&cache, s);
                gti_stack_trim(&cache);
                assert_ptr_equal(stack_get(&cache, size_class), s);
                assert_false(writable(s->base));
                assert_true(writable(s->base + gti_os_page_size()));
            }
            gti_stacks_destroy();
        }
}

static void a_whole_canary_is_fine(void **state)
{
    (void)state;
    struct gti_stack_cache cache = {0};
    assert_true(init_with("canary"));
    struct gti_stack *s = stack_get(&cache, 0);
    assert_true(s->canary);
    memset(s->base + 8, 0xff, (size_t)(s->top - s->base) - 8);
    stack_check_canary(s, "x");
    stack_put(&cache, s);
    gti_stack_trim(&cache);
    stack_check_canary(s, "x");
}

static void overwrite_canary(void *stack)
{
    struct gti_stack *s = stack;
    s->base[3] ^= 1;
    stack_check_canary(s, "culprit");
}

static void an_overwritten_canary_is_fatal_and_names_task_limit_and_option(void **state)
{
    (void)state;
    struct gti_stack_cache cache = {0};
    assert_true(init_with("canary"));
    for (int i = 0; i < 3; i++) {
        struct gti_stack *s = stack_get(&cache, 2);
        assert_fatal(overwrite_canary, s, "culprit");
        assert_fatal(overwrite_canary, s, "65536");
        assert_fatal(overwrite_canary, s, "GT_STACK_SIZE");
    }
}

static void the_page_below_the_first_canary_stack_is_guarded(void **state)
{
    (void)state;
    struct gti_stack_cache cache = {0};
    assert_true(init_with("canary"));
    struct gti_stack *s = stack_get(&cache, 2);
    assert_false(writable(s->base - 1));
    assert_true(gti_stack_guards(s, s->base - 1));
    assert_false(gti_stack_guards(s, s->base));
}

static void stats_say_which_guard_is_in_force(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct gti_stack_cache cache = {0};
        gt_stats stats = {0};
        if (!init_with(kinds[kind]))
            continue;
        stack_get(&cache, 2);
        gti_stack_stats(&stats);
        assert_int_equal(stats.guard, GT_GUARD_MADVISE + kind);
        assert_true(stats.stacks > 0);
        assert_int_equal(stats.stack_bytes,
                         stats.stacks * gti_stack_slot_size(2, gti_os_page_size()));
        assert_int_equal(stats.canary_stacks, kind == CANARY ? stats.stacks : 0);
        gti_stacks_destroy();
    }
}

/* ---- caches --------------------------------------------------------------- */

static void a_full_cache_spills_and_another_refills_from_it(void **state)
{
    (void)state;
    struct gti_stack_cache one = {0}, two = {0};
    struct gti_stack *s[4 * GTI_STACK_BATCH];
    gt_stats before = {0}, after = {0};
    const char *why;
    assert_int_equal(gti_stacks_init(&why), 0);
    for (size_t i = 0; i < COUNT_OF(s); i++)
        s[i] = stack_get(&one, 2);
    gti_stack_stats(&before);
    for (size_t i = 0; i < COUNT_OF(s); i++) {
        stack_put(&one, s[i]);
        assert_true(GTI_LOAD(one.pool[2].count, relaxed) <= 2 * GTI_STACK_BATCH);
    }
    for (size_t i = 0; i < GTI_STACK_BATCH; i++)
        assert_non_null(stack_get(&two, 2));
    gti_stack_stats(&after);
    assert_int_equal(after.stacks, before.stacks);
}

static int by_address(const void *a, const void *b)
{
    const struct gti_stack *const *x = a, *const *y = b;
    return (*x > *y) - (*x < *y);
}

static void no_stack_is_given_out_twice(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct gti_stack_cache cache[3] = {0};
    static struct gti_stack *out[2000];
    size_t n = 0;
    const char *why;
    assert_int_equal(gti_stacks_init(&why), 0);
    for (int round = 0; round < 50000; round++) {
        uint64_t r = next_random(&seed);
        struct gti_stack_cache *c = &cache[r % 3];
        if (n == COUNT_OF(out) || (n > 0 && r >> 8 & 1)) {
            size_t i = (r >> 16) % n;
            stack_put(c, out[i]);
            out[i] = out[--n];
        } else {
            out[n++] = stack_get(c, (unsigned)(r >> 9 & 1));
        }
    }
    qsort(out, n, sizeof out[0], by_address);
    for (size_t i = 1; i < n; i++)
        assert_ptr_not_equal(out[i - 1], out[i]);
}

static void destroy_unmaps_every_slab(void **state)
{
    (void)state;
    int before = 0;
    for (int round = 0; round < 20; round++) {
        struct gti_stack_cache cache = {0};
        const char *why;
        assert_int_equal(gti_stacks_init(&why), 0);
        for (unsigned c = 0; c < GTI_STACK_CLASSES; c++)
            assert_non_null(stack_get(&cache, c));
        gti_stacks_destroy();
        if (round == 5)
            before = mapping_count();
    }
    assert_in_range(mapping_count(), 1, before + (UNDER_ASAN ? 10 : 1));
}

/* ---- in reserve ----------------------------------------------------------- */

static atomic_int begun;

/* Parked tasks leave their stacks to nobody, so each that begins is one more. */
static void has_a_stack_for_the_next(void *gate)
{
    uint64_t nothing;
    const struct gti_worker *w = gti_worker_self();
    unsigned size_class = w->current->stack->size_class;
    CHECK(w->hot || w->stacks.pool[size_class].free || w->current->stack->deep);
    atomic_fetch_add(&begun, 1);
    CHECK(gt_chan_recv(gate, &nothing) == -EPIPE);
}

static void park_many(void *stack_size)
{
    const gt_attr attr = {.stack_size = *(size_t *)stack_size};
    gt_group group = {0};
    gt_chan *gate = gt_chan_create(sizeof(uint64_t), 0);
    const int n = 3 * GTI_STACK_BATCH;
    atomic_store(&begun, 0);
    for (int i = 0; i < n; i++)
        CHECK(gt_group_spawn(&group, has_a_stack_for_the_next, gate, &attr) == 0);
    await(&begun, n);
    gt_chan_close(gate);
    gt_group_wait(&group);
    gt_chan_destroy(gate);
}

static void a_task_begins_with_a_stack_in_reserve(void **state)
{
    (void)state;
    size_t sizes[] = {0, 2 * KIB, 4 * KIB, 16 * KIB, 256 * KIB};
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        for (int workers = 1; workers <= 4; workers *= 2)
            run_on(workers, park_many, &sizes[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_begins_with_a_stack_in_reserve),
        cmocka_unit_test(a_class_is_the_smallest_that_holds_the_size),
        cmocka_unit_test(small_classes_are_taken_at_their_exact_size_only),
        cmocka_unit_test(a_slot_has_its_size_besides_the_guard_for_every_page_size),
        cmocka_unit_test(stacks_of_every_class_are_aligned_writable_and_apart),
        cmocka_unit_test(an_unknown_guard_is_refused_with_a_reason),
        cmocka_unit_test_teardown(guards_fault_and_neighbours_do_not, fini),
        cmocka_unit_test_teardown(guards_hold_after_trim_and_reuse, fini),
        cmocka_unit_test_teardown(a_whole_canary_is_fine, fini),
        cmocka_unit_test_teardown(an_overwritten_canary_is_fatal_and_names_task_limit_and_option,
                                  fini),
        cmocka_unit_test_teardown(the_page_below_the_first_canary_stack_is_guarded, fini),
        cmocka_unit_test_teardown(stats_say_which_guard_is_in_force, fini),
        cmocka_unit_test_teardown(a_full_cache_spills_and_another_refills_from_it, fini),
        cmocka_unit_test_teardown(no_stack_is_given_out_twice, fini),
        cmocka_unit_test_teardown(destroy_unmaps_every_slab, fini),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
