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
#include <time.h>

/* The values of a cell's axes, parsed from its name; what a name does not
 * mention has the value given here. */
struct params {
    uint64_t n;         /* n:      tasks, 1 */
    uint64_t k;         /* k:      channels of a select, primes of a sieve, 1 */
    uint64_t kib;       /* kib:    KiB that a task touches between switches, 0 */
    uint64_t bytes;     /* bytes:  stack depth, 0 */
    uint64_t p, c;      /* p: c:   producers and consumers; c: also connections, 1 */
    uint64_t cap;       /* cap:    channel capacity in elements, 0 */
    uint64_t cs;        /* cs:     ns of work in a critical section, 0 */
    uint64_t h;         /* h:      tasks that never yield, 0 */
    const char *by;     /* by:     how a counter is shared: mutex, atomic, owner */
    uint64_t delay;     /* delay:  us that a task waits before it is woken, 0 */
    uint64_t full_load; /* not an axis: requests a second that load:100 is; 0 if not given */
    const char *load;   /* load:   of a service, in percent: 25, 50, 80, max */
    bool no_remedy;     /* remedy:off, the runtime leaves hogs alone, instead of remedy:on */
    const char *stack;  /* stack:  policy: small, 64k; NULL is the backend's default */
    size_t stack_bytes; /* what task_attr asks for under that policy; 0 by default */
    bool cold;          /* temp:cold instead of temp:warm */
    int ncpu;           /* P:      CPUs allowed */
    const char *place;  /* place: placement of a pair or pool; "free" or "none" by default */
    bool pinned;        /* a pair's placement: its tasks run in slots 0 and 1 */
};

/* The slot of one side (0 or 1) of a pair; -1 is TASK_ANYWHERE. With one CPU
 * both sides share slot 0. */
static inline int params_pair_slot(const struct params *p, int side)
{
    return p->pinned ? side % p->ncpu : -1;
}

struct bench;

/* For tests: executables built so lose one message or hand-over, or the count of
 * it, in each workload whose tasks have some, and must fail. */
#ifdef GREENBENCH_TEST_LOSE_MESSAGE
enum { WORKLOAD_LOSES = 1 };
#else
enum { WORKLOAD_LOSES = 0 };
#endif

/* temp:cold cells have no warm-up and one round, whatever the flags say: what
 * a cold cell measures exists once per process. */
enum workload_flags {
    WORKLOAD_NEEDS_BLOCKING = 1,   /* tasks wait for each other: not for TASK_CAN_BLOCK 0 */
    WORKLOAD_NO_WARMUP = 2,        /* the harness must not run an unmeasured round first */
    WORKLOAD_ONE_ROUND = 4,        /* rounds is always 1 */
    WORKLOAD_PAIR = 8,             /* two tasks, in slots 0 and 1 when `place` is a pair's */
    WORKLOAD_OWN_STACK = 16,       /* measures a task's own stack: not for TASK_CAN_BLOCK 0 */
    WORKLOAD_NO_REGION = 32,       /* its result is a limit: no measured region */
    WORKLOAD_VOID_LIMIT = 64,      /* after a limit nothing is left to check: see `expected` */
    WORKLOAD_BLOCKING_CALLS = 128, /* not for TASK_BLOCKING_CALLS 0 */
};

struct workload {
    const char *name; /* "<group>/<case>" */
    const char
        *axes; /* space-separated axis keys, in canonical order; all but place are required */
    unsigned flags;
    /* What is wrong with these values, or NULL; the member may be NULL. */
    const char *(*check)(const struct params *p);
    /* Operations in one round, e.g. the tasks of one storm. */
    uint64_t (*unit)(const struct params *p);
    /* Run `rounds` rounds inside the root task; returns the checksum. Calls
     * bench_start() once and bench_stop() once around the measured region.
     * After bench_limit() it tears down what it has and returns the checksum
     * of the round that met the limit. */
    uint64_t (*run)(uint64_t rounds, const struct params *p, struct bench *b);
    /* The checksum that run() must return. After a limit it is asked for one
     * round with p->n = the tasks reached, also by workloads without that
     * axis: then 0, for which the answer is 0. With WORKLOAD_VOID_LIMIT always 0. */
    uint64_t (*expected)(uint64_t rounds, const struct params *p);
    /* Why this executable cannot offer the workload, or NULL. */
    const char *missing;
};

/* An id spread over 64 bits, so that a sum of mixed ids notices a task that
 * ran twice while another did not run at all. */
static inline uint64_t workload_mix(uint64_t id)
{
    uint64_t x = (id + 1) * UINT64_C(0x9e3779b97f4a7c15);

    return x ^ (x >> 29);
}

