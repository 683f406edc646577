/* Sockets with deadlines. Setting a limit is a system call, so it is counted. */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tb/tb_net.h"

#define MS  INT64_C(1000000)
#define FAR (INT64_C(3600000) * MS)

int __real_setsockopt(int fd, int level, int option, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t size);

static int limits_set;

int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
    limits_set += option == SO_RCVTIMEO || option == SO_SNDTIMEO;
    return __real_setsockopt(fd, level, option, value, size);
}

static int64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void pair(struct tb_sock *ret_a, struct tb_sock *ret_b)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    tb_sock_open(ret_a, ends[0]);
    tb_sock_open(ret_b, ends[1]);
    limits_set = 0;
}

static struct tb_sock listener(struct sockaddr_in *ret_address)
{
    socklen_t size = sizeof *ret_address;
    struct tb_sock sock;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *ret_address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(bind(fd, (struct sockaddr *)ret_address, size), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret_address, &size), 0);
    tb_sock_open(&sock, fd);
    return sock;
}

static void what_is_written_is_read(void **state)
{
    struct tb_sock a, b;
    char text[8];

    pair(&a, &b);
    assert_int_equal(tb_sock_write(&a, "hello", 5, now() + FAR), 5);
    assert_int_equal(tb_sock_read(&b, text, sizeof text, TB_NEVER), 5);
    assert_memory_equal(text, "hello", 5);
    assert_int_equal(tb_sock_write(&a, "", 0, now() + FAR), 0);
    tb_sock_close(&a);
    assert_int_equal(tb_sock_read(&b, text, sizeof text, now() + FAR), 0);
    tb_sock_close(&b);
}

static void read_waits_until_its_deadline_and_not_less(void **state)
{
    struct tb_sock a, b;
    const int64_t deadline = now() + 30 * MS;
    char text[8];

    pair(&a, &b);
    assert_int_equal(tb_sock_read(&b, text, sizeof text, deadline), -ETIMEDOUT);
    assert_true(now() >= deadline);
    tb_sock_close(&a);
    tb_sock_close(&b);
}

static void a_deadline_in_the_past_takes_what_is_there(void **state)
{
    struct tb_sock a, b;
    char text[8];

    pair(&a, &b);
    assert_int_equal(tb_sock_read(&b, text, sizeof text, now() - 1), -ETIMEDOUT);
    assert_int_equal(tb_sock_read(&b, text, sizeof text, 0), -ETIMEDOUT);
    assert_int_equal(tb_sock_write(&a, "x", 1, 0), 1);
    assert_int_equal(tb_sock_read(&b, text, sizeof text, 0), 1);
    assert_int_equal(limits_set, 0);
    tb_sock_close(&a);
    tb_sock_close(&b);
}

static void the_kernel_is_told_only_what_it_does_not_know(void **state)
{
    struct tb_sock a, b;
    char text[8];

    pair(&a, &b);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(tb_sock_write(&a, "x", 1, now() + FAR), 1);
        assert_int_equal(tb_sock_read(&b, text, 1, now() + FAR), 1);
    }
    assert_int_equal(limits_set, 1);
    assert_int_equal(tb_sock_read(&b, text, 1, now() + 5 * MS), -ETIMEDOUT);
    assert_true(limits_set >= 2);
    limits_set = 0;
    assert_int_equal(tb_sock_write(&a, "x", 1, now() + FAR), 1);
    assert_int_equal(tb_sock_read(&b, text, 1, TB_NEVER), 1);
    assert_int_equal(limits_set, 1);
    tb_sock_close(&a);
    tb_sock_close(&b);
}

static void write_gives_up_at_its_deadline_and_says_how_far_it_came(void **state)
{
    const size_t size = 64 << 20;
    char *much = calloc(1, size);
    struct tb_sock a, b;
    int64_t deadline = now() + 30 * MS, written;

    pair(&a, &b);
    written = tb_sock_write(&a, much, size, deadline);
    assert_true(now() >= deadline);
    assert_true(written > 0 && written < (int64_t)size);
    assert_int_equal(tb_sock_write(&a, much, size, now() + 5 * MS), -ETIMEDOUT);
    assert_int_equal(tb_sock_write(&a, much, size, 0), -ETIMEDOUT);
    tb_sock_close(&a);
    tb_sock_close(&b);
    free(much);
}

static void a_write_to_nobody_is_an_error_and_no_signal(void **state)
{
    struct tb_sock a, b;

    pair(&a, &b);
    tb_sock_close(&b);
    assert_int_equal(tb_sock_write(&a, "x", 1, now() + FAR), -EPIPE);
    tb_sock_close(&a);
}

