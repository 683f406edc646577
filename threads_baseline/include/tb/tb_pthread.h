/* The plain flavour: channels and semaphores by mutex and condition variable.
 *
 * Lifetime, of both: an object may be destroyed once every call on it has
 * returned. A condition is signalled after its mutex is unlocked, so a thread
 * that was woken may return while its waker is still inside the object; join
 * the waker first.
 */
#ifndef TB_TB_PTHREAD_H
#define TB_TB_PTHREAD_H

#include <pthread.h>
#include <stddef.h>

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

/* No more sends; wakes every waiter. Closing twice is allowed. */
void tb_chan_close(struct tb_chan *chan);

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

/* Add one unit. The count must stay within unsigned. */
void tb_sem_post(struct tb_sem *sem);

#ifdef __cplusplus
}
#endif

#endif
