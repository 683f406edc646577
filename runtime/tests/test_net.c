/* Waiting for descriptors: deadlines, bytes both ways, several tasks at one
 * descriptor, signals. What fails is in test_net_errors.c. Everything here goes over
 * pipes, socket pairs and 127.0.0.1:0. */
#include "net.h"

#include <signal.h>
#include <time.h>

/* ---- deadlines --------------------------------------------------------------------- */

static void keep_deadlines(void *arg)
{
    const int64_t past[] = {0, -1, INT64_MIN, 1, gt_now() - 1, gt_now()};
    int fds[2];
    char c;
    (void)arg;
    make_pipe(fds);
    for (size_t i = 0; i < COUNT_OF(past); i++) {
        CHECK(gt_poll(fds[0], GT_READABLE, past[i]) == -ETIMEDOUT);
        CHECK(gt_read(fds[0], &c, 1, past[i]) == -ETIMEDOUT);
        CHECK(gt_poll(fds[1], GT_WRITABLE, past[i]) == GT_WRITABLE);
        CHECK(gt_write(fds[1], "x", 1, past[i]) == 1);
        CHECK(gt_poll(fds[0], GT_READABLE, past[i]) == GT_READABLE);
        CHECK(gt_read(fds[0], &c, 1, past[i]) == 1 && c == 'x');
    }
    for (int i = 0; i < 5; i++) {
        int64_t deadline = gt_now() + MS;
        CHECK(gt_poll(fds[0], GT_READABLE, deadline) == -ETIMEDOUT);
        CHECK(gt_now() >= deadline);
        deadline = gt_now() + MS / 10;
        CHECK(gt_read(fds[0], &c, 1, deadline) == -ETIMEDOUT);
        CHECK(gt_now() >= deadline);
    }
    /* Nothing of these waits is left. */
    CHECK(gt_write(fds[1], "y", 1, GT_NEVER) == 1);
    CHECK(gt_read(fds[0], &c, 1, GT_NEVER) == 1 && c == 'y');
    CHECK(gt_close(fds[1]) == 0);
    CHECK(gt_read(fds[0], &c, 1, GT_NEVER) == 0);
    CHECK(gt_poll(fds[0], GT_READABLE, GT_NEVER) == GT_READABLE);
    close(fds[0]);
}

static void *keep_deadlines_outside(void *arg)
{
    keep_deadlines(arg);
    return NULL;
}

static void deadlines_past_and_near_are_kept(void **state)
{
    (void)state;
    on_one_and_two_workers(keep_deadlines);
    join(outside(keep_deadlines_outside, NULL));
}

/* ---- passing bytes -------------------------------------------------------------------- */

#define BYTES 300000

struct stream {
    int from, to;
    unsigned char seed;
};

static void send_all(void *arg)
{
    const struct stream *s = arg;
    unsigned char *bytes = malloc(BYTES);
    CHECK(bytes);
    for (int i = 0; i < BYTES; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 251 + s->seed);
    CHECK(gt_write(s->to, bytes, BYTES, GT_NEVER) == BYTES);
    free(bytes);
}

static void receive_all(void *arg)
{
    const struct stream *s = arg;
    unsigned char part[5000];
    for (int got = 0; got < BYTES;) {
        int64_t n = gt_read(s->from, part, sizeof part, GT_NEVER);
        CHECK(n > 0);
        for (int64_t i = 0; i < n; i++, got++)
            CHECK(part[i] == (unsigned char)(got * 7 + got / 251 + s->seed));
    }
}
/* Each end is read and written at the same time. */
static void pass_bytes(void *arg)
{
    void (*const make[])(int fds[2]) = {make_pipe, make_pair, tcp_pair};
    (void)arg;
    for (size_t i = 0; i < COUNT_OF(make); i++) {
        int fds[2];
        gt_group group = {0};
        make[i](fds);
        struct stream forth = {fds[0], fds[1], 3}, back = {fds[1], fds[0], 200};
        spawn(&group, receive_all, &forth);
        spawn(&group, send_all, &forth);
        if (i > 0) {
            spawn(&group, receive_all, &back);
            spawn(&group, send_all, &back);
        }
        CHECK(gt_group_wait(&group) == 0);
        close_both(fds);
    }
}

static void bytes_arrive_in_order_both_ways(void **state)
{
    (void)state;
    on_one_and_two_workers(pass_bytes);
}

#define SHARERS 8
#define SHARED  500

static int shared_fds[2];
static atomic_int received, sum;

static void read_shared(void *arg)
{
    unsigned char c;
    (void)arg;
    for (;;) {
        int64_t n = gt_read(shared_fds[0], &c, 1, GT_NEVER);
        CHECK(n >= 0);
        if (n == 0)
            return;
        atomic_fetch_add(&sum, c);
        atomic_fetch_add(&received, 1);
    }
}

static void write_shared(void *arg)
{
    unsigned char c = (unsigned char)(uintptr_t)arg;
    for (int i = 0; i < SHARED; i++) {
        CHECK(gt_write(shared_fds[1], &c, 1, GT_NEVER) == 1);
        if (i % 16 == 0)
            gt_yield();
    }
}

