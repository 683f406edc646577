/* switch/line: one operation is one word that goes from one CPU to the other
 * by nothing but a store and a load: the floor under every hand-over between
 * two CPUs. A round trip is two.
 *
 * Each side has a line of its own, writes there and watches the other's. The
 * two tasks never call the scheduler, so each must have a CPU to itself: only
 * placements of a pair on two CPUs.
 */
#include "../task.h"
#include "../workload.h"

enum {
    UNIT = 1000, /* even: an operation is half a round trip */
    LINE = 128   /* two lines: neighbours are fetched in pairs */
};

struct line {
    _Alignas(LINE) uint64_t word;
};

struct side {
    struct line *mine, *other;
    uint64_t trips;
    uint64_t sent, received;
    uint64_t sum;
    struct bench *bench; /* of the side that keeps the clock */
};

static inline void tell(struct side *s, uint64_t word)
{
    __atomic_store_n(&s->mine->word, word, __ATOMIC_RELEASE);
    s->sent++;
}

static inline void await(struct side *s, uint64_t word)
{
    uint64_t seen;

    while ((seen = __atomic_load_n(&s->other->word, __ATOMIC_ACQUIRE)) != word)
        continue;
    s->received += !WORKLOAD_LOSES || word != UNIT / 4;
    s->sum += workload_mix(seen);
}

static void serve(void *arg)
{
    struct side *s = arg;

    tell(s, 1);
    await(s, 1);
    bench_start(s->bench);
    for (uint64_t i = 2; i < s->trips + 2; i++) {
        tell(s, i);
        await(s, i);
    }
    bench_stop(s->bench);
}

static void reply(void *arg)
{
    struct side *s = arg;

    for (uint64_t i = 1; i < s->trips + 2; i++) {
        await(s, i);
        tell(s, i);
    }
}

static uint64_t unit(const struct params *p)
{
    return UNIT;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    uint64_t sum = 0;

    for (uint64_t i = 1; p->n && i < rounds * UNIT / 2 + 2; i++)
        sum += 2 * workload_mix(i);
    return sum;
}

static const char *check(const struct params *p)
{
    if (p->ncpu != 2 || !p->pinned)
        return "switch/line needs two CPUs and a placement of a pair on them: P:2/place:...";
    return NULL;
}

/* Replier first: if the server is refused, the replier is told all it waits for. */
static int spawn_pair(task_group *group, struct side sides[2])
{
    const struct task_attr server = {.slot = 0}, replier = {.slot = 1};
    int rc = task_group_spawn(group, reply, &sides[1], &replier);

    if (rc)
        return rc;
    rc = task_group_spawn(group, serve, &sides[0], &server);
    for (uint64_t i = 1; rc && i < sides[1].trips + 2; i++) {
        tell(&sides[0], i);
        while (__atomic_load_n(&sides[1].mine->word, __ATOMIC_ACQUIRE) != i)
            continue;
    }
    return rc;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct ledger *l = bench_ledger(b);
    struct line line[2] = {{0}, {0}};
    struct side sides[2];
    task_group group;
    int rc;

    for (unsigned i = 0; i < 2; i++)
        sides[i] = (struct side){.mine = &line[i],
                                 .other = &line[1 - i],
                                 .trips = rounds * UNIT / 2,
                                 .bench = b};
    task_group_init(&group);
    rc = spawn_pair(&group, sides);
    task_group_wait(&group);
    if (rc) {
        bench_limit(b, 0, -rc);
        return 0;
    }
    l->created = 2;
    l->done = (sides[0].received == sides[0].trips + 1) + (sides[1].received == sides[1].trips + 1);
    l->sent = sides[0].sent + sides[1].sent;
    l->delivered = sides[0].received + sides[1].received;
    return sides[0].sum + sides[1].sum;
}

const struct workload workload_switch_line = {
    .name = "switch/line",
    .axes = "P place",
    .flags = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_PAIR,
    .check = check,
    .unit = unit,
    .run = run,
    .expected = expected,
};
