// Relacy model of the run queue, on the code of src/runq.h itself, with rings
// of 2 that grow to 4 and 8, so that they wrap, and grow under the thieves.
//
// The owner pushes tasks and pops some; two thieves steal into rings of their
// own. Every task must be taken exactly once, and who takes it must see what
// the owner wrote into it (rl::var finds a race otherwise).
//
// GTI_MUTANT weakens one ordering; each mutant must be found.
#include <cstdio>
#include <relacy/relacy.hpp>

#define GTI_RELACY
#define GTI_RUNQ_FIRST 2u
#ifndef GTI_MUTANT
#define GTI_MUTANT 0
#endif

struct gti_task {
    rl::var<int> payload;
    rl::var<int> taken;
};

#include "../src/atomics.h"
#if GTI_MUTANT == 1 // the tail is published without release
#undef GTI_STORE
#define GTI_STORE(x, v, mo) (x)($).store(v, rl::mo_relaxed)
#elif GTI_MUTANT == 2 // heads are taken without compare-and-swap
#undef GTI_CAS
#define GTI_CAS(x, expected, v, mo) ((x)($).store(v, rl::mo_##mo), (void)expected, true)
#elif GTI_MUTANT == 3 // the thief reads the tail without acquire
#undef GTI_LOAD
#define GTI_LOAD(x, mo) (x)($).load(rl::mo_relaxed)
#endif
#include "../src/runq.h"

static const int kTasks = 7;
static const int kArrays = 16;

// Arrays and slots live in the model, so that Relacy sees them made anew for
// each execution.
struct memory {
    gti_runq_array array[kArrays];
    gti_runq_slot slot[kArrays][8];
    int used;
} static *arrays;

gti_runq_array *gti_runq_array_new(uint32_t slots)
{
    int i = arrays->used++;
    RL_ASSERT(i < kArrays && slots <= 8u);
    arrays->array[i].mask = slots - 1u;
    arrays->array[i].slot = arrays->slot[i];
    for (gti_runq_slot &slot : arrays->slot[i])
        slot.task($).store(nullptr, rl::mo_relaxed);
    return &arrays->array[i];
}

struct runq_model : rl::test_suite<runq_model, 3> {
    gti_runq ring[3]; // 0 is the owner's, 1 and 2 the thieves'
    gti_task task[kTasks];
    memory all;

    void before()
    {
        arrays = &all;
        all.used = 0;
        for (gti_runq &q : ring) {
            q.head($).store(0u, rl::mo_relaxed);
            q.tail($).store(0u, rl::mo_relaxed);
            gti_runq_set_array(&q, gti_runq_array_new(GTI_RUNQ_FIRST));
        }
        for (gti_task &t : task) {
            t.payload($) = 0;
            t.taken($) = 0;
        }
    }

    void take(gti_task *t)
    {
        RL_ASSERT(t->payload($) == 42);
        RL_ASSERT(t->taken($) == 0);
        t->taken($) = 1;
    }

    void drain(int me)
    {
        while (gti_task *t = gti_runq_pop(&ring[me]))
            take(t);
    }

    void owner()
    {
        for (int i = 0; i < kTasks; i++) {
            task[i].payload($) = 42;
            while (!gti_runq_push(&ring[0], &task[i]))
                gti_runq_grow(&ring[0]);
            if (i % 3 == 2)
                if (gti_task *t = gti_runq_pop(&ring[0]))
                    take(t);
        }
    }

    void thread(unsigned index)
    {
        if (index == 0) {
            owner();
            return;
        }
        for (int tries = 0; tries < 3; tries++) {
            uint32_t count = 0;
            // Thief 2 also steals from thief 1.
            int victim = index == 2 && tries == 1 ? 1 : 0;
            if (gti_task *t = gti_runq_steal(&ring[victim], &ring[index], &count))
                take(t);
            drain((int)index);
        }
    }

    void after()
    {
        for (int i = 0; i < 3; i++)
            drain(i);
        for (gti_task &t : task)
            RL_ASSERT(t.taken($) == 1);
    }
};

int main()
{
    rl::test_params p;
    p.search_type = rl::sched_random;
    p.iteration_count = 200000;
    p.execution_depth_limit = 4000;
    bool ok = rl::simulate<runq_model>(p);
    std::printf("run queue, mutant %d: %s after %llu executions\n", GTI_MUTANT,
                ok ? "no error" : "error found", (unsigned long long)p.stop_iteration);
    return ok == (GTI_MUTANT == 0) ? 0 : 1;
}
