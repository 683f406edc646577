/* bench/task_io.h on libtb: a thread blocks in the kernel. */
#ifndef TASK_BACKEND_PTHREAD_POOL_IO_H
#define TASK_BACKEND_PTHREAD_POOL_IO_H

#include "tb/tb_net.h"

typedef struct tb_sock task_sock;

static inline void task_sock_open(task_sock *sock, int fd)
{
    tb_sock_open(sock, fd);
}

static inline int task_sock_accept(task_sock *sock, int64_t deadline)
{
    return tb_sock_accept(sock, deadline);
}

static inline int task_sock_connect(task_sock *sock, const struct sockaddr *address, unsigned size,
                                    int64_t deadline)
{
    return tb_sock_connect(sock, address, size, deadline);
}

static inline int64_t task_sock_read(task_sock *sock, void *ret_data, size_t size, int64_t deadline)
{
    return tb_sock_read(sock, ret_data, size, deadline);
}

static inline int64_t task_sock_write(task_sock *sock, const void *data, size_t size,
                                      int64_t deadline)
{
    return tb_sock_write(sock, data, size, deadline);
}

static inline void task_sock_close(task_sock *sock)
{
    tb_sock_close(sock);
}

#endif
