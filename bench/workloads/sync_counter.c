/* sync/counter: one operation is one increment of one counter, by any of n
 * tasks: under a mutex, by an atomic addition, or by a message over an
 * unbuffered channel to the one task that owns the counter.
 *
 * Tasks go on until all of them together have made the operations asked for,
 * as in sync/mutex, and start together (task_start). An increment beyond that
 * number is not one: it is refused by the mutex's holder, undone by nobody but
 * not counted by the atomic, and refused by the closed channel. So each task
 * knows how many were its own, and their sum is the counter.
 */
#include "../task.h"
#include "../workload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { OPERATIONS_PER_TASK = 64, LINE = 64 };

struct shared {
    task_mutex mutex;
    uint64_t total; /* mutex, atomic, or the owner's */
    bool stopped;   /* mutex */
    uint64_t goal;
    void (*count)(struct shared *s, uint64_t *ret_operations);
    task_chan *increments;
    struct task_start start;
    uint64_t received; /* the owner's, of messages */
    bool owner_ended;
    struct bench *bench;
} __attribute__((aligned(LINE)));

/* One cache line each: written once, by its task. */
struct worker {
    struct shared *shared;
    uint64_t operations;
    bool ended;
} __attribute__((aligned(LINE)));

static void start(struct shared *s)
{
    if (task_start_wait(&s->start)) {
        bench_start(s->bench);
        task_start_go(&s->start);
    }
}

static void count_by_mutex(struct shared *s, uint64_t *ret_operations)
{
    uint64_t operations = 0;

    for (;;) {
        task_mutex_lock(&s->mutex);
        if (__builtin_expect(s->total >= s->goal, 0))
            break;
        s->total++;
        task_mutex_unlock(&s->mutex);
        operations++;
    }
    if (!s->stopped)
        bench_stop(s->bench);
    s->stopped = true;
    task_mutex_unlock(&s->mutex);
    *ret_operations = operations;
}

/* The one that makes the last increment closes the region. */
static void count_by_atomic(struct shared *s, uint64_t *ret_operations)
{
    const uint64_t goal = s->goal;
    uint64_t operations = 0, before;

    while ((before = __atomic_fetch_add(&s->total, 1, __ATOMIC_RELAXED)) < goal) {
        operations++;
        if (__builtin_expect(before + 1 == goal, 0))
            bench_stop(s->bench);
    }
    *ret_operations = operations;
}

static void count_by_owner(struct shared *s, uint64_t *ret_operations)
{
    const uint64_t one = 1;
    uint64_t operations = 0;

    while (task_chan_send(s->increments, &one) == 0)
        operations++;
    *ret_operations = operations;
}

/* Senders that still wait when the channel is closed are refused. */
static void own(void *arg)
{
    struct shared *s = arg;
    uint64_t total = 0, received = 0, one;

    start(s);
    while (total < s->goal && task_chan_recv(s->increments, &one) == 0) {
        total += WORKLOAD_LOSES && received == 0 ? 0 : one;
        received++;
    }
    if (s->goal)
        bench_stop(s->bench);
    task_chan_close(s->increments);
    s->total = total;
    s->received = received;
    s->owner_ended = true;
}

static void body(void *arg)
{
    struct worker *w = arg;
    struct shared *s = w->shared;

    start(s);
    s->count(s, &w->operations);
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
    return p->n > 100000 ? "sync/counter takes at most n:100000" : NULL;
}

/* Nobody opens the region any more, and those alive find that all is done. The
 * owner is the last to be spawned, so that there is none. */
static void give_up(struct shared *s, uint64_t alive)
{
    task_mutex_lock(&s->mutex);
    s->goal = 0;
    s->stopped = true;
    task_mutex_unlock(&s->mutex);
    task_chan_close(s->increments);
    task_start_fewer(&s->start, alive);
}

static int spawn_all(struct shared *s, struct worker *workers, uint64_t n, task_group *group)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE};
    uint64_t *created = &bench_ledger(s->bench)->created;
    int rc = 0;

    while (*created < n && (rc = task_group_spawn(group, body, &workers[*created], &attr)) == 0)
        (*created)++;
    if (rc == 0 && s->count == count_by_owner) {
        rc = task_group_spawn(group, own, s, &attr);
        *created += rc == 0;
    }
    return rc;
}

static int play(struct shared *s, struct worker *workers, uint64_t n)
{
    task_group group;
    int rc;

    task_group_init(&group);
    rc = spawn_all(s, workers, n, &group);
    if (rc) {
        bench_limit(s->bench, bench_ledger(s->bench)->created, -rc);
        give_up(s, bench_ledger(s->bench)->created);
    }
    task_group_wait(&group);
    return rc;
}

/* The counter's value, which must agree with what the tasks say they did. */
static uint64_t collect(const struct worker *workers, uint64_t n, const struct shared *s)
{
    struct ledger *l = bench_ledger(s->bench);
    uint64_t sum = 0, min = UINT64_MAX, max = 0, total = s->total;

    for (uint64_t i = 0; i < n; i++) {
        const uint64_t made = workers[i].operations;

        sum += made;
        min = made < min ? made : min;
        max = made > max ? made : max;
        l->done += workers[i].ended;
    }
    bench_fairness(s->bench, n, min, max);
    if (s->count == count_by_owner) {
        l->done += s->owner_ended;
        l->sent = sum;
        l->delivered = s->received;
    } else if (s->count == count_by_atomic && s->goal) {
        total -= n; /* each task found out by one too many */
    }
    return workload_mix(total) + sum;
}

static void choose(struct shared *s, const struct params *p)
{
    const bool owner = strcmp(p->by, "owner") == 0;

    s->count = owner                         ? count_by_owner
               : strcmp(p->by, "mutex") == 0 ? count_by_mutex
                                             : count_by_atomic;
    task_start_init(&s->start, p->n + owner, p->ncpu);
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct worker *workers = bench_alloc(b, p->n, sizeof *workers);
    struct shared s = {
        .goal = rounds * unit(p), .increments = task_chan_create(sizeof(uint64_t), 0), .bench = b};
    uint64_t sum;
    int rc = -ENOMEM;

    for (uint64_t i = 0; i < p->n; i++)
        workers[i] = (struct worker){.shared = &s};
    task_mutex_init(&s.mutex);
    choose(&s, p);
    if (s.increments)
        rc = play(&s, workers, p->n);
    else
        bench_limit(b, 0, ENOMEM);
    sum = collect(workers, p->n, &s);
    task_start_destroy(&s.start);
    task_mutex_destroy(&s.mutex);
    if (s.increments)
        task_chan_destroy(s.increments);
    free(workers);
    return rc ? 0 : sum;
}

const struct workload workload_sync_counter = {
    .name = "sync/counter",
    .axes = "n by P place",
    .flags = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_VOID_LIMIT,
    .check = check,
    .unit = unit,
    .run = run,
    .expected = expected,
};
