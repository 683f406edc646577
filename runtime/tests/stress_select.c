/* Selects, sends and receives with and without deadlines on a few channels:
 * every message that was reported as sent arrives exactly once, and no other
 * does; whoever waits to the end is let go by the close. */
#include "stress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHANNELS  4
#define PARTIES   48
#define MAX_CASES 6

static struct {
    gt_chan *ch[CHANNELS];
    uint64_t steps;
    atomic_uchar *state; /* of each message: 0, or bits SENT and RECEIVED */
    uint64_t next[PARTIES];
    atomic_int senders;
} all;

enum { SENT = 1, RECEIVED = 2 };

/* Message n of a party; 0 is none. */
static uint64_t number_of(int self, uint64_t n)
{
    return (uint64_t)self * all.steps + n + 1;
}

static void mark(uint64_t number, unsigned char bit)
{
    CHECK(number >= 1 && number <= PARTIES * all.steps);
    CHECK((atomic_fetch_or(&all.state[number - 1], bit) & bit) == 0);
}

/* 0, past, or up to 100 us from now. */
static int64_t random_deadline(uint64_t r)
{
    return r % 8 == 0 ? 0 : gt_now() + (int64_t)(r >> 8) % 100000;
}

/* A few random cases; all sends offer the same message. */
static int draw_cases(gt_case *cases, uint64_t *random, uint64_t *out, uint64_t *in)
{
    int n = 1 + (int)(next_random(random) % MAX_CASES);
    for (int i = 0; i < n; i++) {
        uint64_t r = next_random(random);
        bool is_send = r & 1;
        in[i] = 0;
        cases[i] = (gt_case){.chan = all.ch[(r >> 8) % CHANNELS],
                             .op = (r >> 16) % 8 == 0 ? GT_OFF
                                   : is_send          ? GT_SEND
                                                      : GT_RECV,
                             .elem = is_send ? out : &in[i]};
    }
    return n;
}

/* Returns whether the message was sent. */
static bool select_some(uint64_t *random, uint64_t out)
{
    gt_case cases[MAX_CASES];
    uint64_t in[MAX_CASES];
    int n = draw_cases(cases, random, &out, in);
    uint64_t r = next_random(random);
    int done = r % 4 == 0 ? gt_try_select(cases, n) : gt_select(cases, n, random_deadline(r >> 8));
    for (int i = 0; i < n; i++)
        CHECK((in[i] != 0) == (i == done && cases[i].op == GT_RECV));
    if (done < 0) {
        CHECK(done == (r % 4 == 0 ? -EAGAIN : -ETIMEDOUT));
        return false;
    }
    CHECK(cases[done].result == 0 && cases[done].op != GT_OFF);
    if (cases[done].op == GT_SEND)
        return true;
    mark(in[done], RECEIVED);
    return false;
}

static bool send_or_receive(uint64_t *random, uint64_t out)
{
    uint64_t r = next_random(random), in = 0;
    gt_chan *ch = all.ch[(r >> 8) % CHANNELS];
    if (r & 1)
        return gt_chan_send_until(ch, &out, random_deadline(r >> 16)) == 0;
    int result = gt_chan_recv_until(ch, &in, random_deadline(r >> 16));
    CHECK(result == 0 || result == -ETIMEDOUT);
    CHECK((in != 0) == (result == 0));
    if (in)
        mark(in, RECEIVED);
    return false;
}

static void party(void *arg)
{
    int self = (int)(intptr_t)arg;
    uint64_t random = random_stream((uint64_t)self), out = number_of(self, 0);
    for (uint64_t i = 0; i < all.steps; i++) {
        uint64_t r = next_random(&random);
        bool sent = r % 4 ? select_some(&random, out) : send_or_receive(&random, out);
        if (sent) {
            mark(out, SENT);
            out = number_of(self, ++all.next[self]);
        }
        if (r % 32 == 0)
            gt_yield();
    }
}

/* Sends all it has, with selects that have no deadline. */
static void sender(void *arg)
{
    int self = (int)(intptr_t)arg;
    uint64_t random = random_stream(1000 + (uint64_t)self);
    for (uint64_t i = 0; i < all.steps; i++) {
        gt_case cases[CHANNELS];
        uint64_t out = number_of(self, i);
        for (int j = 0; j < CHANNELS; j++)
            cases[j] = (gt_case){
                .chan = all.ch[j], .op = next_random(&random) % 2 ? GT_SEND : GT_OFF, .elem = &out};
        cases[i % CHANNELS].op = GT_SEND;
        mark(out, SENT);
        int done = gt_select(cases, CHANNELS, GT_NEVER);
        CHECK(done >= 0 && cases[done].result == 0);
    }
    if (atomic_fetch_sub(&all.senders, 1) == 1)
        for (int j = 0; j < CHANNELS; j++)
            gt_chan_close(all.ch[j]);
}

