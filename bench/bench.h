/* One run of a workload: what the functions of workload.h work on.
 *
 * Written by one task at a time: the root task before bench_start() and after
 * bench_stop(), and the tasks that call those two, which the workload orders.
 * The root task may move between OS threads, so that nothing here is
 * thread-local and no clock of a thread is read.
 */
#ifndef GREENBENCH_BENCH_H
#define GREENBENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "histogram.h"
#include "limit.h"
#include "memory.h"
#include "workload.h"

struct gbench;

enum bench_mode {
    BENCH_WARMUP, /* nothing is recorded */
    BENCH_PILOT,  /* only the length of the region */
    BENCH_MEASURE,
};

struct bench {
    enum bench_mode mode;
    bool warmed; /* an unmeasured round of the same shape came before */
    struct gbench *gbench;
    /* Prints a sample with this reason and ends the process. */
    void (*give_up)(const char *reason);

    struct ledger ledger;
    struct rusage before, after;
    int64_t begin_ns, end_ns;
    unsigned starts, stops;

    bool limited;
    struct limit limit;
    const char *invalid;
    char failure[200]; /* "": none */

    struct histogram *latency;               /* too large for a task's stack */
    uint64_t fair_tasks, fair_min, fair_max; /* fair_tasks 0: not measured */
    double alone_ns, wakeup_cpu_ns;          /* 0: not measured */

    int spare_cpu;
    bool has_load;
    struct load_facts load;
    bool probe_precise;
    struct memory_probe probe;
    bool has_memory;
    struct memory_sample memory;

    struct limit_budget budget;
    int64_t deadline_ns;
    uint64_t available_at_start, used_at_start;
    unsigned budget_calls;
};

/* For the backend without operations; see backends/null. */
extern bool bench_region_open;

/* Makes ready for one run; budget, probe_precise, spare_cpu, latency and give_up are kept. */
void bench_prepare(struct bench *b, enum bench_mode mode, bool warmed, struct gbench *gbench);

int64_t bench_clock_ns(void);

#endif
