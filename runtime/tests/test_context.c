/* The context switch keeps what the ABI says it must: check_switch(), in
 * assembly, loads random values into every callee-saved register, switches
 * away, and stores what it finds there when it is resumed. Two contexts do so
 * in turn, each with values of its own, so a register that one save or
 * restore forgets holds the other's value.
 *
 * Links the assembler alone: gti_task_main() below takes the runtime's place.
 */
#include "common.h"

#include <string.h>

#include "arch/context.h"
#include "sanitizer.h"

#if defined(__x86_64__)
#define REGISTERS 6
static const char *const names[REGISTERS] = {"rbx", "rbp", "r12", "r13", "r14", "r15"};
__asm__("    .text\n"
        "    .globl check_switch\n"
        "    .type check_switch, @function\n"
        "check_switch:\n"
        "    endbr64\n"
        "    pushq %rbx\n    pushq %rbp\n    pushq %r12\n    pushq %r13\n"
        "    pushq %r14\n    pushq %r15\n    pushq %rsi\n"
        "    movq 0(%rdi), %rbx\n    movq 8(%rdi), %rbp\n    movq 16(%rdi), %r12\n"
        "    movq 24(%rdi), %r13\n    movq 32(%rdi), %r14\n    movq 40(%rdi), %r15\n"
        "    movq %rdx, %r10\n"
        "    movq 0(%r10), %rdi\n    movq 8(%r10), %rsi\n    movq 16(%r10), %rdx\n"
        "    movq 24(%r10), %rcx\n    movq 32(%r10), %r8\n"
        "    callq gti_context_switch\n"
        "    popq %rsi\n"
        "    movq %rbx, 0(%rsi)\n    movq %rbp, 8(%rsi)\n    movq %r12, 16(%rsi)\n"
        "    movq %r13, 24(%rsi)\n    movq %r14, 32(%rsi)\n    movq %r15, 40(%rsi)\n"
        "    popq %r15\n    popq %r14\n    popq %r13\n    popq %r12\n"
        "    popq %rbp\n    popq %rbx\n"
        "    ret\n"
        "    .size check_switch, .-check_switch\n"
        /* The stack pointer as a called function finds it, return address on top. */
        "    .globl stack_at_call\n"
        "    .type stack_at_call, @function\n"
        "stack_at_call:\n"
        "    endbr64\n"
        "    leaq 8(%rsp), %rax\n"
        "    ret\n"
        "    .size stack_at_call, .-stack_at_call\n");
#else
#define REGISTERS 19
static const char *const names[REGISTERS] = {"x19", "x20", "x21", "x22", "x23", "x24", "x25",
                                             "x26", "x27", "x28", "x29", "d8",  "d9",  "d10",
                                             "d11", "d12", "d13", "d14", "d15"};
