/* bench/task_io.h on libgt. */
#ifndef TASK_BACKEND_GT_IO_H
#define TASK_BACKEND_GT_IO_H

#include "gt/gt.h"

typedef struct {
    int fd;
} task_sock;

static inline void task_sock_open(task_sock *sock, int fd)
{
    sock->fd = fd;
}

static inline int task_sock_accept(task_sock *sock, int64_t deadline)
{
    return gt_accept(sock->fd, NULL, NULL, deadline);
}

static inline int task_sock_connect(task_sock *sock, const struct sockaddr *address, unsigned size,
                                    int64_t deadline)
{
    return gt_connect(sock->fd, address, size, deadline);
}

static inline int64_t task_sock_read(task_sock *sock, void *ret_data, size_t size, int64_t deadline)
{
    return gt_read(sock->fd, ret_data, size, deadline);
}

static inline int64_t task_sock_write(task_sock *sock, const void *data, size_t size,
                                      int64_t deadline)
{
    return gt_write(sock->fd, data, size, deadline);
}

static inline void task_sock_close(task_sock *sock)
{
    gt_close(sock->fd);
}

#endif
