/* stack/grow_warm: one operation is to spawn a task that recurses `bytes`
 * deep, and wait for it, on whatever stacks the backend pools.
 *
 * The price of the pool is its memory: the sample says how many bytes one
 * idle stack keeps resident, as the change from before the first task to
 * after the last (n is 1). For that baseline nothing may have run before, so
 * that the unmeasured operation is made here and not by the harness.
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

/* One more than measured: the unmeasured one counts too. */
static uint64_t expected(uint64_t rounds, const struct params *p)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; p->n && i < rounds + 1; i++)
        sum += workload_deep_sum(p->bytes, i);
    return sum;
}

static int grow(task_group *group, struct slot *slot, const struct task_attr *attr)
{
    int rc = task_group_spawn(group, body, slot, attr);

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
    int rc;

    task_group_init(&group);
    bench_memory(b, 0);
    rc = grow(&group, &slot, &attr);
    created += rc == 0;
    bench_start(b);
    for (; rc == 0 && created < rounds + 1; created += rc == 0)
        rc = grow(&group, &slot, &attr);
    bench_stop(b);
    if (rc) {
        bench_limit(b, 0, -rc);
    } else {
        bench_memory(b, 1);
        bench_alone(b, alone(&group, &slot, &attr));
    }
    bench_ledger(b)->created = created;
    bench_ledger(b)->done = slot.runs;
    return rc ? 0 : slot.sum;
}

const struct workload workload_stack_grow_warm = {
    .name = "stack/grow_warm",
    .axes = "bytes P place",
    .flags = WORKLOAD_OWN_STACK | WORKLOAD_NO_WARMUP,
    .unit = unit,
    .run = run,
    .expected = expected,
};
