/* wake/timer: one operation is one sleep of 10 ms by one of n tasks, each of
 * which sleeps again as soon as it has woken; what counts is how late a sleep
 * ends, from the deadline that was asked for.
 *
 * All tasks exist when the first is released, so that n deadlines are pending
 * at any time. The clock also covers the release and the end of the slowest.
 * A sleep that ends early is a fault, and missing in the checksum.
 */
#include "../task.h"
#include "../workload.h"

#include <stdlib.h>

#define SLEEP_NS INT64_C(10000000)

struct shared {
    struct task_latch ready;
    task_sem go;
    uint64_t sleeps; /* of each task; 0 if they are to end at once */
};

struct slot {
    struct shared *shared;
    int64_t *late; /* a table of its own, in ns */
    uint64_t punctual;
    bool ended;
};

static void body(void *arg)
{
    struct slot *slot = arg;
    struct shared *s = slot->shared;
    uint64_t punctual = 0;

    task_latch_arrive(&s->ready);
    task_sem_wait(&s->go);
    for (uint64_t i = 0; i < s->sleeps; i++) {
        const int64_t deadline = workload_now() + SLEEP_NS;

        task_sleep_until(deadline);
        slot->late[i] = workload_now() - deadline;
        punctual += slot->late[i] >= 0;
    }
    slot->punctual = punctual;
    slot->ended = true;
}

static uint64_t unit(const struct params *p)
{
    return p->n;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    return p->n ? workload_mix(rounds * p->n) : 0;
}

static uint64_t spawn_all(task_group *group, struct slot *slots, uint64_t n, struct bench *b,
                          int *ret_rc)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE};
    uint64_t i;
    int rc = 0;

    for (i = 0; i < n; i++) {
        if (i % 64 == 0)
            rc = -bench_budget(b);
        if (rc == 0)
            rc = task_group_spawn(group, body, &slots[i], &attr);
        if (rc)
            break;
    }
    *ret_rc = rc;
    return i;
}

/* Fewer than n are a limit; those alive are let go without a sleep. */
static int play(struct shared *s, struct slot *slots, uint64_t n, struct bench *b)
{
    task_group group;
    uint64_t alive;
    int rc;

    task_group_init(&group);
    alive = spawn_all(&group, slots, n, b, &rc);
    bench_ledger(b)->created = alive;
    task_latch_wait(&s->ready, n - alive);
    if (rc) {
        bench_limit(b, alive, -rc);
        s->sleeps = 0;
    }
    bench_start(b);
    for (uint64_t i = 0; i < alive; i++)
        task_sem_post(&s->go);
    task_group_wait(&group);
    bench_stop(b);
    return rc;
}

static uint64_t collect(const struct slot *slots, uint64_t n, const struct shared *s,
                        struct bench *b)
{
    uint64_t punctual = 0;

    for (uint64_t i = 0; i < n; i++) {
        punctual += slots[i].punctual;
        bench_ledger(b)->done += slots[i].ended;
        for (uint64_t k = 0; k < s->sleeps; k++)
            bench_record(b, slots[i].late[k]);
    }
    return punctual;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct slot *slots = bench_alloc(b, p->n, sizeof *slots);
    int64_t *late = bench_alloc(b, p->n * rounds, sizeof *late);
    struct shared s = {.sleeps = rounds};
    uint64_t punctual;
    int rc;

    for (uint64_t i = 0; i < p->n; i++)
        slots[i] = (struct slot){.shared = &s, .late = &late[i * rounds]};
    task_latch_init(&s.ready, p->n);
    task_sem_init(&s.go, 0);
    rc = play(&s, slots, p->n, b);
    punctual = collect(slots, p->n, &s, b);
    task_sem_destroy(&s.go);
    task_latch_destroy(&s.ready);
    free(late);
    free(slots);
    return rc ? 0 : workload_mix(punctual);
}

const struct workload workload_wake_timer = {
    .name = "wake/timer",
    .axes = "n P place",
    .flags = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_VOID_LIMIT,
    .unit = unit,
    .run = run,
    .expected = expected,
};
