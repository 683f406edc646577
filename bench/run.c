/* Running a cell and judging the result; see run.h. */
#include "run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "prewarm.h"

enum {
    SPIN_DEFAULT_NS = 50000,
    ROUNDS_MAX = 1000000000, /* what --rounds takes */
    PILOT_ROUNDS_MAX = 1 << 29,
    KERNEL_MEMORY_FROM = 1000 /* tasks, from which kernel memory per task is quoted */
};

const char *status_name(enum status status)
{
    static const char *const names[] = {"ok", "limit", "skipped", "invalid", "failed"};

    return names[status];
}

int status_exit(enum status status)
{
    if (status == STATUS_FAILED)
        return EXIT_FAILED;
    return status == STATUS_SKIPPED ? EXIT_SKIPPED : EXIT_OK;
}

__attribute__((format(printf, 3, 4))) static void conclude(struct run *r, enum status status,
                                                           const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(r->reason, sizeof r->reason, format, args);
    va_end(args);
    r->status = status;
}

/* --- before --------------------------------------------------------------- */

static bool single(const struct run *r)
{
    return r->cell.params.cold || r->cell.workload->flags & WORKLOAD_ONE_ROUND;
}

static bool wants_warmup(const struct run *r)
{
    return !r->cell.params.cold && !(r->cell.workload->flags & WORKLOAD_NO_WARMUP);
}

bool run_is_offered(const struct workload *w)
{
    const size_t length = strlen(w->name);
    const char *at = backend_only;

    while ((at = strstr(at, w->name)) && at[length] != ' ' && at[length] != '\0')
        at += length;
    return backend_only[0] == '\0' || at != NULL;
}

static const char *not_offered(const struct workload *w, const struct params *p)
{
    if (w->missing)
        return w->missing;
    if (!run_is_offered(w))
        return "not offered: without what it measures this loop does not come to its end";
    if (p->no_remedy && !backend_remedy_optional)
        return "not offered: the kernel preempts threads that never yield, whatever the process "
               "does";
    if (p->stack && strcmp(p->stack, backend_stack_policy) != 0)
        return "not offered: this stack policy is another backend's";
    if (w->flags & WORKLOAD_BLOCKING_CALLS && !backend_blocking_calls)
        return "not offered: there is one OS thread, and a call that blocks it blocks every task";
    if (backend_can_block)
        return NULL;
    if (w->flags & WORKLOAD_NEEDS_BLOCKING)
        return "not offered: a pooled task that blocks can deadlock the pool";
    if (w->flags & WORKLOAD_OWN_STACK)
        return "not offered: a pooled task has no stack of its own";
    return NULL;
}

static bool place(struct run *r)
{
    char reason[PLACEMENT_REASON_MAX] = "hwloc cannot read this machine's topology";
    const struct params *p = &r->cell.params;
    struct topology *t = topology_open();
    int rc = t ? placement_choose(t, p->place, p->ncpu, &r->placement, reason) : -ENODEV;

    r->bench.spare_cpu = rc == 0 ? placement_spare(t, &r->placement) : -1;
    topology_close(t);
    if (rc == 0)
        rc = placement_apply(&r->placement, reason);
    if (rc == 0)
        return true;
    r->placement.ncpu = 0;
    conclude(r, STATUS_SKIPPED, "%s", reason);
    return false;
}

bool run_prepare(struct run *r, const struct options *o)
{
    struct params *p = &r->cell.params;
    const char *why = not_offered(r->cell.workload, p);

    p->stack_bytes = p->stack ? backend_stack_bytes : 0;
    r->status = STATUS_OK;
    r->rounds = single(r) ? 1 : o->rounds;
    r->cell.params.full_load = o->full_load;
    r->unit = r->cell.workload->unit(p);
    /* On one CPU a spinning waiter only keeps off the one it waits for. */
    r->spin_ns = p->ncpu == 1 ? 0 : o->spin_ns >= 0 ? o->spin_ns : SPIN_DEFAULT_NS;
    r->bench.latency = &r->latency;
    r->bench.probe_precise = p->n >= KERNEL_MEMORY_FROM;
    r->bench.budget.memory_bytes = o->mem_budget ? o->mem_budget : limit_default_memory();
    r->bench.budget.seconds = o->time_budget;
    /* Looked at often, so only where there is such a limit. */
    r->bench.budget.pids_reserve = limit_pids_room() == LIMIT_NONE ? 0 : o->pids_reserve;
    if (why) {
        conclude(r, STATUS_SKIPPED, "%s", why);
        return false;
    }
    return place(r);
}

