/* Stack overflow ends the process with a line that names the task, its limit
 * and the options that raise it; other faults are not called an overflow. Each
 * case runs in a child. */
#include "common.h"

#include <alloca.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "report.h"
#include "worker.h"

#if defined(GTI_ASAN) || defined(GTI_TSAN)
#define SANITIZED_FRAMES 1
#else
#define SANITIZED_FRAMES 0
#endif

#define KIB ((size_t)1 << 10)

struct plan {
    gt_fn *overflow;
    int workers, worker; /* which one the task is bound to */
    size_t stack_size;   /* 0: the default */
    int spare;           /* tasks that run before, so that it is not the first stack */
    const char *guard;   /* GT_GUARD, or NULL */
};

static volatile char sink;

static volatile int depth_limit = INT_MAX;

__attribute__((noinline)) static int recurse(int depth)
{
    volatile char frame[200];
    frame[0] = (char)depth;
    /* The sum keeps this from being a loop. */
    return depth == depth_limit ? 0 : recurse(depth + 1) + frame[0];
}

static void by_recursion(void *arg)
{
    (void)arg;
    sink = (char)recurse(0);
}

__attribute__((noinline)) static void use_alloca(size_t bytes)
{
    char *memory = alloca(bytes);
    for (size_t i = bytes; i > 0; i -= 256)
        ((volatile char *)memory)[i - 1] = 1;
}

static void by_alloca(void *arg)
{
    (void)arg;
    use_alloca(1024 * KIB);
}

__attribute__((noinline)) static void big_frame(void)
{
    volatile char frame[300 * 1024];
    for (size_t i = sizeof frame; i > 0; i -= 4096)
        frame[i - 1] = 1;
}

static void by_big_frame(void *arg)
{
    (void)arg;
    big_frame();
}

static void wait_a_little(void *arg)
{
    (void)arg;
    gt_yield();
}

static void run_plan(void *arg)
{
    const struct plan *p = arg;
    gt_group group = {0};
    gt_attr attr = {
        .stack_size = p->stack_size, .flags = GT_BOUND, .worker = p->worker, .name = "glutton"};
    if (p->guard)
        setenv("GT_GUARD", p->guard, 1);
    gt_config config = {.workers = p->workers};
    CHECK(gt_start(&config) == 0);
    for (int i = 0; i < p->spare; i++)
        CHECK(gt_group_spawn(&group, wait_a_little, NULL, NULL) == 0);
    CHECK(gt_group_spawn(&group, p->overflow, NULL, &attr) == 0);
    CHECK(gt_group_wait(&group) == 0);
    gt_stop();
}

static bool guarded(void)
{
    gt_stats s;
    CHECK(gt_start(&(gt_config){.workers = 1}) == 0);
    gt_get_stats(&s);
    CHECK(gt_stop() == 0);
    return s.guard != GT_GUARD_CANARY;
}

static void assert_reported(struct plan *p)
{
    char limit[32], symbol[128], who[192];
    gti_symbol((void *)(uintptr_t)p->overflow, symbol, sizeof symbol);
    snprintf(who, sizeof who, "stack overflow in task glutton, entered at %s: ", symbol);
    snprintf(limit, sizeof limit, "%zu bytes", p->stack_size ? p->stack_size : 64 * KIB);
    assert_fatal(run_plan, p, who);
    assert_fatal(run_plan, p, limit);
    assert_fatal(run_plan, p, "gt_attr.stack_size");
    /* Small stacks are given out on request only. */
    if (p->stack_size == 0 || p->stack_size >= GT_MIN_STACK)
        assert_fatal(run_plan, p, "GT_STACK_SIZE");
}

static void overflow_is_reported_whatever_caused_it(void **state)
{
    (void)state;
    gt_fn *const causes[] = {by_recursion, by_alloca, by_big_frame};
    assert_true(guarded());
    for (size_t i = 0; i < COUNT_OF(causes); i++)
        for (int spare = 0; spare <= 3; spare += 3)
            assert_reported(&(struct plan){.overflow = causes[i], .workers = 1, .spare = spare});
}

static void overflow_is_reported_on_every_worker(void **state)
{
    (void)state;
    for (int worker = 0; worker < 4; worker++) {
        struct plan p = {.overflow = by_recursion, .workers = 4, .worker = worker, .spare = 2};
        assert_fatal(run_plan, &p, "glutton");
    }
}

