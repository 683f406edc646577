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
    size_t head, tail;     /* free-running counts of elements taken and put */
    size_t read, write;    /* the same as positions, 0..capacity-1 */
    gt_waitq recvq, sendq; /* their own locks are not used */
    bool closed;
    char *ring; /* behind the struct, 16-byte aligned */
};

#define RING_OFFSET ((sizeof(gt_chan) + 15) & ~(size_t)15)

gt_chan *gt_chan_create(size_t elem_size, size_t capacity)
{
    if (elem_size == 0 || elem_size > MAX_ELEM || capacity >= MAX_RING / elem_size)
        return NULL;
    size_t bytes = RING_OFFSET + elem_size * capacity;
    bytes = (bytes + GTI_CACHE_LINE - 1) & ~(size_t)(GTI_CACHE_LINE - 1);
    gt_chan *ch = (gt_chan *)aligned_alloc(GTI_CACHE_LINE, bytes);
    if (!ch)
        return NULL;
    memset(ch, 0, RING_OFFSET);
    ch->elem_size = (uint32_t)elem_size;
    ch->capacity = capacity;
    ch->ring = (char *)ch + RING_OFFSET;
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

/* How one operation is compiled: `word` says that elements are 8 bytes, `wait`
 * that it may wait. Both are constants where the functions below are inlined,
 * so the common case has no call in it but tail calls (worker.h). */
struct mode {
    bool word, wait;
};

static const struct mode word_mode = {true, true};
static const struct mode any_mode = {false, true};
static const struct mode try_mode = {false, false};

GTI_INLINE void copy(struct mode m, const gt_chan *ch, void *to, const void *from)
{
    memcpy(to, from, m.word ? 8 : ch->elem_size);
}

GTI_INLINE char *place(struct mode m, gt_chan *ch, size_t at)
{
    return ch->ring + at * (m.word ? 8 : ch->elem_size);
}

GTI_INLINE void ring_put(struct mode m, gt_chan *ch, const void *elem)
{
    copy(m, ch, place(m, ch, ch->write), elem);
    ch->write = ch->write + 1 == ch->capacity ? 0 : ch->write + 1;
    ch->tail++;
}

GTI_INLINE void ring_take(struct mode m, gt_chan *ch, void *elem)
{
    copy(m, ch, elem, place(m, ch, ch->read));
    ch->read = ch->read + 1 == ch->capacity ? 0 : ch->read + 1;
    ch->head++;
}

GTI_INLINE int unlock_and_return(gt_chan *ch, int result)
{
    gti_spin_unlock(ch->lock);
    return result;
}

GTI_INLINE int wait_on(struct gti_worker *w, gt_chan *ch, gt_waitq *q, void *slot)
{
    struct gti_task *self = gti_park_self(w);
    self->slot = slot;
    gti_waitq_push(q, self);
    return gti_park(w, gti_park_unlock, &ch->lock);
}

/* The lock is held, and is released on the way. */
GTI_INLINE int send_locked(struct mode m, gt_chan *ch, const void *elem)
{
    struct gti_worker *w = gti_worker_self();
    struct gti_task *receiver = gti_waitq_pop(&ch->recvq);
    if (receiver) {
        copy(m, ch, receiver->slot, elem);
        gti_spin_unlock(ch->lock);
        return gti_ready(w, receiver, 0);
    }
    if (gti_unlikely(ch->closed))
        return unlock_and_return(ch, -EPIPE);
    if (ch->tail - ch->head < ch->capacity) {
        ring_put(m, ch, elem);
        return unlock_and_return(ch, 0);
    }
    if (!m.wait)
        return unlock_and_return(ch, -EAGAIN);
    return wait_on(w, ch, &ch->sendq, (void *)(uintptr_t)elem);
}

GTI_INLINE int recv_locked(struct mode m, gt_chan *ch, void *elem)
{
    struct gti_worker *w = gti_worker_self();
    bool buffered = ch->tail != ch->head;
    if (buffered)
        ring_take(m, ch, elem);
    struct gti_task *sender = gti_waitq_pop(&ch->sendq);
    if (sender) {
        /* The full ring has made room; or there is no ring, and it is ours. */
        if (buffered)
            ring_put(m, ch, sender->slot);
        else
            copy(m, ch, elem, sender->slot);
        gti_spin_unlock(ch->lock);
        return gti_ready(w, sender, 0);
    }
    if (buffered)
        return unlock_and_return(ch, 0);
    if (gti_unlikely(ch->closed))
        return unlock_and_return(ch, -EPIPE);
    if (!m.wait)
        return unlock_and_return(ch, -EAGAIN);
    return wait_on(w, ch, &ch->recvq, elem);
}

/* Elements of any size, or a lock that somebody holds. */
static GTI_NOINLINE int send_slow(gt_chan *ch, const void *elem)
{
    if (!ch)
        return -EINVAL;
    gti_spin_lock(ch->lock);
    return send_locked(any_mode, ch, elem);
}

static GTI_NOINLINE int recv_slow(gt_chan *ch, void *elem)
{
    if (!ch)
        return -EINVAL;
    gti_spin_lock(ch->lock);
    return recv_locked(any_mode, ch, elem);
}

int gt_chan_send(gt_chan *ch, const void *elem)
{
    if (gti_unlikely(!ch || ch->elem_size != 8 || !gti_spin_try_lock(ch->lock)))
        return send_slow(ch, elem);
    return send_locked(word_mode, ch, elem);
}

int gt_chan_recv(gt_chan *ch, void *ret_elem)
{
    if (gti_unlikely(!ch || ch->elem_size != 8 || !gti_spin_try_lock(ch->lock)))
        return recv_slow(ch, ret_elem);
    return recv_locked(word_mode, ch, ret_elem);
}

int gt_chan_try_send(gt_chan *ch, const void *elem)
{
    if (!ch)
        return -EINVAL;
    gti_spin_lock(ch->lock);
    return send_locked(try_mode, ch, elem);
}

int gt_chan_try_recv(gt_chan *ch, void *ret_elem)
{
    if (!ch)
        return -EINVAL;
    gti_spin_lock(ch->lock);
    return recv_locked(try_mode, ch, ret_elem);
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
