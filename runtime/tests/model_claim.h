// What stands in for the rest of the runtime in model_claim.cc: workers that
// run one task each, a clock that is set by who looks at it, and fields that
// know who touches them.
#ifndef GT_TESTS_MODEL_CLAIM_H
#define GT_TESTS_MODEL_CLAIM_H

#include <cstddef>
#include <cstdint>
#include <cstring>

// A plain field: Relacy reports two accesses that no edge orders.
template <class T> struct watched {
    rl::var<T> value;

    operator T() const
    {
        return value($);
    }
    T operator->() const
    {
        return value($);
    }
    T operator=(T x)
    {
        value($) = x;
        return x;
    }
    T operator=(const watched &other)
    {
        return *this = (T)other;
    }
};

#undef GTI_PLAIN
#define GTI_PLAIN(T) watched<T>

// gt/gt.h
#define GT_GT_H
typedef void gt_fn(void *arg);
struct gt_group;
struct gti_waiter;
struct gti_task;
struct gti_worker;
struct gt_waitq {
    watched<gti_waiter *> head_, tail_;
};

// arch/context.h, stack.h, sanitizer.h
#define GTI_CONTEXT_H
#define GTI_STACK_H
#define GTI_SANITIZER_H
#define GTI_FIBER
struct gti_context {
    void *sp;
    watched<int> result;
};
typedef void gti_hook(gti_worker *w, void *arg);

// os_linux.h: thread 3 is the clock, for which every deadline has passed.
#define GTI_OS_LINUX_H
static const unsigned kClock = 3;
static const int64_t kDeadline = 5000;
static int64_t late;
static int64_t gti_os_now()
{
    return rl::thread_index() == kClock ? late += 1000000 : 1;
}
void gti_os_thread_yield()
{
    rl::yield(1, $);
}
#define gti_os_futex_wait(word, value, deadline) ((void)0)
#define gti_os_futex_wake(word, count)           ((void)0)
#define __thread

#endif
