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
