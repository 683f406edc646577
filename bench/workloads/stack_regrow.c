/* stack/regrow: one operation is to recurse `bytes` deep, again and again in
 * the same task, whose stack has been that deep before the clock starts.
 */
#include "../task.h"
#include "../workload.h"

struct job {
    uint64_t bytes;
    uint64_t times;
    uint64_t runs;
    uint64_t sum;
    struct bench *bench;
};

static void body(void *arg)
{
    struct job *job = arg;
    uint64_t sum = workload_deep(job->bytes, 0);

    bench_start(job->bench);
    for (uint64_t i = 1; i <= job->times; i++)
        sum += workload_deep(job->bytes, i);
    bench_stop(job->bench);
    job->sum = sum;
    job->runs++;
}

static uint64_t unit(const struct params *p)
{
    return 1;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; p->n && i < rounds + 1; i++)
        sum += workload_deep_sum(p->bytes, i);
    return sum;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE,
                                   .stack_bytes = workload_deep_stack(p->bytes)};
    struct job job = {.bytes = p->bytes, .times = rounds, .bench = b};
    task_group group;
    int rc;

    task_group_init(&group);
    rc = task_group_spawn(&group, body, &job, &attr);
    task_group_wait(&group);
    if (rc)
        bench_limit(b, 0, -rc);
    bench_ledger(b)->created = rc == 0;
    bench_ledger(b)->done = job.runs;
    return job.sum;
}

const struct workload workload_stack_regrow = {
    .name = "stack/regrow",
    .axes = "bytes P place",
    .flags = WORKLOAD_OWN_STACK,
    .unit = unit,
    .run = run,
    .expected = expected,
};
