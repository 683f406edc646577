/* switch/yield: one operation is one yield, among n tasks on one CPU.
 *
 * All tasks are past a barrier when the clock starts, and none ends before it
 * stops, so that neither spawning nor exiting is part of it. A task yields
 * from four call sites in turn, out of step with its neighbours: with a single
 * site the branch predictor learns where every switch returns to, which no
 * program offers it. The sites stand in the loop itself: a function around
 * each would put one more return behind every switch, which is the caller's
 * cost and not that of the yield.
 *
 * Before it yields, a task writes its id to a word that all share; if the
 * word is unchanged afterwards nobody else has run, and the yield was empty.
 * The word is accessed with relaxed atomics, which are plain moves here.
 *
 * The last of a task's yields, one in 16 or fewer, is a wait for the end of
 * the region: a task that went on yielding until the slowest is done would
 * add yields that nobody counts, and how many depends on the scheduler.
 */
#include "../task.h"
#include "../workload.h"

#include <stdlib.h>

enum { SITES = 4, YIELDS_PER_ROUND = 4096, TOLERATED_PERCENT = 2 };
/* The least of one task: more where tasks no longer fit the caches and their end
 * is a turn out of memory. */
enum { LEAST_OF_FEW = 16, FEW = 10000, LEAST_OF_MANY = 64 };

struct shared {
    uint64_t word;
    uint64_t each;    /* yields of one task */
    uint64_t waiting; /* tasks that have not yet arrived */
    uint64_t running; /* tasks that have not yet made their yields */
    uint64_t alive;
    bool go;
    task_sem begin, end;
    struct bench *bench;
};

struct slot {
    struct shared *shared;
    uint64_t id;
    uint64_t yields;
    uint64_t empty;
};

static inline uint64_t yield_here(uint64_t *word, uint64_t id)
{
    __atomic_store_n(word, id, __ATOMIC_RELAXED);
    task_yield();
    return __atomic_load_n(word, __ATOMIC_RELAXED) == id;
}

static uint64_t yields_each(const struct params *p)
{
    const uint64_t least = p->n > FEW ? LEAST_OF_MANY : LEAST_OF_FEW;
    uint64_t each = p->n ? YIELDS_PER_ROUND / p->n : 0;

    each = each < least ? least : each;
    return each - each % SITES;
}

static void post_others(task_sem *sem, uint64_t alive)
{
    for (uint64_t i = 1; i < alive; i++)
        task_sem_post(sem);
}

/* Waiting for everybody costs no CPU; then the last to arrive makes all
 * runnable and opens the region, and who runs too early yields. */
static void barrier(struct shared *s)
{
    if (__atomic_sub_fetch(&s->waiting, 1, __ATOMIC_ACQ_REL) == 0) {
        post_others(&s->begin, s->alive);
        bench_start(s->bench);
        __atomic_store_n(&s->go, true, __ATOMIC_RELEASE);
        return;
    }
    task_sem_wait(&s->begin);
    while (!__atomic_load_n(&s->go, __ATOMIC_ACQUIRE))
        task_yield();
}

/* The last to finish closes the region. */
static void finish(struct shared *s)
{
    if (__atomic_sub_fetch(&s->running, 1, __ATOMIC_ACQ_REL) == 0) {
        bench_stop(s->bench);
        post_others(&s->end, s->alive);
        return;
    }
    task_sem_wait(&s->end);
}

/* `count` yields, of which the first few put tasks out of step by their id. */
static uint64_t yield_often(uint64_t *word, uint64_t id, uint64_t count)
{
    uint64_t empty = 0;

    for (uint64_t i = id % SITES; i > 0; i--, count--)
        empty += yield_here(word, id);
    for (; count >= SITES; count -= SITES) {
        empty += yield_here(word, id);
        empty += yield_here(word, id);
        empty += yield_here(word, id);
        empty += yield_here(word, id);
    }
    for (; count > 0; count--)
        empty += yield_here(word, id);
    return empty;
}

static void body(void *arg)
{
    struct slot *me = arg;
    struct shared *s = me->shared;

    barrier(s);
    me->empty = yield_often(&s->word, me->id, s->each - 1);
    me->yields = s->each;
    finish(s);
}

static uint64_t unit(const struct params *p)
{
    return p->n * yields_each(p);
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    uint64_t sum = 0;

    for (uint64_t id = 0; id < p->n; id++)
        sum += workload_mix(id);
    return sum * yields_each(p) * rounds;
}

static const char *check(const struct params *p)
{
    if (p->ncpu != 1)
        return "switch/yield is measured on one CPU: P:1";
    return p->n < 2 ? "switch/yield needs two tasks: n:2 or more" : NULL;
}

static uint64_t spawn_all(task_group *group, struct slot *slots, uint64_t n, int *ret_rc)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE};
    uint64_t i = 0;
    int rc = 0;

    while (i < n && (rc = task_group_spawn(group, body, &slots[i], &attr)) == 0)
        i++;
    *ret_rc = rc;
    return i;
}

/* Fewer tasks than n cannot be measured as n: the cell is a limit, and those
 * that exist run through with the barrier lowered. If all of
 * them have arrived already nobody opens the region, and this releases them. */
static void lower_barrier(struct shared *s, const struct params *p, uint64_t alive)
{
    const struct params fewer = {.n = alive};
    const uint64_t missing = p->n - alive;

    s->each = yields_each(&fewer);
    s->alive = alive;
    __atomic_sub_fetch(&s->running, missing, __ATOMIC_ACQ_REL);
    if (__atomic_sub_fetch(&s->waiting, missing, __ATOMIC_ACQ_REL) != 0 || alive == 0)
        return;
    __atomic_store_n(&s->go, true, __ATOMIC_RELEASE);
    post_others(&s->begin, alive + 1);
}

static uint64_t collect(const struct slot *slots, uint64_t n, struct bench *b)
{
    struct ledger *l = bench_ledger(b);
    uint64_t sum = 0, yields = 0;

    for (uint64_t i = 0; i < n; i++) {
        sum += workload_mix(i) * slots[i].yields;
        l->empty_yields += slots[i].empty;
        l->done += slots[i].yields > 0;
        yields += slots[i].yields;
    }
    if (l->empty_yields * 100 > yields * TOLERATED_PERCENT)
        bench_invalid(b, "not a switch measurement on this machine: more than 2 % of the yields "
                         "were empty");
    return sum;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct slot *slots = bench_alloc(b, p->n, sizeof *slots);
    struct shared s = {.word = UINT64_MAX,
                       .waiting = p->n,
                       .running = p->n,
                       .alive = p->n,
                       .each = rounds * yields_each(p),
                       .bench = b};
    task_group group;
    uint64_t sum;
    int rc;

    for (uint64_t i = 0; i < p->n; i++)
        slots[i] = (struct slot){.shared = &s, .id = i};
    task_sem_init(&s.begin, 0);
    task_sem_init(&s.end, 0);
    task_group_init(&group);
    bench_ledger(b)->created = spawn_all(&group, slots, p->n, &rc);
    if (rc) {
        bench_limit(b, bench_ledger(b)->created, -rc);
        lower_barrier(&s, p, bench_ledger(b)->created);
    }
    task_group_wait(&group);
    task_sem_destroy(&s.begin);
    task_sem_destroy(&s.end);
    sum = collect(slots, p->n, b);
    free(slots);
    return sum;
}

const struct workload workload_switch_yield = {
    .name = "switch/yield",
    .axes = "n P",
    .flags = WORKLOAD_NEEDS_BLOCKING,
    .check = check,
    .unit = unit,
    .run = run,
    .expected = expected,
};
