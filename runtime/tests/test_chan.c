/* Channels through the public API, from tasks and from OS threads outside: what
 * is sent arrives, in order. */
#include "channels.h"

#include <errno.h>
#include <stdlib.h>

static const size_t sizes[] = {1, 3, 8, 16, 24, 40, 65536};

/* ---- without waiting ------------------------------------------------------ */

static void create_refuses_what_is_out_of_range(void **state)
{
    (void)state;
    assert_null(gt_chan_create(0, 1));
    assert_null(gt_chan_create(65537, 1));
    assert_null(gt_chan_create(SIZE_MAX, 1));
    assert_null(gt_chan_create(1, (size_t)1 << 40));
    assert_null(gt_chan_create(65536, (size_t)1 << 24));
    assert_null(gt_chan_create(8, SIZE_MAX / 8));
    assert_null(gt_chan_create(8, SIZE_MAX));
    gt_chan_destroy(NULL);
}

static void null_channels_return_einval(void **state)
{
    (void)state;
    uint64_t elem = 7;
    assert_int_equal(gt_chan_send(NULL, &elem), -EINVAL);
    assert_int_equal(gt_chan_recv(NULL, &elem), -EINVAL);
    assert_int_equal(gt_chan_try_send(NULL, &elem), -EINVAL);
    assert_int_equal(gt_chan_try_recv(NULL, &elem), -EINVAL);
    assert_int_equal(elem, 7);
}

static void fill(unsigned char *elem, size_t size, unsigned n)
{
    for (size_t i = 0; i < size; i++)
        elem[i] = (unsigned char)(n * 31 + i);
}

static bool holds(const unsigned char *elem, size_t size, unsigned n)
{
    for (size_t i = 0; i < size; i++)
        if (elem[i] != (unsigned char)(n * 31 + i))
            return false;
    return true;
}

static unsigned char *element(size_t size)
{
    /* Exactly as large, so that a sanitizer sees a byte too many. */
    unsigned char *elem = malloc(size);
    CHECK(elem);
    return elem;
}

static void try_variants_fill_and_drain_in_order(void **state)
{
    (void)state;
    for (size_t s = 0; s < COUNT_OF(sizes); s++)
        for (size_t c = 0; c < COUNT_OF(capacities); c++) {
            gt_chan *ch = gt_chan_create(sizes[s], capacities[c]);
            unsigned char *elem = element(sizes[s]);
            assert_non_null(ch);
            for (unsigned round = 0; round < 3; round++) {
                for (unsigned i = 0; i < capacities[c]; i++) {
                    fill(elem, sizes[s], i + round);
                    assert_int_equal(gt_chan_try_send(ch, elem), 0);
                }
                assert_int_equal(gt_chan_try_send(ch, elem), -EAGAIN);
                for (unsigned i = 0; i < capacities[c]; i++) {
                    assert_int_equal(gt_chan_try_recv(ch, elem), 0);
                    assert_true(holds(elem, sizes[s], i + round));
                }
                assert_int_equal(gt_chan_try_recv(ch, elem), -EAGAIN);
            }
            free(elem);
            gt_chan_destroy(ch);
        }
}

/* ---- between tasks -------------------------------------------------------- */

struct stream {
    gt_chan *ch;
    size_t size;
    unsigned n;
};

static void send_stream(void *arg)
{
    struct stream *s = arg;
    unsigned char *elem = element(s->size);
    for (unsigned i = 0; i < s->n; i++) {
        fill(elem, s->size, i);
        CHECK(gt_chan_send(s->ch, elem) == 0);
    }
    free(elem);
    gt_chan_close(s->ch);
}

static void receive_stream(void *arg)
{
    struct stream *s = arg;
    unsigned char *elem = element(s->size);
    unsigned i = 0;
    int err;
    for (; (err = gt_chan_recv(s->ch, elem)) == 0; i++)
        CHECK(holds(elem, s->size, i));
    CHECK(err == -EPIPE && i == s->n);
    free(elem);
}

static void streams_of_every_size(void *arg)
{
    (void)arg;
    for (size_t s = 0; s < COUNT_OF(sizes); s++)
        for (size_t c = 0; c < COUNT_OF(capacities); c++) {
            struct stream stream = {gt_chan_create(sizes[s], capacities[c]), sizes[s],
                                    sizes[s] > 1000 ? 100 : 1000};
            gt_group group = {0};
            CHECK(stream.ch);
            spawn(&group, s % 2 ? send_stream : receive_stream, &stream);
            spawn(&group, s % 2 ? receive_stream : send_stream, &stream);
            CHECK(gt_group_wait(&group) == 0);
            gt_chan_destroy(stream.ch);
        }
}

