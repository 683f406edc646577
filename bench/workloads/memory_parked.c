/* memory/parked: what n tasks parked on a channel cost in memory. One
 * operation, for the time that is measured beside, is to bring one task to
 * where it parks.
 *
 * The workload's own tables are resident before the baseline, so that the
 * difference is the tasks alone. Nothing has run before: a backend that pools
 * would otherwise have paid already. A refusal or a budget is the limit, and
 * the memory of those that are alive is still probed.
 */
#include "../task.h"
#include "../workload.h"

#include <errno.h>
#include <stdlib.h>

struct shared {
    struct task_latch parked;
    task_chan *gate;
};

struct slot {
    struct shared *shared;
    uint32_t id;
    uint32_t runs;
    uint64_t sum;
};

static void body(void *arg)
{
    struct slot *slot = arg;
    uint64_t nothing;

    task_latch_arrive(&slot->shared->parked);
    if (task_chan_recv(slot->shared->gate, &nothing) == -EPIPE)
        slot->sum += workload_mix(slot->id);
    slot->runs++;
}

static uint64_t unit(const struct params *p)
{
    return p->n;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    uint64_t sum = 0;

    for (uint64_t id = 0; id < p->n; id++)
        sum += workload_mix(id);
    return sum * rounds;
}

static uint64_t spawn_all(task_group *group, struct slot *slots, const struct params *p,
                          struct bench *b, int *ret_rc)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE, .stack_bytes = p->stack_bytes};
    const uint64_t n = p->n;
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

static void park_and_probe(struct slot *slots, struct shared *s, const struct params *p,
                           struct bench *b)
{
    task_group group;
    uint64_t alive;
    int rc;

    task_group_init(&group);
    bench_memory(b, 0);
    bench_start(b);
    alive = spawn_all(&group, slots, p, b, &rc);
    task_latch_wait(&s->parked, p->n - alive);
    bench_stop(b);
    if (rc)
        bench_limit(b, alive, -rc);
    if (alive)
        bench_memory(b, alive);
    bench_ledger(b)->created = alive;
    task_chan_close(s->gate);
    task_group_wait(&group);
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct slot *slots = bench_alloc(b, p->n, sizeof *slots);
    struct shared shared = {.gate = task_chan_create(sizeof(uint64_t), 0)};
    uint64_t sum = 0;

    task_latch_init(&shared.parked, p->n);
    for (uint64_t i = 0; i < p->n; i++)
        slots[i] = (struct slot){.shared = &shared, .id = (uint32_t)i};
    if (!shared.gate)
        bench_limit(b, 0, ENOMEM);
    else
        park_and_probe(slots, &shared, p, b);
    for (uint64_t i = 0; i < p->n; i++) {
        sum += slots[i].sum;
        bench_ledger(b)->done += slots[i].runs;
    }
    if (shared.gate)
        task_chan_destroy(shared.gate);
    task_latch_destroy(&shared.parked);
    free(slots);
    return sum;
}

const struct workload workload_memory_parked = {
    .name = "memory/parked",
    .axes = "n stack P place",
    .flags = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_NO_WARMUP | WORKLOAD_ONE_ROUND,
    .unit = unit,
    .run = run,
    .expected = expected,
};