/* --- judging -------------------------------------------------------------- */

static void judge_limit(struct run *r)
{
    const struct limit *l = &r->bench.limit;
    const char *error = limit_errno_name(l->error);
    char value[32] = "", at[32] = "";

    if (l->value != LIMIT_NONE)
        snprintf(value, sizeof value, " %llu", (unsigned long long)l->value);
    if (l->reached)
        snprintf(at, sizeof at, " at n=%llu", (unsigned long long)l->reached);
    if (error)
        conclude(r, STATUS_LIMIT, "limit reached%s: %s (%s%s)", at, error, l->name, value);
    else
        conclude(r, STATUS_LIMIT, "limit reached%s: %s%s", at, l->name, value);
}

/* After a limit the checksum is that of one round over the tasks reached. */
static uint64_t expected_checksum(const struct run *r, uint64_t rounds)
{
    struct params p = r->cell.params;

    if (!r->bench.limited)
        return r->cell.workload->expected(rounds, &p);
    p.n = r->cell.workload->flags & WORKLOAD_VOID_LIMIT ? 0 : r->bench.limit.reached;
    return r->cell.workload->expected(1, &p);
}

static void judge(struct run *r, uint64_t rounds)
{
    const struct bench *b = &r->bench;
    const struct ledger *l = &b->ledger;
    const unsigned regions = r->cell.workload->flags & WORKLOAD_NO_REGION ? 0 : 1;

    r->expected = expected_checksum(r, rounds);
    if (b->failure[0])
        conclude(r, STATUS_FAILED, "%s", b->failure);
    else if (l->created != l->done)
        conclude(r, STATUS_FAILED, "ledger: %llu tasks created, %llu done",
                 (unsigned long long)l->created, (unsigned long long)l->done);
    else if (l->sent != l->delivered)
        conclude(r, STATUS_FAILED, "ledger: %llu messages sent, %llu delivered",
                 (unsigned long long)l->sent, (unsigned long long)l->delivered);
    else if (r->checksum != r->expected)
        conclude(r, STATUS_FAILED, "checksum 0x%016llx, expected 0x%016llx",
                 (unsigned long long)r->checksum, (unsigned long long)r->expected);
    else if (b->limited)
        judge_limit(r);
    else if (b->starts != regions || b->stops != regions)
        conclude(r, STATUS_FAILED, "the workload opened %u and closed %u measured regions, not %u",
                 b->starts, b->stops, regions);
    else if (b->invalid)
        conclude(r, STATUS_INVALID, "%s", b->invalid);
}

static void execute(struct run *r, enum bench_mode mode, struct gbench *g, uint64_t rounds,
                    bool warmed)
{
    bench_prepare(&r->bench, mode, warmed, g);
    r->checksum = r->cell.workload->run(rounds, &r->cell.params, &r->bench);
    r->status = STATUS_OK;
    judge(r, rounds);
}

/* --- the root task -------------------------------------------------------- */

struct root {
    struct run *run;
    struct gbench *gbench;
    uint64_t target_ns; /* of a pilot */
    int rc;             /* of the backend */
};

/* Warm-up and measurement share one root task and one start of the backend. A
 * warm-up that meets a limit, or is wrong, is the result; what it says about
 * validity is not. */
