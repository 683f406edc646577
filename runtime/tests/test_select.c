/* Select. That deadlines and wake-ups do not cross is in test_deadline.c. */
#include "common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static gt_chan *chan_of(size_t capacity)
{
    gt_chan *ch = gt_chan_create(sizeof(uint64_t), capacity);
    CHECK(ch);
    return ch;
}

static gt_case sends(gt_chan *ch, uint64_t *elem)
{
    return (gt_case){.chan = ch, .op = GT_SEND, .elem = elem, .result = 77};
}

static gt_case receives(gt_chan *ch, uint64_t *elem)
{
    return (gt_case){.chan = ch, .op = GT_RECV, .elem = elem, .result = 77};
}

static void send_one(gt_chan *ch, uint64_t n)
{
    CHECK(gt_chan_send(ch, &n) == 0);
}

/* ---- without waiting --------------------------------------------------------------- */

static void wrong_arguments_return_einval(void **state)
{
    (void)state;
    uint64_t n = 0;
    gt_chan *ch = chan_of(1);
    gt_case good = sends(ch, &n), bad[4] = {good, good, good, good};
    bad[0].chan = NULL;
    bad[1].elem = NULL;
    bad[2].op = (enum gt_op)3;
    bad[3].op = (enum gt_op) - 1;
    assert_int_equal(gt_select(NULL, 1, 0), -EINVAL);
    assert_int_equal(gt_select(&good, 0, 0), -EINVAL);
    assert_int_equal(gt_select(&good, -1, 0), -EINVAL);
    assert_int_equal(gt_select(&good, 65537, 0), -EINVAL);
    assert_int_equal(gt_select(&good, INT32_MIN, GT_NEVER), -EINVAL);
    assert_int_equal(gt_try_select(NULL, 1), -EINVAL);
    assert_int_equal(gt_try_select(&good, 0), -EINVAL);
    for (int i = 0; i < 4; i++) {
        gt_case cases[2] = {good, bad[i]};
        assert_int_equal(gt_select(cases, 2, GT_NEVER), -EINVAL);
        assert_int_equal(gt_try_select(cases, 2), -EINVAL);
    }
    assert_int_equal(gt_chan_try_recv(ch, &n), -EAGAIN); /* nothing was sent */
    gt_chan_destroy(ch);
}

static void cases_that_are_off_take_no_part(void **state)
{
    (void)state;
    uint64_t n = 5;
    gt_chan *ch = chan_of(1);
    gt_case cases[3] = {{.op = GT_OFF}, sends(ch, &n), {.op = GT_OFF, .result = 9}};
    assert_int_equal(gt_select(cases, 3, GT_NEVER), 1);
    assert_int_equal(cases[1].result, 0);
    assert_int_equal(cases[2].result, 9);
    cases[1].op = GT_OFF; /* with channel and element: still off */
    assert_int_equal(gt_try_select(cases, 3), -EAGAIN);
    assert_int_equal(gt_select(cases, 3, 0), -ETIMEDOUT);
    cases[1].op = GT_RECV;
    n = 0;
    assert_int_equal(gt_try_select(cases, 3), 1);
    assert_int_equal(n, 5);
    gt_chan_destroy(ch);
}

static void what_is_not_possible_waits_or_says_eagain(void **state)
{
    (void)state;
    uint64_t n = 1, m = 2;
    gt_chan *empty = chan_of(1), *full = chan_of(1), *unbuffered = chan_of(0);
    send_one(full, 3);
    gt_case cases[4] = {receives(empty, &n), sends(full, &m), receives(unbuffered, &n),
                        sends(unbuffered, &m)};
    assert_int_equal(gt_try_select(cases, 4), -EAGAIN);
    assert_int_equal(gt_select(cases, 4, -1), -ETIMEDOUT);
    assert_int_equal(gt_select(cases, 4, gt_now() + 100000), -ETIMEDOUT);
    assert_int_equal(n, 1); /* the send and the receive of one select do not meet */
    for (int i = 0; i < 4; i++)
        assert_int_equal(cases[i].result, 77);
    gt_chan_destroy(empty); /* fatal if a waiter were left */
    gt_chan_destroy(full);
    gt_chan_destroy(unbuffered);
}

