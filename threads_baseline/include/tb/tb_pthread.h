/* The plain flavour: channels, semaphores, mutexes and wait groups by mutex and
 * condition variable.
 *
 * Every function here may be called from any thread, whether tb_run() is in
 * progress or not, and on one object from several at a time, except create,
 * init and destroy: each of them has its object to itself.
 *
 * Lifetime, of channels and semaphores: an object may be destroyed once every
 * call on it has returned. A condition is signalled after its mutex is
 * unlocked, so a thread that was woken may return while its waker is still
 * inside the object; join the waker first. A mutex may be destroyed as soon
 * as it is unlocked for the last time, a wait group as soon as the waits on it
 * have returned, even while the unlock or the done before that is still
 * returning.
 */
#ifndef TB_TB_PTHREAD_H
#define TB_TB_PTHREAD_H

#include "tb/tb.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tb_chan; /* private */

/* A channel of capacity elements of elem_size bytes each, elem_size >= 1.
 * Capacity 0 is a rendezvous: a send returns once a receiver has the element
 * or is bound to take it. NULL when memory is short or the size overflows.
 *
 * Any number of threads may send and receive. Elements leave in the order in
 * which they were accepted. */
struct tb_chan *tb_chan_create(size_t elem_size, size_t capacity);

/* Destroy a channel, with what is still in it. Accepts NULL. */
void tb_chan_destroy(struct tb_chan *chan);

/* Send a copy of the element; blocks while there is no room. -EPIPE when the
 * channel is closed, also if that happens during the wait: the element has
 * then not been sent. */
int tb_chan_send(struct tb_chan *chan, const void *elem);

/* Receive into elem; blocks while the channel is empty and open. -EPIPE when
 * it is closed and empty. */
int tb_chan_recv(struct tb_chan *chan, void *elem);

/* The same, but -EAGAIN instead of waiting for another thread; the channel and
 * *elem are then as they were. A partner counts from the moment it waits: a
 * thread that was woken, or only polls, and has not yet put or taken its
 * element may let a try be refused that succeeds a moment later. At capacity
 * 0 a send succeeds only when a receiver waits, a receive only when a sender
 * does. */
int tb_chan_try_send(struct tb_chan *chan, const void *elem);
int tb_chan_try_recv(struct tb_chan *chan, void *elem);

/* No more sends; wakes every waiter. Closing twice is allowed. */
void tb_chan_close(struct tb_chan *chan);

/* One alternative of a select. result: 0 or -EPIPE, of the case that happened.
 * elem: read by a send, written by a receive. */
struct tb_case {
    struct tb_chan *chan;
    enum tb_op op;
    void *elem;
    int result;
};

/* Do exactly one of n sends and receives; blocks until one is possible, or
 * until `deadline`. Of several that are possible any may be chosen, by chance.
 * A closed channel makes its case possible. Returns the index of the case;
 * -ETIMEDOUT, at once if the deadline has passed and nothing is possible;
 * -EINVAL unless n is 1..TB_MAX_CASES. A channel may stand in several cases;
 * its select does not meet itself. */
int tb_chan_select(struct tb_case *cases, int n, int64_t deadline);

/* Counting semaphore, POSIX without names. Members are private. */
struct tb_sem {
    pthread_mutex_t lock;
    pthread_cond_t available;
    unsigned count;   /* lock */
    unsigned waiters; /* lock; threads inside the wait loop */
};

void tb_sem_init(struct tb_sem *sem, unsigned count);
void tb_sem_destroy(struct tb_sem *sem);

/* Take one unit; blocks while there is none. */
void tb_sem_wait(struct tb_sem *sem);

/* The same, but -EAGAIN when there is none. */
int tb_sem_try_wait(struct tb_sem *sem);

/* Add one unit. The count must stay within unsigned. */
void tb_sem_post(struct tb_sem *sem);

/* Mutual exclusion. Not recursive, not fair: a waiter may be overtaken. The
 * member is private. */
struct tb_mutex {
    pthread_mutex_t lock;
};

void tb_mutex_init(struct tb_mutex *mutex);

/* The mutex is unlocked. */
void tb_mutex_destroy(struct tb_mutex *mutex);

/* Blocks while another thread holds the mutex; for ever if the caller does. */
void tb_mutex_lock(struct tb_mutex *mutex);

/* The same, but -EBUSY when the mutex is held, by whomever. */
int tb_mutex_try_lock(struct tb_mutex *mutex);

/* By the thread that holds the mutex; from any other the effect is undefined
 * and nothing detects it. */
void tb_mutex_unlock(struct tb_mutex *mutex);

/* A counter of things still to be done; any number of waiters. Starts at 0, and
 * may be used again once every wait has returned. Members are private. */
struct tb_waitgroup {
    pthread_mutex_t lock;
    pthread_cond_t all_done;
    uint64_t count;   /* lock */
    unsigned waiters; /* lock; threads inside the wait loop */
};

void tb_waitgroup_init(struct tb_waitgroup *wg);

/* Every wait has returned. The count need not be 0. */
void tb_waitgroup_destroy(struct tb_waitgroup *wg);

/* Count `count` more things. A wait that is under way includes them only if
 * the count cannot reach 0 before, for instance because the caller's own done
 * is still to come; otherwise add first and wait afterwards. The sum stays
 * below 2^32. */
void tb_waitgroup_add(struct tb_waitgroup *wg, uint32_t count);

/* One thing is done; ends every wait when it was the last. A count below 0
 * ends the process. */
void tb_waitgroup_done(struct tb_waitgroup *wg);

/* Returns when the count is 0, at once if it is. What every thread wrote
 * before its done is then visible. */
void tb_waitgroup_wait(struct tb_waitgroup *wg);

#ifdef __cplusplus
}
#endif

#endif
