/* Channels.
 *
 * Invariants, under `lock`
 *   - tail - head elements are in the ring, at most `capacity`.
 *   - A receiver waits only while the ring is empty and no sender waits; a
 *     sender only while the ring is full and no receiver waits. So at most one
 *     of the two queues has tasks.
 *   - A waiting task's `slot` points to the element to send or to the place
 *     to receive into. Who takes it off the queue copies there and then makes
 *     it ready; the copy happens under the lock, so close() cannot come
 *     between.
 *   - After close the ring drains and nobody waits.
 *
 * The element goes straight from the sender's memory to the receiver's: one
 * copy, and the woken task has nothing left to do but return.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "waitq.h"

#define MAX_ELEM ((size_t)65536)
#define MAX_RING ((size_t)1 << 40)

struct gt_chan {
    GTI_ATOMIC(uint32_t) lock; /* protects the rest */
    uint32_t elem_size;
    size_t capacity;
    size_t head, tail;   /* free-running counts of elements taken and put */
    size_t read, write;  /* the same as positions, 0..capacity-1 */
    gt_waitq recvq, sendq; /* their own locks are not used */
    bool closed;
    char ring[] __attribute__((aligned(16)));
};

gt_chan *gt_chan_create(size_t elem_size, size_t capacity)
{
    if (elem_size == 0 || elem_size > MAX_ELEM || capacity >= MAX_RING / elem_size)
        return NULL;
    size_t bytes = sizeof(gt_chan) + elem_size * capacity;
    bytes = (bytes + GTI_CACHE_LINE - 1) & ~(size_t)(GTI_CACHE_LINE - 1);
    gt_chan *ch = aligned_alloc(GTI_CACHE_LINE, bytes);
    if (!ch)
        return NULL;
    *ch = (gt_chan){.elem_size = (uint32_t)elem_size, .capacity = capacity};
    return ch;
}

void gt_chan_destroy(gt_chan *ch)
{
    if (!ch)
        return;
    if (ch->recvq.head_ || ch->sendq.head_)
        gti_fatal("gt_chan_destroy: tasks wait on the channel; close it first");
    free(ch);
}

GTI_INLINE void copy(const gt_chan *ch, void *to, const void *from)
{
    if (gti_likely(ch->elem_size == 8))
        memcpy(to, from, 8);
    else
        memcpy(to, from, ch->elem_size);
}

GTI_INLINE void ring_put(gt_chan *ch, const void *elem)
{
    copy(ch, ch->ring + ch->write * ch->elem_size, elem);
    ch->write = ch->write + 1 == ch->capacity ? 0 : ch->write + 1;
    ch->tail++;
}

GTI_INLINE void ring_take(gt_chan *ch, void *elem)
{
    copy(ch, elem, ch->ring + ch->read * ch->elem_size);
    ch->read = ch->read + 1 == ch->capacity ? 0 : ch->read + 1;
    ch->head++;
}

/* Send without waiting, if that is possible; releases the lock then. True:
 * *ret is the result. False: the lock is still held and the caller must wait. */
GTI_INLINE bool send_now(struct gti_worker *w, gt_chan *ch, const void *elem, int *ret)
{
    *ret = 0;
    gti_spin_lock(ch->lock);
    if (gti_unlikely(ch->closed)) {
        gti_spin_unlock(ch->lock);
        *ret = -EPIPE;
        return true;
    }
    struct gti_task *receiver = gti_waitq_pop(&ch->recvq);
    if (receiver) {
        copy(ch, receiver->slot, elem);
        gti_spin_unlock(ch->lock);
        gti_ready(w, receiver, 0);
        return true;
    }
    if (ch->tail - ch->head < ch->capacity) {
        ring_put(ch, elem);
        gti_spin_unlock(ch->lock);
        return true;
    }
    return false;
}

GTI_INLINE bool recv_now(struct gti_worker *w, gt_chan *ch, void *elem, int *ret)
{
    *ret = 0;
    gti_spin_lock(ch->lock);
    bool buffered = ch->tail != ch->head;
    if (buffered)
        ring_take(ch, elem);
    struct gti_task *sender = gti_waitq_pop(&ch->sendq);
    if (sender) {
        /* A full ring made room, or there is none: take it in. */
        if (buffered)
            ring_put(ch, sender->slot);
        else
            copy(ch, elem, sender->slot);
        gti_spin_unlock(ch->lock);
        gti_ready(w, sender, 0);
        return true;
    }
    if (buffered || ch->closed) {
        *ret = buffered ? 0 : -EPIPE;
        gti_spin_unlock(ch->lock);
        return true;
    }
    return false;
}

int gt_chan_send(gt_chan *ch, const void *elem)
{
    int ret;
    struct gti_worker *w = gti_worker_self();
    if (gti_unlikely(!ch))
        return -EINVAL;
    if (gti_likely(send_now(w, ch, elem, &ret)))
        return ret;
    struct gti_task *self = gti_park_self(w);
    self->slot = (void *)(uintptr_t)elem;
    gti_waitq_push(&ch->sendq, self);
    return (int)gti_park(w, gti_park_unlock, &ch->lock);
}

int gt_chan_recv(gt_chan *ch, void *ret_elem)
{
    int ret;
    struct gti_worker *w = gti_worker_self();
    if (gti_unlikely(!ch))
        return -EINVAL;
    if (gti_likely(recv_now(w, ch, ret_elem, &ret)))
        return ret;
    struct gti_task *self = gti_park_self(w);
    self->slot = ret_elem;
    gti_waitq_push(&ch->recvq, self);
    return (int)gti_park(w, gti_park_unlock, &ch->lock);
}

int gt_chan_try_send(gt_chan *ch, const void *elem)
{
    int ret;
    if (!ch)
        return -EINVAL;
    if (send_now(gti_worker_self(), ch, elem, &ret))
        return ret;
    gti_spin_unlock(ch->lock);
    return -EAGAIN;
}

int gt_chan_try_recv(gt_chan *ch, void *ret_elem)
{
    int ret;
    if (!ch)
        return -EINVAL;
    if (recv_now(gti_worker_self(), ch, ret_elem, &ret))
        return ret;
    gti_spin_unlock(ch->lock);
    return -EAGAIN;
}

void gt_chan_close(gt_chan *ch)
{
    if (!ch)
        gti_fatal("gt_chan_close: the channel is NULL");
    gti_spin_lock(ch->lock);
    if (ch->closed)
        gti_fatal("gt_chan_close: the channel is closed already");
    ch->closed = true;
    struct gti_task *receivers = gti_waitq_take(&ch->recvq);
    struct gti_task *senders = gti_waitq_take(&ch->sendq);
    gti_spin_unlock(ch->lock);
    struct gti_worker *w = gti_worker_self();
    gti_ready_list(w, receivers, -EPIPE);
    gti_ready_list(w, senders, -EPIPE);
}