static void a_closed_channel_makes_its_case_possible(void **state)
{
    (void)state;
    uint64_t n = 4;
    gt_chan *open = chan_of(0), *closed = chan_of(1);
    send_one(closed, 6);
    gt_chan_close(closed);
    gt_case cases[2] = {receives(open, &n), receives(closed, &n)};
    assert_int_equal(gt_select(cases, 2, GT_NEVER), 1); /* what is inside comes first */
    assert_int_equal(cases[1].result, 0);
    assert_int_equal(n, 6);
    assert_int_equal(gt_select(cases, 2, GT_NEVER), 1);
    assert_int_equal(cases[1].result, -EPIPE);
    assert_int_equal(n, 6);
    cases[1] = sends(closed, &n);
    assert_int_equal(gt_try_select(cases, 2), 1);
    assert_int_equal(cases[1].result, -EPIPE);
    gt_chan_destroy(open);
    gt_chan_destroy(closed);
}

/* ---- fairness ------------------------------------------------------------------------ */

#define DRAWS 20000

/* Chi-square of counts that should be equal. */
static double chi_square(const int *count, int n)
{
    double expected = (double)DRAWS / n, sum = 0;
    for (int i = 0; i < n; i++)
        sum += (count[i] - expected) * (count[i] - expected) / expected;
    return sum;
}

static void each_possible_case_is_as_likely_as_the_others(void **state)
{
    enum { N = 5 };
    (void)state;
    gt_chan *ready = chan_of(1), *full = chan_of(1), *closed = chan_of(0), *never = chan_of(0);
    uint64_t n = 0, out = 1;
    int count[N + 2] = {0};
    gt_chan_close(closed);
    send_one(full, 1);
    for (int i = 0; i < DRAWS; i++) {
        gt_case cases[N + 2] = {sends(ready, &out),   receives(never, &n), receives(full, &n),
                                receives(closed, &n), {.op = GT_OFF},      sends(closed, &out),
                                sends(ready, &out)};
        int done = gt_select(cases, N + 2, GT_NEVER);
        assert_in_range(done, 0, N + 1);
        count[done]++;
        if (cases[done].chan == ready)
            gt_chan_try_recv(ready, &n);
        if (cases[done].chan == full)
            send_one(full, 1);
    }
    int possible[N] = {count[0], count[2], count[3], count[5], count[6]};
    assert_int_equal(count[1] + count[4], 0);
    /* 4 degrees of freedom: above 36 once in five million times. */
    assert_true(chi_square(possible, N) < 36);
    gt_chan_destroy(ready);
    gt_chan_destroy(full);
    gt_chan_destroy(closed);
    gt_chan_destroy(never);
}

/* ---- waiting -------------------------------------------------------------------------- */

static gt_chan *three[3];
static int chosen, chosen_result;
static uint64_t elem[3];
static enum gt_op op_of_all;

static void select_three(void *arg)
{
    gt_case cases[3];
    (void)arg;
    for (int i = 0; i < 3; i++) {
        elem[i] = 100 + (uint64_t)i;
        cases[i] = op_of_all == GT_SEND ? sends(three[i], &elem[i]) : receives(three[i], &elem[i]);
    }
    chosen = -1;
    chosen = gt_select(cases, 3, GT_NEVER);
    chosen_result = cases[chosen].result;
    for (int i = 0; i < 3; i++)
        CHECK(i == chosen || cases[i].result == 77);
}

static void *select_three_outside(void *arg)
{
    select_three(arg);
    return NULL;
}

/* Spawn a select, make it wait if there is one worker, do fn(i), and it must
 * end with case i. */
static void waits_for(void (*fn)(int i), bool from_outside)
{
    for (int i = 0; i < 3; i++) {
        gt_group group = {0};
        pthread_t thread;
        for (int j = 0; j < 3; j++)
            three[j] = chan_of(0);
        if (from_outside)
            thread = outside(select_three_outside, NULL);
        else
            spawn(&group, select_three, NULL);
        gt_yield();
        fn(i);
        if (from_outside)
            join(thread);
        CHECK(gt_group_wait(&group) == 0);
        CHECK(chosen == i);
        for (int j = 0; j < 3; j++)
            gt_chan_destroy(three[j]);
    }
}

static void send_to(int i)
{
    send_one(three[i], 42);
}

