/* switch/yield_multi: one operation is one yield, among n tasks on several
 * CPUs, at least four to a CPU.
 *
 * As switch/yield, with three differences. All tasks yield until together
 * they have made the yields asked for, in batches that they claim: with a fixed
 * share for each the last CPU to be done would be measured. The word that shows
 * an empty yield is one for each CPU, since one for all would be a contended
 * cache line; which CPU a task is on it asks before every four laps of its four
 * call sites. A task that is moved in between writes to another CPU's word for
 * up to 15 yields, which hides or feigns an empty one at most so often.
 *
 * Tasks are released as a tree, each waking two more: if one woke all, all would
 * be in the queue of one CPU, and another that comes for work at the second wake-up
 * could leave with a single task, which would then yield to nobody. The last
 * to be released opens the region, once tasks have been seen on every CPU. Who
 * finds no batch left waits for the end of the region, which is closed by whoever
 * finishes the last batch.
 */
#include "../task.h"
#include "../workload.h"

#include <sched.h>
#include <stdlib.h>

enum {
    SITES = 4,
    LAPS = 4,
    BATCH = 256,
    BATCHES_MIN = 16,
    CPUS = 256,
    LINE = 64,
    TOLERATED_PERCENT = 2
};

/* Two lines: neighbours are fetched in pairs. */
struct word {
    _Alignas(LINE) uint64_t id;
    char apart[LINE];
};

struct shared {
    struct word *words;   /* one for each CPU */
    uint64_t batches;     /* in all */
    struct word next;     /* atomic: the next batch to be claimed */
    struct word finished; /* atomic: batches */
    struct slot *slots;
    uint64_t alive;
    uint64_t unreleased; /* atomic */
    bool fewer;          /* there are not as many tasks as were wanted */
    struct task_start start;
    task_sem end;
    struct bench *bench;
};

struct slot {
    struct shared *shared;
    uint64_t id;
    task_sem released;
    uint64_t sum;
    uint64_t batches;
    uint64_t empty;
    bool ended;
} __attribute__((aligned(LINE)));

static inline uint64_t yield_here(uint64_t *word, uint64_t id)
{
    __atomic_store_n(word, id, __ATOMIC_RELAXED);
    task_yield();
    return __atomic_load_n(word, __ATOMIC_RELAXED) == id;
}

static inline uint64_t *word_of_cpu(struct shared *s)
{
    return &s->words[(unsigned)sched_getcpu() % CPUS].id;
}

/* The first few yields put a task out of step by its id. */
static uint64_t yield_batch(struct shared *s, uint64_t id)
{
    uint64_t count = BATCH, empty = 0;
    uint64_t *word = word_of_cpu(s);

    for (uint64_t i = id % SITES; i > 0; i--, count--)
        empty += yield_here(word, id);
    for (; count >= SITES; count -= SITES) {
        if (count / SITES % LAPS == 0)
            word = word_of_cpu(s);
        empty += yield_here(word, id);
        empty += yield_here(word, id);
        empty += yield_here(word, id);
        empty += yield_here(word, id);
    }
    for (; count > 0; count--)
        empty += yield_here(word, id);
    return empty;
}

static void post_end(struct shared *s, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        task_sem_post(&s->end);
}

/* Everybody waits but the one that finishes the last batch. */
static void work(struct slot *me, struct shared *s)
{
    uint64_t batch;

    while ((batch = __atomic_fetch_add(&s->next.id, 1, __ATOMIC_RELAXED)) < s->batches) {
        me->empty += yield_batch(s, me->id);
        me->sum += workload_mix(batch);
        me->batches++;
        if (__atomic_add_fetch(&s->finished.id, 1, __ATOMIC_ACQ_REL) == s->batches) {
            bench_stop(s->bench);
            post_end(s, s->alive - 1);
            return;
        }
    }
    task_sem_wait(&s->end);
}

/* The last to arrive has the first of the tree released. */
static void be_released(struct slot *me, struct shared *s)
{
    if (__atomic_sub_fetch(&s->start.waiting, 1, __ATOMIC_ACQ_REL) == 0)
        task_sem_post(&s->slots[0].released);
    task_sem_wait(&me->released);
    for (uint64_t i = 2 * me->id + 1; i <= 2 * me->id + 2 && i < s->alive; i++)
        task_sem_post(&s->slots[i].released);
}

