/* channel/select: one operation is one message that one task receives by a
 * select over k unbuffered channels, each of which has a sender.
 *
 * Senders send disjoint ranges of numbers. The receiver checks that those of
 * each channel come in order, which a select that reports the wrong case would
 * not survive, and mixes them into its sum. The senders are past a barrier when
 * the clock starts; the root is the receiver.
 */
#include "../task.h"
#include "../workload.h"

#include <errno.h>

enum { MESSAGES_PER_SENDER = 1024 /* and round */, LARGEST = 64 };

struct shared {
    struct task_latch ready;
    task_sem go;
    uint64_t each; /* messages of one sender; 0 if they are to end at once */
};

struct sender {
    struct shared *shared;
    task_chan *channel;
    uint64_t first, sent;
    bool ended;
} __attribute__((aligned(64)));

/* The receiver's side of a channel. */
struct line {
    uint64_t message, next;
};

static void produce(void *arg)
{
    struct sender *me = arg;
    struct shared *s = me->shared;
    uint64_t message = me->first;

    task_latch_arrive(&s->ready);
    task_sem_wait(&s->go);
    for (uint64_t i = 0; i < s->each; i++, message++) {
        if (task_chan_send(me->channel, &message) != 0)
            break;
        me->sent++;
    }
    me->ended = true;
}

static uint64_t unit(const struct params *p)
{
    return p->k * MESSAGES_PER_SENDER;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; p->n && i < rounds * unit(p); i++)
        sum += workload_mix(i);
    return sum;
}

static const char *check(const struct params *p)
{
    return p->k > LARGEST ? "channel/select takes at most k:64" : NULL;
}

/* Returns how many of `count` messages came as they had to. */
static uint64_t receive(struct line *lines, task_case *cases, int k, uint64_t count,
                        uint64_t *ret_sum)
{
    uint64_t received = 0, sum = 0;

    for (uint64_t i = 0; i < count; i++) {
        const int at = task_select(cases, k);
        struct line *line = &lines[at];

        if (task_case_result(&cases[at]) != 0 || line->message != line->next)
            break;
        line->next++;
        if (WORKLOAD_LOSES && i == MESSAGES_PER_SENDER / 2)
            continue;
        received++;
        sum += workload_mix(line->message);
    }
    *ret_sum = sum;
    return received;
}

/* The channels exist. 0, or what refused a sender. */
static int play(struct shared *s, struct sender *senders, uint64_t k, struct bench *b,
                uint64_t *ret_sum)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE};
    struct line lines[LARGEST];
    task_case cases[LARGEST];
    task_group group;
    uint64_t alive = 0;
    int rc = 0;

    task_group_init(&group);
    while (alive < k && (rc = task_group_spawn(&group, produce, &senders[alive], &attr)) == 0)
        alive++;
    task_latch_wait(&s->ready, k - alive);
    bench_ledger(b)->created = alive;
    for (uint64_t i = 0; i < k; i++) {
        lines[i].next = senders[i].first;
        task_case_recv(&cases[i], senders[i].channel, &lines[i].message);
    }
    if (rc) {
        bench_limit(b, alive, -rc);
        s->each = 0;
    }
    bench_start(b);
    for (uint64_t i = 0; i < alive; i++)
        task_sem_post(&s->go);
    bench_ledger(b)->delivered = receive(lines, cases, (int)k, k * s->each, ret_sum);
    bench_stop(b);
    for (uint64_t i = 0; i < k; i++)
        task_chan_close(senders[i].channel); /* after a fault there are still some */
    task_group_wait(&group);
    return rc;
}

static void settle_ledger(const struct sender *senders, uint64_t k, struct ledger *l)
{
    for (uint64_t i = 0; i < k; i++) {
        l->done += senders[i].ended;
        l->sent += senders[i].sent;
    }
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct shared s = {.each = rounds * MESSAGES_PER_SENDER};
    struct sender senders[LARGEST];
    uint64_t sum = 0, made = 0;
    int rc = 0;

    for (; made < p->k; made++) {
        senders[made] = (struct sender){.shared = &s, .first = made * s.each};
        senders[made].channel = task_chan_create(sizeof(uint64_t), 0);
        if (!senders[made].channel)
            break;
    }
    task_latch_init(&s.ready, p->k);
    task_sem_init(&s.go, 0);
    if (made == p->k) {
        rc = play(&s, senders, p->k, b, &sum);
        settle_ledger(senders, p->k, bench_ledger(b));
    } else {
        rc = -ENOMEM;
        bench_limit(b, 0, ENOMEM);
    }
    task_sem_destroy(&s.go);
    task_latch_destroy(&s.ready);
    while (made > 0)
        task_chan_destroy(senders[--made].channel);
    return rc ? 0 : sum;
}

const struct workload workload_channel_select = {
    .name = "channel/select",
    .axes = "k P place",
    .flags = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_VOID_LIMIT,
    .check = check,
    .unit = unit,
    .run = run,
    .expected = expected,
};
