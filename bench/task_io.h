/* Sockets, as a further part of the contract of task.h, for the workloads that
 * need them. bench/backends/<name>/task_backend_io.h supplies each.
 *
 * A socket belongs to the task that opened it, or was handed it; reading and
 * writing may be done by two tasks, each by one at a time. A call that has to
 * wait lets the other tasks run. Deadlines that have passed mean "only if at
 * once", TASK_NEVER none; a wait that was ended by its deadline is -ETIMEDOUT.
 * A deadline may be overrun by 1/64 of the time that was left, and 5 ms.
 *
 * A backend header defines the type task_sock, complete.
 */
#ifndef GREENBENCH_TASK_IO_H
#define GREENBENCH_TASK_IO_H

#include "task.h"

#define TASK_NEVER INT64_MAX

struct sockaddr;

#include "task_backend_io.h"

/* Takes over a stream socket, or a listening one, in blocking mode. */
TASK_REQUIRE(task_sock_open, void (*)(task_sock *, int fd));

/* The descriptor of the new connection, to be opened by whoever gets it. Any
 * error but -ETIMEDOUT once somebody has called shutdown() on the listener. */
TASK_REQUIRE(task_sock_accept, int (*)(task_sock *, int64_t deadline));
TASK_REQUIRE(task_sock_connect,
             int (*)(task_sock *, const struct sockaddr *, unsigned size, int64_t deadline));

/* The bytes read, 0 at the end. */
TASK_REQUIRE(task_sock_read, int64_t (*)(task_sock *, void *, size_t, int64_t deadline));

/* The bytes written: all, unless an error or the deadline came after some. */
TASK_REQUIRE(task_sock_write, int64_t (*)(task_sock *, const void *, size_t, int64_t deadline));
TASK_REQUIRE(task_sock_close, void (*)(task_sock *));

#endif
