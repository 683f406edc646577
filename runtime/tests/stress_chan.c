/* No message is lost, doubled, changed or overtaken.
 *
 * Producers send numbered messages, consumers count each. A message that was
 * sent (send returned 0) must be received once, one that was refused (the
 * channel was closed) never, and each consumer must see the messages of one
 * producer in their order. Producers and consumers are tasks or threads
 * outside, some yield at random, and some channels are closed at random. */
#include "stress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PRODUCERS 16
#define MAX_CONSUMERS 16

struct message {
    uint64_t id, check, producer;
};

struct party {
    int index;
    uint64_t first, count; /* of a producer */
    uint64_t random;
};

static struct {
    gt_chan *ch;
    size_t elem_size; /* 8: the id alone */
    uint64_t total, first_id;
    int producers, consumers;
    bool yields, outsiders;
    uint64_t close_after; /* messages; 0: when all are sent */
    atomic_uint_fast64_t sent;
    atomic_int sending;
    atomic_bool closed;
    _Atomic unsigned char *seen; /* bit 0-6: times received; bit 7: sent */
    struct party producer[MAX_PRODUCERS], consumer[MAX_CONSUMERS];
} run;

static void maybe_yield(struct party *p)
{
    if (run.yields && next_random(&p->random) % 8 == 0)
        gt_yield();
}

static void close_once(void)
{
    if (!atomic_exchange(&run.closed, true))
        gt_chan_close(run.ch);
}

static int send_message(const struct message *m, uint64_t how)
{
    if (how % 4)
        return gt_chan_send(run.ch, m);
    for (;;) {
        int err = gt_chan_try_send(run.ch, m);
        if (err != -EAGAIN)
            return err;
        if (how % 8)
            return gt_chan_send(run.ch, m);
        gt_yield();
    }
}

static void produce(void *arg)
{
    struct party *p = arg;
    for (uint64_t i = p->first; i < p->first + p->count; i++) {
        struct message m = {i + run.first_id, ~i, (uint64_t)p->index};
        int err = send_message(&m, run.yields ? next_random(&p->random) : 1);
        if (err) {
            CHECK(err == -EPIPE && run.close_after);
            break;
        }
        atomic_fetch_or_explicit(&run.seen[i], 128, memory_order_relaxed);
        if (run.close_after && atomic_fetch_add(&run.sent, 1) + 1 == run.close_after)
            close_once();
        maybe_yield(p);
    }
    if (atomic_fetch_sub(&run.sending, 1) == 1)
        close_once();
}

static void account(struct party *p, const struct message *m, uint64_t *last)
{
    uint64_t i = m->id - run.first_id;
    CHECK(i < run.total);
    CHECK(run.elem_size == 8 || m->check == ~i);
    int producer = (int)(i / run.producer[0].count);
    CHECK(run.elem_size == 8 || m->producer == (uint64_t)producer);
    CHECK((atomic_fetch_add_explicit(&run.seen[i], 1, memory_order_relaxed) & 127) == 0);
    CHECK(last[producer] == 0 || i + 1 > last[producer]);
    last[producer] = i + 1;
    maybe_yield(p);
}

static void consume(void *arg)
{
    struct party *p = arg;
    uint64_t last[MAX_PRODUCERS] = {0};
    struct message m = {0};
    for (;;) {
        bool try = run.yields && next_random(&p->random) % 4 == 0;
        int err = try ? gt_chan_try_recv(run.ch, &m) : gt_chan_recv(run.ch, &m);
        if (err == 0)
            account(p, &m, last);
        else if (err == -EAGAIN && try)
            gt_yield();
        else {
            CHECK(err == -EPIPE);
            break;
        }
    }
}

static void *produce_outside(void *arg)
{
    produce(arg);
    return NULL;
}

static void *consume_outside(void *arg)
{
    consume(arg);
    return NULL;
}

