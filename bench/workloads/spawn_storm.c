/* spawn/storm: one operation is one task of a storm of n no-op tasks that one
 * task spawns and then waits for.
 *
 * A refusal (EAGAIN) is back-pressure: wait for the oldest task, try again,
 * and count. Tasks write only their own slot, which is summed after the
 * clock has stopped.
 */
#include "../task.h"
#include "../workload.h"

#include <errno.h>
#include <stdlib.h>

/* 16 bytes, resident before the clock starts. */
struct slot {
    uint32_t id;
    uint32_t runs;
    uint64_t sum;
};

static void body(void *arg)
{
    struct slot *slot = arg;

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

/* Out of the hot path: 0 once the task is spawned, or the error that is the
 * limit because there is nobody left to wait for. */
static __attribute__((noinline, cold)) int spawn_again(task_group *group, struct slot *slot,
                                                       const struct task_attr *attr, int rc,
                                                       uint64_t *retries)
{
    while (rc == -EAGAIN && task_group_reap(group) == 0) {
        (*retries)++;
        rc = task_group_spawn(group, body, slot, attr);
    }
    return rc;
}

struct storm {
    struct slot *slots;
    uint64_t n, created, retries;
    size_t stack_bytes;
    task_group group;
};

static int storm_round(struct storm *s)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE, .stack_bytes = s->stack_bytes};
    int rc = 0;

    for (uint64_t i = 0; i < s->n; i++) {
        rc = task_group_spawn(&s->group, body, &s->slots[i], &attr);
        if (__builtin_expect(rc != 0, 0)) {
            rc = spawn_again(&s->group, &s->slots[i], &attr, rc, &s->retries);
            if (rc)
                break;
        }
        s->created++;
    }
    task_group_wait(&s->group);
    return rc;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct storm s = {.slots = bench_alloc(b, p->n, sizeof(struct slot)),
                      .n = p->n,
                      .stack_bytes = p->stack_bytes};
    struct ledger *l = bench_ledger(b);
    uint64_t sum = 0;
    int rc = 0;

    for (uint64_t i = 0; i < p->n; i++)
        s.slots[i].id = (uint32_t)i;
    task_group_init(&s.group);
    bench_start(b);
    for (uint64_t i = 0; rc == 0 && i < rounds; i++)
        rc = storm_round(&s);
    bench_stop(b);
    for (uint64_t i = 0; i < p->n; i++) {
        sum += s.slots[i].sum;
        l->done += s.slots[i].runs;
    }
    l->created = s.created;
    l->retries = s.retries;
    if (rc) {
        /* Not one task could be had: nothing of this round is left to sum. */
        bench_limit(b, 0, -rc);
        sum = 0;
    }
    free(s.slots);
    return sum;
}

const struct workload workload_spawn_storm = {
    .name = "spawn/storm",
    .axes = "n stack temp P place",
    .unit = unit,
    .run = run,
    .expected = expected,
};
