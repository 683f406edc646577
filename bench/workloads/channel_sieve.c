/* channel/sieve: one operation is one prime of the first k, found by a chain
 * of filters. A generator sends 2, 3, 4, ...; the first number out of the
 * chain is prime, and becomes the next filter, which passes on what it does
 * not divide. Channels are unbuffered; each task runs between two of them.
 *
 * The chain is taken down from its end: whoever no longer receives closes its
 * channel, which refuses the send of the task before it, up to the generator.
 * So each channel is closed once, by its only receiver, and what was sent was
 * received. That is part of the region: a program that leaves such tasks
 * behind leaks them.
 */
#include "../task.h"
#include "../workload.h"

#include <errno.h>
#include <stdlib.h>

/* The generator is stage 0, with no channel in front of it. */
struct stage {
    task_chan *in, *out;
    uint64_t prime;
    uint64_t sent, received;
    bool ended;
} __attribute__((aligned(64)));

static void generate(void *arg)
{
    struct stage *s = arg;
    uint64_t number = 2;

    for (; task_chan_send(s->out, &number) == 0; number++)
        s->sent++;
    s->ended = true;
}

static void filter(void *arg)
{
    struct stage *s = arg;
    const uint64_t prime = s->prime;
    uint64_t number;

    while (task_chan_recv(s->in, &number) == 0) {
        if (WORKLOAD_LOSES && prime == 2 && number == 5)
            continue;
        s->received++;
        if (number % prime == 0)
            continue;
        if (task_chan_send(s->out, &number) != 0)
            break;
        s->sent++;
    }
    task_chan_close(s->in);
    s->ended = true;
}

struct chain {
    struct stage *stages; /* k + 1 */
    task_chan *last;      /* out of the newest stage; the root is its receiver */
    uint64_t length;      /* stages */
    uint64_t received;    /* by the root */
    uint64_t sum;
    task_group group;
};

/* Adds a stage in front of the root: 0, or what refused it. */
static int extend(struct chain *c, void (*fn)(void *), uint64_t prime)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE};
    struct stage *s = &c->stages[c->length];
    task_chan *out = task_chan_create(sizeof(uint64_t), 0);
    int rc;

    if (!out)
        return -ENOMEM;
    s->in = c->last;
    s->out = out;
    s->prime = prime;
    s->ended = false;
    rc = task_group_spawn(&c->group, fn, s, &attr);
    if (rc) {
        task_chan_destroy(out);
        return rc;
    }
    c->last = out;
    c->length++;
    return 0;
}

static int sieve(struct chain *c, uint64_t k)
{
    uint64_t prime;
    int rc = extend(c, generate, 0);

    for (uint64_t i = 0; rc == 0 && i < k; i++) {
        rc = task_chan_recv(c->last, &prime);
        if (rc)
            break;
        c->received++;
        c->sum += workload_mix(prime);
        rc = extend(c, filter, prime);
    }
    return rc;
}

/* Ends every task and adds up what they counted. */
static void take_down(struct chain *c, struct ledger *l)
{
    if (c->last)
        task_chan_close(c->last);
    task_group_wait(&c->group);
    l->created += c->length;
    l->delivered += c->received;
    for (uint64_t i = 0; i < c->length; i++) {
        struct stage *s = &c->stages[i];

        l->done += s->ended;
        l->sent += s->sent;
        l->delivered += s->received;
        task_chan_destroy(s->out);
        s->sent = s->received = 0;
    }
    c->length = c->received = 0;
    c->last = NULL;
}

static uint64_t unit(const struct params *p)
{
    return p->k;
}

static bool is_prime(uint64_t number)
{
    for (uint64_t d = 2; d * d <= number; d++) {
        if (number % d == 0)
            return false;
    }
    return true;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    uint64_t sum = 0, found = 0;

    for (uint64_t number = 2; p->n && found < p->k; number++) {
        if (is_prime(number)) {
            sum += workload_mix(number);
            found++;
        }
    }
    return sum * rounds;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct chain c = {.stages = bench_alloc(b, p->k + 2, sizeof(struct stage))};
    int rc = 0;

    task_group_init(&c.group);
    bench_start(b);
    for (uint64_t i = 0; rc == 0 && i < rounds; i++) {
        rc = sieve(&c, p->k);
        if (rc)
            bench_limit(b, c.length, -rc);
        take_down(&c, bench_ledger(b));
    }
    bench_stop(b);
    free(c.stages);
    return rc ? 0 : c.sum;
}

const struct workload workload_channel_sieve = {
    .name = "channel/sieve",
    .axes = "k P place",
    .flags = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_VOID_LIMIT,
    .unit = unit,
    .run = run,
    .expected = expected,
};
