/* Seeded stress of select, both flavours: senders and receivers over several
 * channels of different capacities, each of which selects over some of them,
 * with and without deadlines, or calls plainly, at random; with random delays
 * inside by perturb.c.
 *
 * Every message arrives exactly once, a select that timed out has moved
 * nothing, and everybody ends once the channels are closed: a lost wake-up
 * hangs the test.
 */
#include "common.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#define ACTORS   4 /* of each kind */
#define CHANNELS ACTORS

#ifdef SANITIZED
#define EACH 300
#else
#define EACH 3000
#endif

struct stress {
    const struct flavour *f;
    void *chan[CHANNELS];
    uint64_t seed;
    bool plain; /* each channel has a receiver of its own, too */
    atomic_uchar arrived[ACTORS * EACH];
    atomic_uint errors;
};

struct actor {
    struct stress *s;
    uint32_t id;
    uint64_t random;
};

/* Some of the open channels, one at least, in any order; returns how many. */
static int choose(struct actor *a, const bool *closed, enum tb_op op, uint32_t *elems,
                  struct any_case *ret_cases)
{
    int n = 0, start = (int)(next_random(&a->random) % CHANNELS);

    for (int k = 0; k < CHANNELS; k++) {
        int at = (start + k) % CHANNELS;

        if (closed[at] || (n > 0 && next_random(&a->random) % 3 == 0))
            continue;
        ret_cases[n] = (struct any_case){a->s->chan[at], op, &elems[n], -1};
        n++;
    }
    return n;
}

static int64_t some_deadline(struct actor *a, bool may_stay)
{
    switch (next_random(&a->random) % (may_stay ? 4 : 2)) {
    case 0:
        return 0;
    case 1:
        return now_ns() + (int64_t)(next_random(&a->random) % 100000);
    default:
        return TB_NEVER;
    }
}

/* One select, until it happened; a fourth of them as a plain call. Who may not
 * stay gives up once a deadline has passed: NULL. */
static struct any_case *move_one(struct actor *a, struct any_case *cases, int n, bool may_stay)
{
    const struct flavour *f = a->s->f;
    int chosen;

    if (may_stay && (n == 1 || cases[0].op == TB_SEND) && next_random(&a->random) % 4 == 0) {
        cases[0].result = cases[0].op == TB_SEND ? f->chan_send(cases[0].chan, cases[0].elem)
                                                 : f->chan_recv(cases[0].chan, cases[0].elem);
        return &cases[0];
    }
    while ((chosen = f->chan_select(cases, n, some_deadline(a, may_stay))) == -ETIMEDOUT) {
        if (!may_stay)
            return NULL;
        sched_yield();
    }
    if (chosen >= 0 && chosen < n)
        return &cases[chosen];
    atomic_fetch_add(&a->s->errors, 1);
    cases[0].result = -EPIPE;
    return &cases[0];
}

static void produce(void *arg)
{
    struct actor *a = arg;
    const bool none[CHANNELS] = {false};
    struct any_case cases[CHANNELS];
    uint32_t elems[CHANNELS];

    for (uint32_t k = 0; k < EACH; k++) {
        int n = choose(a, none, TB_SEND, elems, cases);

        for (int i = 0; i < n; i++)
            elems[i] = a->id * EACH + k;
        if (move_one(a, cases, n, true)->result != 0)
            atomic_fetch_add(&a->s->errors, 1);
    }
}

static void arrive(struct stress *s, uint32_t message)
{
    if (message < ACTORS * EACH)
        atomic_fetch_add(&s->arrived[message], 1);
    else
        atomic_fetch_add(&s->errors, 1);
}

/* One channel, without any select. */
static void consume_plainly(void *arg)
{
    struct actor *a = arg;
    uint32_t message;

    while (a->s->f->chan_recv(a->s->chan[a->id], &message) == 0)
        arrive(a->s, message);
}

