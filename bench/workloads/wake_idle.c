/* wake/idle: one operation is one second in which n tasks are parked and
 * nothing else happens; its result is the CPU time that the process burns
 * meanwhile.
 *
 * Tasks park on a channel that nothing is ever sent on. Before the clock starts
 * the root sleeps for 100 ms, so that workers that still look for work have
 * ended doing so. The root sleeps through the second too: its one wake-up is
 * part of the result, on every backend.
 */
#include "../task.h"
#include "../workload.h"

#include <errno.h>
#include <stdlib.h>

#define SETTLE_NS INT64_C(100000000)
#define IDLE_NS   INT64_C(1000000000)

struct shared {
    struct task_latch parked;
    task_chan *gate;
};

struct slot {
    struct shared *shared;
    uint64_t id;
    uint64_t sum;
    bool ended;
};

static void body(void *arg)
{
    struct slot *slot = arg;
    uint64_t nothing;

    task_latch_arrive(&slot->shared->parked);
    if (task_chan_recv(slot->shared->gate, &nothing) == -EPIPE)
        slot->sum += workload_mix(slot->id);
    slot->ended = true;
}

static uint64_t unit(const struct params *p)
{
    return 1;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    uint64_t sum = 0;

    for (uint64_t id = 0; id < p->n; id++)
        sum += workload_mix(id);
    return sum;
}

static uint64_t spawn_all(task_group *group, struct slot *slots, uint64_t n, struct bench *b,
                          int *ret_rc)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE};
    uint64_t i;
    int rc = 0;

    for (i = 0; i < n; i++) {
        if (i % 64 == 0)
            rc = -bench_budget(b);
        if (rc == 0)
            rc = task_group_spawn(group, body, &slots[i], &attr);
        if (rc)
            break;
    }
    *ret_rc = rc;
    return i;
}

static void idle(uint64_t rounds, struct bench *b)
{
    task_sleep_until(workload_now() + SETTLE_NS);
    bench_start(b);
    for (uint64_t i = 0; i < rounds; i++)
        task_sleep_until(workload_now() + IDLE_NS);
    bench_stop(b);
}

static void play(struct slot *slots, struct shared *s, uint64_t rounds, const struct params *p,
                 struct bench *b)
{
    task_group group;
    uint64_t alive;
    int rc;

    task_group_init(&group);
    alive = spawn_all(&group, slots, p->n, b, &rc);
    bench_ledger(b)->created = alive;
    task_latch_wait(&s->parked, p->n - alive);
    if (rc)
        bench_limit(b, alive, -rc);
    else
        idle(rounds, b);
    task_chan_close(s->gate);
    task_group_wait(&group);
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct slot *slots = bench_alloc(b, p->n, sizeof *slots);
    struct shared shared = {.gate = task_chan_create(sizeof(uint64_t), 0)};
    uint64_t sum = 0;

    for (uint64_t i = 0; i < p->n; i++)
        slots[i] = (struct slot){.shared = &shared, .id = i};
    task_latch_init(&shared.parked, p->n);
    if (shared.gate)
        play(slots, &shared, rounds, p, b);
    else
        bench_limit(b, 0, ENOMEM);
    for (uint64_t i = 0; i < p->n; i++) {
        sum += slots[i].sum;
        bench_ledger(b)->done += slots[i].ended;
    }
    if (shared.gate)
        task_chan_destroy(shared.gate);
    task_latch_destroy(&shared.parked);
    free(slots);
    return sum;
}

const struct workload workload_wake_idle = {
    .name = "wake/idle",
    .axes = "n P place",
    .flags = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_NO_WARMUP | WORKLOAD_ONE_ROUND,
    .unit = unit,
    .run = run,
    .expected = expected,
};
