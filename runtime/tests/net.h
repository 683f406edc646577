/* What the tests of the network share. */
#ifndef GT_TESTS_NET_H
#define GT_TESTS_NET_H

#include "common.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wrap.h"

#define MS INT64_C(1000000)

static inline void make_pipe(int fds[2])
{
    CHECK(pipe2(fds, O_CLOEXEC) == 0);
}

static inline void make_pair(int fds[2])
{
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
}

static inline void close_both(const int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

static inline struct sockaddr_in listen_on(int backlog, int *ret_fd)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    *ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(*ret_fd >= 0 && bind(*ret_fd, (struct sockaddr *)&addr, sizeof addr) == 0);
    CHECK(listen(*ret_fd, backlog) == 0);
    CHECK(getsockname(*ret_fd, (struct sockaddr *)&addr, &len) == 0);
    return addr;
}

static inline int tcp_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    return fd;
}

static inline int connect_to(const struct sockaddr_in *addr, int fd, int64_t deadline)
{
    return gt_connect(fd, (const struct sockaddr *)addr, sizeof *addr, deadline);
}

/* Two ends of a TCP connection. */
static inline void tcp_pair(int fds[2])
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

/* Attempts that nobody answers, and one that is refused. */
static inline void connect_in_vain(void *arg)
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

static inline int open_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    CHECK(dir);
    int n = 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

#endif