__asm__("    .text\n"
        "    .globl check_switch\n"
        "    .type check_switch, %function\n"
        "check_switch:\n"
        "    stp x29, x30, [sp, #-176]!\n"
        "    stp x19, x20, [sp, #16]\n    stp x21, x22, [sp, #32]\n"
        "    stp x23, x24, [sp, #48]\n    stp x25, x26, [sp, #64]\n"
        "    stp x27, x28, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n    stp d14, d15, [sp, #144]\n"
        "    str x1, [sp, #160]\n"
        "    ldp x19, x20, [x0, #0]\n    ldp x21, x22, [x0, #16]\n"
        "    ldp x23, x24, [x0, #32]\n    ldp x25, x26, [x0, #48]\n"
        "    ldp x27, x28, [x0, #64]\n    ldr x29, [x0, #80]\n"
        "    ldr d8, [x0, #88]\n    ldr d9, [x0, #96]\n    ldr d10, [x0, #104]\n"
        "    ldr d11, [x0, #112]\n    ldr d12, [x0, #120]\n    ldr d13, [x0, #128]\n"
        "    ldr d14, [x0, #136]\n    ldr d15, [x0, #144]\n"
        "    mov x9, x2\n"
        "    ldp x0, x1, [x9, #0]\n    ldp x2, x3, [x9, #16]\n    ldr x4, [x9, #32]\n"
        "    bl gti_context_switch\n"
        "    ldr x1, [sp, #160]\n"
        "    stp x19, x20, [x1, #0]\n    stp x21, x22, [x1, #16]\n"
        "    stp x23, x24, [x1, #32]\n    stp x25, x26, [x1, #48]\n"
        "    stp x27, x28, [x1, #64]\n    str x29, [x1, #80]\n"
        "    str d8, [x1, #88]\n    str d9, [x1, #96]\n    str d10, [x1, #104]\n"
        "    str d11, [x1, #112]\n    str d12, [x1, #120]\n    str d13, [x1, #128]\n"
        "    str d14, [x1, #136]\n    str d15, [x1, #144]\n"
        "    ldp x19, x20, [sp, #16]\n    ldp x21, x22, [sp, #32]\n"
        "    ldp x23, x24, [sp, #48]\n    ldp x25, x26, [sp, #64]\n"
        "    ldp x27, x28, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n    ldp d14, d15, [sp, #144]\n"
        "    ldp x29, x30, [sp], #176\n"
        "    ret\n"
        "    .size check_switch, .-check_switch\n"
        "    .globl stack_at_call\n"
        "    .type stack_at_call, %function\n"
        "stack_at_call:\n"
        "    mov x0, sp\n"
        "    ret\n"
        "    .size stack_at_call, .-stack_at_call\n");
#endif

struct registers {
    uint64_t value[REGISTERS];
};

struct arguments {
    struct gti_context *from, *to;
    gti_hook *hook;
    struct gti_worker *w;
    void *arg;
};

int check_switch(const struct registers *in, struct registers *out, const struct arguments *args);
uintptr_t stack_at_call(void);

#define ROUNDS 20000
#define STACK  (64 << 10)

static struct gti_context home, peer;
static char stack_memory[STACK] __attribute__((aligned(64)));
static uint64_t random_state;
static int hooks_run;
static uintptr_t entry_stack, hook_stack;
static bool hook_on_target;

static bool on_peer_stack(uintptr_t at)
{
    return at > (uintptr_t)stack_memory && at <= (uintptr_t)stack_memory + STACK;
}

/* w is a mark here, and arg the context that is being resumed. */
static void hook(struct gti_worker *w, void *arg)
{
    hook_stack = stack_at_call();
    hook_on_target = on_peer_stack(hook_stack) == (arg == &peer);
    hooks_run += w == (struct gti_worker *)&hooks_run;
}

static void fill(struct registers *r)
{
    for (int i = 0; i < REGISTERS; i++)
        r->value[i] = next_random(&random_state);
}

/* One switch with random registers; the index of a changed one, or -1. */
static int switch_once(struct gti_context *from, struct gti_context *to, int *ret_result)
{
    struct registers in, out = {{0}};
    struct arguments args = {from, to, hook, (struct gti_worker *)&hooks_run, to};
    fill(&in);
    *ret_result = check_switch(&in, &out, &args);
    for (int i = 0; i < REGISTERS; i++)
        if (in.value[i] != out.value[i])
            return i;
    return -1;
}

static int peer_changed = -1;

/* Where a new context starts. */
void gti_task_main(void)
{
    entry_stack = stack_at_call();
    for (int result;;) {
        int changed = switch_once(&peer, &home, &result);
        if (changed >= 0)
            peer_changed = changed;
        if (result == -1)
            gti_context_leave(&home, hook, (struct gti_worker *)&hooks_run, &home);
    }
}

static int make_peer(void **state)
{
    (void)state;
    gti_san_stack_forget(stack_memory, sizeof stack_memory); /* frames that never returned */
    memset(stack_memory, 0xa5, sizeof stack_memory);
    peer = (struct gti_context){.sp = gti_context_init(stack_memory + STACK)};
    hooks_run = 0;
    peer_changed = -1;
    return 0;
}

