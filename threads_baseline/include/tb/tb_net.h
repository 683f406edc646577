/* Stream sockets with deadlines, for threads that simply block in the kernel.
 *
 * A deadline costs no system call where it is set the same way each time: the
 * kernel counts the time itself (SO_RCVTIMEO, SO_SNDTIMEO), the socket
 * remembers what it was last told, and is told again only when the time left
 * differs from that by more than 1 ms and 1/64. So a wait may end that much
 * after its deadline, and never before. The alternative, poll() before each
 * read, is one more call for each message.
 *
 * Conventions of tb.h. Deadlines that have passed mean "only if at once",
 * TB_NEVER none. Signals do not end a wait. One thread reads a socket at a
 * time, and one writes.
 */
#ifndef TB_TB_NET_H
#define TB_TB_NET_H

#include "tb/tb.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sockaddr; /* <sys/socket.h> */

/* A socket in blocking mode; private. */
struct tb_sock {
    int fd;
    int64_t read_ns, write_ns; /* what the kernel was told; 0: no limit */
};

/* Takes over a descriptor to which nobody has set a limit yet. */
void tb_sock_open(struct tb_sock *sock, int fd);

/* The new connection's descriptor, blocking and close-on-exec. -ETIMEDOUT, or
 * the error of accept4(); -EINVAL once somebody has called shutdown() on the
 * listener. */
int tb_sock_accept(struct tb_sock *sock, int64_t deadline);

int tb_sock_connect(struct tb_sock *sock, const struct sockaddr *address, unsigned size,
                    int64_t deadline);

/* The bytes read, 0 at the end. -ETIMEDOUT, or the error of recv(). */
int64_t tb_sock_read(struct tb_sock *sock, void *ret_data, size_t size, int64_t deadline);

/* Writes all of `size` unless an error or the deadline stops it half-way: then
 * what was written if that is not 0. Never raises SIGPIPE. */
int64_t tb_sock_write(struct tb_sock *sock, const void *data, size_t size, int64_t deadline);

void tb_sock_close(struct tb_sock *sock);

#ifdef __cplusplus
}
#endif

#endif
