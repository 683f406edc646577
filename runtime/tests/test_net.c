/* Waiting for descriptors: what is refused, deadlines, several tasks at one
 * descriptor, errors of sockets, signals. Everything here goes over pipes, socket pairs,
 * 127.0.0.1:0 and a local socket. */
#include "net.h"

#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <time.h>

#include "netpoll.h"

/* ---- what is refused -------------------------------------------------------------- */

static void refuse(void *arg)
{
    const int64_t deadlines[] = {GT_NEVER, 0, -1, gt_now() + 1000 * MS};
    int fds[2];
    char c;
    (void)arg;
    make_pipe(fds);
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int counter = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(file >= 0 && dir >= 0 && null >= 0 && counter >= 0);
    for (size_t i = 0; i < COUNT_OF(deadlines); i++) {
        CHECK(gt_poll(fds[0], 0, deadlines[i]) == -EINVAL);
        CHECK(gt_poll(fds[0], 4, deadlines[i]) == -EINVAL);
        CHECK(gt_poll(fds[0], GT_READABLE | 8, deadlines[i]) == -EINVAL);
        CHECK(gt_poll(-1, GT_READABLE, deadlines[i]) == -EBADF);
        CHECK(gt_poll(INT32_MIN, GT_READABLE, deadlines[i]) == -EBADF);
        CHECK(gt_poll(file, GT_READABLE, deadlines[i]) == -EPERM);
        CHECK(gt_poll(dir, GT_READABLE, deadlines[i]) == -EPERM);
        CHECK(gt_poll(null, GT_READABLE, deadlines[i]) == -EPERM);
        CHECK(gt_poll(null, GT_WRITABLE, deadlines[i]) == -EPERM);
        CHECK(gt_poll(counter, GT_READABLE, deadlines[i]) == GT_READABLE);
        CHECK(gt_read(-1, &c, 1, deadlines[i]) == -EBADF);
        CHECK(gt_write(-1, &c, 1, deadlines[i]) == -EBADF);
        CHECK(gt_read(fds[0], NULL, 1, deadlines[i]) == -EINVAL);
        CHECK(gt_write(fds[1], NULL, 1, deadlines[i]) == -EINVAL);
        CHECK(gt_read(file, &c, 1, deadlines[i]) == 1); /* does not wait */
        CHECK(gt_accept(-1, NULL, NULL, deadlines[i]) == -EBADF);
        CHECK(gt_accept(fds[0], NULL, NULL, deadlines[i]) == -ENOTSOCK);
        CHECK(gt_connect(-1, NULL, 0, deadlines[i]) == -EBADF);
    }
    CHECK(gt_close(-1) == -EBADF);
    int closed = fds[0];
    CHECK(gt_close(closed) == 0);
    CHECK(gt_close(closed) == -EBADF);
    CHECK(gt_poll(closed, GT_READABLE, GT_NEVER) == -EBADF);
    CHECK(gt_poll(closed, GT_READABLE, 0) == -EBADF);
    close(fds[1]);
    close(file);
    close(dir);
    close(null);
    close(counter);
}

static void *refuse_outside(void *arg)
{
    refuse(arg);
    return NULL;
}

static void what_cannot_be_waited_for_is_refused_by_name(void **state)
{
    (void)state;
    on_one_and_two_workers(refuse);
    join(outside(refuse_outside, NULL)); /* with no runtime */
    assert_int_equal(gt_start(&(gt_config){.workers = 1}), 0);
    join(outside(refuse_outside, NULL));
    assert_int_equal(gt_stop(), 0);
}

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

