/* Stacks: what is asked for is usable, what is reported is true, and trimmed
 * stacks are not resident. */
#include "common.h"
#include "stack_probe.h"
#include "tb/tb_futex.h"

#include <limits.h>
#include <pthread.h>

static void dig(void *arg)
{
    probe_dig(*(size_t *)arg);
}

/* A stack that is too small ends the test in a fault. */
static void the_stack_asked_for_is_usable(void **state)
{
    const struct flavour *f = *state;
    /* ThreadSanitizer counts calls: 64 Ki nested ones are too many for it. */
#ifdef SANITIZED
    static const size_t bytes[] = {1, 4096, 10000, 65536, 100000, 1 << 20, (1 << 22) + 1};
#else
    static const size_t bytes[] = {1, 4096, 10000, 65536, 100000, 1 << 20, (1 << 24) + 1};
#endif

    for (size_t k = 0; k < COUNT_OF(bytes); k++) {
        size_t depth = bytes[k];
        struct tb_attr attr = {TB_ANYWHERE, depth};
        struct tb_group group;

        f->group_init(&group);
        assert_int_equal(tb_group_spawn(&group, dig, &depth, &attr), 0);
        tb_group_wait(&group);
    }
}

struct seen {
    size_t size;
    size_t above;
};

static void note_stack(void *arg)
{
    struct seen *seen = arg;
    pthread_attr_t attr;
    void *low;

    if (pthread_getattr_np(pthread_self(), &attr) != 0)
        return;
    pthread_attr_getstack(&attr, &low, &seen->size);
    pthread_attr_destroy(&attr);
    seen->above = (size_t)((char *)low + seen->size - (char *)__builtin_frame_address(0));
}

static struct seen stack_of_member(const struct flavour *f)
{
    struct seen seen = {0, 0};
    struct tb_group group;

    f->group_init(&group);
    assert_int_equal(tb_group_spawn(&group, note_stack, &seen, NULL), 0);
    tb_group_wait(&group);
    return seen;
}

/* First of all tests: no larger block is in the C library's cache yet. */
static void members_of_futex_groups_have_small_stacks(void **state)
{
    (void)state;
    size_t least = (size_t)PTHREAD_STACK_MIN;
    size_t want = TB_FUTEX_STACK_SIZE > least ? TB_FUTEX_STACK_SIZE : least;

    /* The C library may count the guard in or out; the thread sanitizer adds
     * a fixed amount of its own to every stack. */
#ifdef SANITIZED
    size_t more = 131072;
#else
    size_t more = 4096;
#endif
    assert_in_range(stack_of_member(&flavour_futex).size, want - 4096, want + more);
}

static void members_of_plain_groups_have_the_reported_default(void **state)
{
    (void)state;
    size_t size = stack_of_member(&flavour_pthread).size;

    /* The C library may count the guard in or out. */
    assert_in_range(size, tb_stack_default_size() - 65536, tb_stack_default_size() + 65536);
}

static void the_reported_overhead_is_what_lies_above_a_members_frame(void **state)
{
    (void)state;
    size_t above = stack_of_member(&flavour_pthread).above;

    assert_in_range(above, tb_stack_overhead() - 256, tb_stack_overhead() + 1024);
}

static void note_resident(void *arg)
{
    *(size_t *)arg = probe_resident();
}

static size_t resident_in_next_member(const struct flavour *f, size_t bytes)
{
    size_t resident = SIZE_MAX;
    struct tb_attr attr = {TB_ANYWHERE, bytes};
    struct tb_group group;

    f->group_init(&group);
    assert_int_equal(tb_group_spawn(&group, note_resident, &resident, &attr), 0);
    tb_group_wait(&group);
    return resident;
}

static void dirty_a_member(const struct flavour *f, size_t bytes)
{
    struct tb_attr attr = {TB_ANYWHERE, bytes};
    size_t depth = bytes / 2;
    struct tb_group group;

    f->group_init(&group);
    assert_int_equal(tb_group_spawn(&group, dig, &depth, &attr), 0);
    tb_group_wait(&group);
}

static void after_a_trim_no_page_below_the_first_frames_is_resident(void **state)
{
    const struct flavour *f = *state;
    size_t bytes = 256 * 1024;

    dirty_a_member(f, bytes);
    tb_stack_trim();
    assert_int_equal(resident_in_next_member(f, bytes), 0);
    for (int k = 0; k < 3; k++) {
        dirty_a_member(f, bytes);
        tb_stack_trim();
        assert_int_equal(resident_in_next_member(f, bytes), 0);
    }
}

/* What makes the test above one that can fail. */
static void without_a_trim_glibc_keeps_pages_of_idle_stacks(void **state)
{
    (void)state;
#if defined(__GLIBC__) && !defined(SANITIZED)
    dirty_a_member(&flavour_pthread, 256 * 1024);
    assert_in_range(resident_in_next_member(&flavour_pthread, 256 * 1024), 1, 64);
#else
    skip();
#endif
}

/* Those cached before the first trim are unmapped by it. */
static void the_first_trim_unmaps_what_glibc_has_cached(void **state)
{
    (void)state;
#if defined(__GLIBC__)
    dirty_a_member(&flavour_pthread, 256 * 1024);
    assert_true(probe_mapped(probe_last_frame()));
    tb_stack_trim();
    assert_false(probe_mapped(probe_last_frame()));
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_futex_groups_have_small_stacks),
        cmocka_unit_test(members_of_plain_groups_have_the_reported_default),
        cmocka_unit_test(the_reported_overhead_is_what_lies_above_a_members_frame),
        FOR_EACH_FLAVOUR(the_stack_asked_for_is_usable),
        cmocka_unit_test(without_a_trim_glibc_keeps_pages_of_idle_stacks),
        cmocka_unit_test(the_first_trim_unmaps_what_glibc_has_cached),
        FOR_EACH_FLAVOUR(after_a_trim_no_page_below_the_first_frames_is_resident),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
