/* spawn/one: one operation is to spawn one task and wait for it.
 *
 * The task adds to a word of its own, so that one that never ran, or ran
 * twice, shows in the checksum.
 */
#include "../task.h"
#include "../workload.h"

#include <stdlib.h>

enum { UNIT = 1000 };

struct slot {
    uint64_t runs;
    uint64_t sum;
};

static void body(void *arg)
{
    struct slot *slot = arg;

    slot->sum += workload_mix(slot->runs);
    slot->runs++;
}

static uint64_t unit(const struct params *p)
{
    return UNIT;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; p->n && i < rounds * UNIT; i++)
        sum += workload_mix(i);
    return sum;
}

/* One task at a time: a refusal has nobody to wait for, and is the limit. */
static int spawn_and_wait(task_group *group, struct slot *slot)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE};
    int rc = task_group_spawn(group, body, slot, &attr);

    task_group_wait(group);
    return rc;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct slot slot = {0};
    uint64_t created = 0;
    task_group group;
    int rc = 0;

    task_group_init(&group);
    bench_start(b);
    for (; rc == 0 && created < rounds * UNIT; created += rc == 0)
        rc = spawn_and_wait(&group, &slot);
    bench_stop(b);
    if (rc)
        bench_limit(b, 0, -rc);
    bench_ledger(b)->created = created;
    bench_ledger(b)->done = slot.runs;
    return rc ? 0 : slot.sum;
}

const struct workload workload_spawn_one = {
    .name = "spawn/one",
    .axes = "P place",
    .unit = unit,
    .run = run,
    .expected = expected,
};
