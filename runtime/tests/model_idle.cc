// Relacy model of the idle protocol, on the code of src/idle.h itself.
//
// One submitter publishes two tasks; two workers look, search, run what they
// find, and go to sleep. A task does not end before both run at the same time,
// so a task that is left alone while a worker sleeps shows as a livelock: the
// claim in idle.h word for word.
//
// The tasks go into the shared queue, or both into the ring of the submitter,
// from which a worker steals all: one to run, the rest into its own ring. It
// may do so before it is counted as searching; see look_briefly() in
// src/worker_idle.c.
//
// GTI_MUTANT takes out one piece of the argument; each mutant must be found.
#include <cstdio>
#include <relacy/relacy.hpp>

#define GTI_RELACY
#ifndef GTI_MUTANT
#define GTI_MUTANT 0
#endif
#include "../src/idle.h"

static const int kTasks = 2;
static const int kQueues = 3; // one per worker, and the submitter's

struct idle_model : rl::test_suite<idle_model, 3> {
    gti_idle idle;
    gti_idle_slot slots[2];
    rl::atomic<int> queued[kQueues];
    rl::atomic<int> running; // tasks that were started

    void before()
    {
        idle.searching($).store(0u, rl::mo_relaxed);
        idle.sleeping($).store(0u, rl::mo_relaxed);
        idle.slot = slots;
        GTI_STORE(idle.workers, 2, relaxed);
        for (int i = 0; i < 2; i++)
            slots[i].word($).store(GTI_AWAKE, rl::mo_relaxed);
        for (int i = 0; i < kQueues; i++)
            queued[i]($).store(0, rl::mo_relaxed);
        running($).store(0, rl::mo_relaxed);
    }

    bool all_run()
    {
        return running($).load(rl::mo_relaxed) == kTasks;
    }

    bool is_visible()
    {
        for (int i = 0; i < kQueues; i++)
            if (queued[i]($).load(rl::mo_relaxed) > 0)
                return true;
        return false;
    }

    // All that a queue holds; 0 if there is nothing.
    int take_all(int from)
    {
        int n = queued[from]($).load(rl::mo_relaxed);
        while (n > 0)
            if (queued[from]($).compare_exchange_strong(n, 0, rl::mo_acq_rel, rl::mo_relaxed))
                return n;
        return 0;
    }

    bool take_own(int me)
    {
        int n = queued[me]($).load(rl::mo_relaxed);
        while (n > 0)
            if (queued[me]($).compare_exchange_strong(n, n - 1, rl::mo_acq_rel, rl::mo_relaxed))
                return true;
        return false;
    }

    // As any_work(): first its own queue, then the others', from the next one
    // on. What is stolen beyond one task moves to its own queue.
    bool take(int me, bool *ret_moved)
    {
        if (take_own(me))
            return true;
        for (int i = 1; i < kQueues; i++) {
            int n = take_all((me + i) % kQueues);
            if (n == 0)
                continue;
            if (n > 1) {
                queued[me]($).store(n - 1, rl::mo_release);
                *ret_moved = true;
            }
            return true;
        }
        return false;
    }

    void run_task()
    {
        rl::linear_backoff wait;
        running($).fetch_add(1, rl::mo_relaxed);
        while (!all_run())
            wait.yield($);
    }

    bool is_published()
    {
#if GTI_MUTANT == 1 // who publishes looks at the counters without a fence
        return GTI_LOAD(idle.sleeping, relaxed) != 0u && GTI_LOAD(idle.searching, relaxed) == 0u;
#else
        return gti_idle_published(&idle);
#endif
    }

    // As gti_worker_wake_any(). The futex wake itself is the change of the word.
    void wake_any(int first)
    {
        if (!is_published())
            return;
        int sleeper;
        do
            sleeper = gti_idle_wake(&idle, first);
#if GTI_MUTANT == 4 // who held `searching` for a moment does not look again
        while (false);
#else
        while (sleeper == GTI_IDLE_RETRY && is_published() && is_visible());
#endif
    }

    void submit(int queue)
    {
        queued[queue]($).fetch_add(1, rl::mo_release);
        wake_any(0);
    }

    // As look_briefly(): not counted.
    bool look_briefly(int me)
    {
        bool moved = false;
        bool found = take(me, &moved);
#if GTI_MUTANT != 5 // what an uncounted look has moved is not published anew
        if (moved)
            wake_any(me + 1);
#endif
        return found;
    }

    // As sleep_once(): true if a task was found.
    bool sleep_once(int me)
    {
        bool moved = false;
        gti_idle_prepare(&idle, &slots[me]);
#if GTI_MUTANT == 2 // no second look at the queues
        bool found = false;
#else
        bool found = take(me, &moved);
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
            bool moved = false, found = look_briefly(me);
            if (!found) {
                gti_idle_search(&idle);
                found = take(me, &moved) || sleep_once(me) || take(me, &moved);
                bool last = gti_idle_found(&idle);
#if GTI_MUTANT != 3 // the last searcher does not pass the search on
                if (found && last && is_visible())
                    wake_any(me + 1);
#else
                (void)last;
#endif
            }
            if (found)
                run_task();
        }
    }

    void thread(unsigned index)
    {
        if (index == 2)
            for (int i = 0; i < kTasks; i++)
                submit(2);
        else
            worker((int)index);
    }
};

int main()
{
    rl::test_params p;
    p.search_type = rl::sched_random;
    p.iteration_count = 300000;
    p.execution_depth_limit = 4000;
    bool ok = rl::simulate<idle_model>(p);
    std::printf("idle protocol, mutant %d: %s after %llu executions\n", GTI_MUTANT,
                ok ? "no error" : "error found", (unsigned long long)p.stop_iteration);
    return ok == (GTI_MUTANT == 0) ? 0 : 1;
}