/* Receives until every channel is closed. */
static void receiver(void *arg)
{
    gt_case cases[CHANNELS];
    uint64_t in = 0;
    (void)arg;
    for (int j = 0; j < CHANNELS; j++)
        cases[j] = (gt_case){.chan = all.ch[j], .op = GT_RECV, .elem = &in};
    for (int open = CHANNELS; open > 0;) {
        int done = gt_select(cases, CHANNELS, GT_NEVER);
        CHECK(done >= 0);
        if (cases[done].result == 0) {
            mark(in, RECEIVED);
            continue;
        }
        CHECK(cases[done].result == -EPIPE);
        cases[done].op = GT_OFF;
        open--;
    }
}

static void *party_outside(void *arg)
{
    party(arg);
    return NULL;
}

static void *sender_outside(void *arg)
{
    sender(arg);
    return NULL;
}

static void *receiver_outside(void *arg)
{
    receiver(arg);
    return NULL;
}

static void begin(uint64_t steps, size_t capacity)
{
    memset(&all, 0, sizeof all);
    all.steps = steps;
    all.state = calloc(PARTIES * steps, sizeof *all.state);
    CHECK(all.state);
    for (int i = 0; i < CHANNELS; i++) {
        all.ch[i] = gt_chan_create(sizeof(uint64_t), capacity * (size_t)i);
        CHECK(all.ch[i]);
    }
}

static void end(void)
{
    uint64_t in;
    for (int i = 0; i < CHANNELS; i++) {
        while (gt_chan_try_recv(all.ch[i], &in) == 0)
            mark(in, RECEIVED);
        gt_chan_destroy(all.ch[i]); /* fatal if a waiter were left */
    }
    for (uint64_t i = 0; i < PARTIES * all.steps; i++)
        CHECK(atomic_load(&all.state[i]) == 0 || atomic_load(&all.state[i]) == (SENT | RECEIVED));
    free(all.state);
}

/* The first `threads` of `n` numbers outside, the others as tasks. */
static void run_all(gt_group *group, pthread_t *thread, int n, int threads,
                    void *(*outside_fn)(void *), gt_fn *fn)
{
    for (int i = 0; i < n; i++)
        if (i < threads)
            thread[i] = outside(outside_fn, (void *)(intptr_t)i);
        else
            spawn(group, fn, (void *)(intptr_t)i);
}

static void with_deadlines(int workers, int tasks, int threads, uint64_t steps, size_t capacity)
{
    gt_group group = {0};
    pthread_t thread[PARTIES];
    stress_phase("deadlines: workers %d, %d tasks, %d threads, %llu steps, capacity %zu", workers,
                 tasks, threads, (unsigned long long)steps, capacity);
    begin(steps, capacity);
    start(workers, 0);
    run_all(&group, thread, tasks + threads, threads, party_outside, party);
    CHECK(gt_group_wait(&group) == 0);
    for (int i = 0; i < threads; i++)
        join(thread[i]);
    stop();
    end();
}

static void until_closed(int workers, int tasks, int threads, uint64_t steps, size_t capacity)
{
    gt_group group = {0};
    pthread_t from[PARTIES], to[PARTIES];
    stress_phase("until closed: workers %d, %d tasks, %d threads, %llu steps, capacity %zu",
                 workers, tasks, threads, (unsigned long long)steps, capacity);
    begin(steps, capacity);
    atomic_store(&all.senders, tasks + threads);
    start(workers, 0);
    run_all(&group, to, tasks + threads, threads, receiver_outside, receiver);
    run_all(&group, from, tasks + threads, threads, sender_outside, sender);
    CHECK(gt_group_wait(&group) == 0);
    for (int i = 0; i < threads; i++) {
        join(from[i]);
        join(to[i]);
    }
    stop();
    for (uint64_t i = 0; i < (uint64_t)(tasks + threads) * steps; i++)
        CHECK(atomic_load(&all.state[i]) == (SENT | RECEIVED));
    end();
}

int main(void)
{
    static const int workers[] = {1, 2, 4};
    stress_begin("stress_select");
    for (size_t w = 0; w < COUNT_OF(workers); w++)
        for (size_t capacity = 0; capacity < 3; capacity++) {
            with_deadlines(workers[w], 3, 0, stress_amount(10000, 300), capacity);
            with_deadlines(workers[w], PARTIES, 0, stress_amount(2000, 50), capacity);
            with_deadlines(workers[w], 4, 2, stress_amount(1000, 100), capacity);
            until_closed(workers[w], 2, 0, stress_amount(10000, 500), capacity);
            until_closed(workers[w], PARTIES / 2, 0, stress_amount(2000, 50), capacity);
            until_closed(workers[w], 3, 2, stress_amount(500, 100), capacity);
        }
    return stress_end();
}
