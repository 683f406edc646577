/* spawn/parked_storm: one operation is one task of n that are all alive, and
 * have all run up to where they park, before any is released.
 *
 * Tasks park on a channel that nothing is ever sent on; closing it releases
 * them. A refusal is the limit: those alive are counted and released.
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

/* Spawns until n or a refusal; returns how many. */
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

/* One storm. 0, or the refusal that ended it, after everybody was released. */
static int storm(struct slot *slots, struct shared *s, const struct params *p, struct bench *b)
{
    task_group group;
    uint64_t alive;
    int rc;

    task_latch_init(&s->parked, p->n);
    task_group_init(&group);
    alive = spawn_all(&group, slots, p, b, &rc);
    task_latch_wait(&s->parked, p->n - alive);
    bench_ledger(b)->created += alive;
    if (rc)
        bench_limit(b, alive, -rc);
    task_chan_close(s->gate);
    task_group_wait(&group);
    task_latch_destroy(&s->parked);
    return rc;
}

/* A closed channel stays closed: each round has its own, made and destroyed
 * inside the region, at the price of one in n tasks. */
static int storm_round(struct slot *slots, struct shared *s, const struct params *p,
                       struct bench *b)
{
    int rc;

    s->gate = task_chan_create(sizeof(uint64_t), 0);
    if (!s->gate) {
        bench_limit(b, 0, ENOMEM);
        return -ENOMEM;
    }
    rc = storm(slots, s, p, b);
    task_chan_destroy(s->gate);
    return rc;
}

/* Adds the slots up and empties them. */
static uint64_t collect(struct slot *slots, uint64_t n, struct ledger *l)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < n; i++) {
        sum += slots[i].sum;
        l->done += slots[i].runs;
    }
    return sum;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct slot *slots = bench_alloc(b, p->n, sizeof *slots);
    struct shared shared = {.gate = NULL};
    uint64_t sum, before = 0, finished = 0;
    int rc = 0;

    for (uint64_t i = 0; i < p->n; i++)
        slots[i] = (struct slot){.shared = &shared, .id = (uint32_t)i};
    bench_start(b);
    while (rc == 0 && finished < rounds) {
        rc = storm_round(slots, &shared, p, b);
        finished += rc == 0;
    }
    bench_stop(b);
    sum = collect(slots, p->n, bench_ledger(b));
    if (rc)
        before = expected(finished, p);
    free(slots);
    return sum - before;
}

const struct workload workload_spawn_parked_storm = {
    .name = "spawn/parked_storm",
    .axes = "n stack temp P place",
    .flags = WORKLOAD_NEEDS_BLOCKING,
    .unit = unit,
    .run = run,
    .expected = expected,
};
