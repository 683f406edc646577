/* Waiting for descriptors: what is refused, and errors of sockets. Everything here
 * goes over pipes, socket pairs, 127.0.0.1:0 and a local socket. */
#include "net.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/un.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_waited_for_is_refused_by_name),
        cmocka_unit_test(writing_to_nobody_says_epipe_without_a_signal),
        cmocka_unit_test(a_deadline_in_the_middle_of_a_write_says_how_much),
        cmocka_unit_test(connections_are_refused_and_time_out),
        cmocka_unit_test(a_full_backlog_of_a_local_listener_is_waited_for),
    };
    alarm(240); /* what hangs ends with SIGALRM */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
