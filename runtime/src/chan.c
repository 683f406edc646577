/* Channels.
 *
 * Invariants, under the lock
 *   - `filled` elements are in the ring, and there is room for `room` more.
 *   - A receiver waits only while the ring is empty and no sender waits; a
 *     sender only while the ring is full and no receiver waits. So at most one
 *     of the two queues has tasks.
 *   - A waiter's `slot` points to the element to send or to the place to
 *     receive into. Who takes it off the queue copies there and then makes its
 *     task ready; the copy happens under the lock, so close() cannot come
 *     between.
 *   - After close the ring drains and nobody waits.
 * Waiters that somebody else has claimed (waitq.h) do not count in this.
 *
 * The element goes straight from the sender's memory to the receiver's: one
 * copy, and the woken task has nothing left to do but return.
 */
#include <errno.h>
#include <string.h>

#include "chan.h"
#include "chan_memory.h"

#define MAX_ELEM ((size_t)65536)
#define MAX_RING ((size_t)1 << 40)

#define RING_OFFSET ((sizeof(gt_chan) + 15) & ~(size_t)15)

/* Whole cache lines. */
static size_t bytes_of(size_t elem_size, size_t capacity)
{
    size_t bytes = RING_OFFSET + elem_size * capacity;
    return (bytes + GTI_CACHE_LINE - 1) & ~(size_t)(GTI_CACHE_LINE - 1);
}

gt_chan *gt_chan_create(size_t elem_size, size_t capacity)
{
    if (elem_size == 0 || elem_size > MAX_ELEM || capacity > UINT32_MAX ||
        capacity >= MAX_RING / elem_size)
        return NULL;
    gt_chan *ch = (gt_chan *)gti_chan_alloc(gti_worker_self(), bytes_of(elem_size, capacity));
    if (!ch)
        return NULL;
    memset(ch, 0, RING_OFFSET);
    ch->elem_size = (uint32_t)elem_size;
    ch->capacity = ch->room = (uint32_t)capacity;
    ch->ring = (char *)ch + RING_OFFSET;
    return ch;
}

void gt_chan_destroy(gt_chan *ch)
{
    if (!ch)
        return;
    if (ch->elem_size == 0)
        gti_fatal("gt_chan_destroy: the channel is destroyed already");
    if (ch->recvq.head_ || ch->sendq.head_)
        gti_fatal("gt_chan_destroy: tasks wait on the channel; close it first");
    gti_chan_free(gti_worker_self(), ch, bytes_of(ch->elem_size, ch->capacity));
}

void gti_chan_lock_held(gt_chan *ch, const char *call)
{
    if (ch->elem_size == 0)
        gti_fatal("%s: the channel is destroyed", call);
    gti_spin_lock(ch->recvq.lock_);
}

/* How one operation is compiled: `size` says what elements may be, `contest`
 * that waiters may be contested. Both are constants where the functions below
 * are inlined, so the common cases have no call in them but tail calls
 * (worker.h). */
enum size { WORD, WORDS, ANY };
enum wait { WAIT, TRY, UNTIL };

struct mode {
    enum size size;
    bool contest;
    enum wait wait;
};

static const struct mode word_mode = {WORD, false, WAIT};
static const struct mode words_mode = {WORDS, false, WAIT};
static const struct mode any_mode = {ANY, true, WAIT};
static const struct mode try_mode = {ANY, true, TRY};
static const struct mode until_mode = {ANY, true, UNTIL};

/* 8, 16 or 24 bytes: WORDS. Also of a destroyed channel, whose lock is held. */
GTI_INLINE bool is_words(const gt_chan *ch)
{
    return (ch->elem_size & ~24u) == 0;
}

GTI_INLINE void copy_words(const gt_chan *ch, char *to, const char *from)
{
    if (ch->elem_size & 16u) {
        memcpy(to, from, 16);
        to += 16;
        from += 16;
    }
    if (ch->elem_size & 8u)
        memcpy(to, from, 8);
}

GTI_INLINE void copy(struct mode m, const gt_chan *ch, void *to, const void *from)
{
    if (m.size == WORD || (m.size == ANY && gti_likely(ch->elem_size == 8)))
        memcpy(to, from, 8);
    else if (m.size == WORDS)
        copy_words(ch, (char *)to, (const char *)from);
    else
        memcpy(to, from, ch->elem_size);
}

GTI_INLINE char *place(struct mode m, gt_chan *ch, size_t at)
{
    return ch->ring + at * (m.size == WORD ? 8 : ch->elem_size);
}

