/* switch/working_set: one operation is one switch to the next of n tasks in a
 * ring, which touches `kib` KiB of its own before it switches on.
 *
 * To touch is to add one to a word in every 64-byte line, in order. A token
 * goes round through semaphores, each task waiting for its own, so that exactly
 * one task runs at any time. A lap before the clock starts shows that all are
 * there and makes every page resident.
 *
 * What the touching costs alone is measured before: the same laps over the same
 * memory by calls in one task.
 */
#include "../task.h"
#include "../workload.h"

#include <stdlib.h>

enum { LINE = 64, WORDS = 8, LAPS = 8, ALONE_LAPS = 8, ALONE_TIMES = 5 };

struct ring;

struct member {
    struct ring *ring;
    uint64_t id;
    uint64_t *room;
    task_sem turn;
    bool ended;
} __attribute__((aligned(LINE)));

struct ring {
    struct member *members;
    uint64_t n;
    uint64_t lines; /* of each member's room */
    uint64_t laps;  /* with the one that is not measured; 0: end at once */
    uint64_t token;
    struct bench *bench;
};

/* Not commutative: who has it when changes the result. */
static inline uint64_t turn(uint64_t token, uint64_t id, uint64_t found)
{
    return token * UINT64_C(6364136223846793005) + found + id;
}

/* The sum of the words it found. */
static __attribute__((noinline)) uint64_t touch(uint64_t *room, uint64_t lines)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < lines; i++) {
        sum += room[i * WORDS];
        room[i * WORDS]++;
    }
    return sum;
}

static void body(void *arg)
{
    struct member *me = arg;
    struct ring *r = me->ring;
    task_sem *next = &r->members[(me->id + 1) % r->n].turn;

    task_sem_wait(&me->turn);
    for (uint64_t i = 0; i < r->laps; i++) {
        if (i == 1 && me->id == 0)
            bench_start(r->bench);
        if (!WORKLOAD_LOSES || i != 1 || me->id != 1) /* else it is passed over */
            r->token = turn(r->token, me->id, touch(me->room, r->lines));
        task_sem_post(next);
        if (i + 1 < r->laps || me->id == 0)
            task_sem_wait(&me->turn);
    }
    if (me->id == 0 && r->laps)
        bench_stop(r->bench);
    me->ended = true;
}

static uint64_t unit(const struct params *p)
{
    return p->n * LAPS;
}

/* Every line of a room holds the number of times that it was touched. */
static uint64_t expected(uint64_t rounds, const struct params *p)
{
    const uint64_t lines = p->kib * 1024 / LINE;
    uint64_t token = 0;

    for (uint64_t lap = 0; p->n && lap < rounds * LAPS + 1; lap++) {
        for (uint64_t id = 0; id < p->n; id++)
            token = turn(token, id, (ALONE_LAPS * ALONE_TIMES + lap) * lines);
    }
    return token;
}

static const char *check(const struct params *p)
{
    if (p->ncpu != 1)
        return "switch/working_set is measured on one CPU: P:1";
    return p->n < 2 ? "switch/working_set needs two tasks: n:2 or more" : NULL;
}

/* ns of one touch in laps over all rooms, the fastest of a few. */
static double alone(struct ring *r)
{
    int64_t best = INT64_MAX;
    volatile uint64_t sum = 0;

    for (unsigned i = 0; i < ALONE_TIMES; i++) {
        const int64_t start = workload_now();
        int64_t took;

        for (unsigned lap = 0; lap < ALONE_LAPS; lap++) {
            for (uint64_t id = 0; id < r->n; id++)
                sum += touch(r->members[id].room, r->lines);
        }
        took = workload_now() - start;
        best = took < best ? took : best;
    }
    (void)sum;
    return (double)best / (double)(ALONE_LAPS * r->n);
}

static int play(struct ring *r)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE};
    task_group group;
    uint64_t alive = 0;
    int rc = 0;

    task_group_init(&group);
    while (alive < r->n && (rc = task_group_spawn(&group, body, &r->members[alive], &attr)) == 0)
        alive++;
    if (rc) {
        bench_limit(r->bench, alive, -rc);
        r->laps = 0;
    }
    for (uint64_t i = 0; i < (rc ? alive : 1); i++)
        task_sem_post(&r->members[i].turn);
    task_group_wait(&group);
    bench_ledger(r->bench)->created = alive;
    return rc;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    const uint64_t lines = p->kib * 1024 / LINE;
    struct member *members = bench_alloc(b, p->n, sizeof *members);
    uint64_t *rooms = bench_alloc(b, p->n * p->kib, 1024);
    struct ring r = {
        .members = members, .n = p->n, .lines = lines, .laps = rounds * LAPS + 1, .bench = b};
    int rc;

    for (uint64_t i = 0; i < p->n; i++) {
        members[i] = (struct member){.ring = &r, .id = i, .room = &rooms[i * lines * WORDS]};
        task_sem_init(&members[i].turn, 0);
    }
    bench_alone(b, alone(&r));
    rc = play(&r);
    for (uint64_t i = 0; i < p->n; i++) {
        bench_ledger(b)->done += members[i].ended;
        task_sem_destroy(&members[i].turn);
    }
    free(rooms);
    free(members);
    return rc ? 0 : r.token;
}

const struct workload workload_switch_working_set = {
    .name = "switch/working_set",
    .axes = "n kib P place",
    .flags = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_VOID_LIMIT,
    .check = check,
    .unit = unit,
    .run = run,
    .expected = expected,
};