static void receive_from(int i)
{
    uint64_t n = 0;
    CHECK(gt_chan_recv(three[i], &n) == 0);
    CHECK(n == 100 + (uint64_t)i);
}

static void close_it(int i)
{
    gt_chan_close(three[i]);
}

static void woken_by_all(void *arg)
{
    (void)arg;
    for (int from_outside = 0; from_outside < 2; from_outside++) {
        op_of_all = GT_RECV;
        waits_for(send_to, from_outside);
        for (int i = 0; i < 3; i++) /* of the last round */
            CHECK(elem[i] == (i == 2 ? 42 : 100 + (uint64_t)i));
        CHECK(chosen_result == 0);
        waits_for(close_it, from_outside);
        CHECK(chosen_result == -EPIPE && elem[2] == 102);
        op_of_all = GT_SEND;
        waits_for(receive_from, from_outside);
        CHECK(chosen_result == 0);
        waits_for(close_it, from_outside);
        CHECK(chosen_result == -EPIPE);
    }
}

static void a_send_a_receive_and_a_close_wake_and_name_their_case(void **state)
{
    (void)state;
    on_one_and_two_workers(woken_by_all);
}

/* One select that waits and is then won by the second channel; before it runs,
 * something happens to the first, where its other waiter still is. */
static uint64_t plain_got;

static void receive_plainly(void *arg)
{
    CHECK(gt_chan_recv(arg, &plain_got) == 0);
}

static void lose_and_win(void *arg)
{
    gt_group group = {0};
    (void)arg;
    op_of_all = GT_RECV;
    for (int i = 0; i < 3; i++)
        three[i] = chan_of(0);
    spawn(&group, select_three, NULL);
    gt_yield();
    spawn(&group, receive_plainly, three[0]);
    gt_yield();
    send_one(three[1], 1);
    CHECK(chosen == -1); /* it has not run */
    send_one(three[0], 2);
    CHECK(gt_chan_try_send(three[2], &elem[2]) == -EAGAIN); /* nobody else waits there */
    CHECK(gt_group_wait(&group) == 0);
    CHECK(chosen == 1 && elem[1] == 1 && elem[0] == 100);
    CHECK(plain_got == 2);
    for (int i = 0; i < 3; i++)
        gt_chan_destroy(three[i]);
}

static void a_case_that_lost_does_not_swallow_a_message(void **state)
{
    (void)state;
    run_alone(lose_and_win, NULL);
}

/* ---- one channel in several cases ------------------------------------------------------- */

static gt_chan *shared;
static atomic_int sent, received;
static atomic_llong sent_sum, received_sum;

static void send_or_receive(void *arg)
{
    uint64_t out = (uint64_t)(uintptr_t)arg, in[2] = {0, 0};
    gt_case cases[4] = {receives(shared, &in[0]), sends(shared, &out), receives(shared, &in[1]),
                        sends(shared, &out)};
    int done = gt_select(cases, 4, GT_NEVER);
    CHECK(done >= 0 && cases[done].result == 0);
    CHECK((in[0] != 0) == (done == 0) && (in[1] != 0) == (done == 2));
    if (cases[done].op == GT_SEND) {
        atomic_fetch_add(&sent, 1);
        atomic_fetch_add(&sent_sum, (long long)out);
    } else {
        CHECK(in[done / 2] != out); /* not its own */
        atomic_fetch_add(&received, 1);
        atomic_fetch_add(&received_sum, (long long)in[done / 2]);
    }
}

static void *send_or_receive_outside(void *arg)
{
    send_or_receive(arg);
    return NULL;
}

/* An even number of equals pair off. */
static void pair_off(void *arg)
{
    (void)arg;
    for (int round = 0; round < 200; round++) {
        enum { N = 14 };
        gt_group group = {0};
        pthread_t threads[2];
        bool with_threads = round % 20 == 0;
        shared = chan_of(0);
        atomic_store(&sent, 0);
        atomic_store(&received, 0);
        atomic_store(&sent_sum, 0);
        atomic_store(&received_sum, 0);
        for (uintptr_t i = 0; i < 2 && with_threads; i++)
            threads[i] = outside(send_or_receive_outside, (void *)(100 + i));
        for (uintptr_t i = 1; i <= N; i++)
            spawn(&group, send_or_receive, (void *)i);
        CHECK(gt_group_wait(&group) == 0);
        for (int i = 0; i < 2 && with_threads; i++)
            join(threads[i]);
        int pairs = (N + (with_threads ? 2 : 0)) / 2;
        CHECK(atomic_load(&sent) == pairs && atomic_load(&received) == pairs);
        CHECK(atomic_load(&sent_sum) == atomic_load(&received_sum));
        gt_chan_destroy(shared);
    }
}

