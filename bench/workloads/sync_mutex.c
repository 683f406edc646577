/* sync/mutex: one operation is one lock, one critical section, one unlock, by
 * any of n tasks that share one mutex.
 *
 * The section counts itself in a plain word, so that two tasks inside at once
 * lose a count and the checksum shows it. Tasks go on until all of them
 * together have made the operations asked for: with a fixed share for each,
 * those left over at the end would no longer contend, and nobody could see
 * whom the mutex favours.
 *
 * Everybody starts together (task_start), and who is released early yields
 * until then and holds no lock, so that the run starts from an unlocked mutex
 * on every backend.
 */
#include "../task.h"
#include "../workload.h"

#include <stdlib.h>

enum { OPERATIONS_PER_TASK = 64, CALIBRATION = 1 << 20, ROUNDS_OF_CALIBRATION = 3 };

/* The line of the mutex is also that of what it protects, as in any program. */
struct shared {
    task_mutex mutex;
    uint64_t total; /* mutex */
    bool stopped;   /* mutex */
    uint64_t goal;
    uint64_t steps; /* of work in a section */
    struct task_start start;
    struct bench *bench;
};

/* One cache line each: written once, by its task. */
struct worker {
    struct shared *shared;
    uint64_t operations;
    uint64_t work; /* keeps the sections' result alive */
    bool ended;
} __attribute__((aligned(64)));

/* Work that neither memory nor a clever compiler shortens. */
static uint64_t work(uint64_t x, uint64_t steps)
{
    for (uint64_t i = 0; i < steps; i++) {
        x = x * UINT64_C(6364136223846793005) + 1;
        __asm__ volatile("" : "+r"(x));
    }
    return x;
}

/* Steps that take `ns` on this CPU: the fastest of a few rounds. */
static uint64_t steps_of(uint64_t ns)
{
    int64_t best = INT64_MAX;

    for (unsigned i = 0; ns > 0 && i < ROUNDS_OF_CALIBRATION; i++) {
        const int64_t start = workload_now();
        int64_t took;

        work(i, CALIBRATION);
        took = workload_now() - start;
        best = took < best ? took : best;
    }
    return (uint64_t)((double)ns * CALIBRATION / (double)best);
}

/* The first to find all done closes the region, still inside the mutex. */
static bool enough(struct shared *s)
{
    if (__builtin_expect(s->total < s->goal, 1))
        return false;
    if (!s->stopped)
        bench_stop(s->bench);
    s->stopped = true;
    return true;
}

static void body(void *arg)
{
    struct worker *w = arg;
    struct shared *s = w->shared;
    uint64_t operations = 0, x = 0;

    if (task_start_wait(&s->start)) {
        bench_start(s->bench);
        task_start_go(&s->start);
    }
    for (;;) {
        task_mutex_lock(&s->mutex);
        if (enough(s))
            break;
        s->total++;
        x = work(x, s->steps);
        task_mutex_unlock(&s->mutex);
        operations++;
    }
    task_mutex_unlock(&s->mutex);
    w->operations = operations;
    w->work = x;
    w->ended = true;
}

static uint64_t unit(const struct params *p)
{
    return p->n * OPERATIONS_PER_TASK;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    return p->n ? workload_mix(rounds * unit(p)) + rounds * unit(p) : 0;
}

static const char *check(const struct params *p)
{
    return p->n > 100000 ? "sync/mutex takes at most n:100000" : NULL;
}

/* Nobody opens the region any more; those alive find that all is done. */
static void give_up(struct shared *s, uint64_t alive)
{
    task_mutex_lock(&s->mutex);
    s->goal = 0;
    s->stopped = true;
    task_mutex_unlock(&s->mutex);
    task_start_fewer(&s->start, alive);
}

static int play(struct shared *s, struct worker *workers, uint64_t tasks)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE};
    task_group group;
    uint64_t alive = 0;
    int rc = 0;

    task_group_init(&group);
    while (alive < tasks && (rc = task_group_spawn(&group, body, &workers[alive], &attr)) == 0)
        alive++;
    if (rc) {
        bench_limit(s->bench, alive, -rc);
        give_up(s, alive);
    }
    task_group_wait(&group);
    bench_ledger(s->bench)->created = alive;
    return rc;
}

static uint64_t collect(const struct worker *workers, uint64_t n, uint64_t total, struct bench *b)
{
    uint64_t sum = 0, min = UINT64_MAX, max = 0;

    for (uint64_t i = 0; i < n; i++) {
        const uint64_t made = workers[i].operations;

        sum += made;
        min = made < min ? made : min;
        max = made > max ? made : max;
    }
    bench_fairness(b, n, min, max);
    return workload_mix(total) + sum;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct worker *workers = bench_alloc(b, p->n, sizeof *workers);
    struct shared s = {.goal = rounds * unit(p), .steps = steps_of(p->cs), .bench = b};
    uint64_t sum = 0;

    for (uint64_t i = 0; i < p->n; i++)
        workers[i] = (struct worker){.shared = &s};
    task_mutex_init(&s.mutex);
    task_start_init(&s.start, p->n, p->ncpu);
    if (play(&s, workers, p->n) == 0)
        sum = collect(workers, p->n, s.total, b);
    for (uint64_t i = 0; i < p->n; i++)
        bench_ledger(b)->done += workers[i].ended;
    task_start_destroy(&s.start);
    task_mutex_destroy(&s.mutex);
    free(workers);
    return sum;
}

const struct workload workload_sync_mutex = {
    .name = "sync/mutex",
    .axes = "n cs P place",
    .flags = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_VOID_LIMIT,
    .check = check,
    .unit = unit,
    .run = run,
    .expected = expected,
};
