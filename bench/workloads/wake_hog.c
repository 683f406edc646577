/* wake/hog: one operation is one sleep of a task that is due every
 * millisecond, beside h tasks that compute and never yield; what counts is
 * how late it wakes, from when it was due.
 *
 * Deadlines stand on a fixed grid: a task that is kept from running for 50 ms
 * has missed 50 of them, and each counts, where a sleep relative to the last
 * would count one. The first 100 are before the region and not counted, so that
 * a remedy has had the time to notice every hog. With the remedy off they are in
 * the region: it may be that nothing but hogs runs until the last deadline is
 * over, and then nobody could open it in between.
 *
 * Hogs make no call of the backend. They look at a flag, and, since with the
 * remedy off there may be nobody to set it, at the clock: they end 100 ms
 * after the last deadline. The root is the task that sleeps.
 */
#include "../task.h"
#include "../workload.h"

#include <stdlib.h>

#define PERIOD_NS INT64_C(1000000)

enum { SLEEPS = 250, SETTLE = 100, GRACE = 100, STEPS = 10000 };

struct shared {
    int64_t until;
    bool stop; /* atomic */
};

struct hog {
    struct shared *shared;
    uint64_t work; /* keeps its result alive */
    bool ended;
} __attribute__((aligned(64)));

static void hog(void *arg)
{
    struct hog *h = arg;
    uint64_t x = 1;

    while (!__atomic_load_n(&h->shared->stop, __ATOMIC_RELAXED) &&
           workload_now() < h->shared->until) {
        for (unsigned i = 0; i < STEPS; i++) {
            x = x * UINT64_C(6364136223846793005) + 1;
            __asm__ volatile("" : "+r"(x));
        }
    }
    h->work = x;
    h->ended = true;
}

static uint64_t unit(const struct params *p)
{
    return SLEEPS;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    return p->n ? workload_mix(rounds * SLEEPS + SETTLE) : 0;
}

/* Sleeps number `from` up to `to`; how many did not end early. */
static uint64_t sleep_on_the_grid(int64_t start, int64_t *late, uint64_t from, uint64_t to)
{
    uint64_t punctual = 0;

    for (uint64_t i = from; i < to; i++) {
        const int64_t due = start + (int64_t)(i + 1) * PERIOD_NS;

        task_sleep_until(due);
        late[i] = workload_now() - due;
        punctual += late[i] >= 0;
    }
    return punctual;
}

static uint64_t spawn_hogs(task_group *group, struct hog *hogs, uint64_t count, int *ret_rc)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE};
    uint64_t i = 0;
    int rc = 0;

    while (i < count && (rc = task_group_spawn(group, hog, &hogs[i], &attr)) == 0)
        i++;
    *ret_rc = rc;
    return i;
}

/* Opens the region once the first are over; with the remedy off, before them. */
static uint64_t sleep_all(int64_t start, int64_t *late, uint64_t count, const struct params *p,
                          struct bench *b)
{
    uint64_t punctual;

    if (p->no_remedy)
        bench_start(b);
    punctual = sleep_on_the_grid(start, late, 0, SETTLE);
    if (!p->no_remedy)
        bench_start(b);
    punctual += sleep_on_the_grid(start, late, SETTLE, count);
    bench_stop(b);
    return punctual;
}

/* 0 or what refused a hog; the sleeps that did not end early. */
static int play(struct hog *hogs, int64_t *late, uint64_t count, const struct params *p,
                struct bench *b, uint64_t *ret_punctual)
{
    struct shared s = {.stop = false};
    task_group group;
    int64_t start;
    int rc;

    for (uint64_t i = 0; i < p->h; i++)
        hogs[i] = (struct hog){.shared = &s};
    task_group_init(&group);
    start = workload_now();
    s.until = start + (int64_t)(count + GRACE) * PERIOD_NS;
    bench_ledger(b)->created = spawn_hogs(&group, hogs, p->h, &rc);
    if (rc)
        bench_limit(b, bench_ledger(b)->created, -rc);
    else
        *ret_punctual = sleep_all(start, late, count, p, b);
    __atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
    task_group_wait(&group);
    return rc;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    const uint64_t count = SETTLE + rounds * SLEEPS;
    struct hog *hogs = bench_alloc(b, p->h, sizeof *hogs);
    int64_t *late = bench_alloc(b, count, sizeof *late);
    uint64_t punctual = 0;
    int rc = play(hogs, late, count, p, b, &punctual);

    for (uint64_t i = SETTLE; rc == 0 && i < count; i++)
        bench_record(b, late[i]);
    for (uint64_t i = 0; i < p->h; i++)
        bench_ledger(b)->done += hogs[i].ended;
    free(late);
    free(hogs);
    return rc ? 0 : workload_mix(punctual);
}

const struct workload workload_wake_hog = {
    .name = "wake/hog",
    .axes = "h remedy P place",
    .flags = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_NO_WARMUP | WORKLOAD_VOID_LIMIT,
    .unit = unit,
    .run = run,
    .expected = expected,
};