static void selects_that_send_and_receive_on_one_channel_pair_off(void **state)
{
    (void)state;
    on_one_and_two_workers(pair_off);
}

/* ---- many cases ---------------------------------------------------------------------------- */

#define MANY 1000

static gt_chan *many[MANY];
static atomic_int selected;

static void select_many(void *arg)
{
    uint64_t *in = calloc(MANY, sizeof *in);
    gt_case *cases = calloc(MANY, sizeof *cases);
    (void)arg;
    CHECK(in && cases);
    for (int i = 0; i < MANY; i++)
        cases[i] = receives(many[i * 7 % MANY], &in[i]); /* not in the order of addresses */
    int done = gt_select(cases, MANY, GT_NEVER);
    CHECK(done >= 0 && cases[done].result == 0 && in[done] == (uint64_t)(done * 7 % MANY) + 1);
    for (int i = 0; i < MANY; i++)
        CHECK(i == done || in[i] == 0);
    atomic_fetch_add(&selected, 1);
    free(cases);
    free(in);
}

static void send_to_some(void *arg)
{
    gt_group group = {0};
    (void)arg;
    atomic_store(&selected, 0);
    for (int i = 0; i < MANY; i++)
        many[i] = chan_of(0);
    for (int i = 0; i < 5; i++)
        spawn(&group, select_many, NULL);
    gt_yield();
    for (uint64_t i = 0; i < 5; i++)
        send_one(many[(i * 333 + 1) % MANY], (i * 333 + 1) % MANY + 1);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&selected) == 5);
    for (int i = 0; i < MANY; i++)
        gt_chan_destroy(many[i]); /* fatal if a waiter were left */
}

static void a_select_may_have_a_thousand_cases(void **state)
{
    (void)state;
    on_one_and_two_workers(send_to_some);
}

static void *answer(void *arg)
{
    uint64_t in, sum = 0;
    gt_chan **ch = arg;
    for (;;) {
        gt_case cases[2] = {receives(ch[0], &in), receives(ch[1], &in)};
        int done = gt_select(cases, 2, GT_NEVER);
        if (cases[done].result == -EPIPE)
            return (void *)(uintptr_t)sum;
        sum += in;
    }
}

static void outside_threads_select_without_a_runtime(void **state)
{
    (void)state;
    gt_chan *ch[2] = {chan_of(0), chan_of(1)};
    void *sum;
    pthread_t thread = outside(answer, ch);
    for (uint64_t i = 1; i <= 200; i++) {
        gt_case cases[2] = {sends(ch[0], &i), sends(ch[1], &i)};
        int done = gt_select(cases, 2, GT_NEVER);
        assert_true(done >= 0 && cases[done].result == 0);
    }
    while (gt_chan_try_send(ch[1], &(uint64_t){0}) != 0) /* the other has taken all before */
        gt_yield();
    gt_chan_close(ch[0]);
    assert_int_equal(pthread_join(thread, &sum), 0);
    assert_int_equal((uintptr_t)sum, 200 * 201 / 2);
    gt_chan_destroy(ch[0]);
    gt_chan_destroy(ch[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_arguments_return_einval),
        cmocka_unit_test(cases_that_are_off_take_no_part),
        cmocka_unit_test(what_is_not_possible_waits_or_says_eagain),
        cmocka_unit_test(a_closed_channel_makes_its_case_possible),
        cmocka_unit_test(each_possible_case_is_as_likely_as_the_others),
        cmocka_unit_test(a_send_a_receive_and_a_close_wake_and_name_their_case),
        cmocka_unit_test(a_case_that_lost_does_not_swallow_a_message),
        cmocka_unit_test(selects_that_send_and_receive_on_one_channel_pair_off),
        cmocka_unit_test(a_select_may_have_a_thousand_cases),
        cmocka_unit_test(outside_threads_select_without_a_runtime),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
