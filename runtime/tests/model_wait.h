// What stands in for the rest of the runtime in models of waiting: workers that
// run one task each, a clock that is set by who looks at it, and fields that
// know who touches them.
#ifndef GT_TESTS_MODEL_WAIT_H
#define GT_TESTS_MODEL_WAIT_H

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
struct gti_waiter;
struct gti_task;
struct gti_worker;
struct gt_attr;
struct gt_group {
    rl::atomic<uint64_t> state_;
    watched<void *> waiter_;
};
#ifndef GTI_MODEL_LOCK
#define GTI_MODEL_LOCK rl::atomic<uint32_t>
#endif
struct gt_waitq {
    GTI_MODEL_LOCK lock_;
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

#include "../src/task.h"
#include "../src/timer.h"

// worker.h, trace.h, and group.h unless that is what is checked: a task that is made ready goes on
// at once.
#define GTI_WORKER_H
#define GTI_TRACE_H
#define GTI_TRACE_READY                      0
#define gti_trace_record(w, kind, task, arg) ((void)0)
#define GTI_COUNT(x)                         GTI_ADD(x, 1u, relaxed)

struct gti_worker {
    int id;
    gti_task *current, sched;
    gt_group *credit_group;
    int64_t credit;
    uint32_t credit_batch;
    gti_timers timers;
    struct {
        rl::atomic<uint64_t> timers;
    } count;
    rl::atomic<uint32_t> orphan, active;
    rl::atomic<gti_task *> inbox;
};

static struct runtime {
    gti_worker *worker;
    rl::atomic<uint32_t> outside_waiting, orphans;
} * runtime_of_this_execution;
#define gti_rt (*runtime_of_this_execution)

static rl::atomic<int> *ready; // the task is to go on
static gti_task *const kSomeTask = (gti_task *)64;

void gti_fatal(const char *format, ...)
{
    RL_ASSERT(!"fatal");
    std::abort();
}
static int gti_workers_made()
{
    return 1;
}
static void gti_check_forked()
{
}
static gti_worker *gti_worker_self()
{
    return &gti_rt.worker[rl::thread_index()];
}
static gti_task *gti_worker_pick_slot(gti_worker *)
{
    return kSomeTask;
}
#ifndef GTI_PARK_H
static bool gti_worker_may_spin(gti_worker *)
{
    return true;
}
#endif
static gti_task *gti_worker_pick_newest(gti_worker *)
{
    return kSomeTask;
}
static gti_task *gti_worker_pick(gti_worker *)
{
    return kSomeTask;
}
static int gti_worker_submit(gti_worker *, gti_task *)
{
    RL_ASSERT((*ready)($).exchange(1, rl::mo_release) == 0);
    return 0;
}
static int gti_worker_requeue(gti_worker *w, gti_task *t)
{
    return gti_worker_submit(w, t);
}
static int gti_worker_submit_slow(gti_worker *w, gti_task *t)
{
    return gti_worker_submit(w, t);
}

// A hook runs on another context than the task that it publishes, which may go
// on before it ends: in thread kHooks.
static const unsigned kHooks = 4;
static struct hooks {
    rl::atomic<int> asked;
    gti_hook *hook;
    void *arg;
} * hooks_of_this_execution;

static int gti_worker_switch(gti_worker *, gti_task *from, gti_task *, gti_hook *hook, void *arg)
{
    hooks *h = hooks_of_this_execution;
    rl::linear_backoff wait;
    while (h->asked($).load(rl::mo_relaxed) != 0)
        wait.yield($);
    h->hook = hook;
    h->arg = arg;
    h->asked($).store(1, rl::mo_release);
    while ((*ready)($).load(rl::mo_acquire) == 0)
        wait.yield($);
    (*ready)($).store(0, rl::mo_relaxed);
    from->state($).store(GTI_READY, rl::mo_relaxed);
    return from->context.result;
}

// The thread kHooks, until the task is through.
static void run_hooks(rl::atomic<int> *through)
{
    hooks *h = hooks_of_this_execution;
    rl::linear_backoff wait;
    while ((*through)($).load(rl::mo_relaxed) == 0 || h->asked($).load(rl::mo_relaxed) != 0)
        if (h->asked($).load(rl::mo_acquire) != 0) {
            h->hook(&gti_rt.worker[0], h->arg);
            h->asked($).store(0, rl::mo_relaxed);
        } else {
            wait.yield($);
        }
}
void gti_worker_add_timer(gti_worker *w, gti_task *t, int64_t deadline, gti_on_wheel how);
void gti_worker_forget_timer(gti_task *t);

#ifndef GTI_MODEL_GROUPS
#define GTI_GROUP_H
static void gti_group_settle(gti_worker *)
{
}
#endif
#include "../src/park.h"

// All that is not zero, before each execution.
static void begin(runtime *rt, hooks *h, gti_worker *worker, int workers, gti_task *task,
                  rl::atomic<int> *is_ready)
{
    late = 0;
    runtime_of_this_execution = rt;
    rt->worker = worker;
    hooks_of_this_execution = h;
    h->asked($).store(0, rl::mo_relaxed);
    ready = is_ready;
    (*is_ready)($).store(0, rl::mo_relaxed);
    for (int i = 0; i < workers; i++) {
        gti_timers *timers = &worker[i].timers;
        worker[i].id = i;
        worker[i].current = task;
        worker[i].credit_group = NULL;
        worker[i].credit = 0;
        worker[i].credit_batch = 1;
        worker[i].count.timers($).store(0, rl::mo_relaxed);
        worker[i].inbox($).store((gti_task *)NULL, rl::mo_relaxed);
        timers->lock($).store(0u, rl::mo_relaxed);
        timers->count($).store(0u, rl::mo_relaxed);
        timers->now = 0;
        std::memset(timers->occupied, 0, sizeof timers->occupied);
        std::memset(timers->slot, 0, sizeof timers->slot);
    }
    task->state($).store(GTI_READY, rl::mo_relaxed);
    task->claim($).store(1u, rl::mo_relaxed); // as the wait before has left it
    task->flags = 0;
    task->bound = 0;
    task->on_wheel = (uint8_t)GTI_OFF_WHEEL;
}

#endif
