/* Select over channels, both flavours. */
#include "common.h"

#include <errno.h>
#include <stdatomic.h>

#define NOW 0 /* a deadline that has passed */

/* A thread that does one select of up to two cases, or one call. */
struct call {
    const struct flavour *f;
    struct any_case cases[2];
    int n;
    int value[2];
    int64_t deadline;
    int chosen; /* or what a single call returned */
    _Atomic pid_t tid;
};

static void select_once(void *arg)
{
    struct call *call = arg;

    publish_tid(&call->tid);
    call->chosen = call->f->chan_select(call->cases, call->n, call->deadline);
}

static void send_once(void *arg)
{
    struct call *call = arg;

    publish_tid(&call->tid);
    call->chosen = call->f->chan_send(call->cases[0].chan, &call->value[0]);
}

static void recv_once(void *arg)
{
    struct call *call = arg;

    publish_tid(&call->tid);
    call->chosen = call->f->chan_recv(call->cases[0].chan, &call->value[0]);
}

static void call_init(struct call *call, const struct flavour *f, enum tb_op op, void *a, void *b)
{
    *call = (struct call){.f = f, .n = b ? 2 : 1, .deadline = TB_NEVER, .value = {100, 200}};
    call->cases[0] = (struct any_case){a, op, &call->value[0], -1};
    call->cases[1] = (struct any_case){b, op, &call->value[1], -1};
}

static void spawn_asleep(struct tb_group *group, tb_fn fn, struct call *call)
{
    assert_int_equal(tb_group_spawn(group, fn, call, NULL), 0);
    await_asleep(&call->tid);
}

static int recv_now(const struct flavour *f, void *chan)
{
    int got = -1;
    int result = f->chan_try_recv(chan, &got);

    return result == 0 ? got : result;
}

static void the_case_that_is_ready_is_done(void **state)
{
    const struct flavour *f = *state;
    void *full = f->chan_create(sizeof(int), 1), *empty = f->chan_create(sizeof(int), 1);
    int in = -1, out = 7;
    struct any_case cases[] = {{empty, TB_RECV, &in, -1}, {full, TB_RECV, &in, -1}};

    for (int round = 0; round < 20; round++) {
        assert_int_equal(f->chan_try_send(full, &(int){round}), 0);
        assert_int_equal(f->chan_select(cases, 2, TB_NEVER), 1);
        assert_int_equal(cases[1].result, 0);
        assert_int_equal(in, round);
    }
    assert_int_equal(f->chan_try_send(full, &(int){1}), 0);
    cases[0] = (struct any_case){full, TB_SEND, &out, -1};
    cases[1] = (struct any_case){empty, TB_SEND, &out, -1};
    assert_int_equal(f->chan_select(cases, 2, NOW), 1);
    assert_int_equal(recv_now(f, empty), 7);
    assert_int_equal(recv_now(f, full), 1);
    f->chan_destroy(full);
    f->chan_destroy(empty);
}

static void without_a_ready_case_a_passed_deadline_changes_nothing(void **state)
{
    const struct flavour *f = *state;

    for (size_t capacity = 0; capacity < 2; capacity++) {
        void *chan = f->chan_create(sizeof(int), capacity);
        void *full = f->chan_create(sizeof(int), 1);
        int in = 41, out = 42;
        struct any_case cases[] = {{chan, TB_RECV, &in, -1}, {full, TB_SEND, &out, -1}};

        assert_int_equal(f->chan_try_send(full, &(int){5}), 0);
        assert_int_equal(f->chan_select(cases, 2, NOW), -ETIMEDOUT);
        assert_int_equal(f->chan_select(cases, 2, now_ns()), -ETIMEDOUT);
        assert_int_equal(in, 41);
        assert_int_equal(recv_now(f, full), 5);
        assert_int_equal(recv_now(f, full), -EAGAIN);
        assert_int_equal(recv_now(f, chan), -EAGAIN);
        f->chan_destroy(chan);
        f->chan_destroy(full);
    }
}

