/* The end of a channel: what closing it says to whom, and who may destroy it. */
#include "channels.h"

#include <errno.h>

/* ---- without waiting ------------------------------------------------------ */

static void recv_on_closed_empty_returns_epipe_and_keeps_the_element(void **state)
{
    (void)state;
    for (size_t c = 0; c < COUNT_OF(capacities); c++) {
        gt_chan *ch = gt_chan_create(8, capacities[c]);
        uint64_t elem = 42;
        gt_chan_close(ch);
        assert_int_equal(gt_chan_recv(ch, &elem), -EPIPE);
        assert_int_equal(gt_chan_try_recv(ch, &elem), -EPIPE);
        assert_int_equal(elem, 42);
        gt_chan_destroy(ch);
    }
}

static void send_on_closed_returns_epipe_even_with_room(void **state)
{
    (void)state;
    for (size_t c = 0; c < COUNT_OF(capacities); c++) {
        gt_chan *ch = gt_chan_create(3, capacities[c]);
        gt_chan_close(ch);
        assert_int_equal(gt_chan_send(ch, "abc"), -EPIPE);
        assert_int_equal(gt_chan_try_send(ch, "abc"), -EPIPE);
        gt_chan_destroy(ch);
    }
}

static void closed_channel_drains_before_epipe(void **state)
{
    (void)state;
    gt_chan *ch = gt_chan_create(8, 4);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(gt_chan_send(ch, &i), 0);
    gt_chan_close(ch);
    for (uint64_t i = 0, got; i < 3; i++) {
        assert_int_equal(i == 1 ? gt_chan_try_recv(ch, &got) : gt_chan_recv(ch, &got), 0);
        assert_int_equal(got, i);
    }
    uint64_t got;
    assert_int_equal(gt_chan_recv(ch, &got), -EPIPE);
    gt_chan_destroy(ch);
}

static void close_twice(void *arg)
{
    (void)arg;
    gt_chan *ch = gt_chan_create(8, 0);
    gt_chan_close(ch);
    gt_chan_close(ch);
}

static void closing_twice_is_fatal(void **state)
{
    (void)state;
    assert_fatal(close_twice, NULL, "gt_chan_close");
}

static void close_null(void *arg)
{
    (void)arg;
    gt_chan_close(NULL);
}

static void closing_null_is_fatal(void **state)
{
    (void)state;
    assert_fatal(close_null, NULL, "gt_chan_close");
}

/* ---- waiters ---------------------------------------------------------------- */

/* Each is known to wait before the next is spawned, because no two run
 * at once and gt_yield() runs it up to its wait. */
#define WAITERS 10

static gt_chan *line;
static int arrived;

static void epipe_receiver(void *arg)
{
    uint64_t got = 99;
    (void)arg;
    CHECK(gt_chan_recv(line, &got) == -EPIPE && got == 99);
    arrived++;
}

static void epipe_sender(void *arg)
{
    uint64_t elem = 1;
    (void)arg;
    CHECK(gt_chan_send(line, &elem) == -EPIPE);
    arrived++;
}

static void close_on_waiters(void *arg)
{
    gt_fn *const kinds[] = {epipe_receiver, epipe_sender};
    (void)arg;
    for (size_t kind = 0; kind < 2; kind++) {
        gt_group group = {0};
        line = gt_chan_create(8, 0);
        arrived = 0;
        for (int i = 0; i < WAITERS; i++) {
            spawn(&group, kinds[kind], NULL);
            gt_yield();
        }
        CHECK(arrived == 0);
        gt_chan_close(line);
        CHECK(gt_group_wait(&group) == 0);
        CHECK(arrived == WAITERS);
        gt_chan_destroy(line);
    }
}

static void close_wakes_every_waiter_with_epipe(void **state)
{
    (void)state;
    run_alone(close_on_waiters, NULL);
}

static void close_behind_a_full_buffer(void *arg)
{
    gt_group group = {0};
    uint64_t elem = 5;
    (void)arg;
    line = gt_chan_create(8, 1);
    arrived = 0;
    CHECK(gt_chan_send(line, &elem) == 0);
    spawn(&group, epipe_sender, NULL);
    gt_yield();
    gt_chan_close(line);
    CHECK(gt_group_wait(&group) == 0 && arrived == 1);
    elem = 0;
    CHECK(gt_chan_recv(line, &elem) == 0 && elem == 5);
    CHECK(gt_chan_recv(line, &elem) == -EPIPE);
    gt_chan_destroy(line);
}

static void close_keeps_what_is_buffered_but_not_what_waits(void **state)
{
    (void)state;
    run_alone(close_behind_a_full_buffer, NULL);
}

static void *receive_epipe_outside(void *arg)
{
    epipe_receiver(arg);
    return NULL;
}

static void close_wakes_an_outside_waiter(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        line = gt_chan_create(8, 0);
        arrived = 0;
        pthread_t thread = outside(receive_epipe_outside, NULL);
        gt_chan_close(line); /* before, while or after it waits */
        join(thread);
        assert_int_equal(arrived, 1);
        gt_chan_destroy(line);
    }
}

/* ---- destroying ------------------------------------------------------------- */

static void destroy_under_waiter(void *arg)
{
    (void)arg;
    line = gt_chan_create(8, 0);
    CHECK(gt_spawn(epipe_receiver, NULL, NULL) == 0);
    gt_yield();
    gt_chan_destroy(line);
}

static void destroy_in_child(void *arg)
{
    run_alone(destroy_under_waiter, arg);
}

static void destroying_with_a_waiter_is_fatal(void **state)
{
    (void)state;
    assert_fatal(destroy_in_child, NULL, "gt_chan_destroy");
}

/* The receiver destroys the channel as soon as it has the element: whoever
 * sent it must be done with the channel by then. */
static void send_one(void *arg)
{
    gt_chan *ch = *(gt_chan **)arg;
    uint64_t elem = 3;
    CHECK(gt_chan_send(ch, &elem) == 0);
}

static void destroy_at_once(void *arg)
{
    (void)arg;
    for (int i = 0; i < (UNDER_ASAN ? 2000 : 20000); i++) {
        gt_group group = {0};
        uint64_t elem;
        gt_chan *ch = gt_chan_create(8, (size_t)i % 2);
        spawn(&group, send_one, &ch);
        if (i % 3 == 0)
            gt_yield();
        CHECK(gt_chan_recv(ch, &elem) == 0 && elem == 3);
        gt_chan_destroy(ch);
        CHECK(gt_group_wait(&group) == 0);
    }
}

static void a_channel_may_be_destroyed_right_after_the_last_receive(void **state)
{
    (void)state;
    on_one_and_two_workers(destroy_at_once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recv_on_closed_empty_returns_epipe_and_keeps_the_element),
        cmocka_unit_test(send_on_closed_returns_epipe_even_with_room),
        cmocka_unit_test(closed_channel_drains_before_epipe),
        cmocka_unit_test(closing_twice_is_fatal),
        cmocka_unit_test(closing_null_is_fatal),
        cmocka_unit_test(close_wakes_every_waiter_with_epipe),
        cmocka_unit_test(close_keeps_what_is_buffered_but_not_what_waits),
        cmocka_unit_test(destroying_with_a_waiter_is_fatal),
        cmocka_unit_test(a_channel_may_be_destroyed_right_after_the_last_receive),
        cmocka_unit_test(close_wakes_an_outside_waiter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
