// Relacy model of waits that several may end, on the code of src/waitq.c,
// src/park.c, src/timer.c and src/wheel.c itself.
//
// A task waits twice: first on two queues at once, as a select does, then on
// one; each time until a deadline. Two wakers post once each, one to either
// queue: to a waiter if there is one whose claim they win, else to a count that
// the task looks at first. The clock, run by a worker that is not the task's,
// ends waits until the task is through. So at any time up to three want to wake
// it. Each wait must end once; what was posted must have arrived once; queues
// and wheel must be empty; and who has lost, or has made the task ready, must
// not touch it any more (`watched` finds a race otherwise).
//
// GTI_MUTANT takes out one piece of the argument; each mutant must be found.
#include <cstdio>
#include <relacy/relacy.hpp>

#define GTI_RELACY
#ifndef GTI_MUTANT
#define GTI_MUTANT 0
#endif
#include "../src/atomics.h"
#if GTI_MUTANT == 1 // claims are stored, not won
#undef GTI_CAS
#define GTI_CAS(x, expected, v, mo) ((x)($).store(v, rl::mo_##mo), (void)expected, true)
#endif
#include "model_wait.h"
#if GTI_MUTANT == 5 // the waiter is published before it is on the wheel
#define gti_worker_add_timer(w, t, deadline, how)                                                  \
    (u.hook(w, u.arg), (gti_worker_add_timer)(w, t, deadline, how));                               \
    return
#endif
#include "../src/park.c"
#undef gti_worker_add_timer

#if GTI_MUTANT == 4 // the clock wakes whom it finds
#define gti_task_claim(t) true
#endif
#include "../src/timer.c"
#undef gti_task_claim
#include "../src/wheel.c"

static gti_task *forget_later[5];
#if GTI_MUTANT == 2 // the task is made ready before its timer is forgotten
#define gti_worker_forget_timer(t) ((void)(forget_later[rl::thread_index()] = t))
#endif
#include "../src/waitq.h"
#if GTI_MUTANT == 3 // waiters stay on the queue after a timeout
#undef GTI_OFF_QUEUE
#define GTI_OFF_QUEUE (wt->prev)
#endif
#include "../src/waitq.c"
#undef gti_worker_forget_timer

struct channel {
    gti_spinlock lock;
    gt_waitq queue;
    rl::var<int> count;
};

// Hook of the wait on both.
static void unlock_both(gti_worker *, void *channels)
{
    gti_spin_unlock(((channel *)channels)[0].lock.word);
    gti_spin_unlock(((channel *)channels)[1].lock.word);
}

struct claim_model : rl::test_suite<claim_model, 5> {
    channel ch[2];
    gti_task task;
    gti_waiter place[2];
    gti_worker worker[5];
    hooks h;
    runtime rt;
    rl::atomic<int> is_ready, through;
    int arrived[2];

    void before()
    {
        begin(&rt, &h, worker, 5, &task, &is_ready);
        through($).store(0, rl::mo_relaxed);
        std::memset(forget_later, 0, sizeof forget_later);
        for (int i = 0; i < 2; i++) {
            ch[i].lock.word($).store(0u, rl::mo_relaxed);
            ch[i].queue.head_ = NULL;
            ch[i].queue.tail_ = NULL;
            ch[i].count($) = 0;
            arrived[i] = 0;
        }
    }

    bool take(int i)
    {
        if (ch[i].count($) == 0)
            return false;
        ch[i].count($) = ch[i].count($) - 1;
        arrived[i]++;
        return true;
    }

    // As gt_select(): both locked, nothing possible, one waiter on each.
    void wait_on_both()
    {
        gti_spin_lock(ch[0].lock.word);
        gti_spin_lock(ch[1].lock.word);
        if (take(0) || take(1)) {
            unlock_both(NULL, ch);
            return;
        }
        for (int i = 0; i < 2; i++) {
            gti_waiter_contest(&place[i], &task, NULL);
            gti_waitq_push(&ch[i].queue, &place[i]);
        }
        int result = gti_park_until(&worker[0], unlock_both, ch, kDeadline);
        gti_waiter *winner = result == -ETIMEDOUT ? NULL : (gti_waiter *)task.wait.next;
        for (int i = 0; i < 2; i++) {
            if (winner == &place[i]) {
                arrived[i]++;
                continue;
            }
            gti_spin_lock(ch[i].lock.word);
            gti_waitq_remove(&ch[i].queue, &place[i]);
            gti_spin_unlock(ch[i].lock.word);
        }
    }

    void wait_on_first()
    {
        gti_spin_lock(ch[0].lock.word);
        if (take(0)) {
            gti_spin_unlock(ch[0].lock.word);
            return;
        }
        if (gti_waitq_wait_until(&worker[0], &ch[0].queue, &ch[0].lock, NULL, GTI_WAIT_SEM,
                                 kDeadline) == 0)
            arrived[0]++;
    }

    // Its waiters are the task's own again: for something else.
    void reuse()
    {
        for (gti_waiter *wt : {&place[0], &place[1], &task.wait}) {
            wt->next = NULL;
            wt->prev = NULL;
            wt->task = 0;
            wt->slot = NULL;
        }
    }

    void post(int i, gti_worker *w)
    {
        gti_spin_lock(ch[i].lock.word);
        gti_waiter *wt = gti_waitq_pop(&ch[i].queue);
        gti_task *t = wt ? gti_waiter_task(wt) : NULL;
        if (!wt)
            ch[i].count($) = ch[i].count($) + 1;
        gti_spin_unlock(ch[i].lock.word);
        if (t)
            gti_ready(w, t, 0);
        if (forget_later[w->id])
            gti_worker_forget_timer(forget_later[w->id]);
    }

    void thread(unsigned index)
    {
        if (index == 0) {
            wait_on_both();
            reuse();
            wait_on_first();
            reuse();
            through($).store(1, rl::mo_relaxed);
        } else if (index == kHooks) {
            run_hooks(&through);
        } else if (index == kClock) {
            rl::linear_backoff wait;
            while (through($).load(rl::mo_relaxed) == 0) {
                run_wheel(&worker[kClock], &worker[0].timers);
                wait.yield($);
            }
        } else {
            post((int)index - 1, &worker[index]);
        }
    }

    void after()
    {
        for (int i = 0; i < 2; i++) {
            RL_ASSERT(arrived[i] + ch[i].count($) == 1);
            RL_ASSERT(ch[i].queue.head_ == NULL);
        }
        RL_ASSERT(worker[0].timers.count($).load(rl::mo_relaxed) == 0u);
        RL_ASSERT(is_ready($).load(rl::mo_relaxed) == 0);
    }
};

int main()
{
    rl::test_params p;
    p.search_type = rl::sched_random;
    p.iteration_count = 200000;
    p.execution_depth_limit = 4000;
    bool ok = rl::simulate<claim_model>(p);
    std::printf("claim, mutant %d: %s after %llu executions\n", GTI_MUTANT,
                ok ? "no error" : "error found", (unsigned long long)p.stop_iteration);
    return ok == (GTI_MUTANT == 0) ? 0 : 1;
}