static void a_select_gives_up_after_its_deadline_and_leaves_nothing_behind(void **state)
{
    const struct flavour *f = *state;

    for (size_t capacity = 0; capacity < 2; capacity++) {
        void *chan = f->chan_create(sizeof(int), capacity);
        int in = 41;
        struct any_case cases[] = {{chan, TB_RECV, &in, -1}, {chan, TB_RECV, &in, -1}};
        int64_t deadline = now_ns() + 3000000;

        assert_int_equal(f->chan_select(cases, 2, deadline), -ETIMEDOUT);
        assert_true(now_ns() >= deadline);
        assert_int_equal(in, 41);
        assert_int_equal(f->chan_try_send(chan, &(int){6}), capacity ? 0 : -EAGAIN);
        assert_int_equal(recv_now(f, chan), capacity ? 6 : -EAGAIN);
        assert_int_equal(in, 41);
        f->chan_destroy(chan);
    }
}

static void a_number_of_cases_out_of_range_is_refused(void **state)
{
    const struct flavour *f = *state;
    struct any_case none;

    assert_int_equal(f->chan_select(&none, 0, NOW), -EINVAL);
    assert_int_equal(f->chan_select(&none, -1, NOW), -EINVAL);
    assert_int_equal(f->chan_select(&none, TB_MAX_CASES + 1, NOW), -EINVAL);
}

/* By each kind of sender, on each of its channels; the other channel is then
 * as if nobody had been there. */
static void a_sleeping_select_that_receives_is_served(void **state)
{
    const struct flavour *f = *state;

    for (int kind = 0; kind < 12; kind++) {
        size_t capacity = (size_t)(kind & 1);
        void *chan[2] = {f->chan_create(sizeof(int), capacity),
                         f->chan_create(sizeof(int), capacity)};
        int at = kind >> 1 & 1, value = 50 + kind;
        struct any_case send = {chan[at], TB_SEND, &value, -1};
        struct tb_group group;
        struct call call;

        call_init(&call, f, TB_RECV, chan[0], chan[1]);
        f->group_init(&group);
        spawn_asleep(&group, select_once, &call);
        if (kind >> 2 == 0)
            assert_int_equal(f->chan_send(chan[at], &value), 0);
        else if (kind >> 2 == 1)
            assert_int_equal(f->chan_try_send(chan[at], &value), 0);
        else
            assert_int_equal(f->chan_select(&send, 1, NOW), 0);
        tb_group_wait(&group);
        assert_int_equal(call.chosen, at);
        assert_int_equal(call.cases[at].result, 0);
        assert_int_equal(call.value[at], value);
        assert_int_equal(call.value[1 - at], at ? 100 : 200);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(recv_now(f, chan[k]), -EAGAIN);
            assert_int_equal(f->chan_try_send(chan[k], &value), capacity ? 0 : -EAGAIN);
            f->chan_destroy(chan[k]);
        }
    }
}

static void a_sleeping_select_that_sends_is_served(void **state)
{
    const struct flavour *f = *state;

    for (int kind = 0; kind < 12; kind++) {
        size_t capacity = (size_t)(kind & 1);
        void *chan[2] = {f->chan_create(sizeof(int), capacity),
                         f->chan_create(sizeof(int), capacity)};
        int at = kind >> 1 & 1, got = -1, first = capacity ? 9 : at ? 200 : 100;
        struct any_case recv = {chan[at], TB_RECV, &got, -1};
        struct tb_group group;
        struct call call;

        for (int k = 0; k < 2 && capacity; k++)
            assert_int_equal(f->chan_try_send(chan[k], &(int){9}), 0);
        call_init(&call, f, TB_SEND, chan[0], chan[1]);
        f->group_init(&group);
        spawn_asleep(&group, select_once, &call);
        if (kind >> 2 == 0)
            assert_int_equal(f->chan_recv(chan[at], &got), 0);
        else if (kind >> 2 == 1)
            assert_int_equal(f->chan_try_recv(chan[at], &got), 0);
        else
            assert_int_equal(f->chan_select(&recv, 1, NOW), 0);
        tb_group_wait(&group);
        assert_int_equal(got, first);
        assert_int_equal(call.chosen, at);
        assert_int_equal(call.cases[at].result, 0);
        if (capacity) {
            assert_int_equal(recv_now(f, chan[at]), at ? 200 : 100);
            assert_int_equal(recv_now(f, chan[1 - at]), 9);
        }
        for (int k = 0; k < 2; k++) {
            assert_int_equal(recv_now(f, chan[k]), -EAGAIN);
            f->chan_destroy(chan[k]);
        }
    }
}