static void check_all(void)
{
    for (uint64_t i = 0; i < run.total; i++) {
        unsigned char seen = atomic_load_explicit(&run.seen[i], memory_order_relaxed);
        CHECK(seen == 129 || (seen == 0 && run.close_after));
    }
}

/* Every other party outside when there are outsiders. */
static void launch(gt_group *group, int n, gt_fn *fn, void *(*thread_fn)(void *),
                   struct party *party, pthread_t *threads, int *started)
{
    for (int i = 0; i < n; i++)
        if (run.outsiders && i % 2)
            threads[(*started)++] = outside(thread_fn, &party[i]);
        else
            spawn(group, fn, &party[i]);
}

static void run_once(int workers, size_t capacity, uint64_t total)
{
    pthread_t threads[MAX_PRODUCERS + MAX_CONSUMERS];
    gt_group group = {0};
    int started = 0;
    uint64_t each = total / (uint64_t)run.producers;
    run.total = each * (uint64_t)run.producers;
    run.ch = gt_chan_create(run.elem_size, capacity);
    run.seen = calloc(run.total, 1);
    CHECK(run.ch && run.seen);
    atomic_store(&run.sent, 0);
    atomic_store(&run.closed, false);
    atomic_store(&run.sending, run.producers);
    for (int i = 0; i < run.producers; i++)
        run.producer[i] = (struct party){i, each * (uint64_t)i, each, random_stream((uint64_t)i)};
    for (int i = 0; i < run.consumers; i++)
        run.consumer[i] = (struct party){i, 0, 0, random_stream((uint64_t)i + 1000)};
    start(workers, 0);
    launch(&group, run.consumers, consume, consume_outside, run.consumer, threads, &started);
    launch(&group, run.producers, produce, produce_outside, run.producer, threads, &started);
    CHECK(gt_group_wait(&group) == 0);
    for (int i = 0; i < started; i++)
        join(threads[i]);
    stop();
    check_all();
    gt_chan_destroy(run.ch);
    free((void *)run.seen);
}

static void phase(uint64_t *random, int workers, size_t capacity, uint64_t total, bool outsiders)
{
    run.producers = 1 + (int)(next_random(random) % MAX_PRODUCERS);
    run.consumers = 1 + (int)(next_random(random) % MAX_CONSUMERS);
    run.elem_size = next_random(random) % 2 ? 8 : sizeof(struct message);
    run.yields = next_random(random) % 2;
    run.outsiders = outsiders;
    run.close_after = next_random(random) % 3 ? 0 : 1 + next_random(random) % total;
    stress_phase(
        "workers %d, capacity %zu, %d producers, %d consumers, elements of %zu, yields %d, "
        "outsiders %d, close after %llu of %llu",
        workers, capacity, run.producers, run.consumers, run.elem_size, run.yields, outsiders,
        (unsigned long long)run.close_after, (unsigned long long)total);
    run_once(workers, capacity, total);
}

int main(void)
{
    static const int workers[] = {1, 2, 4};
    static const size_t capacities[] = {0, 1, 3, 128};
    stress_begin("stress_chan");
    uint64_t random = random_stream(77);
    uint64_t per_workers = stress_amount(10000000, 200000);
    for (size_t w = 0; w < COUNT_OF(workers); w++) {
        uint64_t rounds = COUNT_OF(capacities) * 5;
        for (size_t i = 0; i < rounds; i++)
            phase(&random, workers[w], capacities[i % COUNT_OF(capacities)], per_workers / rounds,
                  false);
        /* OS threads are slow here: fewer messages. */
        for (size_t i = 0; i < COUNT_OF(capacities); i++)
            phase(&random, workers[w], capacities[i], per_workers / 400, true);
        /* Closing and starting anew, many times. */
        for (int i = 0; i < (int)stress_amount(200, 20); i++)
            phase(&random, workers[w], capacities[(size_t)i % COUNT_OF(capacities)], 1000, false);
    }
    return stress_end();
}
