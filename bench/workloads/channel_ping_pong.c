/* channel/ping_pong: one operation is one message, one way; a round trip is
 * two. Two tasks, two channels of the same capacity.
 *
 * Messages are eight bytes and carry a sequence number that the receiver
 * checks and mixes into its sum. One round trip before the clock starts shows
 * that both tasks are there; its message is number 0.
 */
#include "../task.h"
#include "../workload.h"

#include <errno.h>

enum {
    UNIT = 1000 /* even: an operation is half a round trip */
};

struct side {
    task_chan *out, *in;
    uint64_t trips;
    uint64_t sent, received;
    uint64_t sum;
    bool ended;
    struct bench *bench; /* of the side that keeps the clock */
};

static inline void send_one(struct side *s, uint64_t sequence)
{
    if (task_chan_send(s->out, &sequence) == 0)
        s->sent++;
}

static inline void receive_one(struct side *s, uint64_t sequence)
{
    uint64_t message;

    if (task_chan_recv(s->in, &message) != 0 || message != sequence)
        return;
    if (WORKLOAD_LOSES && sequence == UNIT / 2)
        return;
    s->received++;
    s->sum += workload_mix(sequence);
}

/* The server sends the even numbers and receives the odd ones. */
static void serve(void *arg)
{
    struct side *s = arg;

    send_one(s, 0);
    receive_one(s, 1);
    bench_start(s->bench);
    for (uint64_t i = 1; i <= s->trips; i++) {
        send_one(s, 2 * i);
        receive_one(s, 2 * i + 1);
    }
    bench_stop(s->bench);
    s->ended = true;
}

static void reply(void *arg)
{
    struct side *s = arg;

    for (uint64_t i = 0; i <= s->trips; i++) {
        receive_one(s, 2 * i);
        send_one(s, 2 * i + 1);
    }
    s->ended = true;
}

static uint64_t unit(const struct params *p)
{
    return UNIT;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; p->n && i < rounds * UNIT + 2; i++)
        sum += workload_mix(i);
    return sum;
}

static const char *check(const struct params *p)
{
    return p->ncpu > 2 ? "channel/ping_pong has two tasks: P:1 or P:2" : NULL;
}

/* Replier first: if the server is refused, closing the channels ends it. */
static int play(struct side sides[2], const struct params *p)
{
    const struct task_attr server = {.slot = params_pair_slot(p, 0)};
    const struct task_attr replier = {.slot = params_pair_slot(p, 1)};
    task_group group;
    int rc;

    task_group_init(&group);
    rc = task_group_spawn(&group, reply, &sides[1], &replier);
    if (rc)
        return rc;
    rc = task_group_spawn(&group, serve, &sides[0], &server);
    if (rc) {
        task_chan_close(sides[1].in);
        task_chan_close(sides[1].out);
    }
    task_group_wait(&group);
    return rc;
}

static uint64_t settle_ledger(const struct side sides[2], struct ledger *l)
{
    l->created = 2;
    l->done = sides[0].ended + sides[1].ended;
    l->sent = sides[0].sent + sides[1].sent;
    l->delivered = sides[0].received + sides[1].received;
    return sides[0].sum + sides[1].sum;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    task_chan *there = task_chan_create(sizeof(uint64_t), p->cap);
    task_chan *back = task_chan_create(sizeof(uint64_t), p->cap);
    struct side sides[2] = {
        {.out = there, .in = back, .trips = rounds * UNIT / 2, .bench = b},
        {.out = back, .in = there, .trips = rounds * UNIT / 2},
    };
    int rc = there && back ? play(sides, p) : -ENOMEM;

    if (there)
        task_chan_destroy(there);
    if (back)
        task_chan_destroy(back);
    if (rc) {
        bench_limit(b, 0, -rc);
        return 0;
    }
    return settle_ledger(sides, bench_ledger(b));
}

const struct workload workload_channel_ping_pong = {
    .name = "channel/ping_pong",
    .axes = "cap P place",
    .flags = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_PAIR,
    .check = check,
    .unit = unit,
    .run = run,
    .expected = expected,
};