/* Until each channel has been found closed. Without plain receivers one may
 * wait for ever only over all channels that are open: a sender may want just
 * the one that was left out. */
static void consume(void *arg)
{
    struct actor *a = arg;
    struct stress *s = a->s;
    bool closed[CHANNELS] = {false};
    struct any_case cases[CHANNELS];
    uint32_t elems[CHANNELS];
    int n;

    while ((n = choose(a, closed, TB_RECV, elems, cases)) > 0) {
        int left = 0;

        for (int k = 0; k < CHANNELS; k++)
            left += !closed[k];
        struct any_case *c = move_one(a, cases, n, n == left || s->plain);
        if (c == NULL)
            continue;
        if (c->result == 0) {
            arrive(s, *(uint32_t *)c->elem);
        } else if (c->result == -EPIPE) {
            for (int k = 0; k < CHANNELS; k++)
                closed[k] |= s->chan[k] == c->chan;
        } else {
            atomic_fetch_add(&s->errors, 1);
        }
    }
}

static void stress_once(struct stress *s, const size_t *capacity)
{
    static const tb_fn fn[] = {produce, consume, consume_plainly};
    struct actor actors[3][ACTORS];
    struct tb_group groups[3];
    size_t wrong = 0;

    for (int k = 0; k < CHANNELS; k++) {
        s->chan[k] = s->f->chan_create(sizeof(uint32_t), capacity[k]);
        assert_non_null(s->chan[k]);
    }
    for (int side = 0; side < 3; side++) {
        s->f->group_init(&groups[side]);
        for (uint32_t k = 0; k < ACTORS && (side < 2 || s->plain); k++) {
            actors[side][k] = (struct actor){s, k, next_random(&s->seed)};
            assert_int_equal(tb_group_spawn(&groups[side], fn[side], &actors[side][k], NULL), 0);
        }
    }
    tb_group_wait(&groups[0]);
    for (int k = 0; k < CHANNELS; k++)
        s->f->chan_close(s->chan[k]);
    tb_group_wait(&groups[1]);
    tb_group_wait(&groups[2]);
    for (size_t k = 0; k < ACTORS * EACH; k++)
        wrong += atomic_exchange(&s->arrived[k], 0) != 1;
    assert_int_equal(wrong, 0);
    assert_int_equal(atomic_load(&s->errors), 0);
    for (int k = 0; k < CHANNELS; k++)
        s->f->chan_destroy(s->chan[k]);
}

static uint64_t seed;

static void stress_all(void *arg)
{
    static const size_t capacity[][CHANNELS] = {{0, 0, 0, 0}, {1, 1, 1, 1}, {0, 1, 2, 7}};
    struct stress *s = calloc(1, sizeof *s);

    assert_non_null(s);
    s->f = arg;
    s->seed = seed;
    for (size_t k = 0; k < 2 * COUNT_OF(capacity); k++) {
        s->plain = k >= COUNT_OF(capacity);
        stress_once(s, capacity[k % COUNT_OF(capacity)]);
    }
    free(s);
}

static void no_message_is_lost_or_doubled_by_selects(void **state)
{
    struct tb_config config = {.ncpu = 1};

    assert_int_equal(tb_run(&config, stress_all, *state), 0);
}

static void no_message_is_lost_or_doubled_by_selects_that_poll(void **state)
{
    struct tb_config config = {.ncpu = 2, .spin_ns = 5000};

    assert_int_equal(tb_run(&config, stress_all, *state), 0);
}

int main(void)
{
    /* The plain flavour never polls: once is enough. */
    const struct CMUnitTest tests[] = {
        FOR_EACH_FLAVOUR(no_message_is_lost_or_doubled_by_selects),
        {"no_message_is_lost_or_doubled_by_selects_that_poll (pthread-futex)",
         no_message_is_lost_or_doubled_by_selects_that_poll, NULL, NULL,
         (void *)(uintptr_t)&flavour_futex},
    };

    seed = test_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
