/* The network with many connections, when the runtime stops, and without
 * descriptors to spare. */
#include "net.h"

#include <sys/resource.h>

#include "netpoll.h"

static int shared_fds[2];
static atomic_int received;

/* ---- many connections --------------------------------------------------------- */

static int connections = 1000;
static struct sockaddr_in server_addr;
static atomic_int echoed;

static void echo(void *arg)
{
    char text[64];
    int fd = (int)(intptr_t)arg;
    int64_t n;
    while ((n = gt_read(fd, text, sizeof text, GT_NEVER)) > 0)
        CHECK(gt_write(fd, text, (size_t)n, GT_NEVER) == n);
    CHECK(n == 0);
    CHECK(gt_close(fd) == 0);
}

static void serve(void *arg)
{
    gt_group group = {0};
    for (int i = 0; i < connections; i++) {
        int fd = gt_accept((int)(intptr_t)arg, NULL, NULL, GT_NEVER);
        CHECK(fd >= 0);
        spawn(&group, echo, (void *)(intptr_t)fd);
    }
    CHECK(gt_group_wait(&group) == 0);
}

static void read_fully(int fd, char *text, size_t size)
{
    for (size_t got = 0; got < size;) {
        int64_t n = gt_read(fd, text + got, size - got, GT_NEVER);
        CHECK(n > 0);
        got += (size_t)n;
    }
}

static void ask(void *arg)
{
    int fd = tcp_socket();
    CHECK(connect_to(&server_addr, fd, GT_NEVER) == 0);
    for (int i = 0; i < 5; i++) {
        char question[32], answer[32];
        memset(question, 0, sizeof question);
        snprintf(question, sizeof question, "%d of %d", i, (int)(intptr_t)arg);
        CHECK(gt_write(fd, question, sizeof question, GT_NEVER) == (int64_t)sizeof question);
        read_fully(fd, answer, sizeof answer);
        CHECK(memcmp(question, answer, sizeof answer) == 0);
    }
    CHECK(gt_close(fd) == 0);
    atomic_fetch_add(&echoed, 1);
}

static void serve_and_ask(void *arg)
{
    gt_group group = {0};
    int listener;
    (void)arg;
    atomic_store(&echoed, 0);
    server_addr = listen_on(4096, &listener);
    spawn(&group, serve, (void *)(intptr_t)listener);
    for (intptr_t i = 0; i < connections; i++)
        spawn(&group, ask, (void *)i);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&echoed) == connections);
    CHECK(gt_close(listener) == 0);
}

static void a_thousand_connections_echo(void **state)
{
    (void)state;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 2100)
        connections = (int)(limit.rlim_cur - 100) / 2;
    if (UNDER_ASAN)
        connections = connections < 200 ? connections : 200;
    int before = open_fds();
    on_one_and_two_workers(serve_and_ask);
    assert_int_equal(open_fds(), before);
}

/* ---- start, stop, failures ---------------------------------------------------- */

static void wait_for_ever(void *arg)
{
    atomic_fetch_add(&received, 1);
    gt_poll(shared_fds[0], GT_READABLE, (intptr_t)arg ? GT_NEVER : gt_now() + 3600000 * MS);
    CHECK(false);
}

static void stop_leaves_no_descriptor_and_no_waiter(void **state)
{
    (void)state;
    int before = open_fds();
    for (int round = 0; round < 20; round++) {
        make_pipe(shared_fds);
        atomic_store(&received, 0);
        assert_int_equal(gt_start(&(gt_config){.workers = 1 + round % 3}), 0);
        for (intptr_t i = 0; i < 4; i++)
            assert_int_equal(gt_spawn(wait_for_ever, (void *)(i % 2), NULL), 0);
        if (round % 2)
            await(&received, 4);
        assert_int_equal(gt_stop(), 4);
        close_both(shared_fds);
    }
    assert_int_equal(open_fds(), before);
}

static void poll_without_epoll(void *arg)
{
    int fds[2];
    char c;
    make_pipe(fds);
    wrap_arm(WRAP_EPOLL, (int)(intptr_t)arg, false);
    CHECK(gt_poll(fds[0], GT_READABLE, 0) == -ETIMEDOUT); /* needs none */
    CHECK(gt_poll(fds[0], GT_READABLE, GT_NEVER) == -EMFILE);
    CHECK(wrap_fired());
    wrap_arm(WRAP_EPOLL, 1, true);
    CHECK(gt_read(fds[0], &c, 1, GT_NEVER) == -EMFILE);
    CHECK(gt_write(fds[1], "z", 1, GT_NEVER) == 1);
    CHECK(gt_read(fds[0], &c, 1, GT_NEVER) == 1 && c == 'z');
    wrap_arm(0, 0, false);
    CHECK(gt_poll(fds[0], GT_READABLE, gt_now() + MS / 10) == -ETIMEDOUT);
    close_both(fds);
}

static void a_refused_epoll_is_reported_and_tried_again(void **state)
{
    (void)state;
    int before = open_fds();
    for (int at = 1; at <= 2; at++)
        for (int workers = 1; workers <= 2; workers++)
            run_on(workers, poll_without_epoll, (void *)(intptr_t)at);
    assert_int_equal(open_fds(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_connections_echo),
        cmocka_unit_test(stop_leaves_no_descriptor_and_no_waiter),
        cmocka_unit_test(a_refused_epoll_is_reported_and_tried_again),
    };
    alarm(240); /* what hangs ends with SIGALRM */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
