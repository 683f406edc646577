/* parallel/fib: one operation is one spawn of the tree that computes the n-th
 * Fibonacci number: each call for n >= 2 spawns a task for n - 1, computes
 * n - 2 itself, and waits. That is fib(n+1) - 1 spawns.
 *
 * A spawn that is refused runs as a call, and is counted: above 1 % of the
 * tree the cell is a limit, and whatever is left runs as plain calls, so that
 * a refusing system ends the cell soon. What a task has counted it hands to
 * its parent with the result; nothing is shared between tasks.
 */
#include "../task.h"
#include "../workload.h"

#include <errno.h>

enum { TOLERATED_PERCENT = 1, LARGEST = 40 };

struct call {
    uint64_t value;
    uint32_t n;
    uint32_t created, done, refused; /* in the tree below */
};

/* The refusal that ended the spawning, 0 before it; written once. */
static int refusal;
static uint64_t refused, tolerated; /* atomic; constant during a run */
static struct bench *bench;

static uint64_t fib(uint64_t n)
{
    uint64_t a = 0, b = 1;

    for (uint64_t i = 0; i < n; i++) {
        const uint64_t next = a + b;

        a = b;
        b = next;
    }
    return a;
}

/* The rest of a tree that has ended as a limit. */
static uint64_t plain(uint32_t n)
{
    return n < 2 ? n : plain(n - 1) + plain(n - 2);
}

/* Of all refusals, the first too many is the one that is looked into. */
static __attribute__((noinline, cold)) void refuse(struct call *c, int rc)
{
    c->refused++;
    if (__atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED) != tolerated + 1)
        return;
    bench_limit(bench, 0, -rc);
    __atomic_store_n(&refusal, rc, __ATOMIC_RELEASE);
}

static void compute(struct call *c);

static void body(void *arg)
{
    struct call *c = arg;

    compute(c);
    c->done++;
}

static void add(struct call *c, const struct call *part)
{
    c->value += part->value;
    c->created += part->created;
    c->done += part->done;
    c->refused += part->refused;
}

static void fork_and_join(struct call *c)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE};
    struct call left = {.n = c->n - 1}, right = {.n = c->n - 2};
    task_group group;
    int rc;

    task_group_init(&group);
    rc = task_group_spawn(&group, body, &left, &attr);
    if (__builtin_expect(rc != 0, 0)) {
        refuse(c, rc);
        compute(&left);
    }
    compute(&right);
    task_group_wait(&group);
    c->created = rc == 0;
    add(c, &left);
    add(c, &right);
}

static void compute(struct call *c)
{
    if (c->n < 2)
        c->value = c->n;
    else if (__builtin_expect(__atomic_load_n(&refusal, __ATOMIC_RELAXED) != 0, 0))
        c->value = plain(c->n);
    else
        fork_and_join(c);
}

static uint64_t spawns(uint64_t n)
{
    return fib(n + 1) - 1;
}

static uint64_t unit(const struct params *p)
{
    return spawns(p->n);
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    return rounds * workload_mix(fib(p->n)) * (p->n > 0);
}

static const char *check(const struct params *p)
{
    if (p->n < 2)
        return "parallel/fib needs n:2 or more, below there is nothing to spawn";
    return p->n > LARGEST ? "parallel/fib takes at most n:40" : NULL;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct ledger *l = bench_ledger(b);
    uint64_t sum = 0;

    bench = b;
    refusal = 0;
    refused = 0;
    tolerated = rounds * spawns(p->n) * TOLERATED_PERCENT / 100;
    bench_start(b);
    for (uint64_t i = 0; refusal == 0 && i < rounds; i++) {
        struct call c = {.n = (uint32_t)p->n};

        compute(&c);
        sum += workload_mix(c.value);
        l->created += c.created;
        l->done += c.done;
        l->retries += c.refused;
    }
    bench_stop(b);
    return refusal ? 0 : sum;
}

const struct workload workload_parallel_fib = {
    .name = "parallel/fib",
    .axes = "n P place",
    .flags = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_VOID_LIMIT,
    .check = check,
    .unit = unit,
    .run = run,
    .expected = expected,
};
