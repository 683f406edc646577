// Relacy model of a bound task that polls before it parks, on the code of
// src/park.c and src/waitq.h itself.
//
// The task takes three times what two wakers post, one of them twice: it looks at
// a count, and waits on the queue if there is none. It gives up to poll after two
// looks, so that a wake-up comes while it polls, while it leaves, or after. Each
// post must arrive once, and who has made the task ready must not touch it any
// more (`watched` finds a race otherwise).
//
// GTI_MUTANT takes out one piece of the argument; each mutant must be found.
#include <cstdio>
#include <relacy/relacy.hpp>

#define GTI_RELACY
#ifndef GTI_MUTANT
#define GTI_MUTANT 0
#endif
#define GTI_POLLS 2
#include "../src/atomics.h"
#include "model_wait.h"
#include "../src/spinlock.h"
#if GTI_MUTANT == 1 // the waker looks, then stores
#undef GTI_XCHG
#define GTI_XCHG(x, v, mo) exchange_in_two(x, v)
template <class A, class V> static unsigned exchange_in_two(A &x, V v)
{
    if (v != GTI_READY)
        return x($).exchange(v, rl::mo_acquire); // a lock
    unsigned old = x($).load(rl::mo_acquire);
    x($).store(v, rl::mo_release);
    return old;
}
#elif GTI_MUTANT == 2 // the task waits without another look
#undef GTI_CAS
#define GTI_CAS(x, expected, v, mo) ((void)expected, (x)($).store(v, rl::mo_##mo), true)
#elif GTI_MUTANT == 3 // it does not acquire what the waker wrote
#undef GTI_LOAD
#define GTI_LOAD(x, mo) (x)($).load(rl::mo_relaxed)
#elif GTI_MUTANT == 4 // the waker does not know that it polls
#define GTI_TASK_POLLS 0
#endif
#include "../src/park.c"
#include "../src/waitq.h"

// For waits that others may end, too: not here.
void gti_worker_add_timer(gti_worker *, gti_task *, int64_t, gti_on_wheel)
{
}

static const int kPosts = 3;

struct poll_model : rl::test_suite<poll_model, 5> {
    gti_spinlock lock;
    gt_waitq queue;
    rl::var<int> count;
    gti_task task;
    gti_worker worker[5];
    hooks h;
    runtime rt;
    rl::atomic<int> is_ready, through;
    int arrived;

    void before()
    {
        begin(&rt, &h, worker, 5, &task, &is_ready);
        task.bound = 1;
        task.flags = GTI_TASK_BOUND;
        through($).store(0, rl::mo_relaxed);
        lock.word($).store(0u, rl::mo_relaxed);
        queue.head_ = NULL;
        queue.tail_ = NULL;
        count($) = 0;
        arrived = 0;
    }

    void take()
    {
        gti_spin_lock(lock.word);
        if (count($) > 0) {
            count($) = count($) - 1;
            gti_spin_unlock(lock.word);
        } else {
            RL_ASSERT(gti_waitq_wait(&worker[0], &queue, &lock, NULL, GTI_WAIT_SEM) == 7);
            task.context.result = 0;
        }
        arrived++;
        // The descriptor is the task's own again.
        task.wait.next = NULL;
        task.wait.prev = NULL;
        task.wait.task = 0;
        task.wait.slot = NULL;
    }

    void post(gti_worker *w)
    {
        gti_spin_lock(lock.word);
        gti_waiter *wt = gti_waitq_unlink_first(&queue);
        gti_task *t = wt ? gti_waiter_task(wt) : NULL;
        if (!wt)
            count($) = count($) + 1;
        gti_spin_unlock(lock.word);
        if (t)
            gti_ready(w, t, 7);
    }

    void thread(unsigned index)
    {
        if (index == 0) {
            for (int i = 0; i < kPosts; i++)
                take();
            through($).store(1, rl::mo_relaxed);
        } else if (index == kHooks) {
            run_hooks(&through);
        } else if (index != kClock) {
            for (unsigned i = 0; i < index; i++)
                post(&worker[index]);
        }
    }

    void after()
    {
        RL_ASSERT(arrived == kPosts && count($) == 0);
        RL_ASSERT(queue.head_ == NULL);
        RL_ASSERT(is_ready($).load(rl::mo_relaxed) == 0);
        RL_ASSERT(task.flags == GTI_TASK_BOUND);
        RL_ASSERT(task.state($).load(rl::mo_relaxed) == (unsigned)GTI_READY);
    }
};

int main()
{
    rl::test_params p;
    p.search_type = rl::sched_random;
    p.iteration_count = 200000;
    p.execution_depth_limit = 4000;
    bool ok = rl::simulate<poll_model>(p);
    std::printf("poll, mutant %d: %s after %llu executions\n", GTI_MUTANT,
                ok ? "no error" : "error found", (unsigned long long)p.stop_iteration);
    return ok == (GTI_MUTANT == 0) ? 0 : 1;
}
