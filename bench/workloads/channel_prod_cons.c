/* channel/prod_cons: one operation is one message from one of p producers to
 * one of c consumers through one channel.
 *
 * Producers send disjoint ranges of sequence numbers; the last one to finish
 * closes the channel, and the last consumer to drain it closes the region.
 * Everybody is past a barrier when the clock starts.
 */
#include "../task.h"
#include "../workload.h"

#include <errno.h>
#include <stdlib.h>

enum {
    MESSAGES_PER_PRODUCER = 1024 /* and round */
};

struct shared {
    task_chan *channel;
    struct task_latch ready;
    task_sem go;
    uint64_t producing, consuming; /* tasks that have not yet finished */
    struct bench *bench;
};

/* One cache line each: producers and consumers count as they go. */
struct worker {
    struct shared *shared;
    uint64_t first, messages; /* a producer's range */
    uint64_t count;
    uint64_t sum;
    bool ended;
} __attribute__((aligned(64)));

static void enter(struct shared *s)
{
    task_latch_arrive(&s->ready);
    task_sem_wait(&s->go);
}

static void produce(void *arg)
{
    struct worker *w = arg;
    struct shared *s = w->shared;
    uint64_t message;

    enter(s);
    for (uint64_t i = 0; i < w->messages; i++) {
        message = w->first + i;
        if (task_chan_send(s->channel, &message) != 0)
            break;
        w->count++;
    }
    w->ended = true;
    if (__atomic_sub_fetch(&s->producing, 1, __ATOMIC_ACQ_REL) == 0)
        task_chan_close(s->channel);
}

static void consume(void *arg)
{
    struct worker *w = arg;
    struct shared *s = w->shared;
    uint64_t message;

    enter(s);
    while (task_chan_recv(s->channel, &message) == 0) {
        if (WORKLOAD_LOSES && message == MESSAGES_PER_PRODUCER / 2)
            continue;
        w->count++;
        w->sum += workload_mix(message);
    }
    w->ended = true;
    if (__atomic_sub_fetch(&s->consuming, 1, __ATOMIC_ACQ_REL) == 0)
        bench_stop(s->bench);
}

static uint64_t unit(const struct params *p)
{
    return p->p * MESSAGES_PER_PRODUCER;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; p->n && i < rounds * unit(p); i++)
        sum += workload_mix(i);
    return sum;
}

static int spawn_all(task_group *group, struct worker *workers, const struct params *p,
                     uint64_t *ret_alive)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE};
    uint64_t i;
    int rc = 0;

    for (i = 0; i < p->p + p->c; i++) {
        rc = task_group_spawn(group, i < p->p ? produce : consume, &workers[i], &attr);
        if (rc)
            break;
    }
    *ret_alive = i;
    return rc;
}

/* Lets everybody through the barrier; after a refusal the channel is already
 * closed, so that those who exist end at once. */
static int play(struct shared *s, struct worker *workers, const struct params *p)
{
    const uint64_t all = p->p + p->c;
    task_group group;
    uint64_t alive;
    int rc;

    task_group_init(&group);
    rc = spawn_all(&group, workers, p, &alive);
    task_latch_wait(&s->ready, all - alive);
    if (rc) {
        /* Nobody is the last any more: nobody else closes. */
        s->producing = s->consuming = UINT64_MAX;
        task_chan_close(s->channel);
        bench_limit(s->bench, 0, -rc);
    } else {
        bench_start(s->bench);
    }
    for (uint64_t i = 0; i < alive; i++)
        task_sem_post(&s->go);
    task_group_wait(&group);
    return rc;
}

static uint64_t settle_ledger(const struct worker *workers, const struct params *p,
                              struct ledger *l)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < p->p + p->c; i++) {
        l->created++;
        l->done += workers[i].ended;
        *(i < p->p ? &l->sent : &l->delivered) += workers[i].count;
        sum += workers[i].sum;
    }
    return sum;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct worker *workers = aligned_alloc(64, (p->p + p->c) * sizeof *workers);
    struct shared s = {.channel = task_chan_create(sizeof(uint64_t), p->cap),
                       .producing = p->p,
                       .consuming = p->c,
                       .bench = b};
    const uint64_t each = rounds * MESSAGES_PER_PRODUCER;
    uint64_t sum = 0;

    if (!workers || !s.channel) {
        bench_limit(b, 0, ENOMEM);
    } else {
        for (uint64_t i = 0; i < p->p + p->c; i++)
            workers[i] = (struct worker){.shared = &s, .first = i * each, .messages = each};
        task_latch_init(&s.ready, p->p + p->c);
        task_sem_init(&s.go, 0);
        if (play(&s, workers, p) == 0)
            sum = settle_ledger(workers, p, bench_ledger(b));
        task_sem_destroy(&s.go);
        task_latch_destroy(&s.ready);
    }
    if (s.channel)
        task_chan_destroy(s.channel);
    free(workers);
    return sum;
}

const struct workload workload_channel_prod_cons = {
    .name = "channel/prod_cons",
    .axes = "p c cap P place",
    .flags = WORKLOAD_NEEDS_BLOCKING,
    .unit = unit,
    .run = run,
    .expected = expected,
};
