/* switch/handoff: one operation is one hand-over of a token from one task to
 * the other: post the other's semaphore, wait for one's own.
 *
 * The token is a word that each side changes before it passes it on, so that
 * the checksum depends on every hand-over and on their order. One round trip
 * before the clock starts shows that both tasks are there.
 */
#include "../task.h"
#include "../workload.h"

enum {
    UNIT = 1000 /* even: an operation is half a round trip */
};

struct side {
    task_sem *mine, *other;
    uint64_t *token;
    uint64_t trips;
    uint64_t posts, waits;
    struct bench *bench; /* of the side that keeps the clock */
};

/* Not commutative: a swapped or doubled hand-over changes the result. */
static inline uint64_t turn(uint64_t token, uint64_t side)
{
    return token * UINT64_C(6364136223846793005) + side;
}

static inline void pass(struct side *s, uint64_t side)
{
    if (!WORKLOAD_LOSES || s->posts != UNIT / 4)
        *s->token = turn(*s->token, side);
    task_sem_post(s->other);
    s->posts++;
}

static inline void take(struct side *s)
{
    task_sem_wait(s->mine);
    s->waits++;
}

static void serve(void *arg)
{
    struct side *s = arg;

    pass(s, 0);
    take(s);
    bench_start(s->bench);
    for (uint64_t i = 0; i < s->trips; i++) {
        pass(s, 0);
        take(s);
    }
    bench_stop(s->bench);
}

static void reply(void *arg)
{
    struct side *s = arg;

    for (uint64_t i = 0; i < s->trips + 1; i++) {
        take(s);
        pass(s, 1);
    }
}

static uint64_t unit(const struct params *p)
{
    return UNIT;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    uint64_t token = 0;

    if (p->n == 0)
        return 0;
    for (uint64_t i = 0; i < rounds * UNIT / 2 + 1; i++)
        token = turn(turn(token, 0), 1);
    return token;
}

static const char *check(const struct params *p)
{
    return p->ncpu > 2 ? "switch/handoff has two tasks: P:1 or P:2" : NULL;
}

/* Replier first: if the server is refused, its first token is passed for it. */
static int spawn_pair(task_group *group, struct side sides[2], const struct params *p)
{
    const struct task_attr server = {.slot = params_pair_slot(p, 0)};
    const struct task_attr replier = {.slot = params_pair_slot(p, 1)};
    int rc = task_group_spawn(group, reply, &sides[1], &replier);

    if (rc)
        return rc;
    rc = task_group_spawn(group, serve, &sides[0], &server);
    for (uint64_t i = 0; rc && i < sides[1].trips + 1; i++)
        task_sem_post(sides[1].mine);
    return rc;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct ledger *l = bench_ledger(b);
    struct side sides[2];
    task_group group;
    task_sem sem[2];
    uint64_t token = 0;
    int rc;

    for (unsigned i = 0; i < 2; i++) {
        task_sem_init(&sem[i], 0);
        sides[i] = (struct side){.mine = &sem[i],
                                 .other = &sem[1 - i],
                                 .token = &token,
                                 .trips = rounds * UNIT / 2,
                                 .bench = b};
    }
    task_group_init(&group);
    rc = spawn_pair(&group, sides, p);
    task_group_wait(&group);
    task_sem_destroy(&sem[0]);
    task_sem_destroy(&sem[1]);
    if (rc) {
        bench_limit(b, 0, -rc);
        return 0;
    }
    l->created = 2;
    l->done = (sides[0].waits == sides[0].trips + 1) + (sides[1].waits == sides[1].trips + 1);
    l->sent = sides[0].posts + sides[1].posts;
    l->delivered = sides[0].waits + sides[1].waits;
    return token;
}

const struct workload workload_switch_handoff = {
    .name = "switch/handoff",
    .axes = "P place",
    .flags = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_PAIR,
    .check = check,
    .unit = unit,
    .run = run,
    .expected = expected,
};