static void tcp_pair(int fds[2])
{
    int listener;
    struct sockaddr_in addr = listen_on(1, &listener);
    fds[0] = tcp_socket();
    CHECK(connect_to(&addr, fds[0], GT_NEVER) == 0);
    fds[1] = gt_accept(listener, NULL, NULL, GT_NEVER);
    CHECK(fds[1] >= 0);
    CHECK(fcntl(fds[1], F_GETFL) & O_NONBLOCK && fcntl(fds[1], F_GETFD) & FD_CLOEXEC);
    close(listener);
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

/* ---- errors of sockets --------------------------------------------------------------------- */

static void write_to_nobody(void *arg)
{
    int fds[2];
    bool in_task = gt_worker() >= 0;
    (void)arg;
    make_pair(fds);
    close(fds[0]);
    CHECK(gt_write(fds[1], "x", 1, GT_NEVER) == -EPIPE);
    close(fds[1]);
    if (in_task) { /* a pipe raises SIGPIPE, which workers block */
        make_pipe(fds);
        close(fds[0]);
        CHECK(gt_write(fds[1], "x", 1, GT_NEVER) == -EPIPE);
        close(fds[1]);
        tcp_pair(fds);
        CHECK(gt_close(fds[0]) == 0);
        int64_t n;
        while ((n = gt_write(fds[1], "x", 1, GT_NEVER)) == 1)
            continue;
        CHECK(n == -EPIPE || n == -ECONNRESET);
        close(fds[1]);
    }
}

static void writing_to_nobody_says_epipe_without_a_signal(void **state)
{
    (void)state;
    void (*before)(int) = signal(SIGPIPE, SIG_DFL); /* which would end us */
    on_one_and_two_workers(write_to_nobody);
    write_to_nobody(NULL);
    signal(SIGPIPE, before);
}

static void write_too_much(void *arg)
{
    const size_t much = (size_t)32 << 20;
    int fds[2];
    char *bytes = calloc(1, much);
    (void)arg;
    CHECK(bytes);
    make_pair(fds);
    int64_t n = gt_write(fds[1], bytes, much, gt_now() + 5 * MS);
    CHECK(n > 0 && n < (int64_t)much);
    CHECK(gt_write(fds[1], bytes, much, gt_now() + MS) == -ETIMEDOUT);
    CHECK(gt_write(fds[1], bytes, much, 0) == -ETIMEDOUT);
    int64_t got = 0, more;
    while ((more = gt_read(fds[0], bytes, much, 0)) > 0)
        got += more;
    CHECK(more == -ETIMEDOUT && got == n);
    close_both(fds);
    free(bytes);
}

static void a_deadline_in_the_middle_of_a_write_says_how_much(void **state)
{
    (void)state;
    on_one_and_two_workers(write_too_much);
    write_too_much(NULL);
}

static void connect_in_vain(void *arg)
{
    int listener, queued[64], n = 0, err;
    struct sockaddr_in addr = listen_on(0, &listener);
    (void)arg;
    CHECK(gt_accept(listener, NULL, NULL, 0) == -ETIMEDOUT);
    CHECK(gt_accept(listener, NULL, NULL, gt_now() + MS) == -ETIMEDOUT);
    /* Until the queue is full: then an attempt goes unanswered. */
    do {
        CHECK(n < (int)COUNT_OF(queued));
        queued[n] = tcp_socket();
        err = connect_to(&addr, queued[n], n == 0 ? GT_NEVER : gt_now() + 20 * MS);
        n++;
    } while (err == 0);
    CHECK(err == -ETIMEDOUT && n > 1);
    int conn = gt_accept(listener, NULL, NULL, GT_NEVER);
    CHECK(conn >= 0);
    close(conn);
    while (n > 0)
        close(queued[--n]);
    close(listener);
    int fd = tcp_socket();
    CHECK(connect_to(&addr, fd, GT_NEVER) == -ECONNREFUSED);
    close(fd);
}

static void connections_are_refused_and_time_out(void **state)
{
    (void)state;
    on_one_and_two_workers(connect_in_vain);
    connect_in_vain(NULL);
}

/* Names without a file; the same for all runs, which are one after another. */
static struct sockaddr_un listen_locally(int *ret_fd)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path + 1, sizeof addr.sun_path - 1, "gt-test-net-%d", (int)getpid());
    *ret_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(*ret_fd >= 0 && bind(*ret_fd, (struct sockaddr *)&addr, sizeof addr) == 0);
    CHECK(listen(*ret_fd, 0) == 0);
    return addr;
}

static int connect_locally(const struct sockaddr_un *addr, int64_t deadline)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    int err = gt_connect(fd, (const struct sockaddr *)addr, sizeof *addr, deadline);
    if (err)
        close(fd);
    return err ? err : fd;
}

static void *accept_one(void *arg)
{
    int conn = gt_accept(*(int *)arg, NULL, NULL, GT_NEVER);
    CHECK(conn >= 0);
    close(conn);
    return NULL;
}

static void connect_to_a_full_backlog(void *arg)
{
    int listener, queued[64], n = 0;
    struct sockaddr_un addr = listen_locally(&listener);
    (void)arg;
    while ((queued[n] = connect_locally(&addr, 0)) >= 0) {
        n++;
        CHECK(n < (int)COUNT_OF(queued));
    }
    CHECK(queued[n] == -ETIMEDOUT && n > 0);
    CHECK(connect_locally(&addr, -1) == -ETIMEDOUT);
    CHECK(connect_locally(&addr, gt_now() + 5 * MS) == -ETIMEDOUT);
    pthread_t thread = outside(accept_one, &listener);
    queued[n++] = connect_locally(&addr, GT_NEVER);
    CHECK(queued[n - 1] >= 0);
    join(thread);
    while (n > 0)
        close(queued[--n]);
    close(listener);
    CHECK(connect_locally(&addr, GT_NEVER) == -ECONNREFUSED);
}

static void a_full_backlog_of_a_local_listener_is_waited_for(void **state)
{
    (void)state;
    on_one_and_two_workers(connect_to_a_full_backlog);
    connect_to_a_full_backlog(NULL);
}

/* ---- signals
 * -------------------------------------------------------------------------------------- */

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
        cmocka_unit_test(what_cannot_be_waited_for_is_refused_by_name),
        cmocka_unit_test(deadlines_past_and_near_are_kept),
        cmocka_unit_test(bytes_arrive_in_order_both_ways),
        cmocka_unit_test(many_tasks_share_one_descriptor),
        cmocka_unit_test(spurious_readiness_is_survived_go_14548),
        cmocka_unit_test(a_report_may_come_while_its_waiter_parks),
        cmocka_unit_test(writing_to_nobody_says_epipe_without_a_signal),
        cmocka_unit_test(a_deadline_in_the_middle_of_a_write_says_how_much),
        cmocka_unit_test(connections_are_refused_and_time_out),
        cmocka_unit_test(a_full_backlog_of_a_local_listener_is_waited_for),
        cmocka_unit_test(interrupted_system_calls_are_survived_everywhere),
    };
    alarm(240); /* what hangs ends with SIGALRM */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
