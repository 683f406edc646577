/* stack/retained: what stays resident of the stacks of tasks that recursed
 * `bytes` deep, returned from it, slept, and wait. The result is `memory`, over
 * all of them; one operation, for the time that is measured beside, is to bring
 * one task to where it has been that deep and goes to sleep.
 *
 * Several tasks, all alive, so that the figure stands out of the probe's noise:
 * 16, or fewer where together they would be deeper than 16 MiB. They sleep for
 * 200 ms, in which nothing else runs: time for a backend that gives back what
 * waiting tasks do not use. Nothing has run before, so that pools are empty.
 */
#include "../task.h"
#include "../workload.h"

#include <errno.h>
#include <stdlib.h>

#define SLEEP_NS INT64_C(200000000)

enum { TASKS_MAX = 16, TOGETHER = 16 << 20 };

struct shared {
    struct task_latch deep, slept;
    task_chan *gate;
};

struct slot {
    struct shared *shared;
    uint64_t id;
    uint64_t bytes;
    uint64_t sum;
    bool ended;
};

static void body(void *arg)
{
    struct slot *slot = arg;
    struct shared *s = slot->shared;
    uint64_t nothing;

    slot->sum = workload_deep(slot->bytes, slot->id);
    task_latch_arrive(&s->deep);
    task_sleep_until(workload_now() + SLEEP_NS);
    task_latch_arrive(&s->slept);
    slot->ended = task_chan_recv(s->gate, &nothing) == -EPIPE;
}

static uint64_t unit(const struct params *p)
{
    const uint64_t fit = TOGETHER / p->bytes;

    return fit < 1 ? 1 : fit < TASKS_MAX ? fit : TASKS_MAX;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    uint64_t sum = 0;

    for (uint64_t id = 0; p->n && id < unit(p); id++)
        sum += workload_deep_sum(p->bytes, id);
    return sum;
}

static uint64_t spawn_all(task_group *group, struct slot *slots, const struct params *p,
                          int *ret_rc)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE,
                                   .stack_bytes = workload_deep_stack(p->bytes)};
    uint64_t i = 0;
    int rc = 0;

    while (i < unit(p) && (rc = task_group_spawn(group, body, &slots[i], &attr)) == 0)
        i++;
    *ret_rc = rc;
    return i;
}

static int play(struct slot *slots, struct shared *s, const struct params *p, struct bench *b)
{
    task_group group;
    uint64_t alive;
    int rc;

    task_group_init(&group);
    bench_memory(b, 0);
    bench_start(b);
    alive = spawn_all(&group, slots, p, &rc);
    task_latch_wait(&s->deep, unit(p) - alive);
    bench_stop(b);
    bench_ledger(b)->created = alive;
    if (rc)
        bench_limit(b, alive, -rc);
    task_latch_wait(&s->slept, unit(p) - alive);
    if (rc == 0)
        bench_memory(b, alive);
    task_chan_close(s->gate);
    task_group_wait(&group);
    return rc;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct slot *slots = bench_alloc(b, unit(p), sizeof *slots);
    struct shared shared = {.gate = task_chan_create(sizeof(uint64_t), 0)};
    uint64_t sum = 0;
    int rc = -ENOMEM;

    for (uint64_t i = 0; i < unit(p); i++)
        slots[i] = (struct slot){.shared = &shared, .id = i, .bytes = p->bytes};
    task_latch_init(&shared.deep, unit(p));
    task_latch_init(&shared.slept, unit(p));
    if (shared.gate)
        rc = play(slots, &shared, p, b);
    else
        bench_limit(b, 0, ENOMEM);
    for (uint64_t i = 0; i < unit(p); i++) {
        sum += slots[i].sum;
        bench_ledger(b)->done += slots[i].ended;
    }
    if (shared.gate)
        task_chan_destroy(shared.gate);
    task_latch_destroy(&shared.slept);
    task_latch_destroy(&shared.deep);
    free(slots);
    return rc ? 0 : sum;
}

const struct workload workload_stack_retained = {
    .name = "stack/retained",
    .axes = "bytes P place",
    .flags = WORKLOAD_OWN_STACK | WORKLOAD_NEEDS_BLOCKING | WORKLOAD_NO_WARMUP |
             WORKLOAD_ONE_ROUND | WORKLOAD_VOID_LIMIT,
    .unit = unit,
    .run = run,
    .expected = expected,
};