static void overflow_is_reported_for_every_stack_size(void **state)
{
    (void)state;
    for (size_t size = 16 * KIB; size <= 256 * KIB; size *= 4)
        assert_reported(&(struct plan){.overflow = by_recursion, .workers = 1, .stack_size = size});
}

static void overflow_is_reported_with_mprotect_guards(void **state)
{
    (void)state;
    for (int spare = 0; spare <= 3; spare += 3)
        assert_reported(&(struct plan){
            .overflow = by_recursion, .workers = 2, .spare = spare, .guard = "mprotect"});
}

static void nameless(void *arg)
{
    by_recursion(arg);
}

static void run_nameless(void *arg)
{
    (void)arg;
    run_on(1, nameless, NULL);
}

static void a_task_without_a_name_is_reported_by_its_function(void **state)
{
    (void)state;
    struct outcome o = in_child(run_nameless, NULL);
    assert_non_null(strstr(o.text, "stack overflow"));
    assert_non_null(strstr(o.text, "in task nameless:"));
}

/* ---- canaries ------------------------------------------------------------- */

__attribute__((noinline)) static int recurse_to(int depth)
{
    volatile char frame[1024];
    frame[0] = (char)depth;
    return depth ? recurse_to(depth - 1) + frame[0] : 0;
}

/* A little too deep, then back: over the canary, but not over the frames of
 * others. */
__attribute__((noinline)) static void overwrite_canary(void)
{
    volatile char *at = gti_worker_self()->current->stack->base;
    for (int i = 0; i < 8; i++)
        at[i] = 0x5a;
}

static void dip_and_yield(void *arg)
{
    (void)arg;
    overwrite_canary();
    for (int i = 0; i < 100; i++)
        gt_sleep_until(gt_now() + 1000); /* a switch for certain */
}

static void dip_and_return(void *arg)
{
    (void)arg;
    overwrite_canary();
}

static void canary_overflow_is_reported_at_the_next_switch(void **state)
{
    (void)state;
    gt_fn *const ways[] = {dip_and_yield, dip_and_return};
    for (size_t i = 0; i < COUNT_OF(ways); i++)
        for (int spare = 0; spare <= 3; spare += 3)
            for (int workers = 1; workers <= 2; workers++)
                assert_reported(&(struct plan){
                    .overflow = ways[i], .workers = workers, .spare = spare, .guard = "canary"});
}

static void small_stack_overflow_is_reported_at_the_next_switch(void **state)
{
    (void)state;
    gt_fn *const ways[] = {dip_and_yield, dip_and_return};
    if (SANITIZED_FRAMES)
        skip(); /* such a build has no small stacks */
    for (size_t i = 0; i < COUNT_OF(ways); i++)
        for (size_t size = 2 * KIB; size <= 4 * KIB; size *= 2)
            assert_reported(
                &(struct plan){.overflow = ways[i], .workers = 2, .spare = 2, .stack_size = size});
}

/* Down through the slots of others to the guard below the lowest. */
static void runaway_recursion_on_a_small_stack_is_reported(void **state)
{
    (void)state;
    if (SANITIZED_FRAMES)
        skip();
    assert_reported(&(struct plan){.overflow = by_recursion, .workers = 1, .stack_size = 2 * KIB});
}

/* The first stack of a slab has a guard below it whatever the others have. */
static void runaway_recursion_on_the_first_canary_stack_is_reported(void **state)
{
    (void)state;
    assert_reported(&(struct plan){.overflow = by_recursion, .workers = 1, .guard = "canary"});
}

static void deep_but_fine(void *arg)
{
    (void)arg;
    volatile char own; /* what `sink` is to one task alone */
    for (int i = 0; i < 100; i++) {
        own = (char)recurse_to(30);
        gt_yield();
    }
    (void)own;
}

static void run_deep_but_fine(void *arg)
{
    setenv("GT_GUARD", arg, 1);
    gt_group group = {0};
    CHECK(gt_start(&(gt_config){.workers = 2}) == 0);
    for (int i = 0; i < 100; i++)
        CHECK(gt_group_spawn(&group, deep_but_fine, NULL, NULL) == 0);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(gt_stop() == 0);
}