static void elements_arrive_whole_and_in_order_for_every_size_and_capacity(void **state)
{
    (void)state;
    on_one_and_two_workers(streams_of_every_size);
}

/* Tasks queue up one after the other: each is known to wait before the next
 * is spawned, because no two run at once and gt_yield() runs it up to its wait. */
#define WAITERS 10

static gt_chan *line;
static int order[WAITERS], arrived;

static void wait_to_receive(void *arg)
{
    uint64_t got;
    CHECK(gt_chan_recv(line, &got) == 0);
    /* The k-th waiter gets the k-th element. */
    CHECK(got == (uintptr_t)arg);
    order[arrived++] = (int)(uintptr_t)arg;
}

static void wait_to_send(void *arg)
{
    uint64_t elem = (uintptr_t)arg;
    CHECK(gt_chan_send(line, &elem) == 0);
}

static void line_up(void *arg)
{
    gt_group group = {0};
    uint64_t elem;
    (void)arg;
    line = gt_chan_create(8, 0);
    arrived = 0;
    for (uintptr_t i = 0; i < WAITERS; i++) {
        spawn(&group, wait_to_receive, (void *)i);
        gt_yield();
    }
    for (elem = 0; elem < WAITERS; elem++)
        CHECK(gt_chan_send(line, &elem) == 0);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(arrived == WAITERS);
    for (uintptr_t i = 0; i < WAITERS; i++) {
        spawn(&group, wait_to_send, (void *)i);
        gt_yield();
    }
    for (uint64_t i = 0; i < WAITERS; i++)
        CHECK(gt_chan_recv(line, &elem) == 0 && elem == i);
    CHECK(gt_group_wait(&group) == 0);
    gt_chan_destroy(line);
}

static void waiters_are_served_in_order(void **state)
{
    (void)state;
    run_alone(line_up, NULL);
}

static void senders_behind_a_full_buffer(void *arg)
{
    gt_group group = {0};
    uint64_t elem;
    (void)arg;
    line = gt_chan_create(8, 3);
    for (uintptr_t i = 0; i < WAITERS; i++) {
        spawn(&group, wait_to_send, (void *)i);
        gt_yield();
    }
    for (uint64_t i = 0; i < WAITERS; i++)
        CHECK(gt_chan_try_recv(line, &elem) == 0 && elem == i);
    CHECK(gt_chan_try_recv(line, &elem) == -EAGAIN);
    CHECK(gt_group_wait(&group) == 0);
    gt_chan_destroy(line);
}

static void elements_of_waiting_senders_come_after_the_buffered_ones(void **state)
{
    (void)state;
    run_alone(senders_behind_a_full_buffer, NULL);
}

/* ---- OS threads outside --------------------------------------------------- */

static void *send_stream_outside(void *arg)
{
    send_stream(arg);
    return NULL;
}

static void *receive_stream_outside(void *arg)
{
    receive_stream(arg);
    return NULL;
}

static void outside_threads_send_to_and_receive_from_tasks(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 2; workers++)
        for (size_t c = 0; c < COUNT_OF(capacities); c++)
            for (int way = 0; way < 3; way++) {
                struct stream s = {gt_chan_create(24, capacities[c]), 24, 300};
                gt_group group = {0};
                gt_config config = {.workers = workers};
                assert_int_equal(gt_start(&config), 0);
                pthread_t one = {0}, two = {0};
                if (way == 0)
                    spawn(&group, receive_stream, &s);
                else
                    one = outside(receive_stream_outside, &s);
                if (way == 1)
                    spawn(&group, send_stream, &s);
                else
                    two = outside(send_stream_outside, &s);
                assert_int_equal(gt_group_wait(&group), 0);
                if (way != 0)
                    join(one);
                if (way != 1)
                    join(two);
                assert_int_equal(gt_stop(), 0);
                gt_chan_destroy(s.ch);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_refuses_what_is_out_of_range),
        cmocka_unit_test(null_channels_return_einval),
        cmocka_unit_test(try_variants_fill_and_drain_in_order),
        cmocka_unit_test(elements_arrive_whole_and_in_order_for_every_size_and_capacity),
        cmocka_unit_test(waiters_are_served_in_order),
        cmocka_unit_test(elements_of_waiting_senders_come_after_the_buffered_ones),
        cmocka_unit_test(outside_threads_send_to_and_receive_from_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
