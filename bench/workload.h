/* What a workload is, and all that it may ask of the harness.
 *
 * A workload counts what it did and says, in another function, what that
 * count must be; the harness compares the two after every run and a mismatch
 * fails the run. No function here is called from a hot loop.
 */
#ifndef GREENBENCH_WORKLOAD_H
#define GREENBENCH_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The values of a cell's axes, parsed from its name; what a name does not
 * mention has the value given here. */
struct params {
    uint64_t n;       /* n:      tasks, 1 */
    uint64_t bytes;   /* bytes:  stack depth, 0 */
    uint64_t p, c;    /* p: c:   producers and consumers, 1 */
    uint64_t cap;     /* cap:    channel capacity in elements, 0 */
    bool cold;        /* temp:cold instead of temp:warm */
    int ncpu;         /* P:      CPUs allowed */
    const char *place; /* place: placement of a pair or pool; pairs run in slots 0 and 1 */
};

struct bench;

enum workload_flags {
    WORKLOAD_NEEDS_BLOCKING = 1, /* tasks wait for each other: not for TASK_CAN_BLOCK 0 */
    WORKLOAD_NO_WARMUP = 2,      /* the harness must not run an unmeasured round first */
    WORKLOAD_ONE_ROUND = 4,      /* rounds is always 1 */
};

struct workload {
    const char *name;  /* "<group>/<case>" */
    const char *axes;  /* space-separated axis keys its cells may carry */
    unsigned flags;
    /* Operations in one round, e.g. the tasks of one storm. */
    uint64_t (*unit)(const struct params *p);
    /* Run `rounds` rounds inside the root task; returns the checksum. Calls
     * bench_start() once and bench_stop() once around the measured region. */
    uint64_t (*run)(uint64_t rounds, const struct params *p, struct bench *b);
    /* The checksum that run() must return. */
    uint64_t (*expected)(uint64_t rounds, const struct params *p);
};

/* Counted by the workload outside its hot loop, or summed per task and added
 * once. created must equal done; delivered must equal sent. */
struct ledger {
    uint64_t created;      /* tasks that spawn accepted */
    uint64_t done;         /* tasks that ran to their end */
    uint64_t sent;         /* messages sent */
    uint64_t delivered;    /* messages received */
    uint64_t retries;      /* spawns refused with EAGAIN and tried again */
    uint64_t empty_yields; /* yields after which nobody else had run */
};

struct ledger *bench_ledger(struct bench *b);

/* Open and close the measured region. May be called from different tasks. */
void bench_start(struct bench *b);
void bench_stop(struct bench *b);

/* Memory probe: call with alive == 0 before anything is spawned, then with
 * the number of live tasks while they are parked. Not inside the region. */
void bench_memory(struct bench *b, uint64_t alive);

/* The cell ended at a limit of the system, which is a result: `reached`
 * tasks were alive when `err` (an errno, ENOMEM, or ETIME for the time
 * budget, E2BIG for the memory budget) stopped it. */
void bench_limit(struct bench *b, uint64_t reached, int err);

/* True once the memory budget or the cell's time budget is used up; the
 * reason is what bench_limit() wants as err. Cheap enough for every 64 spawns. */
int bench_budget(struct bench *b);

/* The run was correct but did not measure what its name says; `why` is kept.
 * A string literal or static buffer. */
void bench_invalid(struct bench *b, const char *why);

#endif