static void begin(struct slot *me, struct shared *s)
{
    be_released(me, s);
    if (__atomic_sub_fetch(&s->unreleased, 1, __ATOMIC_ACQ_REL) == 0 && !s->fewer) {
        task_start_await_cpus(&s->start);
        bench_start(s->bench);
        task_start_go(&s->start);
        return;
    }
    while (!__atomic_load_n(&s->start.go, __ATOMIC_ACQUIRE)) {
        task_start_be_seen(&s->start);
        task_yield();
    }
}

static void body(void *arg)
{
    struct slot *me = arg;
    struct shared *s = me->shared;

    begin(me, s);
    work(me, s);
    me->ended = true;
}

static uint64_t batches(const struct params *p)
{
    return p->n < BATCHES_MIN ? BATCHES_MIN : p->n;
}

static uint64_t unit(const struct params *p)
{
    return batches(p) * BATCH;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; p->n && i < rounds * batches(p); i++)
        sum += workload_mix(i);
    return sum;
}

static const char *check(const struct params *p)
{
    if (p->ncpu < 2)
        return "switch/yield_multi is measured on several CPUs: P:2 or more; P:1 is switch/yield";
    if (p->n < 4 * (uint64_t)p->ncpu)
        return "switch/yield_multi needs four tasks to a CPU: n:8 or more at P:2";
    return NULL;
}

/* No batch is left for those alive, who only wait for the end. */
static void give_up(struct shared *s, uint64_t alive)
{
    const uint64_t missing = s->alive - alive;

    __atomic_store_n(&s->next.id, s->batches, __ATOMIC_RELAXED);
    s->alive = alive;
    s->fewer = true;
    task_start_go(&s->start);
    if (__atomic_sub_fetch(&s->start.waiting, missing, __ATOMIC_ACQ_REL) == 0 && alive)
        task_sem_post(&s->slots[0].released);
    post_end(s, alive);
}

static int play(struct shared *s, struct slot *slots)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE};
    const uint64_t wanted = s->alive;
    task_group group;
    uint64_t alive = 0;
    int rc = 0;

    task_group_init(&group);
    while (alive < wanted && (rc = task_group_spawn(&group, body, &slots[alive], &attr)) == 0)
        alive++;
    if (rc) {
        bench_limit(s->bench, alive, -rc);
        give_up(s, alive);
    }
    task_group_wait(&group);
    bench_ledger(s->bench)->created = alive;
    return rc;
}

static uint64_t collect(const struct slot *slots, uint64_t n, struct bench *b)
{
    struct ledger *l = bench_ledger(b);
    uint64_t sum = 0, yields = 0;

    for (uint64_t i = 0; i < n; i++) {
        sum += slots[i].sum;
        yields += slots[i].batches * BATCH;
        l->empty_yields += slots[i].empty;
        l->done += slots[i].ended;
    }
    if (l->empty_yields * 100 > yields * TOLERATED_PERCENT)
        bench_invalid(b, "not a switch measurement on this machine: more than 2 % of the yields "
                         "were empty");
    return sum;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct slot *slots = bench_alloc(b, p->n, sizeof *slots);
    struct shared *s = bench_alloc(b, 1, sizeof *s);
    uint64_t sum;
    int rc;

    s->words = bench_alloc(b, CPUS, sizeof *s->words);
    s->batches = rounds * batches(p);
    s->alive = p->n;
    s->bench = b;
    for (uint64_t i = 0; i < CPUS; i++)
        s->words[i].id = UINT64_MAX;
    s->slots = slots;
    s->unreleased = p->n;
    for (uint64_t i = 0; i < p->n; i++) {
        slots[i] = (struct slot){.shared = s, .id = i};
        task_sem_init(&slots[i].released, 0);
    }
    task_start_init(&s->start, p->n, p->ncpu);
    task_sem_init(&s->end, 0);
    rc = play(s, slots);
    task_sem_destroy(&s->end);
    task_start_destroy(&s->start);
    sum = collect(slots, p->n, b);
    for (uint64_t i = 0; i < p->n; i++)
        task_sem_destroy(&slots[i].released);
    free(s->words);
    free(s);
    free(slots);
    return rc ? 0 : sum;
}

const struct workload workload_switch_yield_multi = {
    .name = "switch/yield_multi",
    .axes = "n P place",
    .flags = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_VOID_LIMIT,
    .check = check,
    .unit = unit,
    .run = run,
    .expected = expected,
};
