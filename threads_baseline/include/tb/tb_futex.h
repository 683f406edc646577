/* The futex flavour: the services of tb_pthread.h as fast as OS threads can
 * honestly offer them.
 *
 * A waiter polls for tb_config.spin_ns and then sleeps in the kernel; who
 * makes it go on makes a system call only if it sleeps. Outside of tb_run()
 * nobody polls.
 *
 * Every function here may be called from any thread, and on one object from
 * several at a time, except create, init and destroy: each of them has its
 * object to itself.
 *
 * Lifetime: a channel may be destroyed once every call on it has returned; a
 * semaphore and a wait group as soon as the waits on it have returned, even
 * while the post or done that ended the last of them is still returning; a
 * mutex as soon as it is unlocked for the last time, even while that unlock is
 * still returning.
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
int tb_futex_chan_try_send(struct tb_futex_chan *chan, const void *elem);
int tb_futex_chan_try_recv(struct tb_futex_chan *chan, void *elem);
void tb_futex_chan_close(struct tb_futex_chan *chan);

/* As struct tb_case and tb_chan_select(). A select waits in the queues of its
 * channels like everybody else, and is served in its turn. */
struct tb_futex_case {
    struct tb_futex_chan *chan;
    enum tb_op op;
    void *elem;
    int result;
};

int tb_futex_chan_select(struct tb_futex_case *cases, int n, int64_t deadline);

/* Counting semaphore; 0 .. 2^31-1 units. The member is private. */
struct tb_futex_sem {
    uint64_t data; /* low half: units; high half: threads that sleep or are about to */
};

void tb_futex_sem_init(struct tb_futex_sem *sem, unsigned count);
void tb_futex_sem_destroy(struct tb_futex_sem *sem);
void tb_futex_sem_wait(struct tb_futex_sem *sem);
int tb_futex_sem_try_wait(struct tb_futex_sem *sem);
void tb_futex_sem_post(struct tb_futex_sem *sem);

/* Mutual exclusion, as struct tb_mutex. No system call while nobody sleeps for
 * it, but for one after the last sleeper got it. Zeroed is unlocked. The
 * member is private. */
struct tb_futex_mutex {
    uint32_t word;
};

void tb_futex_mutex_init(struct tb_futex_mutex *mutex);
void tb_futex_mutex_destroy(struct tb_futex_mutex *mutex);
void tb_futex_mutex_lock(struct tb_futex_mutex *mutex);
int tb_futex_mutex_try_lock(struct tb_futex_mutex *mutex);
void tb_futex_mutex_unlock(struct tb_futex_mutex *mutex);

/* A counter of things still to be done, as struct tb_waitgroup. One system call
 * in all the dones up to 0, if a waiter sleeps, none otherwise. Zeroed is a
 * count of 0. A sum of 2^32 ends the process. The member is private. */
struct tb_futex_waitgroup {
    uint64_t data; /* low half: count; high half: 1 if a waiter sleeps or is about to */
};

void tb_futex_waitgroup_init(struct tb_futex_waitgroup *wg);
void tb_futex_waitgroup_destroy(struct tb_futex_waitgroup *wg);
void tb_futex_waitgroup_add(struct tb_futex_waitgroup *wg, uint32_t count);
void tb_futex_waitgroup_done(struct tb_futex_waitgroup *wg);
void tb_futex_waitgroup_wait(struct tb_futex_waitgroup *wg);

#ifdef __cplusplus
}
#endif

#endif