static void deep_stacks_within_the_limit_are_not_reported(void **state)
{
    (void)state;
    if (UNDER_ASAN)
        skip(); /* frames are larger */
    assert_fine(run_deep_but_fine, (void *)(uintptr_t) "mprotect");
    assert_fine(run_deep_but_fine, (void *)(uintptr_t) "canary");
}

/* ---- other faults --------------------------------------------------------- */

static void *no_access;

static void touch_no_access(void *arg)
{
    (void)arg;
    *(volatile char *)no_access = 1;
}

static void make_no_access(void)
{
    no_access = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(no_access != MAP_FAILED);
}

static void plain_fault_in_task(void *arg)
{
    (void)arg;
    make_no_access();
    run_on(2, touch_no_access, NULL);
}

static void plain_fault_outside(void *arg)
{
    (void)arg;
    make_no_access();
    CHECK(gt_start(&(gt_config){.workers = 1}) == 0);
    touch_no_access(NULL);
}

static void a_plain_fault_is_not_called_an_overflow(void **state)
{
    (void)state;
    void (*const ways[])(void *) = {plain_fault_in_task, plain_fault_outside};
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        struct outcome o = in_child(ways[i], NULL);
        assert_null(strstr(o.text, "gt: fatal"));
        if (UNDER_ASAN)
            assert_false(o.exited && o.code == 0);
        else
            assert_true(!o.exited && o.code == SIGSEGV);
    }
}

static void users_handler(int sig, siginfo_t *info, void *context)
{
    (void)context;
    _exit(sig == SIGSEGV && info->si_addr == no_access ? 42 : 43);
}

static void install_users_handler(void)
{
    struct sigaction action = {.sa_sigaction = users_handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
}

static void fault_with_users_handler(void *arg)
{
    install_users_handler();
    plain_fault_in_task(arg);
}

static void fault_outside_with_users_handler(void *arg)
{
    install_users_handler();
    plain_fault_outside(arg);
}

static void the_users_earlier_handler_gets_other_faults(void **state)
{
    (void)state;
    struct outcome o = in_child(fault_with_users_handler, NULL);
    assert_true(o.exited && o.code == 42);
    o = in_child(fault_outside_with_users_handler, NULL);
    assert_true(o.exited && o.code == 42);
}

static void overflow_with_users_handler(void *arg)
{
    install_users_handler();
    run_plan(arg);
}

static void overflow_is_reported_although_the_user_has_a_handler(void **state)
{
    (void)state;
    struct plan p = {.overflow = by_recursion, .workers = 2, .worker = 1};
    assert_fatal(overflow_with_users_handler, &p, "glutton");
}

static void handler_is_back_after_stop(void *arg)
{
    struct sigaction now;
    (void)arg;
    install_users_handler();
    CHECK(gt_start(&(gt_config){.workers = 1}) == 0);
    CHECK(gt_stop() == 0);
    CHECK(sigaction(SIGSEGV, NULL, &now) == 0);
    CHECK(now.sa_sigaction == users_handler);
}

static void stop_puts_the_users_handler_back(void **state)
{
    (void)state;
    assert_fine(handler_is_back_after_stop, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overflow_is_reported_whatever_caused_it),
        cmocka_unit_test(overflow_is_reported_on_every_worker),
        cmocka_unit_test(overflow_is_reported_for_every_stack_size),
        cmocka_unit_test(overflow_is_reported_with_mprotect_guards),
        cmocka_unit_test(a_task_without_a_name_is_reported_by_its_function),
        cmocka_unit_test(canary_overflow_is_reported_at_the_next_switch),
        cmocka_unit_test(small_stack_overflow_is_reported_at_the_next_switch),
        cmocka_unit_test(runaway_recursion_on_a_small_stack_is_reported),
        cmocka_unit_test(runaway_recursion_on_the_first_canary_stack_is_reported),
        cmocka_unit_test(deep_stacks_within_the_limit_are_not_reported),
        cmocka_unit_test(a_plain_fault_is_not_called_an_overflow),
        cmocka_unit_test(the_users_earlier_handler_gets_other_faults),
        cmocka_unit_test(overflow_is_reported_although_the_user_has_a_handler),
        cmocka_unit_test(stop_puts_the_users_handler_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