/* Threads that were there before a select, on a rendezvous. */
static void a_select_serves_those_who_sleep(void **state)
{
    const struct flavour *f = *state;

    for (int op = 0; op < 2; op++) {
        void *chan[2] = {f->chan_create(sizeof(int), 0), f->chan_create(sizeof(int), 0)};
        int here[2] = {1, 2};
        struct any_case cases[2] = {{chan[0], op ? TB_RECV : TB_SEND, &here[0], -1},
                                    {chan[1], op ? TB_RECV : TB_SEND, &here[1], -1}};
        struct tb_group group;
        struct call call;

        call_init(&call, f, TB_SEND, chan[1], NULL);
        f->group_init(&group);
        spawn_asleep(&group, op ? send_once : recv_once, &call);
        assert_int_equal(f->chan_select(cases, 2, TB_NEVER), 1);
        tb_group_wait(&group);
        assert_int_equal(call.chosen, 0);
        assert_int_equal(op ? here[1] : call.value[0], op ? 100 : 2);
        f->chan_destroy(chan[0]);
        f->chan_destroy(chan[1]);
    }
}

static void close_wakes_a_select_and_names_the_case(void **state)
{
    const struct flavour *f = *state;

    for (int kind = 0; kind < 4; kind++) {
        size_t capacity = (size_t)(kind & 1);
        enum tb_op op = kind & 2 ? TB_SEND : TB_RECV;
        void *chan[2] = {f->chan_create(sizeof(int), capacity),
                         f->chan_create(sizeof(int), capacity)};
        struct tb_group group;
        struct call call;

        for (int k = 0; k < 2 && capacity && op == TB_SEND; k++)
            assert_int_equal(f->chan_try_send(chan[k], &(int){9}), 0);
        call_init(&call, f, op, chan[0], chan[1]);
        f->group_init(&group);
        spawn_asleep(&group, select_once, &call);
        f->chan_close(chan[1]);
        tb_group_wait(&group);
        assert_int_equal(call.chosen, 1);
        assert_int_equal(call.cases[1].result, -EPIPE);
        assert_int_equal(call.value[1], 200);
        f->chan_destroy(chan[0]);
        f->chan_destroy(chan[1]);
    }
}

static void a_closed_channel_is_ready_and_drained_first(void **state)
{
    const struct flavour *f = *state;
    void *chan = f->chan_create(sizeof(int), 2), *empty = f->chan_create(sizeof(int), 0);
    int in = -1, out = 3;
    struct any_case cases[] = {{empty, TB_RECV, &in, -1}, {chan, TB_RECV, &in, -1}};

    assert_int_equal(f->chan_try_send(chan, &(int){8}), 0);
    f->chan_close(chan);
    assert_int_equal(f->chan_select(cases, 2, TB_NEVER), 1);
    assert_int_equal(cases[1].result, 0);
    assert_int_equal(in, 8);
    assert_int_equal(f->chan_select(cases, 2, TB_NEVER), 1);
    assert_int_equal(cases[1].result, -EPIPE);
    assert_int_equal(in, 8);
    cases[1] = (struct any_case){chan, TB_SEND, &out, -1};
    assert_int_equal(f->chan_select(cases, 2, TB_NEVER), 1);
    assert_int_equal(cases[1].result, -EPIPE);
    f->chan_destroy(chan);
    f->chan_destroy(empty);
}

/* 2000 draws of four: a fair one stays above 300 of the expected 500 with all
 * the certainty there is; one that favours its first does not. */
static void of_several_ready_cases_each_has_its_chance(void **state)
{
    enum { CASES = 4, DRAWS = 2000 };
    const struct flavour *f = *state;
    struct any_case cases[CASES];
    int seen[CASES] = {0}, in;

    for (int k = 0; k < CASES; k++) {
        cases[k] = (struct any_case){f->chan_create(sizeof(int), 1), TB_RECV, &in, -1};
        assert_int_equal(f->chan_try_send(cases[k].chan, &k), 0);
    }
    for (int draw = 0; draw < DRAWS; draw++) {
        int chosen = f->chan_select(cases, CASES, NOW);

        assert_in_range(chosen, 0, CASES - 1);
        assert_int_equal(in, chosen);
        seen[chosen]++;
        assert_int_equal(f->chan_try_send(cases[chosen].chan, &chosen), 0);
    }
    for (int k = 0; k < CASES; k++) {
        assert_true(seen[k] > 300);
        f->chan_destroy(cases[k].chan);
    }
}

