/* The calls on a channel that do not wait, both flavours. */
#include "common.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>

/* A thread that does one call on a channel. */
struct call {
    const struct flavour *f;
    void *chan;
    int value;
    int result;
    _Atomic pid_t tid;
};

static void send_one(void *arg)
{
    struct call *call = arg;

    publish_tid(&call->tid);
    call->result = call->f->chan_send(call->chan, &call->value);
}

static void recv_one(void *arg)
{
    struct call *call = arg;

    publish_tid(&call->tid);
    call->result = call->f->chan_recv(call->chan, &call->value);
}

static void spawn_asleep(struct tb_group *group, tb_fn fn, struct call *call)
{
    assert_int_equal(tb_group_spawn(group, fn, call, NULL), 0);
    await_asleep(&call->tid);
}

static void tries_fill_and_empty_a_ring_and_say_eagain_at_its_ends(void **state)
{
    const struct flavour *f = *state;

    for (int capacity = 1; capacity < 4; capacity++) {
        void *chan = f->chan_create(sizeof(int), (size_t)capacity);
        int got = -1;

        for (int round = 0; round < 3; round++) {
            assert_int_equal(f->chan_try_recv(chan, &got), -EAGAIN);
            for (int k = 0; k < capacity; k++)
                assert_int_equal(f->chan_try_send(chan, &k), 0);
            assert_int_equal(f->chan_try_send(chan, &(int){99}), -EAGAIN);
            for (int k = 0; k < capacity; k++) {
                assert_int_equal(f->chan_try_recv(chan, &got), 0);
                assert_int_equal(got, k);
            }
            got = -1;
        }
        f->chan_destroy(chan);
    }
}

static void a_refused_receive_leaves_the_element_unchanged(void **state)
{
    const struct flavour *f = *state;

    for (size_t capacity = 0; capacity < 2; capacity++) {
        void *chan = f->chan_create(sizeof(int), capacity);
        int got = 41;

        assert_int_equal(f->chan_try_recv(chan, &got), -EAGAIN);
        f->chan_close(chan);
        assert_int_equal(f->chan_try_recv(chan, &got), -EPIPE);
        assert_int_equal(got, 41);
        f->chan_destroy(chan);
    }
}

static void tries_on_a_closed_channel_drain_it_and_then_return_epipe(void **state)
{
    const struct flavour *f = *state;

    for (int capacity = 0; capacity < 3; capacity++) {
        void *chan = f->chan_create(sizeof(int), (size_t)capacity);
        int got;

        for (int k = 0; k < capacity; k++)
            assert_int_equal(f->chan_try_send(chan, &k), 0);
        f->chan_close(chan);
        assert_int_equal(f->chan_try_send(chan, &(int){99}), -EPIPE);
        for (int k = 0; k < capacity; k++) {
            assert_int_equal(f->chan_try_recv(chan, &got), 0);
            assert_int_equal(got, k);
        }
        assert_int_equal(f->chan_try_recv(chan, &got), -EPIPE);
        f->chan_destroy(chan);
    }
}

static void two_tries_never_meet_at_a_rendezvous(void **state)
{
    const struct flavour *f = *state;
    void *chan = f->chan_create(sizeof(int), 0);
    int got;

    assert_int_equal(f->chan_try_send(chan, &(int){1}), -EAGAIN);
    assert_int_equal(f->chan_try_recv(chan, &got), -EAGAIN);
    assert_int_equal(f->chan_try_send(chan, &(int){1}), -EAGAIN);
    f->chan_destroy(chan);
}

static void try_send_serves_a_sleeping_receiver(void **state)
{
    const struct flavour *f = *state;

    for (size_t capacity = 0; capacity < 2; capacity++) {
        void *chan = f->chan_create(sizeof(int), capacity);
        struct call call = {.f = f, .chan = chan};
        struct tb_group group;
        int got;

        f->group_init(&group);
        spawn_asleep(&group, recv_one, &call);
        assert_int_equal(f->chan_try_send(chan, &(int){6}), 0);
        tb_group_wait(&group);
        assert_int_equal(call.result, 0);
        assert_int_equal(call.value, 6);
        assert_int_equal(f->chan_try_recv(chan, &got), -EAGAIN);
        f->chan_destroy(chan);
    }
}

static void try_recv_serves_a_sleeping_sender(void **state)
{
    const struct flavour *f = *state;

    for (int capacity = 0; capacity < 2; capacity++) {
        void *chan = f->chan_create(sizeof(int), (size_t)capacity);
        struct call call = {.f = f, .chan = chan, .value = capacity};
        struct tb_group group;
        int got;

        for (int k = 0; k < capacity; k++)
            assert_int_equal(f->chan_send(chan, &k), 0);
        f->group_init(&group);
        spawn_asleep(&group, send_one, &call);
        assert_int_equal(f->chan_try_recv(chan, &got), 0);
        assert_int_equal(got, 0);
        tb_group_wait(&group);
        assert_int_equal(call.result, 0);
        for (int k = 1; k <= capacity; k++) {
            assert_int_equal(f->chan_try_recv(chan, &got), 0);
            assert_int_equal(got, k);
        }
        assert_int_equal(f->chan_try_recv(chan, &got), -EAGAIN);
        f->chan_destroy(chan);
    }
}

/* One after the other: a try may be refused until the receiver that the one
 * before it woke is out of the way, but not for ever. */
static void tries_serve_one_sleeping_receiver_each(void **state)
{
    enum { RECEIVERS = 3 };
    const struct flavour *f = *state;

    for (size_t capacity = 0; capacity < 2; capacity++) {
        void *chan = f->chan_create(sizeof(int), capacity);
        struct call call[RECEIVERS];
        struct tb_group group;
        int sum = 0;

        f->group_init(&group);
        for (int k = 0; k < RECEIVERS; k++) {
            call[k] = (struct call){.f = f, .chan = chan};
            spawn_asleep(&group, recv_one, &call[k]);
        }
        for (int k = 0; k < RECEIVERS; k++) {
            int value = 1 << k, result;

            while ((result = f->chan_try_send(chan, &value)) == -EAGAIN)
                sched_yield();
            assert_int_equal(result, 0);
        }
        tb_group_wait(&group);
        for (int k = 0; k < RECEIVERS; k++)
            sum += call[k].value;
        assert_int_equal(sum, (1 << RECEIVERS) - 1);
        f->chan_destroy(chan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOR_EACH_FLAVOUR(tries_fill_and_empty_a_ring_and_say_eagain_at_its_ends),
        FOR_EACH_FLAVOUR(a_refused_receive_leaves_the_element_unchanged),
        FOR_EACH_FLAVOUR(tries_on_a_closed_channel_drain_it_and_then_return_epipe),
        FOR_EACH_FLAVOUR(two_tries_never_meet_at_a_rendezvous),
        FOR_EACH_FLAVOUR(try_send_serves_a_sleeping_receiver),
        FOR_EACH_FLAVOUR(try_recv_serves_a_sleeping_sender),
        FOR_EACH_FLAVOUR(tries_serve_one_sleeping_receiver_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
