/* Seeded stress of both flavours' channels: producers and consumers over
 * several capacities, with random yields between the calls and, by perturb.c,
 * inside them; with and without polling.
 *
 * Every message is counted where it arrives: exactly once each. A consumer
 * also checks that the messages it got from one producer come in the order in
 * which that producer sent them. Some threads mix tries in at random; a
 * refused try is repeated, as a try or as a wait.
 */
#include "common.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST 4

#ifdef SANITIZED
#define SCALE 10
#else
#define SCALE 1
#endif

struct message {
    uint32_t producer, number;
};

struct stress {
    const struct flavour *f;
    void *chan;
    uint32_t producers, consumers, each; /* messages of one producer */
    bool tries;
    uint64_t seed;
    atomic_uchar *arrived; /* producers x each */
    atomic_uint errors;
};

struct actor {
    struct stress *s;
    uint32_t id;
};

static void maybe_yield(uint64_t *random)
{
    if (next_random(random) % 16 == 0)
        sched_yield();
}

static int send_somehow(struct stress *s, const struct message *m, uint64_t *random)
{
    while (s->tries && next_random(random) % 4 != 0) {
        int result = s->f->chan_try_send(s->chan, m);

        if (result != -EAGAIN)
            return result;
        sched_yield();
    }
    return s->f->chan_send(s->chan, m);
}

static int recv_somehow(struct stress *s, struct message *m, uint64_t *random)
{
    while (s->tries && next_random(random) % 4 != 0) {
        int result = s->f->chan_try_recv(s->chan, m);

        if (result != -EAGAIN)
            return result;
        sched_yield();
    }
    return s->f->chan_recv(s->chan, m);
}

static void produce(void *arg)
{
    struct actor *a = arg;
    uint64_t random = a->s->seed + a->id;

    for (uint32_t k = 0; k < a->s->each; k++) {
        struct message m = {a->id, k};

        if (send_somehow(a->s, &m, &random) != 0)
            atomic_fetch_add(&a->s->errors, 1);
        maybe_yield(&random);
    }
}

static void consume(void *arg)
{
    struct actor *a = arg;
    uint64_t random = a->s->seed + MOST + a->id;
    uint32_t next[MOST] = {0};
    struct message m;
    int result;

    while ((result = recv_somehow(a->s, &m, &random)) == 0) {
        if (m.producer >= a->s->producers || m.number >= a->s->each ||
            m.number < next[m.producer]) {
            atomic_fetch_add(&a->s->errors, 1);
            continue;
        }
        next[m.producer] = m.number + 1;
        atomic_fetch_add(&a->s->arrived[(size_t)m.producer * a->s->each + m.number], 1);
        maybe_yield(&random);
    }
    if (result != -EPIPE)
        atomic_fetch_add(&a->s->errors, 1);
}

static void stress_once(struct stress *s, size_t capacity)
{
    struct actor producer[MOST], consumer[MOST];
    struct tb_group producers, consumers;
    size_t total = (size_t)s->producers * s->each;

    s->chan = s->f->chan_create(sizeof(struct message), capacity);
    s->arrived = calloc(total, sizeof *s->arrived);
    assert_non_null(s->chan);
    assert_non_null(s->arrived);
    s->f->group_init(&producers);
    s->f->group_init(&consumers);
    for (uint32_t k = 0; k < s->consumers; k++) {
        consumer[k] = (struct actor){s, k};
        assert_int_equal(tb_group_spawn(&consumers, consume, &consumer[k], NULL), 0);
    }
    for (uint32_t k = 0; k < s->producers; k++) {
        producer[k] = (struct actor){s, k};
        assert_int_equal(tb_group_spawn(&producers, produce, &producer[k], NULL), 0);
    }
    tb_group_wait(&producers);
    s->f->chan_close(s->chan);
    tb_group_wait(&consumers);
    size_t wrong = 0;
    for (size_t k = 0; k < total; k++)
        wrong += atomic_load(&s->arrived[k]) != 1;
    assert_int_equal(wrong, 0);
    assert_int_equal(atomic_load(&s->errors), 0);
    free(s->arrived);
    s->f->chan_destroy(s->chan);
}

struct plan {
    const struct flavour *f;
    uint64_t seed;
    bool tries; /* and a quarter of the messages */
};

/* 200,000 messages in all. Those of a rendezvous cost two context switches
 * each, so they get the smaller share. */
static void stress_all(void *arg)
{
    struct plan *plan = arg;
    static const struct {
        size_t capacity;
        uint32_t messages;
    } shape[] = {{0, 6000}, {1, 8000}, {7, 16000}, {128, 20000}};
    static const uint32_t crowd[][2] = {{1, 1}, {4, 1}, {1, 4}, {4, 4}};

    for (size_t a = 0; a < COUNT_OF(shape); a++)
        for (size_t b = 0; b < COUNT_OF(crowd); b++) {
            struct stress s = {.f = plan->f,
                               .producers = crowd[b][0],
                               .consumers = crowd[b][1],
                               .each =
                                   shape[a].messages / SCALE / (plan->tries ? 4 : 1) / crowd[b][0],
                               .tries = plan->tries,
                               .seed = next_random(&plan->seed)};

            stress_once(&s, shape[a].capacity);
        }
}

static uint64_t seed;

static void no_message_is_lost_or_doubled_on_one_cpu_budget(void **state)
{
    struct plan plan = {*state, seed, false};
    struct tb_config config = {.ncpu = 1};

    assert_int_equal(tb_run(&config, stress_all, &plan), 0);
}

static void no_message_is_lost_or_doubled_while_waiters_poll(void **state)
{
    struct plan plan = {*state, seed + 1, false};
    struct tb_config config = {.ncpu = 2, .spin_ns = 5000};

    assert_int_equal(tb_run(&config, stress_all, &plan), 0);
}

static void no_message_is_lost_or_doubled_among_tries_and_waits(void **state)
{
    struct plan plan = {*state, seed + 2, true};
    struct tb_config config = {.ncpu = 2, .spin_ns = 5000};

    assert_int_equal(tb_run(&config, stress_all, &plan), 0);
}

int main(void)
{
    /* The plain flavour never polls: once is enough. */
    const struct CMUnitTest tests[] = {
        {"no_message_is_lost_or_doubled (pthread)", no_message_is_lost_or_doubled_on_one_cpu_budget,
         NULL, NULL, (void *)(uintptr_t)&flavour_pthread},
        {"no_message_is_lost_or_doubled (pthread-futex)",
         no_message_is_lost_or_doubled_on_one_cpu_budget, NULL, NULL,
         (void *)(uintptr_t)&flavour_futex},
        {"no_message_is_lost_or_doubled_while_waiters_poll (pthread-futex)",
         no_message_is_lost_or_doubled_while_waiters_poll, NULL, NULL,
         (void *)(uintptr_t)&flavour_futex},
        FOR_EACH_FLAVOUR(no_message_is_lost_or_doubled_among_tries_and_waits),
    };

    seed = test_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