static void a_select_does_not_meet_itself(void **state)
{
    const struct flavour *f = *state;
    void *chan = f->chan_create(sizeof(int), 0);
    int in = 41, out = 42;
    struct any_case cases[] = {{chan, TB_RECV, &in, -1}, {chan, TB_SEND, &out, -1}};

    assert_int_equal(f->chan_select(cases, 2, NOW), -ETIMEDOUT);
    assert_int_equal(f->chan_select(cases, 2, now_ns() + 1000000), -ETIMEDOUT);
    assert_int_equal(in, 41);
    f->chan_destroy(chan);
}

/* What is in a full ring when a select that sends is served is still first. */
static void a_ring_stays_in_order_when_a_select_refills_it(void **state)
{
    const struct flavour *f = *state;
    void *chan = f->chan_create(sizeof(int), 2);
    struct tb_group group;
    struct call call;

    assert_int_equal(f->chan_try_send(chan, &(int){1}), 0);
    assert_int_equal(f->chan_try_send(chan, &(int){2}), 0);
    call_init(&call, f, TB_SEND, chan, NULL);
    f->group_init(&group);
    spawn_asleep(&group, select_once, &call);
    assert_int_equal(recv_now(f, chan), 1);
    tb_group_wait(&group);
    assert_int_equal(call.chosen, 0);
    assert_int_equal(recv_now(f, chan), 2);
    assert_int_equal(recv_now(f, chan), 100);
    f->chan_destroy(chan);
}

/* Sleeping receivers and sleeping selects on one channel: everybody who comes
 * is served once, whoever it is. */
static void selects_and_receivers_share_a_channel(void **state)
{
    enum { EACH = 3 };
    const struct flavour *f = *state;

    for (size_t capacity = 0; capacity < 3; capacity++) {
        void *chan = f->chan_create(sizeof(int), capacity), *idle = f->chan_create(sizeof(int), 0);
        struct call calls[2 * EACH];
        struct tb_group group;
        int sum = 0;

        f->group_init(&group);
        for (int k = 0; k < 2 * EACH; k++) {
            call_init(&calls[k], f, TB_RECV, chan, k % 2 ? idle : NULL);
            spawn_asleep(&group, k % 2 ? select_once : recv_once, &calls[k]);
        }
        for (int k = 0; k < 2 * EACH; k++)
            assert_int_equal(f->chan_send(chan, &(int){1 << k}), 0);
        tb_group_wait(&group);
        for (int k = 0; k < 2 * EACH; k++) {
            assert_int_equal(calls[k].chosen, 0);
            sum += calls[k].value[0];
        }
        assert_int_equal(sum, (1 << (2 * EACH)) - 1);
        assert_int_equal(recv_now(f, chan), -EAGAIN);
        f->chan_destroy(chan);
        f->chan_destroy(idle);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOR_EACH_FLAVOUR(the_case_that_is_ready_is_done),
        FOR_EACH_FLAVOUR(without_a_ready_case_a_passed_deadline_changes_nothing),
        FOR_EACH_FLAVOUR(a_select_gives_up_after_its_deadline_and_leaves_nothing_behind),
        FOR_EACH_FLAVOUR(a_number_of_cases_out_of_range_is_refused),
        FOR_EACH_FLAVOUR(a_sleeping_select_that_receives_is_served),
        FOR_EACH_FLAVOUR(a_sleeping_select_that_sends_is_served),
        FOR_EACH_FLAVOUR(a_select_serves_those_who_sleep),
        FOR_EACH_FLAVOUR(close_wakes_a_select_and_names_the_case),
        FOR_EACH_FLAVOUR(a_closed_channel_is_ready_and_drained_first),
        FOR_EACH_FLAVOUR(of_several_ready_cases_each_has_its_chance),
        FOR_EACH_FLAVOUR(a_select_does_not_meet_itself),
        FOR_EACH_FLAVOUR(a_ring_stays_in_order_when_a_select_refills_it),
        FOR_EACH_FLAVOUR(selects_and_receivers_share_a_channel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
