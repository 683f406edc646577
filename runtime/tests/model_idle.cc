// Relacy model of the idle protocol, on the code of src/idle.h itself.
//
// One submitter publishes two tasks; two workers search, run what they find,
// and go to sleep. A task does not end before both run at the same time, so a
// task that is left alone while a worker sleeps shows as a livelock: the claim
// in idle.h word for word.
//
// GTI_MUTANT takes out one piece of the argument in idle.h; each mutant must
// be found.
#include <cstdio>
#include <relacy/relacy.hpp>

#define GTI_RELACY
#ifndef GTI_MUTANT
#define GTI_MUTANT 0
#endif
#include "../src/idle.h"

static const int kTasks = 2;

struct idle_model : rl::test_suite<idle_model, 3> {
    gti_idle idle;
    gti_idle_slot slots[2];
    rl::atomic<int> queued; // the shared queue
    rl::atomic<int> running; // tasks that were started

    void before()
    {
        idle.searching($).store(0u, rl::mo_relaxed);
        idle.sleeping($).store(0u, rl::mo_relaxed);
        idle.slot = slots;
        GTI_STORE(idle.workers, 2, relaxed);
        for (int i = 0; i < 2; i++)
            slots[i].word($).store(GTI_AWAKE, rl::mo_relaxed);
        queued($).store(0, rl::mo_relaxed);
        running($).store(0, rl::mo_relaxed);
    }

    bool take()
    {
        int n = queued($).load(rl::mo_relaxed);
        while (n > 0)
            if (queued($).compare_exchange_strong(n, n - 1, rl::mo_acq_rel, rl::mo_relaxed))
                return true;
        return false;
    }

    bool all_run()
    {
        return running($).load(rl::mo_relaxed) == kTasks;
    }

    void run_task()
    {
        rl::linear_backoff wait;
        running($).fetch_add(1, rl::mo_relaxed);
        while (!all_run())
            wait.yield($);
    }

    // As gti_worker_wake_any(). The futex wake itself is the change of the word.
    void wake_any()
    {
        while (gti_idle_published(&idle))
            if (gti_idle_wake(&idle, 0) != GTI_IDLE_RETRY ||
                queued($).load(rl::mo_relaxed) == 0)
                return;
    }

    void submit()
    {
        queued($).fetch_add(1, rl::mo_release);
#if GTI_MUTANT == 1 // the submitter looks at the counters without a fence
        if (idle.sleeping($).load(rl::mo_relaxed) != 0 &&
            idle.searching($).load(rl::mo_relaxed) == 0)
            wake_any();
#else
        wake_any();
#endif
    }

    // As sleep_once(): true if a task was found.
    bool sleep_once(int me)
    {
        gti_idle_prepare(&idle, &slots[me]);
#if GTI_MUTANT == 2 // no second look at the queues
        bool found = false;
#else
        bool found = take();
#endif
        rl::linear_backoff wait;
        if (!found)
            while (slots[me].word($).load(rl::mo_relaxed) == GTI_SLEEPING && !all_run())
                wait.yield($);
        gti_idle_awake(&idle, &slots[me]);
        return found;
    }

    void worker(int me)
    {
        while (!all_run()) {
            gti_idle_search(&idle);
            bool found = take() || sleep_once(me) || take();
            bool last = gti_idle_found(&idle);
#if GTI_MUTANT != 3 // the last searcher does not pass the search on
            if (found && last && queued($).load(rl::mo_relaxed) > 0)
                wake_any();
#else
            (void)last;
#endif
            if (found)
                run_task();
        }
    }

    void thread(unsigned index)
    {
        if (index == 0)
            for (int i = 0; i < kTasks; i++)
                submit();
        else
            worker((int)index - 1);
    }
};

int main()
{
    rl::test_params p;
    p.search_type = rl::sched_random;
    p.iteration_count = 200000;
    p.execution_depth_limit = 4000;
    bool ok = rl::simulate<idle_model>(p);
    std::printf("idle protocol, mutant %d: %s after %llu executions\n", GTI_MUTANT,
                ok ? "no error" : "error found", (unsigned long long)p.stop_iteration);
    return ok == (GTI_MUTANT == 0) ? 0 : 1;
}
