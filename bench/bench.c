/* The functions that a workload may call; see workload.h and bench.h. */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gbench/gbench.h"

enum {
    /* Memory is read once in so many budget checks, which takes tens of
     * microseconds: with a check every 64 spawns, once in 1024 tasks. A parked
     * OS thread costs some 33 KiB, so that the budget is overrun by 33 MiB at
     * worst. */
    CALLS_PER_READING = 16,
    SPAWNS_PER_CALL = 64, /* of bench_budget() */
    CACHE_LINE = 64,
    /* Whoever takes it, the machine must keep this fraction of what it had. */
    RESERVE_FRACTION = 8
};

bool bench_region_open;

int64_t bench_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void bench_prepare(struct bench *b, enum bench_mode mode, bool warmed, struct gbench *gbench)
{
    const struct bench fresh = {
        .mode = mode,
        .warmed = warmed,
        .gbench = gbench,
        .give_up = b->give_up,
        .latency = b->latency,
        .spare_cpu = b->spare_cpu,
        .probe_precise = b->probe_precise,
        .budget = b->budget,
        .available_at_start = limit_memory_available(),
        .used_at_start = limit_memory_used(),
        .deadline_ns = bench_clock_ns() + (int64_t)(b->budget.seconds * 1e9),
    };

    histogram_clear(b->latency);
    *b = fresh;
}

struct ledger *bench_ledger(struct bench *b)
{
    return &b->ledger;
}

void *bench_alloc(struct bench *b, uint64_t count, size_t size)
{
    char reason[160];
    uint64_t bytes;
    void *table = NULL;

    if (!__builtin_mul_overflow(count, size, &bytes) && bytes <= b->budget.memory_bytes)
        table = aligned_alloc(CACHE_LINE, (bytes + CACHE_LINE) / CACHE_LINE * CACHE_LINE);
    if (!table) {
        snprintf(reason, sizeof reason,
                 "the workload's own tables of %llu x %zu bytes exceed the memory budget of %llu "
                 "bytes (--mem-budget)",
                 (unsigned long long)count, size, (unsigned long long)b->budget.memory_bytes);
        b->give_up(reason);
        abort();
    }
    /* Written, not calloc()ed: pages must be resident before the clock runs. */
    memset(table, 0, bytes);
    return table;
}

/* The clock starts last and stops first. */
void bench_start(struct bench *b)
{
    b->starts++;
    bench_region_open = true;
    if (b->mode == BENCH_MEASURE) {
        getrusage(RUSAGE_SELF, &b->before);
        gbench_start(b->gbench);
    } else {
        b->begin_ns = bench_clock_ns();
    }
}

void bench_stop(struct bench *b)
{
    if (b->mode == BENCH_MEASURE) {
        gbench_stop(b->gbench);
        getrusage(RUSAGE_SELF, &b->after);
    } else {
        b->end_ns = bench_clock_ns();
    }
    b->stops++;
    bench_region_open = false;
}

/* A probe that cannot be read leaves the sample without memory figures. */
void bench_memory(struct bench *b, uint64_t alive)
{
    if (b->mode != BENCH_MEASURE)
        return;
    if (alive == 0) {
        memory_baseline(&b->probe, b->probe_precise);
        return;
    }
    b->has_memory = memory_measure(&b->probe, alive, &b->memory) == 0;
    memory_close(&b->probe);
}

void bench_limit(struct bench *b, uint64_t reached, int err)
{
    struct limit_facts facts;

    limit_facts_read(&facts);
    b->limit = limit_classify(reached, err, &facts, &b->budget);
    b->limited = true;
}

void bench_fairness(struct bench *b, uint64_t tasks, uint64_t min, uint64_t max)
{
    b->fair_tasks = tasks;
    b->fair_min = min;
    b->fair_max = max;
}

void bench_alone(struct bench *b, double ns_per_op)
{
    b->alone_ns = ns_per_op;
}

void bench_wakeup_cpu(struct bench *b, double ns)
{
    b->wakeup_cpu_ns = ns;
}

void bench_record(struct bench *b, int64_t ns)
{
    if (b->mode == BENCH_MEASURE)
        histogram_add(b->latency, ns);
}

static bool memory_used_up(const struct bench *b)
{
    return limit_memory_used() > b->used_at_start + b->budget.memory_bytes ||
           limit_memory_available() < b->available_at_start / RESERVE_FRACTION;
}

int bench_budget(struct bench *b)
{
    if (b->warmed)
        return 0;
    if (bench_clock_ns() > b->deadline_ns)
        return ETIME;
    if (b->budget.pids_reserve > 0 && limit_pids_room() < b->budget.pids_reserve + SPAWNS_PER_CALL)
        return EDQUOT;
    if (++b->budget_calls % CALLS_PER_READING != 0)
        return 0;
    return memory_used_up(b) ? E2BIG : 0;
}

void bench_invalid(struct bench *b, const char *why)
{
    b->invalid = why;
}

void bench_fail(struct bench *b, const char *why)
{
    snprintf(b->failure, sizeof b->failure, "%s", why);
}

void bench_skip(struct bench *b, const char *why)
{
    b->give_up(why);
    abort();
}

int bench_spare_cpu(const struct bench *b)
{
    return b->spare_cpu;
}

void bench_load(struct bench *b, const struct load_facts *facts)
{
    b->load = *facts;
    b->has_load = true;
}