GTI_INLINE void ring_put(struct mode m, gt_chan *ch, const void *elem)
{
    copy(m, ch, place(m, ch, ch->write), elem);
    ch->write = ch->write + 1 == ch->capacity ? 0 : ch->write + 1;
    ch->filled++;
    ch->room--;
}

GTI_INLINE void ring_take(struct mode m, gt_chan *ch, void *elem)
{
    copy(m, ch, elem, place(m, ch, ch->read));
    ch->read = ch->read + 1 == ch->capacity ? 0 : ch->read + 1;
    ch->filled--;
    ch->room++;
}

GTI_INLINE int unlock_and_return(gt_chan *ch, int result)
{
    gti_spin_unlock(ch->recvq.lock_);
    return result;
}

GTI_INLINE struct gti_waiter *pop(struct mode m, gt_waitq *q)
{
    return m.contest ? gti_waitq_pop(q) : gti_waitq_unlink_first(q);
}

GTI_INLINE int wait_on(struct mode m, struct gti_worker *w, gt_chan *ch, gt_waitq *q, void *slot,
                       enum gti_wait_kind kind, int64_t deadline)
{
    if (m.wait == TRY)
        return unlock_and_return(ch, -EAGAIN);
    if (m.wait == UNTIL)
        return gti_waitq_wait_until(w, q, &ch->recvq.lock_, slot, kind, deadline);
    return gti_waitq_wait(w, q, &ch->recvq.lock_, slot, kind);
}

/* Send if that needs no waiting: 0, -EPIPE, or -EAGAIN. *ret_wake is the task
 * to make ready once the lock is released, if there is one. */
GTI_INLINE int put(struct mode m, gt_chan *ch, const void *elem, struct gti_task **ret_wake)
{
    struct gti_waiter *receiver = pop(m, &ch->recvq);
    if (receiver) {
        copy(m, ch, receiver->slot, elem);
        *ret_wake = gti_waiter_task(receiver);
        return 0;
    }
    if (gti_unlikely(ch->closed))
        return -EPIPE;
    if (ch->room == 0)
        return -EAGAIN;
    ring_put(m, ch, elem);
    return 0;
}

/* Receive, likewise. */
GTI_INLINE int take(struct mode m, gt_chan *ch, void *elem, struct gti_task **ret_wake)
{
    bool buffered = ch->filled != 0;
    if (buffered)
        ring_take(m, ch, elem);
    struct gti_waiter *sender = pop(m, &ch->sendq);
    if (sender) {
        /* The full ring has made room; or there is no ring, and it is ours. */
        if (buffered)
            ring_put(m, ch, sender->slot);
        else
            copy(m, ch, elem, sender->slot);
        *ret_wake = gti_waiter_task(sender);
        return 0;
    }
    if (buffered)
        return 0;
    return ch->closed ? -EPIPE : -EAGAIN;
}

int gti_chan_put(gt_chan *ch, const void *elem, struct gti_task **ret_wake)
{
    return put(try_mode, ch, elem, ret_wake);
}

int gti_chan_take(gt_chan *ch, void *elem, struct gti_task **ret_wake)
{
    return take(try_mode, ch, elem, ret_wake);
}

/* The lock is held, and is released on the way. */
GTI_INLINE int send_locked(struct mode m, struct gti_worker *w, gt_chan *ch, const void *elem,
                           int64_t deadline)
{
    struct gti_task *wake = NULL;
    int result = put(m, ch, elem, &wake);
    if (wake) {
        gti_spin_unlock(ch->recvq.lock_);
        return gti_ready(w, wake, 0);
    }
    if (gti_likely(result != -EAGAIN))
        return unlock_and_return(ch, result);
    return wait_on(m, w, ch, &ch->sendq, (void *)(uintptr_t)elem, GTI_WAIT_SEND, deadline);
}

GTI_INLINE int recv_locked(struct mode m, struct gti_worker *w, gt_chan *ch, void *elem,
                           int64_t deadline)
{
    struct gti_task *wake = NULL;
    int result = take(m, ch, elem, &wake);
    if (wake) {
        gti_spin_unlock(ch->recvq.lock_);
        return gti_ready(w, wake, 0);
    }
    if (gti_likely(result != -EAGAIN))
        return unlock_and_return(ch, result);
    return wait_on(m, w, ch, &ch->recvq, elem, GTI_WAIT_RECV, deadline);
}

static GTI_NOINLINE int send_contested(gt_chan *ch, const void *elem)
{
    return send_locked(any_mode, gti_worker_self(), ch, elem, INT64_MAX);
}