static void root_measure(void *arg)
{
    struct root *root = arg;
    struct run *r = root->run;
    const bool warm = wants_warmup(r);

    if (warm)
        execute(r, BENCH_WARMUP, NULL, 1, false);
    if (!warm || r->status == STATUS_OK || r->status == STATUS_INVALID)
        execute(r, BENCH_MEASURE, root->gbench, r->rounds, warm);
}

static void start_backend(struct root *root, void (*body)(void *))
{
    struct run *r = root->run;

    const struct backend_config config = {.ncpu = r->placement.ncpu,
                                          .cpu = r->placement.cpu,
                                          .pinned = r->cell.params.pinned,
                                          .no_remedy = r->cell.params.no_remedy,
                                          .spin_ns = r->spin_ns};

    root->rc = backend_main(&config, body, root);
}

static void in_gbench(struct gbench *g, void *arg)
{
    struct root *root = arg;

    root->gbench = g;
    start_backend(root, root_measure);
}

/* What the machine refused is a cell not offered; anything else is an error. */
static void judge_backend(struct run *r, int rc)
{
    const bool refused = rc == -EPERM || rc == -EAGAIN || rc == -ENOMEM || rc == -ENOSYS;

    conclude(r, refused ? STATUS_SKIPPED : STATUS_FAILED, "the backend could not start: %s",
             strerror(-rc));
}

void run_measure(struct run *r)
{
    struct root root = {.run = r};
    int rc;

    prewarm(prewarm_bytes(&r->cell.params, r->bench.budget.memory_bytes));
    rc = gbench_run(r->cell.name, (int64_t)(r->rounds * r->unit), in_gbench, &root, &r->measured);

    /* The region of a cell that met a limit covers fewer operations than were
     * announced: there is no time per operation. */
    if (r->bench.limited || r->status == STATUS_FAILED) {
        free(r->measured.json);
        r->measured.json = NULL;
    }
    if (rc)
        conclude(r, STATUS_FAILED, "Google Benchmark did not measure: %s", strerror(-rc));
    else if (root.rc)
        judge_backend(r, root.rc);
}

/* The first rounds are cold, and more than 16 times as many would be a guess. */
static uint64_t more_rounds(uint64_t rounds, uint64_t region_ns, uint64_t wanted_ns)
{
    const uint64_t factor = wanted_ns / (region_ns + 1) + 1;
    const uint64_t more = rounds * (factor < 2 ? 2 : factor > 16 ? 16 : factor);

    return more < PILOT_ROUNDS_MAX ? more : PILOT_ROUNDS_MAX;
}

/* A quarter of the target is long enough to extrapolate from. */
static void root_pilot(void *arg)
{
    struct root *root = arg;
    struct run *r = root->run;
    uint64_t region, rounds = 1;

    for (;; rounds = more_rounds(rounds, region, root->target_ns / 4)) {
        execute(r, BENCH_PILOT, NULL, rounds, rounds > 1);
        if (r->status != STATUS_OK && r->status != STATUS_INVALID)
            return;
        region = (uint64_t)(r->bench.end_ns - r->bench.begin_ns);
        if (single(r) || region >= root->target_ns / 4 || rounds >= PILOT_ROUNDS_MAX)
            break;
    }
    r->ns_per_round = (double)region / (double)rounds;
    if (!single(r))
        r->rounds = (uint64_t)((double)root->target_ns / ((double)region + 1) * (double)rounds);
    if (r->rounds < 1)
        r->rounds = 1;
    if (r->rounds > ROUNDS_MAX)
        r->rounds = ROUNDS_MAX;
}

void run_pilot(struct run *r, uint64_t target_ms)
{
    struct root root = {.run = r, .target_ns = target_ms * 1000000};

    r->rounds = 1;
    /* Without a region there is nothing to time, and trying it is the cell. */
    if (r->cell.workload->flags & WORKLOAD_NO_REGION)
        return;
    prewarm(prewarm_bytes(&r->cell.params, r->bench.budget.memory_bytes));
    start_backend(&root, root_pilot);
    if (root.rc)
        judge_backend(r, root.rc);
}
