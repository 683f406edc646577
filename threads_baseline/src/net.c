/* Sockets; see tb_net.h. */
#include "tb/tb_net.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND INT64_C(1000000)
#define SECOND      INT64_C(1000000000)

/* About three years. The kernel takes no limit near INT64_MAX. */
#define LIMIT_MAX (100000000 * SECOND)

static int64_t time_left(int64_t deadline)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return deadline - ((int64_t)now.tv_sec * SECOND + now.tv_nsec);
}

/* Tells the kernel, unless it knows well enough, that a call may wait for
 * `left` ns; 0 for no limit. */
static int limit(int fd, int option, int64_t *known, int64_t left)
{
    const int64_t tolerance = MILLISECOND + left / 64;
    /* Zero would mean no limit. */
    const struct timeval value = {left / SECOND, left % SECOND / 1000 + (left && left < 1000)};

    if (left == *known ||
        (left && *known && left - *known <= tolerance && *known - left <= tolerance))
        return 0;
    if (setsockopt(fd, SOL_SOCKET, option, &value, sizeof value) != 0)
        return -errno;
    *known = left;
    return 0;
}

/* Before a call that may wait: 0, -ETIMEDOUT when the time is up, or why the
 * kernel would not be told. */
static int arm(int fd, int option, int64_t *known, int64_t deadline)
{
    int64_t left = deadline == TB_NEVER ? 0 : time_left(deadline);

    if (deadline != TB_NEVER && left <= 0)
        return -ETIMEDOUT;
    return limit(fd, option, known, left < LIMIT_MAX ? left : LIMIT_MAX);
}

void tb_sock_open(struct tb_sock *sock, int fd)
{
    *sock = (struct tb_sock){.fd = fd};
}

int tb_sock_accept(struct tb_sock *sock, int64_t deadline)
{
    for (;;) {
        int rc = arm(sock->fd, SO_RCVTIMEO, &sock->read_ns, deadline), fd;
        struct pollfd ready = {.fd = sock->fd, .events = POLLIN};

        if (rc == -ETIMEDOUT && poll(&ready, 1, 0) > 0)
            rc = 0;
        if (rc)
            return rc;
        fd = accept4(sock->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            return fd;
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            return -errno;
    }
}

/* An interrupted connect() goes on by itself; what became of it is asked for
 * once the socket is writable. */
static int await_connection(int fd, int64_t deadline)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    int error;
    socklen_t size = sizeof error;

    for (;;) {
        int64_t left = deadline == TB_NEVER ? SECOND : time_left(deadline);
        int count = poll(&ready, 1,
                         left <= 0       ? 0
                         : left < SECOND ? (int)(left / MILLISECOND) + 1
                                         : 1000);

        if (count > 0)
            break;
        if (left <= 0)
            return -ETIMEDOUT;
    }
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? -error : -errno;
}

int tb_sock_connect(struct tb_sock *sock, const struct sockaddr *address, unsigned size,
                    int64_t deadline)
{
    int rc = arm(sock->fd, SO_SNDTIMEO, &sock->write_ns, deadline);

    if (rc)
        return rc;
    if (connect(sock->fd, address, size) == 0)
        return 0;
    if (errno == EINPROGRESS || errno == EINTR)
        return await_connection(sock->fd, deadline);
    return -errno;
}

int64_t tb_sock_read(struct tb_sock *sock, void *ret_data, size_t size, int64_t deadline)
{
    for (;;) {
        int rc = arm(sock->fd, SO_RCVTIMEO, &sock->read_ns, deadline);
        int64_t n;

        if (rc && rc != -ETIMEDOUT)
            return rc;
        n = recv(sock->fd, ret_data, size, rc ? MSG_DONTWAIT : 0);
        if (n >= 0)
            return n;
        if (errno == EAGAIN && rc)
            return -ETIMEDOUT;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
}

/* There is nearly always room, so the limit is set only when there is none. */
int64_t tb_sock_write(struct tb_sock *sock, const void *data, size_t size, int64_t deadline)
{
    const char *from = data;
    size_t done = 0;
    int flags = MSG_DONTWAIT, rc = 0;

    while (done < size && rc == 0) {
        int64_t n = send(sock->fd, from + done, size - done, flags | MSG_NOSIGNAL);

        if (n >= 0)
            done += (size_t)n;
        else if (errno == EAGAIN)
            rc = arm(sock->fd, SO_SNDTIMEO, &sock->write_ns, deadline);
        else if (errno != EINTR)
            rc = -errno;
        flags = n < 0 ? 0 : MSG_DONTWAIT;
    }
    return done || rc == 0 ? (int64_t)done : rc;
}

void tb_sock_close(struct tb_sock *sock)
{
    close(sock->fd);
    sock->fd = -1;
}
