/* The futex flavour: the services of tb_pthread.h as fast as OS threads can
 * honestly offer them.
 *
 * A waiter polls for tb_config.spin_ns and then sleeps in the kernel; who
 * makes it go on makes a system call only if it sleeps. Outside of tb_run()
 * nobody polls.
 *
 * Lifetime: a channel may be destroyed once every call on it has returned; a
 * semaphore as soon as the waits on it have returned, even while the post
 * that ended the last of them is still returning.
 */
#ifndef TB_TB_FUTEX_H
#define TB_TB_FUTEX_H

#include "tb/tb.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Size asked for the stacks of this flavour's groups; PTHREAD_STACK_MIN where
 * that is larger (aarch64: 128 KiB). */
#define TB_FUTEX_STACK_SIZE ((size_t)64 << 10)

/* As tb_group_init(), with stacks of TB_FUTEX_STACK_SIZE, and joins that poll
 * before they sleep. */
void tb_futex_group_init(struct tb_group *group);

struct tb_futex_chan; /* private */

/* As the functions of tb_pthread.h with the same endings. A thread that sleeps,
 * and at capacity 0 also one that still polls, is handed its element directly,
 * first come first served; nobody can overtake it. */
struct tb_futex_chan *tb_futex_chan_create(size_t elem_size, size_t capacity);
void tb_futex_chan_destroy(struct tb_futex_chan *chan);
int tb_futex_chan_send(struct tb_futex_chan *chan, const void *elem);
int tb_futex_chan_recv(struct tb_futex_chan *chan, void *elem);
void tb_futex_chan_close(struct tb_futex_chan *chan);

/* Counting semaphore; 0 .. 2^31-1 units. The member is private. */
struct tb_futex_sem {
    uint64_t data; /* low half: units; high half: threads that sleep or are about to */
};

void tb_futex_sem_init(struct tb_futex_sem *sem, unsigned count);
void tb_futex_sem_destroy(struct tb_futex_sem *sem);
void tb_futex_sem_wait(struct tb_futex_sem *sem);
void tb_futex_sem_post(struct tb_futex_sem *sem);

#ifdef __cplusplus
}
#endif

#endif
