/* Channels of both flavours, one property each. */
#include "common.h"

#include <errno.h>
#include <stdatomic.h>

#define MANY 5

/* A thread that does one call on a channel. */
struct call {
    const struct flavour *f;
    void *chan;
    int value;
    int result;
    _Atomic pid_t tid;
    atomic_bool returned;
};

static void send_one(void *arg)
{
    struct call *call = arg;

    publish_tid(&call->tid);
    call->result = call->f->chan_send(call->chan, &call->value);
    atomic_store(&call->returned, true);
}

static void recv_one(void *arg)
{
    struct call *call = arg;

    publish_tid(&call->tid);
    call->result = call->f->chan_recv(call->chan, &call->value);
    atomic_store(&call->returned, true);
}

static void spawn_asleep(struct tb_group *group, tb_fn fn, struct call *call)
{
    assert_int_equal(tb_group_spawn(group, fn, call, NULL), 0);
    await_asleep(&call->tid);
    assert_false(atomic_load(&call->returned));
}

static void elements_come_out_in_the_order_they_went_in(void **state)
{
    const struct flavour *f = *state;
    void *chan = f->chan_create(sizeof(int), 3);
    int in = 0, out = 0, got;

    for (int round = 0; round < 10; round++) {
        for (int k = 0; k < 1 + round % 3; k++, in++)
            assert_int_equal(f->chan_send(chan, &in), 0);
        while (out < in) {
            assert_int_equal(f->chan_recv(chan, &got), 0);
            assert_int_equal(got, out++);
        }
    }
    f->chan_destroy(chan);
}

static void elements_of_any_size_arrive_whole(void **state)
{
    const struct flavour *f = *state;
    static const size_t size[] = {1, 3, 8, 64, 1000};

    for (size_t s = 0; s < COUNT_OF(size); s++) {
        unsigned char in[1000], out[1001];
        void *chan = f->chan_create(size[s], 2);

        for (int k = 0; k < 5; k++) {
            for (size_t b = 0; b < size[s]; b++)
                in[b] = (unsigned char)(b * 7 + (size_t)k);
            out[size[s]] = 0xa5;
            assert_int_equal(f->chan_send(chan, in), 0);
            assert_int_equal(f->chan_recv(chan, out), 0);
            assert_memory_equal(in, out, size[s]);
            assert_int_equal(out[size[s]], 0xa5);
        }
        f->chan_destroy(chan);
    }
}

static void send_on_closed_returns_epipe(void **state)
{
    const struct flavour *f = *state;

    for (size_t capacity = 0; capacity < 3; capacity++) {
        void *chan = f->chan_create(sizeof(int), capacity);
        int value = 1;

        f->chan_close(chan);
        f->chan_close(chan);
        assert_int_equal(f->chan_send(chan, &value), -EPIPE);
        assert_int_equal(f->chan_recv(chan, &value), -EPIPE);
        f->chan_destroy(chan);
    }
}

static void recv_on_closed_drains_then_returns_epipe(void **state)
{
    const struct flavour *f = *state;
    void *chan = f->chan_create(sizeof(int), 4);
    int got;

    for (int k = 0; k < 3; k++)
        assert_int_equal(f->chan_send(chan, &k), 0);
    f->chan_close(chan);
    for (int k = 0; k < 3; k++) {
        assert_int_equal(f->chan_recv(chan, &got), 0);
        assert_int_equal(got, k);
    }
    assert_int_equal(f->chan_recv(chan, &got), -EPIPE);
    f->chan_destroy(chan);
}

static void close_wakes_every_receiver(void **state)
{
    const struct flavour *f = *state;

    for (size_t capacity = 0; capacity < 2; capacity++) {
        void *chan = f->chan_create(sizeof(int), capacity);
        struct call call[MANY];
        struct tb_group group;

        f->group_init(&group);
        for (int k = 0; k < MANY; k++) {
            call[k] = (struct call){.f = f, .chan = chan};
            spawn_asleep(&group, recv_one, &call[k]);
        }
        f->chan_close(chan);
        tb_group_wait(&group);
        for (int k = 0; k < MANY; k++)
            assert_int_equal(call[k].result, -EPIPE);
        f->chan_destroy(chan);
    }
}