static int signals;

static void note(int signum)
{
    __atomic_add_fetch(&signals, 1, __ATOMIC_RELAXED);
}

struct reader {
    struct tb_sock sock;
    int64_t result;
};

static void *read_one(void *arg)
{
    struct reader *r = arg;
    char byte;

    r->result = tb_sock_read(&r->sock, &byte, 1, now() + FAR);
    return NULL;
}

static void a_signal_does_not_end_a_wait(void **state)
{
    const struct sigaction action = {.sa_handler = note};
    struct tb_sock a;
    struct reader reader;
    pthread_t thread;

    pair(&a, &reader.sock);
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, read_one, &reader), 0);
    while (__atomic_load_n(&signals, __ATOMIC_RELAXED) < 20) {
        assert_int_equal(pthread_kill(thread, SIGUSR1), 0);
        sched_yield();
    }
    assert_int_equal(tb_sock_write(&a, "x", 1, now() + FAR), 1);
    pthread_join(thread, NULL);
    assert_int_equal(reader.result, 1);
    tb_sock_close(&a);
    tb_sock_close(&reader.sock);
}

static void accept_waits_until_its_deadline(void **state)
{
    struct sockaddr_in address;
    struct tb_sock sock = listener(&address);
    const int64_t deadline = now() + 20 * MS;

    assert_int_equal(tb_sock_accept(&sock, deadline), -ETIMEDOUT);
    assert_true(now() >= deadline);
    assert_int_equal(tb_sock_accept(&sock, 0), -ETIMEDOUT);
    tb_sock_close(&sock);
}

static void *accept_one(void *arg)
{
    struct reader *r = arg;

    r->result = tb_sock_accept(&r->sock, TB_NEVER);
    return NULL;
}

static void shutdown_wakes_whoever_accepts(void **state)
{
    struct sockaddr_in address;
    struct reader acceptor = {.sock = listener(&address)};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, accept_one, &acceptor), 0);
    assert_int_equal(shutdown(acceptor.sock.fd, SHUT_RDWR), 0);
    pthread_join(thread, NULL);
    assert_int_equal(acceptor.result, -EINVAL);
    tb_sock_close(&acceptor.sock);
}

static void connects_to_a_listener_and_to_nothing_else(void **state)
{
    struct sockaddr_in address;
    struct tb_sock server = listener(&address), client;
    int fd;

    tb_sock_open(&client, socket(AF_INET, SOCK_STREAM, 0));
    assert_int_equal(
        tb_sock_connect(&client, (struct sockaddr *)&address, sizeof address, now() + FAR), 0);
    fd = tb_sock_accept(&server, 0);
    assert_true(fd >= 0);
    close(fd);
    tb_sock_close(&client);
    tb_sock_close(&server);
    tb_sock_open(&client, socket(AF_INET, SOCK_STREAM, 0));
    assert_int_equal(
        tb_sock_connect(&client, (struct sockaddr *)&address, sizeof address, now() + FAR),
        -ECONNREFUSED);
    tb_sock_close(&client);
}

/* The queue of a listener with backlog 0 holds one; nobody answers the others. */
static void connect_gives_up_at_its_deadline(void **state)
{
    struct sockaddr_in address;
    struct tb_sock server = listener(&address), clients[8];
    int64_t deadline = 0;
    int rc = 0, used = 0;

    assert_int_equal(listen(server.fd, 0), 0);
    while (rc == 0 && used < 8) {
        tb_sock_open(&clients[used], socket(AF_INET, SOCK_STREAM, 0));
        deadline = now() + 20 * MS;
        rc = tb_sock_connect(&clients[used++], (struct sockaddr *)&address, sizeof address,
                             deadline);
    }
    assert_int_equal(rc, -ETIMEDOUT);
    assert_true(now() >= deadline);
    while (used > 0)
        tb_sock_close(&clients[--used]);
    tb_sock_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(read_waits_until_its_deadline_and_not_less),
        cmocka_unit_test(a_deadline_in_the_past_takes_what_is_there),
        cmocka_unit_test(the_kernel_is_told_only_what_it_does_not_know),
        cmocka_unit_test(write_gives_up_at_its_deadline_and_says_how_far_it_came),
        cmocka_unit_test(a_write_to_nobody_is_an_error_and_no_signal),
        cmocka_unit_test(a_signal_does_not_end_a_wait),
        cmocka_unit_test(accept_waits_until_its_deadline),
        cmocka_unit_test(shutdown_wakes_whoever_accepts),
        cmocka_unit_test(connects_to_a_listener_and_to_nothing_else),
        cmocka_unit_test(connect_gives_up_at_its_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