static void share_a_descriptor(void *arg)
{
    (void)arg;
    for (int kind = 0; kind < 2; kind++) {
        gt_group readers = {0}, writers = {0};
        atomic_store(&received, 0);
        atomic_store(&sum, 0);
        kind ? make_pair(shared_fds) : make_pipe(shared_fds);
        for (uintptr_t i = 0; i < SHARERS; i++) {
            spawn(&readers, read_shared, NULL);
            spawn(&writers, write_shared, (void *)(i + 1));
        }
        CHECK(gt_group_wait(&writers) == 0);
        CHECK(gt_close(shared_fds[1]) == 0);
        CHECK(gt_group_wait(&readers) == 0);
        CHECK(atomic_load(&received) == SHARERS * SHARED);
        CHECK(atomic_load(&sum) == SHARED * SHARERS * (SHARERS + 1) / 2);
        close(shared_fds[0]);
    }
}

static void many_tasks_share_one_descriptor(void **state)
{
    (void)state;
    on_one_and_two_workers(share_a_descriptor);
}

static void read_one_shared(void *arg)
{
    char c;
    (void)arg;
    CHECK(gt_read(shared_fds[0], &c, 1, GT_NEVER) == 1);
    atomic_fetch_add(&received, 1);
}

/* Both are told that the descriptor is readable; one finds nothing and waits. */
static void one_byte_for_two(void *arg)
{
    (void)arg;
    for (int round = 0; round < 100; round++) {
        gt_group group = {0};
        atomic_store(&received, 0);
        make_pipe(shared_fds);
        spawn(&group, read_one_shared, NULL);
        spawn(&group, read_one_shared, NULL);
        for (int i = 0; i < 4; i++)
            gt_yield();
        CHECK(gt_write(shared_fds[1], "a", 1, GT_NEVER) == 1);
        await(&received, 1);
        for (int i = 0; i < 4; i++)
            gt_yield();
        CHECK(atomic_load(&received) == 1);
        CHECK(gt_write(shared_fds[1], "b", 1, GT_NEVER) == 1);
        CHECK(gt_group_wait(&group) == 0);
        close_both(shared_fds);
    }
}

static void spurious_readiness_is_survived_go_14548(void **state)
{
    (void)state;
    on_one_and_two_workers(one_byte_for_two);
}

static atomic_int polled;

static void poll_what_is_ready(void *arg)
{
    for (int i = 0; i < 1000; i++)
        CHECK(gt_poll(*(int *)arg, GT_READABLE, i % 2 ? GT_NEVER : gt_now() + 3600000 * MS) ==
              GT_READABLE);
    atomic_fetch_add(&polled, 1);
}

static void yield_until_polled(void *arg)
{
    while (atomic_load(&polled) < 4)
        gt_yield();
    (void)arg;
}

/* The worker looks at the network while it leaves a task that is about to wait
 * there: for the same descriptor, or for one that another worker leaves. */
static void report_while_parking(void *arg)
{
    int first[2], second[2];
    gt_group group = {0};
    (void)arg;
    make_pipe(first);
    make_pipe(second);
    CHECK(write(first[1], "a", 1) == 1 && write(second[1], "b", 1) == 1);
    atomic_store(&polled, 0);
    for (int i = 0; i < 4; i++)
        spawn(&group, poll_what_is_ready, i % 2 ? &first[0] : &second[0]);
    spawn(&group, yield_until_polled, NULL);
    spawn(&group, yield_until_polled, NULL);
    CHECK(gt_group_wait(&group) == 0);
    close_both(first);
    close_both(second);
}

static void a_report_may_come_while_its_waiter_parks(void **state)
{
    (void)state;
    on_one_and_two_workers(report_while_parking);
    run_on(4, report_while_parking, NULL);
}

/* ---- signals ------------------------------------------------------------------------- */

static atomic_int storm_over, signals_seen;

static void on_signal(int sig)
{
    (void)sig;
    atomic_fetch_add(&signals_seen, 1);
}

static void *storm(void *arg)
{
    (void)arg;
    while (!atomic_load(&storm_over)) {
        struct timespec ts = {0, 20000};
        kill(getpid(), SIGUSR1);
        nanosleep(&ts, NULL);
    }
    return NULL;
}

static void everything_once(void *arg)
{
    keep_deadlines(arg);
    pass_bytes(arg);
    connect_in_vain(arg);
}

/* Outside, each end of a pipe in a thread of its own. */
static void *send_outside(void *arg)
{
    send_all(arg);
    return NULL;
}

static void interrupted_system_calls_are_survived_everywhere(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = on_signal}, old;
    sigaction(SIGUSR1, &action, &old);
    atomic_store(&storm_over, 0);
    pthread_t thread = outside(storm, NULL);
    for (int i = 0; i < 3 || atomic_load(&signals_seen) < 100; i++) {
        int fds[2];
        on_one_and_two_workers(everything_once);
        keep_deadlines(NULL);
        connect_in_vain(NULL);
        make_pair(fds);
        struct stream s = {fds[0], fds[1], 9};
        pthread_t sender = outside(send_outside, &s);
        receive_all(&s);
        join(sender);
        close_both(fds);
    }
    atomic_store(&storm_over, 1);
    join(thread);
    sigaction(SIGUSR1, &old, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadlines_past_and_near_are_kept),
        cmocka_unit_test(bytes_arrive_in_order_both_ways),
        cmocka_unit_test(many_tasks_share_one_descriptor),
        cmocka_unit_test(spurious_readiness_is_survived_go_14548),
        cmocka_unit_test(a_report_may_come_while_its_waiter_parks),
        cmocka_unit_test(interrupted_system_calls_are_survived_everywhere),
    };
    alarm(240); /* what hangs ends with SIGALRM */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
