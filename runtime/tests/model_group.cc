// Relacy model of waiting for a group until a deadline, on the code of
// src/group.c, src/park.c, src/timer.c and src/wheel.c itself.
//
// Two members return while a task waits for them, again and again until it is
// told that they have; the clock, run by a worker that is not the task's, ends
// waits, even before the hook has published them. Then the task takes the
// group for something else: nobody may touch it any more, and what the members
// wrote must be visible.
//
// GTI_MUTANT takes out one piece of the argument; each mutant must be found.
#include <cstdio>
#include <relacy/relacy.hpp>

#define GTI_RELACY
#ifndef GTI_MUTANT
#define GTI_MUTANT 0
#endif
#include "../src/atomics.h"
#if GTI_MUTANT == 1 // claims and the end of waiting are stored, not won
#undef GTI_CAS
#define GTI_CAS(x, expected, v, mo) ((x)($).store(v, rl::mo_##mo), (void)expected, true)
#elif GTI_MUTANT == 2 // members return without release
#undef GTI_SUB
#define GTI_SUB(x, v, mo) (x)($).fetch_sub(v, rl::mo_relaxed)
#endif
#define GTI_MODEL_GROUPS
#include "model_wait.h"
#if GTI_MUTANT == 3 // an empty group is what tells that the last one has returned
#undef GTI_GROUP_MISSED
#define GTI_GROUP_MISSED UINT64_C(0)
#endif
#include "../src/park.c"

#include "../src/timer.c"

#include "../src/wheel.c"

#include "../src/waitq.c"

#include "../src/group.c"

static const uint64_t kSomethingElse = 78;

struct group_model : rl::test_suite<group_model, 5> {
    gt_group group;
    gti_task task;
    gti_worker worker[5];
    hooks h;
    runtime rt;
    rl::atomic<int> is_ready, through;
    rl::var<int> written[2];

    void before()
    {
        begin(&rt, &h, worker, 5, &task, &is_ready);
        through($).store(0, rl::mo_relaxed);
        group.state_($).store(2 * GTI_GROUP_ONE, rl::mo_relaxed);
        group.waiter_ = NULL;
        for (rl::var<int> &w : written)
            w($) = 0;
    }

    void wait_for_members()
    {
        rl::linear_backoff again;
        while (gt_group_wait_until(&group, kDeadline) != 0)
            again.yield($);
        RL_ASSERT(group.state_($).load(rl::mo_relaxed) == 0);
        for (rl::var<int> &w : written)
            RL_ASSERT(w($) == 42);
        group.state_($).store(kSomethingElse, rl::mo_relaxed);
        group.waiter_ = NULL;
        through($).store(1, rl::mo_relaxed);
    }

    void thread(unsigned index)
    {
        if (index == 0) {
            wait_for_members();
        } else if (index == kHooks) {
            run_hooks(&through);
        } else if (index == kClock) {
            rl::linear_backoff wait;
            while (through($).load(rl::mo_relaxed) == 0) {
                run_wheel(&worker[kClock], &worker[0].timers);
                wait.yield($);
            }
        } else {
            written[index - 1]($) = 42;
            gti_group_book(&worker[index], &group, 1);
        }
    }

    void after()
    {
        RL_ASSERT(group.state_($).load(rl::mo_relaxed) == kSomethingElse);
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
    bool ok = rl::simulate<group_model>(p);
    std::printf("group, mutant %d: %s after %llu executions\n", GTI_MUTANT,
                ok ? "no error" : "error found", (unsigned long long)p.stop_iteration);
    return ok == (GTI_MUTANT == 0) ? 0 : 1;
}