/* CLOCK_MONOTONIC now, the clock of every deadline. */
static inline int64_t workload_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Counted by the workload outside its hot loop, or summed per task and added
 * once. created must equal done; delivered must equal sent. */
struct ledger {
    uint64_t created;      /* tasks that spawn accepted */
    uint64_t done;         /* tasks that ran to their end */
    uint64_t sent;         /* messages sent */
    uint64_t delivered;    /* messages received */
    uint64_t retries;      /* spawns refused with EAGAIN: tried again, or run as a call */
    uint64_t empty_yields; /* yields after which nobody else had run */
};

/* Recurses to a depth of `bytes` (a multiple of 1024) in frames of 1 KiB, each
 * of which writes one word in every 64-byte line and reads one of them back.
 * Returns their sum, which is workload_deep_sum() of the same arguments. */
uint64_t workload_deep(uint64_t bytes, uint64_t seed);
uint64_t workload_deep_sum(uint64_t bytes, uint64_t seed);

/* ns of such a recursion when the task's stack has been that deep before. */
double workload_deep_alone(uint64_t bytes);

/* The stack to ask for when a task is to go `bytes` deep: twice that above 32
 * KiB, on every backend; below, 0, the backend's default. */
static inline size_t workload_deep_stack(uint64_t bytes)
{
    return bytes > 32768 ? 2 * bytes : 0;
}

struct ledger *bench_ledger(struct bench *b);

/* How many operations the most and the least favoured of `tasks` tasks had
 * made when all together had made those that were asked for. Once, after the
 * region. */
void bench_fairness(struct bench *b, uint64_t tasks, uint64_t min, uint64_t max);

/* What one operation costs without what the cell adds to it: the same work
 * done in one task, one after the other, in ns; measured in the same process,
 * outside the region. Shown beside the figure, never subtracted. */
void bench_alone(struct bench *b, double ns_per_op);

/* Process CPU time of one wake-up, in ns, without what the task that wakes
 * spends on waiting. */
void bench_wakeup_cpu(struct bench *b, double ns);

/* One latency in ns, counted from when the thing was due. A task keeps its own
 * in a table; one task hands all of them over after the region. */
void bench_record(struct bench *b, int64_t ns);

/* Zeroed memory for the workload's own tables, every page already resident,
 * from the start of a cache line.
 * Never NULL: a table that exceeds the memory budget ends the cell as skipped.
 * Give it back with free(). Call it outside the region. */
void *bench_alloc(struct bench *b, uint64_t count, size_t size);

/* Open and close the measured region. May be called from different tasks. */
void bench_start(struct bench *b);
void bench_stop(struct bench *b);

/* Memory probe: call with alive == 0 before anything is spawned, then with
 * the number of live tasks while they are parked. Not inside the region. */
void bench_memory(struct bench *b, uint64_t alive);

/* The cell ended at a limit of the system, which is a result: `reached`
 * tasks were alive when `err` stopped it (EAGAIN, ENOMEM; ETIME for the time
 * budget, E2BIG for the memory budget, EDQUOT for what must stay free of
 * pids.max); 0 where nobody counted them. Call it while they are still alive:
 * it looks at the system to tell which limit that was. */
void bench_limit(struct bench *b, uint64_t reached, int err);

/* 0, or what bench_limit() wants as err once the memory budget (E2BIG), the
 * time budget (ETIME) or the session's share of processes (EDQUOT) is used up.
 * Cheap enough for every 64 spawns. In the measured run of a cell that was
 * warmed up it is 0 at once: the unmeasured round, of the same shape, has been
 * through it. */
int bench_budget(struct bench *b);

/* The run was correct but did not measure what its name says; `why` is kept.
 * A string literal or static buffer. */
void bench_invalid(struct bench *b, const char *why);

/* The run went wrong in a way that no count shows; `why` is copied. The cell
 * fails. */
void bench_fail(struct bench *b, const char *why);

/* This machine cannot offer the cell: ends the process as skipped. */
void bench_skip(struct bench *b, const char *why);

/* What the load on a server was, for the record. */
struct load_facts {
    double offered_per_s; /* requests a second that were due; 0: as many as it can take */
    uint64_t connections;
    uint64_t late;          /* requests that the generator itself sent over 1 ms late */
    uint64_t busy_permille; /* of the generator's time */
    bool shares_cpu;        /* the generator had no CPU of its own */
};

void bench_load(struct bench *b, const struct load_facts *facts);

/* A CPU for a helper process: one that the process was allowed when it
 * started and that the cell leaves free; -1 if there is none. */
int bench_spare_cpu(const struct bench *b);

#endif