static GTI_NOINLINE int recv_contested(gt_chan *ch, void *elem)
{
    return recv_locked(any_mode, gti_worker_self(), ch, elem, INT64_MAX);
}

/* Elements of other sizes, a lock that somebody holds, or a thread that is no
 * worker. */
static GTI_NOINLINE int send_slow(gt_chan *ch, const void *elem)
{
    if (!ch)
        return -EINVAL;
    gti_chan_lock(ch, "gt_chan_send");
    return send_contested(ch, elem);
}

static GTI_NOINLINE int recv_slow(gt_chan *ch, void *elem)
{
    if (!ch)
        return -EINVAL;
    gti_chan_lock(ch, "gt_chan_recv");
    return recv_contested(ch, elem);
}

/* As gt_chan_send() below, for elements of up to three words. */
static GTI_NOINLINE int send_words(gt_chan *ch, const void *elem)
{
    struct gti_worker *w = gti_worker_self();
    if (gti_unlikely(!ch || !w || !is_words(ch) || !gti_spin_try_lock(ch->recvq.lock_)))
        return send_slow(ch, elem);
    if (gti_unlikely(gti_waitq_is_contested(&ch->recvq)))
        return send_contested(ch, elem);
    return send_locked(words_mode, w, ch, elem, INT64_MAX);
}

static GTI_NOINLINE int recv_words(gt_chan *ch, void *elem)
{
    struct gti_worker *w = gti_worker_self();
    if (gti_unlikely(!ch || !w || !is_words(ch) || !gti_spin_try_lock(ch->recvq.lock_)))
        return recv_slow(ch, elem);
    if (gti_unlikely(gti_waitq_is_contested(&ch->sendq)))
        return recv_contested(ch, elem);
    return recv_locked(words_mode, w, ch, elem, INT64_MAX);
}

int gt_chan_send(gt_chan *ch, const void *elem)
{
    struct gti_worker *w = gti_worker_self();
    if (gti_unlikely(!ch || !w || ch->elem_size != 8 || !gti_spin_try_lock(ch->recvq.lock_)))
        return send_words(ch, elem);
    if (gti_unlikely(gti_waitq_is_contested(&ch->recvq)))
        return send_contested(ch, elem);
    return send_locked(word_mode, w, ch, elem, INT64_MAX);
}

int gt_chan_recv(gt_chan *ch, void *ret_elem)
{
    struct gti_worker *w = gti_worker_self();
    if (gti_unlikely(!ch || !w || ch->elem_size != 8 || !gti_spin_try_lock(ch->recvq.lock_)))
        return recv_words(ch, ret_elem);
    if (gti_unlikely(gti_waitq_is_contested(&ch->sendq)))
        return recv_contested(ch, ret_elem);
    return recv_locked(word_mode, w, ch, ret_elem, INT64_MAX);
}

int gt_chan_try_send(gt_chan *ch, const void *elem)
{
    if (!ch)
        return -EINVAL;
    gti_chan_lock(ch, "gt_chan_try_send");
    return send_locked(try_mode, gti_worker_self(), ch, elem, 0);
}

int gt_chan_try_recv(gt_chan *ch, void *ret_elem)
{
    if (!ch)
        return -EINVAL;
    gti_chan_lock(ch, "gt_chan_try_recv");
    return recv_locked(try_mode, gti_worker_self(), ch, ret_elem, 0);
}

int gt_chan_send_until(gt_chan *ch, const void *elem, int64_t deadline)
{
    if (!ch)
        return -EINVAL;
    gti_chan_lock(ch, "gt_chan_send_until");
    return send_locked(until_mode, gti_worker_self(), ch, elem, deadline);
}

int gt_chan_recv_until(gt_chan *ch, void *ret_elem, int64_t deadline)
{
    if (!ch)
        return -EINVAL;
    gti_chan_lock(ch, "gt_chan_recv_until");
    return recv_locked(until_mode, gti_worker_self(), ch, ret_elem, deadline);
}

void gt_chan_close(gt_chan *ch)
{
    if (!ch)
        gti_fatal("gt_chan_close: the channel is NULL");
    gti_chan_lock(ch, "gt_chan_close");
    if (ch->closed)
        gti_fatal("gt_chan_close: the channel is closed already");
    ch->closed = true;
    struct gti_task *receivers = gti_waitq_take(&ch->recvq);
    struct gti_task *senders = gti_waitq_take(&ch->sendq);
    gti_spin_unlock(ch->recvq.lock_);
    struct gti_worker *w = gti_worker_self();
    gti_ready_list(w, receivers, -EPIPE);
    gti_ready_list(w, senders, -EPIPE);
}
