/* How deep the recursion of the stack workloads really goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "../workload.h"

enum { STACK = 4 << 20, PAGE = 4096 };

struct call {
    uint64_t bytes;
    uint64_t sum;
};

static void *call_deep(void *arg)
{
    struct call *call = arg;

    call->sum = workload_deep(call->bytes, 42);
    return NULL;
}

/* Bytes of a fresh stack that a thread has made resident. */
static size_t resident_after(uint64_t bytes)
{
    static unsigned char pages[STACK / PAGE];
    struct call call = {.bytes = bytes};
    pthread_attr_t attr;
    pthread_t thread;
    size_t resident = 0;
    void *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    assert_true(stack != MAP_FAILED);
    assert_int_equal(madvise(stack, STACK, MADV_NOHUGEPAGE), 0);
    pthread_attr_init(&attr);
    assert_int_equal(pthread_attr_setstack(&attr, stack, STACK), 0);
    assert_int_equal(pthread_create(&thread, &attr, call_deep, &call), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attr);
    assert_int_equal(call.sum, workload_deep_sum(bytes, 42));
    assert_int_equal(mincore(stack, STACK, pages), 0);
    for (size_t i = 0; i < sizeof pages; i++)
        resident += pages[i] & 1 ? PAGE : 0;
    munmap(stack, STACK);
    return resident;
}

/* The difference of two depths cancels what a thread needs anyway. */
static void a_depth_of_bytes_touches_as_many(void **state)
{
    const size_t shallow = resident_after(4096);
    const size_t deep = resident_after(4096 + (1 << 20)) - shallow;

    /* Exact with the compilers it was written for; others may spend up to 64
     * bytes more or less on a frame of 1 KiB. */
    assert_true(deep >= (1 << 20) - (64 << 10));
    if (!GREENBENCH_SANITIZED)
        assert_true(deep <= (1 << 20) + (64 << 10));
}

static void the_sum_depends_on_depth_and_seed(void **state)
{
    assert_int_equal(workload_deep(8192, 1), workload_deep_sum(8192, 1));
    assert_int_not_equal(workload_deep_sum(8192, 1), workload_deep_sum(8192, 2));
    assert_int_not_equal(workload_deep_sum(8192, 1), workload_deep_sum(9216, 1));
}

static void deep_tasks_ask_for_twice_their_depth(void **state)
{
    assert_int_equal(workload_deep_stack(32768), 0);
    assert_int_equal(workload_deep_stack(65536), 131072);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_depth_of_bytes_touches_as_many),
        cmocka_unit_test(the_sum_depends_on_depth_and_seed),
        cmocka_unit_test(deep_tasks_ask_for_twice_their_depth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
