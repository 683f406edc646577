// Relacy model of the run-next slot and its biased lock, on the code of
// src/next_slot.h, with the ring of src/runq.h that the lock protects too.
//
// The owner puts tasks into the slot, pushes what that displaces, and takes
// tasks out of both, as a worker that is alone does. The monitor takes the
// bias away when it can, empties the slot, steals from the ring, and gives the
// bias back. Every task must be taken exactly once, and who takes it must see
// what the owner wrote into it.
//
// Relacy knows no membarrier: both ends are full fences here. Each mutant takes
// out a piece of the argument and must be found.
#include <cstdio>
#include <relacy/relacy.hpp>

#define GTI_RELACY
#define GTI_RUNQ_FIRST 4u
#ifndef GTI_MUTANT
#define GTI_MUTANT 0
#endif

struct gti_task {
    rl::var<int> payload;
    rl::var<int> taken;
};

#include "../src/atomics.h"
#if GTI_MUTANT == 1 // the owner's two lines may swap
#undef GTI_LIGHT_FENCE
#define GTI_LIGHT_FENCE() ((void)0)
#endif
#if GTI_MUTANT == 2 // no membarrier
#define GTI_HEAVY_FENCE() ((void)0)
#else
#define GTI_HEAVY_FENCE() GTI_FENCE(seq_cst)
#endif
#include "../src/next_slot.h"
#include "../src/runq.h"

static const int kTasks = 6;

gti_runq_array *gti_runq_array_new(uint32_t)
{
    RL_ASSERT(false);
    return nullptr;
}

struct bias_model : rl::test_suite<bias_model, 2> {
    gti_next_slot slot;
    gti_runq ring[2]; // the owner's and the monitor's
    gti_runq_array array[2];
    gti_runq_slot slots[2][4];
    gti_task task[kTasks];

    void before()
    {
        slot.task($).store(nullptr, rl::mo_relaxed);
        slot.touching($).store(0u, rl::mo_relaxed);
        slot.shared($).store(0u, rl::mo_relaxed);
        for (int i = 0; i < 2; i++) {
            for (gti_runq_slot &s : slots[i])
                s.task($).store(nullptr, rl::mo_relaxed);
            array[i].mask = 3u;
            array[i].slot = slots[i];
            ring[i].head($).store(0u, rl::mo_relaxed);
            ring[i].tail($).store(0u, rl::mo_relaxed);
            gti_runq_set_array(&ring[i], &array[i]);
        }
        for (gti_task &t : task) {
            t.payload($) = 0;
            t.taken($) = 0;
        }
    }

    void take(gti_task *t)
    {
        if (!t)
            return;
        RL_ASSERT(t->payload($) == 42);
        RL_ASSERT(t->taken($) == 0);
        t->taken($) = 1;
    }

    gti_task *pop()
    {
#if GTI_MUTANT == 5 // the owner takes off the ring without the lock
        return gti_runq_pop_alone(&ring[0]);
#else
        gti_task *t = gti_next_touch(&slot) ? gti_runq_pop_alone(&ring[0]) : gti_runq_pop(&ring[0]);
        gti_next_untouch(&slot);
        return t;
#endif
    }

    gti_task *exchange(gti_task *t)
    {
#if GTI_MUTANT == 6 // the owner exchanges without the lock
        bool mine = true;
#else
        bool mine = gti_next_touch(&slot);
#endif
        const struct gti_runq_ends ends = gti_runq_ends(&ring[0]);
        gti_task *other = t;
        if (mine && ends.head != ends.tail) {
            other = gti_runq_at(&ends, ends.tail - 1u - ends.head);
            gti_runq_exchange(&ends, ends.tail - 1u, t);
        }
        gti_next_untouch(&slot);
        return other;
    }

    void owner()
    {
        for (int i = 0; i < kTasks; i++) {
            task[i].payload($) = 42;
            if (gti_task *displaced = gti_next_put(&slot, &task[i]))
                gti_runq_push(&ring[0], displaced);
            if (i % 3 == 1)
                take(gti_next_take(&slot));
            if (i < 3 || i % 2 == 0)
                continue;
            gti_task *t = pop(); // another is left in the ring
            take(t ? exchange(t) : nullptr);
        }
    }

    void monitor()
    {
        for (int looks = 0; looks < 2; looks++) {
#if GTI_MUTANT == 3 // the monitor does not ask whether the owner is inside
            gti_next_unbias(&slot);
#else
            if (!gti_next_unbias(&slot))
                continue;
#endif
            uint32_t count = 0;
            take(gti_next_evict(&slot));
            if (gti_task *t = gti_runq_steal(&ring[0], &ring[1], &count))
                take(t);
            while (gti_task *t = gti_runq_pop(&ring[1]))
                take(t);
#if GTI_MUTANT == 4 // who sees the bias given back may not see what was taken
            GTI_STORE(slot.shared, 0u, relaxed);
#else
            gti_next_rebias(&slot);
#endif
        }
    }

    void thread(unsigned index)
    {
        index == 0 ? owner() : monitor();
    }

    void after()
    {
        take(gti_next_take(&slot));
        while (gti_task *t = gti_runq_pop(&ring[0]))
            take(t);
        for (gti_task &t : task)
            RL_ASSERT(t.taken($) == 1);
    }
};

int main()
{
    rl::test_params p;
    p.search_type = rl::sched_random;
    p.iteration_count = 300000;
    p.execution_depth_limit = 4000;
    bool ok = rl::simulate<bias_model>(p);
    std::printf("biased lock, mutant %d: %s after %llu executions\n", GTI_MUTANT,
                ok ? "no error" : "error found", (unsigned long long)p.stop_iteration);
    return ok == (GTI_MUTANT == 0) ? 0 : 1;
}
