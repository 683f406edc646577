// Relacy model of the mutex, on the code of src/mutex.c and src/waitq.c itself.
//
// Three tasks, each on a worker of its own, take the mutex in turns, one of them
// with a deadline; a wait ends when the task is made ready, or at any time if it
// has a deadline. Whether a task may poll is decided by chance, and so is how
// late the clock says it is: a contender is passed over, or handed the mutex. In
// each section a plain count goes down; after the last one the mutex is gone. So
// two at once show as a race, a waiter without a contender as a livelock, and an
// unlock that touches the mutex too late as an access to one that is gone.
//
// GTI_MUTANT takes out one piece of the argument; each mutant must be found.
#include <cstdio>
#include <relacy/relacy.hpp>

#define GTI_RELACY
#ifndef GTI_MUTANT
#define GTI_MUTANT 0
#endif
#include "../src/atomics.h"

// A shared field of the mutex: whoever has used it looks whether it still exists.
static bool is_gone;
template <class Proxy> struct use : Proxy {
    use(const Proxy &proxy) : Proxy(proxy)
    {
    }
    ~use()
    {
        RL_ASSERT(!is_gone);
    }
};
template <class T> struct existing {
    rl::atomic<T> value;

    auto operator()(rl::debug_info_param info) -> use<decltype(value(info))>
    {
        return value(info);
    }
};

#define GTI_PARK_H
#define GTI_MODEL_LOCK existing<uint32_t>
#include "model_wait.h"
#include "../src/spinlock.h"

struct gt_mutex {
    existing<uint32_t> state_, since_;
    gt_waitq waiters_;
    existing<void *> owner_;
};

static const int kTasks = 3;
static rl::atomic<int> *is_awake; // one per task

static gti_task *gti_park_self(gti_worker *w)
{
    return w->current;
}
static void gti_park_unlock(gti_worker *, void *lock)
{
    gti_spin_unlock(*(existing<uint32_t> *)lock);
}
static int gti_park_until(gti_worker *w, gti_hook *hook, void *arg, int64_t deadline)
{
    rl::linear_backoff wait;
    hook(w, arg);
    while (is_awake[w->id]($).load(rl::mo_acquire) == 0) {
        if (deadline != INT64_MAX && rl::rand(4) == 0) {
            if (gti_task_claim(w->current))
                return -ETIMEDOUT;
            deadline = INT64_MAX;
        }
        wait.yield($);
    }
    is_awake[w->id]($).store(0, rl::mo_relaxed);
    return w->current->context.result;
}
static int gti_park(gti_worker *w, gti_hook *hook, void *arg)
{
    return gti_park_until(w, hook, arg, INT64_MAX);
}
static bool gti_park_may_poll(gti_worker *)
{
    return false;
}
static int gti_park_polling(gti_worker *, void *)
{
    return 0;
}
static int gti_ready(gti_worker *, gti_task *t, int result)
{
    t->context.result = result;
    RL_ASSERT(is_awake[t->bound]($).exchange(1, rl::mo_release) == 0);
    return 0;
}
void gti_worker_forget_timer(gti_task *)
{
}
static bool gti_worker_may_spin(gti_worker *)
{
    return rl::rand(2) == 1;
}
static void gti_worker_offer_next(gti_worker *)
{
}

#include "../src/waitq.h"
#include "../src/waitq.c"

#define MUTEX_POLLS  2
#define MUTEX_PAUSES 1
#define gti_os_now() (rl::rand(2) == 1 ? INT64_C(1) << 30 : INT64_C(0))

// What becomes of an unlock's and of a taker's compare-and-swap.
#define EXACTLY(x, expected, v, mo)                                                                \
    (x)($).compare_exchange_strong(expected, v, rl::mo_##mo, rl::mo_relaxed)
#define CAS_relaxed(x, expected, v) EXACTLY(x, expected, v, relaxed)
#if GTI_MUTANT == 1 // sections are not ordered: the unlock publishes nothing
#define CAS_release(x, expected, v) EXACTLY(x, expected, v, relaxed)
#elif GTI_MUTANT == 2 // an unlock overlooks what has changed meanwhile
#define CAS_release(x, expected, v) ((x)($).store(v, rl::mo_release), (void)expected, true)
#elif GTI_MUTANT == 3 // an unlock still looks at the mutex afterwards
template <class T> static bool linger(T &x)
{
    for (int i = 0; i < 8; i++)
        (void)GTI_LOAD(x, relaxed);
    return true;
}
#define CAS_release(x, expected, v) (EXACTLY(x, expected, v, release) && linger(x))
#else
#define CAS_release(x, expected, v) EXACTLY(x, expected, v, release)
#endif
#if GTI_MUTANT == 4 // the taker sees nothing of the section before
#define CAS_acquire(x, expected, v) EXACTLY(x, expected, v, relaxed)
#elif GTI_MUTANT == 5 // a waiter marks what is free by now
#define CAS_acquire(x, expected, v) ((x)($).store(v, rl::mo_acq_rel), (void)expected, true)
#else
#define CAS_acquire(x, expected, v) EXACTLY(x, expected, v, acquire)
#endif
#undef GTI_CAS
#define GTI_CAS(x, expected, v, mo) CAS_##mo(x, expected, v)

#if GTI_MUTANT == 6 // a call that finds nobody leaves its mark
#undef GTI_AND
#define GTI_AND(x, v, mo) ((void)(v))
#endif
#if GTI_MUTANT == 7 // who was called in vain is not in the queue again
#define gti_waitq_push_front(q, wt) ((void)(wt))
#endif
#include "../src/mutex.c"
#undef gti_os_now

static const int kRounds = 2;

struct mutex_model : rl::test_suite<mutex_model, kTasks> {
    gt_mutex m;
    gti_task task[kTasks];
    gti_worker worker[kTasks];
    rl::atomic<int> awake[kTasks];
    hooks h;
    runtime rt;
    rl::var<int> left;

    void before()
    {
        begin(&rt, &h, worker, kTasks, &task[0], &awake[0]);
        is_awake = awake;
        is_gone = false;
        m.state_($).store(0u, rl::mo_relaxed);
        m.since_($).store(0u, rl::mo_relaxed);
        m.owner_($).store(NULL, rl::mo_relaxed);
        m.waiters_.lock_($).store(0u, rl::mo_relaxed);
        m.waiters_.head_ = NULL;
        m.waiters_.tail_ = NULL;
        left($) = kTasks * kRounds;
        for (int i = 0; i < kTasks; i++) {
            awake[i]($).store(0, rl::mo_relaxed);
            task[i].claim($).store(1u, rl::mo_relaxed);
            task[i].bound = (uint16_t)i;
            worker[i].current = &task[i];
        }
    }

    void thread(unsigned index)
    {
        for (int i = 0; i < kRounds; i++) {
            if (index != 0 || gt_mutex_lock_until(&m, kDeadline) != 0)
                gt_mutex_lock(&m);
            bool is_last = (left($) = left($) - 1) == 0;
            gt_mutex_unlock(&m);
            is_gone = is_gone || is_last;
        }
    }
};

int main()
{
    rl::test_params p;
    p.search_type = rl::sched_random;
    p.iteration_count = 200000;
    p.execution_depth_limit = 4000;
    bool ok = rl::simulate<mutex_model>(p);
    std::printf("mutex, mutant %d: %s after %llu executions\n", GTI_MUTANT,
                ok ? "no error" : "error found", (unsigned long long)p.stop_iteration);
    return ok == (GTI_MUTANT == 0) ? 0 : 1;
}
