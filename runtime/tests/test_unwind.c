/* Unwinders, such as a debugger's, walk from any point of a switch to the end
 * of a task's stack and no further. glibc's backtrace() reads the same tables.
 *
 * Links the assembler alone: gti_task_main() below takes the runtime's place.
 */
#include "common.h"

#include <execinfo.h>
#include <string.h>

#include "arch/context.h"
#include "sanitizer.h"

#define STACK  (256 << 10) /* backtrace() loads a library at its first call */
#define FRAMES 32
/* More than gti_context_entry() has bytes, less than two functions have. */
#define ENTRY_BYTES 32

struct trace {
    void *pc[FRAMES];
    int depth;
    int taker; /* which of them called take() */
};

static struct gti_context home, peer;
static char stack_memory[STACK] __attribute__((aligned(64)));
static struct trace in_hook, in_peer, at_home;
static bool peer_leaves;
static volatile int rounds;

static GTI_NOINLINE void take(struct trace *t)
{
    t->depth = backtrace(t->pc, FRAMES);
    for (t->taker = 0; t->taker < t->depth; t->taker++)
        if (t->pc[t->taker] == __builtin_return_address(0))
            return;
    check_failed("take() finds its caller", __FILE__, __LINE__);
}

static void hook(struct gti_worker *w, void *arg)
{
    (void)w;
    (void)arg;
    take(&in_hook);
}

static void no_hook(struct gti_worker *w, void *arg)
{
    (void)w;
    (void)arg;
}

static GTI_NOINLINE int take_and_switch(void)
{
    take(&in_peer);
    if (peer_leaves)
        gti_context_leave(&home, hook, NULL, NULL);
    int result = gti_context_switch(&peer, &home, no_hook, NULL, NULL);
    return result + 1; /* so that it is no tail call */
}

void gti_task_main(void)
{
    for (;;)
        rounds += take_and_switch();
}

static int make_peer(void **state)
{
    (void)state;
    take(&at_home); /* so that what it loads is there */
    gti_san_stack_forget(stack_memory, sizeof stack_memory);
    memset(stack_memory, 0xa5, sizeof stack_memory);
    peer = (struct gti_context){.sp = gti_context_init(stack_memory + STACK)};
    peer_leaves = false;
    return 0;
}

static void assert_ends_at_the_entry(const struct trace *t)
{
    uintptr_t entry = (uintptr_t)gti_context_entry;
    assert_in_range(t->depth, 2, FRAMES - 1);
    assert_in_range((uintptr_t)t->pc[t->depth - 1], entry + 1, entry + ENTRY_BYTES);
    for (int i = 0; i < t->depth - 1; i++)
        assert_false((uintptr_t)t->pc[i] - entry <= ENTRY_BYTES);
}

/* Is `inner` a walk from inside of something that the taker of `outer` called?
 * Then the taker's callers are the same. */
static void assert_goes_on_into(const struct trace *inner, const struct trace *outer)
{
    assert_true(inner->depth >= outer->depth - outer->taker);
    for (int i = 1; i < outer->depth - outer->taker; i++)
        if (inner->pc[inner->depth - i] != outer->pc[outer->depth - i])
            fail_msg("frame %d from the end: %p, not %p", i, inner->pc[inner->depth - i],
                     outer->pc[outer->depth - i]);
}

static void a_walk_from_a_task_ends_at_the_entry(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        gti_context_switch(&home, &peer, no_hook, NULL, NULL);
        assert_ends_at_the_entry(&in_peer);
    }
}

static void a_walk_from_a_hook_ends_at_the_entry_of_a_context_that_never_ran(void **state)
{
    (void)state;
    gti_context_switch(&home, &peer, hook, NULL, NULL);
    assert_ends_at_the_entry(&in_hook);
    assert_ptr_equal(in_hook.pc[in_hook.depth - 1],
                     (uintptr_t)gti_context_entry + GTI_CONTEXT_ENTRY_PAD);
    assert_in_range((uintptr_t)in_hook.pc[in_hook.depth - 2], (uintptr_t)gti_context_switch,
                    (uintptr_t)gti_context_leave - 1);
}

static void a_walk_from_a_hook_goes_on_into_the_resumed_context(void **state)
{
    (void)state;
    gti_context_switch(&home, &peer, no_hook, NULL, NULL);
    gti_context_switch(&home, &peer, hook, NULL, NULL);
    assert_ends_at_the_entry(&in_hook);
    assert_goes_on_into(&in_hook, &in_peer);
}

static void a_walk_from_the_hook_of_leave_goes_on_into_the_resumed_context(void **state)
{
    (void)state;
    peer_leaves = true;
    take(&at_home);
    gti_context_switch(&home, &peer, no_hook, NULL, NULL);
    assert_goes_on_into(&in_hook, &at_home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_walk_from_a_task_ends_at_the_entry, make_peer),
        cmocka_unit_test_setup(a_walk_from_a_hook_ends_at_the_entry_of_a_context_that_never_ran,
                               make_peer),
        cmocka_unit_test_setup(a_walk_from_a_hook_goes_on_into_the_resumed_context, make_peer),
        cmocka_unit_test_setup(a_walk_from_the_hook_of_leave_goes_on_into_the_resumed_context,
                               make_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