static void close_wakes_every_sender_and_delivers_none_of_their_elements(void **state)
{
    const struct flavour *f = *state;

    for (int capacity = 0; capacity < 2; capacity++) {
        void *chan = f->chan_create(sizeof(int), (size_t)capacity);
        struct call call[MANY];
        struct tb_group group;
        int got = -1;

        if (capacity == 1)
            assert_int_equal(f->chan_send(chan, &(int){77}), 0);
        f->group_init(&group);
        for (int k = 0; k < MANY; k++) {
            call[k] = (struct call){.f = f, .chan = chan, .value = k};
            spawn_asleep(&group, send_one, &call[k]);
        }
        f->chan_close(chan);
        tb_group_wait(&group);
        for (int k = 0; k < MANY; k++)
            assert_int_equal(call[k].result, -EPIPE);
        if (capacity == 1) {
            assert_int_equal(f->chan_recv(chan, &got), 0);
            assert_int_equal(got, 77);
        }
        assert_int_equal(f->chan_recv(chan, &got), -EPIPE);
        f->chan_destroy(chan);
    }
}

static void rendezvous_send_stays_until_a_receiver_comes(void **state)
{
    const struct flavour *f = *state;
    void *chan = f->chan_create(sizeof(int), 0);
    struct call call = {.f = f, .chan = chan, .value = 5};
    struct tb_group group;
    int got = 0;

    f->group_init(&group);
    spawn_asleep(&group, send_one, &call);
    assert_int_equal(f->chan_recv(chan, &got), 0);
    tb_group_wait(&group);
    assert_int_equal(got, 5);
    assert_int_equal(call.result, 0);
    f->chan_destroy(chan);
}

static void send_to_a_waiting_receiver_does_not_block(void **state)
{
    const struct flavour *f = *state;
    void *chan = f->chan_create(sizeof(int), 0);
    struct call call = {.f = f, .chan = chan};
    struct tb_group group;

    f->group_init(&group);
    spawn_asleep(&group, recv_one, &call);
    assert_int_equal(f->chan_send(chan, &(int){6}), 0);
    tb_group_wait(&group);
    assert_int_equal(call.value, 6);
    f->chan_destroy(chan);
}

static void every_blocked_sender_is_served_by_one_receiver(void **state)
{
    const struct flavour *f = *state;

    for (int capacity = 0; capacity < 3; capacity++) {
        void *chan = f->chan_create(sizeof(int), (size_t)capacity);
        struct call call[MANY];
        struct tb_group group;
        int got, sum = 0;

        for (int k = 0; k < capacity; k++)
            assert_int_equal(f->chan_send(chan, &(int){0}), 0);
        f->group_init(&group);
        for (int k = 0; k < MANY; k++) {
            call[k] = (struct call){.f = f, .chan = chan, .value = 1 << k};
            spawn_asleep(&group, send_one, &call[k]);
        }
        for (int k = 0; k < MANY + capacity; k++) {
            assert_int_equal(f->chan_recv(chan, &got), 0);
            sum += got;
        }
        tb_group_wait(&group);
        assert_int_equal(sum, (1 << MANY) - 1);
        f->chan_destroy(chan);
    }
}

static void create_refuses_impossible_sizes(void **state)
{
    const struct flavour *f = *state;

    assert_null(f->chan_create(0, 1));
    assert_null(f->chan_create(16, SIZE_MAX / 8));
    assert_null(f->chan_create(SIZE_MAX, 1));
    f->chan_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOR_EACH_FLAVOUR(elements_come_out_in_the_order_they_went_in),
        FOR_EACH_FLAVOUR(elements_of_any_size_arrive_whole),
        FOR_EACH_FLAVOUR(send_on_closed_returns_epipe),
        FOR_EACH_FLAVOUR(recv_on_closed_drains_then_returns_epipe),
        FOR_EACH_FLAVOUR(close_wakes_every_receiver),
        FOR_EACH_FLAVOUR(close_wakes_every_sender_and_delivers_none_of_their_elements),
        FOR_EACH_FLAVOUR(rendezvous_send_stays_until_a_receiver_comes),
        FOR_EACH_FLAVOUR(send_to_a_waiting_receiver_does_not_block),
        FOR_EACH_FLAVOUR(every_blocked_sender_is_served_by_one_receiver),
        FOR_EACH_FLAVOUR(create_refuses_impossible_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
