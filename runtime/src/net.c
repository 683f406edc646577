/* Reading and writing: try the call, wait until it may work, try again. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base.h"
#include "gt/gt.h"

/* Between two attempts to connect. */
#define PAUSE_LEAST INT64_C(100000)
#define PAUSE_MOST  INT64_C(10000000)

static int set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

static bool would_block(int err)
{
    return err == EAGAIN || err == EWOULDBLOCK;
}

/* One attempt; -EAGAIN if it would block. */
static int64_t read_once(int fd, void *buf, size_t size)
{
    ssize_t n;
    do
        n = recv(fd, buf, size, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n >= 0 || errno != ENOTSOCK)
        return n >= 0 ? n : would_block(errno) ? -EAGAIN : -errno;
    int err = set_nonblocking(fd);
    if (err)
        return err;
    do
        n = read(fd, buf, size);
    while (n < 0 && errno == EINTR);
    return n >= 0 ? n : would_block(errno) ? -EAGAIN : -errno;
}

static int64_t write_once(int fd, const void *buf, size_t size)
{
    ssize_t n;
    do
        n = send(fd, buf, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n >= 0 || errno != ENOTSOCK)
        return n >= 0 ? n : would_block(errno) ? -EAGAIN : -errno;
    int err = set_nonblocking(fd);
    if (err)
        return err;
    do
        n = write(fd, buf, size);
    while (n < 0 && errno == EINTR);
    return n >= 0 ? n : would_block(errno) ? -EAGAIN : -errno;
}

int64_t gt_read(int fd, void *ret_buf, size_t size, int64_t deadline)
{
    if (!ret_buf && size)
        return -EINVAL;
    for (;;) {
        int64_t n = read_once(fd, ret_buf, size);
        if (n != -EAGAIN)
            return n;
        int ready = gt_poll(fd, GT_READABLE, deadline);
        if (ready < 0)
            return ready;
    }
}

int64_t gt_write(int fd, const void *buf, size_t size, int64_t deadline)
{
    const char *from = buf;
    size_t done = 0;
    if (!buf && size)
        return -EINVAL;
    do {
        int64_t n = write_once(fd, from + done, size - done);
        if (n == -EAGAIN) {
            n = gt_poll(fd, GT_WRITABLE, deadline);
            n = n > 0 ? 0 : n;
        }
        if (n < 0)
            return done ? (int64_t)done : n;
        done += (size_t)n;
    } while (done < size);
    return (int64_t)done;
}

int gt_accept(int fd, struct sockaddr *ret_addr, unsigned *len, int64_t deadline)
{
    int err = set_nonblocking(fd);
    if (err)
        return err;
    for (;;) {
        int conn = accept4(fd, ret_addr, len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (conn >= 0)
            return conn;
        /* A connection that ended in the queue is nobody's error here. */
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (!would_block(errno))
            return -errno;
        int ready = gt_poll(fd, GT_READABLE, deadline);
        if (ready < 0)
            return ready;
    }
}

/* One attempt. EINTR: it goes on, as with EINPROGRESS. */
static int connect_once(int fd, const struct sockaddr *addr, unsigned len)
{
    if (connect(fd, addr, len) == 0)
        return 0;
    return errno == EINTR ? -EINPROGRESS : -errno;
}

/* With PAUSE_LEAST to PAUSE_MOST between two attempts. */
static int connect_again(int fd, const struct sockaddr *addr, unsigned len, int64_t deadline)
{
    for (int64_t pause = PAUSE_LEAST;; pause = pause < PAUSE_MOST / 2 ? 2 * pause : PAUSE_MOST) {
        int64_t now = gt_now();
        if (deadline <= now)
            return -ETIMEDOUT;
        gt_sleep_until(deadline - now < pause ? deadline : now + pause);
        int err = connect_once(fd, addr, len);
        if (err != -EAGAIN)
            return err;
    }
}

int gt_connect(int fd, const struct sockaddr *addr, unsigned len, int64_t deadline)
{
    int err = set_nonblocking(fd);
    socklen_t size = sizeof err;
    if (err)
        return err;
    err = connect_once(fd, addr, len);
    /* The backlog is full: there is nothing to poll for. */
    if (err == -EAGAIN && addr->sa_family == AF_UNIX)
        err = connect_again(fd, addr, len, deadline);
    if (err != -EINPROGRESS)
        return err;
    int ready = gt_poll(fd, GT_WRITABLE, deadline);
    if (ready < 0)
        return ready;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) != 0)
        return -errno;
    return -err;
}