static void switch_preserves_every_callee_saved_register(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        int result, changed = switch_once(&home, &peer, &result);
        if (changed >= 0)
            fail_msg("round %d: %s changed", i, names[changed]);
        if (peer_changed >= 0)
            fail_msg("round %d: %s of the peer changed", i, names[peer_changed]);
    }
}

static void switch_returns_the_result_of_the_resumed_context(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        int result;
        home.result = i - 50;
        switch_once(&home, &peer, &result);
        assert_int_equal(result, i - 50);
    }
}

static void hook_runs_once_per_switch_on_the_resumed_stack(void **state)
{
    (void)state;
    for (int i = 1; i <= 100; i++) {
        int result;
        hook_on_target = false;
        switch_once(&home, &peer, &result);
        assert_int_equal(hooks_run, 2 * i); /* there and back */
        assert_true(hook_on_target);
    }
}

static void stack_is_aligned_at_entry_and_in_hooks(void **state)
{
    (void)state;
    for (size_t colour = 0; colour < 1024; colour += 16) {
        int result;
        gti_san_stack_forget(stack_memory, sizeof stack_memory);
        peer = (struct gti_context){.sp = gti_context_init(stack_memory + STACK - colour)};
        switch_once(&home, &peer, &result);
        assert_true(on_peer_stack(entry_stack));
        assert_int_equal(entry_stack % 16, 0);
        assert_int_equal(hook_stack % 16, 0);
    }
}

static void leave_resumes_the_other_and_runs_the_hook(void **state)
{
    (void)state;
    int result;
    switch_once(&home, &peer, &result);
    peer.result = -1;
    home.result = 77;
    hook_on_target = false;
    assert_int_equal(switch_once(&home, &peer, &result), -1);
    assert_int_equal(result, 77);
    assert_int_equal(hooks_run, 4);
    assert_true(hook_on_target);
}

static void init_writes_only_one_frame_below_the_top(void **state)
{
    (void)state;
    char *top = stack_memory + STACK;
    char *sp = gti_context_init(top);
    assert_true(sp < top);
    assert_true(top - sp <= (GTI_CONTEXT_FRAME_WORDS + 2) * 8);
    for (char *at = stack_memory; at < sp; at++)
        if (*at != (char)0xa5)
            fail_msg("written %td bytes below the frame", sp - at);
}

static uintptr_t called_stack;
static int called_with;

static void called(void *arg)
{
    called_stack = stack_at_call();
    called_with = *(int *)arg;
    memset(__builtin_alloca(4096), 1, 4096);
}

static void call_runs_on_the_other_stack_and_comes_back(void **state)
{
    (void)state;
    for (size_t below = 0; below < 64; below += 8) {
        int arg = (int)below + 1;
        memset(stack_memory, 0xa5, sizeof stack_memory);
        gti_context_call(called, &arg, stack_memory + STACK - below);
        assert_int_equal(called_with, arg);
        assert_true(on_peer_stack(called_stack));
        assert_int_equal(called_stack % 16, 0);
        for (size_t i = STACK - below; i < STACK; i++)
            assert_int_equal(stack_memory[i], (char)0xa5);
    }
}

int main(void)
{
    random_state = test_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(switch_preserves_every_callee_saved_register, make_peer),
        cmocka_unit_test_setup(switch_returns_the_result_of_the_resumed_context, make_peer),
        cmocka_unit_test_setup(hook_runs_once_per_switch_on_the_resumed_stack, make_peer),
        cmocka_unit_test_setup(stack_is_aligned_at_entry_and_in_hooks, make_peer),
        cmocka_unit_test_setup(leave_resumes_the_other_and_runs_the_hook, make_peer),
        cmocka_unit_test_setup(call_runs_on_the_other_stack_and_comes_back, make_peer),
        cmocka_unit_test_setup(init_writes_only_one_frame_below_the_top, make_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
