/* stack/grow: one operation is to make the next stack cold, spawn a task that
 * recurses `bytes` deep, and wait for it.
 *
 * Cold means that the pages below the first are not resident: the memory of
 * idle stacks is given back before each spawn, inside the region, as glibc
 * gives back that of a thread that ends. spawn/one is the same without the
 * depth, and page faults are part of the sample.
 */
#include "../task.h"
#include "../workload.h"

struct slot {
    uint64_t bytes;
    uint64_t runs;
    uint64_t sum;
    double alone;
};

static void body(void *arg)
{
    struct slot *slot = arg;

    slot->sum += workload_deep(slot->bytes, slot->runs);
    slot->runs++;
}

static void body_alone(void *arg)
{
    struct slot *slot = arg;

    slot->alone = workload_deep_alone(slot->bytes);
}

static uint64_t unit(const struct params *p)
{
    return 1;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; p->n && i < rounds; i++)
        sum += workload_deep_sum(p->bytes, i);
    return sum;
}

static int grow(task_group *group, struct slot *slot, const struct task_attr *attr)
{
    int rc;

    task_stack_trim();
    rc = task_group_spawn(group, body, slot, attr);
    task_group_wait(group);
    return rc;
}

/* The same depth where no stack grows; a refusal leaves it out. */
static double alone(task_group *group, struct slot *slot, const struct task_attr *attr)
{
    task_group_spawn(group, body_alone, slot, attr);
    task_group_wait(group);
    return slot->alone;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE,
                                   .stack_bytes = workload_deep_stack(p->bytes)};
    struct slot slot = {.bytes = p->bytes};
    uint64_t created = 0;
    task_group group;
    int rc = 0;

    task_group_init(&group);
    bench_start(b);
    for (; rc == 0 && created < rounds; created += rc == 0)
        rc = grow(&group, &slot, &attr);
    bench_stop(b);
    if (rc)
        bench_limit(b, 0, -rc);
    else
        bench_alone(b, alone(&group, &slot, &attr));
    bench_ledger(b)->created = created;
    bench_ledger(b)->done = slot.runs;
    return rc ? 0 : slot.sum;
}

const struct workload workload_stack_grow = {
    .name = "stack/grow",
    .axes = "bytes P place",
    .flags = WORKLOAD_OWN_STACK,
    .unit = unit,
    .run = run,
    .expected = expected,
};
