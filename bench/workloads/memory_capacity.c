/* memory/capacity: how many tasks can be parked at once, and what stopped it:
 * the system's first refusal, the memory budget or the time budget. The
 * result is that limit; nothing is timed. After every batch of spawns the
 * root waits until all of them have run: a task that never ran has no stack
 * yet on a backend that binds it late, and does not count as parked.
 *
 * Tasks keep their result in chunks that are allocated on the way, since
 * nobody knows how many there will be. Everybody is released at once.
 */
#include "../task.h"
#include "../workload.h"

#include <errno.h>
#include <stdlib.h>

enum { CHUNK = 16384, BATCH = 64 };

struct slot {
    uint64_t id;
    uint64_t sum;
};

struct chunk {
    struct chunk *next;
    struct slot slots[CHUNK];
};

/* Global: a pointer in each of a million slots would be memory of ours. */
static task_chan *gate;
static task_sem arrived;

static void body(void *arg)
{
    struct slot *slot = arg;
    uint64_t nothing;

    task_sem_post(&arrived);
    if (task_chan_recv(gate, &nothing) == -EPIPE)
        slot->sum = workload_mix(slot->id);
}

static uint64_t unit(const struct params *p)
{
    return 1;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    uint64_t sum = 0;

    for (uint64_t id = 0; id < p->n; id++)
        sum += workload_mix(id);
    return sum;
}

/* The slot of task `id`; NULL when memory is short. */
static struct slot *next_slot(struct chunk **newest, uint64_t id)
{
    struct slot *slot;

    if (id % CHUNK == 0) {
        struct chunk *chunk = malloc(sizeof *chunk);

        if (!chunk)
            return NULL;
        chunk->next = *newest;
        *newest = chunk;
    }
    slot = &(*newest)->slots[id % CHUNK];
    *slot = (struct slot){.id = id};
    return slot;
}

/* Spawns up to a batch and waits until all of it has run; 0, or what refused. */
static int fill_batch(task_group *group, struct chunk **newest, uint64_t *alive)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE};
    uint64_t spawned = 0;
    struct slot *slot;
    int rc = 0;

    while (rc == 0 && spawned < BATCH) {
        slot = next_slot(newest, *alive);
        rc = slot ? task_group_spawn(group, body, slot, &attr) : -ENOMEM;
        spawned += rc == 0;
        *alive += rc == 0;
    }
    for (uint64_t i = 0; i < spawned; i++)
        task_sem_wait(&arrived);
    return rc;
}

/* Spawns until something says no; returns how many are parked. */
static uint64_t fill(task_group *group, struct chunk **newest, struct bench *b, int *ret_rc)
{
    uint64_t alive = 0;
    int rc = 0;

    while (rc == 0) {
        rc = -bench_budget(b);
        if (rc == 0)
            rc = fill_batch(group, newest, &alive);
    }
    *ret_rc = rc;
    return alive;
}

static uint64_t collect(struct chunk *newest, uint64_t alive, struct ledger *l)
{
    uint64_t sum = 0, id = alive;
    struct chunk *chunk = newest;

    l->created = alive;
    /* A chunk made for a task that was then refused holds none. */
    if (chunk && alive % CHUNK == 0 && alive > 0 && chunk->slots[0].id == alive)
        chunk = chunk->next;
    for (; id > 0 && chunk; chunk = chunk->next) {
        do {
            id--;
            sum += chunk->slots[id % CHUNK].sum;
            l->done += chunk->slots[id % CHUNK].sum != 0;
        } while (id % CHUNK != 0);
    }
    return sum;
}

static void release(struct chunk *chunk)
{
    while (chunk) {
        struct chunk *next = chunk->next;

        free(chunk);
        chunk = next;
    }
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct chunk *newest = NULL;
    task_group group;
    uint64_t alive, sum;
    int rc;

    gate = task_chan_create(sizeof(uint64_t), 0);
    if (!gate) {
        bench_limit(b, 0, ENOMEM);
        return 0;
    }
    task_sem_init(&arrived, 0);
    task_group_init(&group);
    alive = fill(&group, &newest, b, &rc);
    bench_limit(b, alive, -rc);
    task_chan_close(gate);
    task_group_wait(&group);
    sum = collect(newest, alive, bench_ledger(b));
    release(newest);
    task_sem_destroy(&arrived);
    task_chan_destroy(gate);
    return sum;
}

const struct workload workload_memory_capacity = {
    .name = "memory/capacity",
    .axes = "P",
    .flags = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_NO_WARMUP | WORKLOAD_ONE_ROUND | WORKLOAD_NO_REGION,
    .unit = unit,
    .run = run,
    .expected = expected,
};
