/* Channel on futexes: a ring and two queues of waiters, under a short lock.
 *
 * Invariants, under the lock:
 *   - a receiver is queued only while the ring is empty and no sender is
 *     queued; a sender only while the ring is full (a rendezvous has a ring
 *     of no slots, always both empty and full).
 *   - so whoever comes to send looks at the receivers first, then at the
 *     ring; whoever comes to receive at the ring first, then at the senders.
 *     Elements and waiters are served in order of arrival. The shape is that
 *     of Go's runtime/chan.go.
 *   - closed: both queues are empty and stay so.
 *
 * A waiter is a node on its thread's stack. Under the lock it is put on one
 * queue, and whoever takes it off, under the lock, owns it: copies the
 * element, completes it once, and that after the unlock, so that neither the
 * copy nor the system call of a wake-up lengthens the critical section.
 *
 * Polling. For a rendezvous a waiter is queued first and polls its own word:
 * there is nothing else to poll, and it is handed the element itself. With a
 * ring a waiter polls the ring's count before it queues, ever less often, up
 * to once in 16 pauses. Then a partner that is awake has no node to fill, and
 * a waiter that looks finds all that was sent meanwhile. Threads that poll
 * can be overtaken; those that sleep, being queued, cannot.
 *
 * Why no wake-up is lost: under the lock a thread either finds what it needs
 * or is queued, so the thread that later supplies it, under the same lock,
 * finds it queued; futex_lock.h and futex_wait.h have the two remaining
 * steps. No thread is woken but to go on. A try does under the lock what a
 * send or receive does that need not wait, and is never queued.
 */
#include "base.h"
#include "futex_lock.h"
#include "tb/tb_futex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LINE  64
#define MOST_PAUSES 16 /* between two looks at the ring */

struct queue {
    struct tbi_waiter *first, *last;
};

struct tb_futex_chan {
    struct tbi_lock lock;
    atomic_bool closed; /* lock, as all below; this and count are polled without it */
    _Atomic size_t count;
    size_t head;
    struct queue receivers, senders;
    /* Constant, and on a line of their own: nobody's write takes them away. */
    _Alignas(CACHE_LINE) size_t elem_size;
    size_t slots;
    _Alignas(CACHE_LINE) unsigned char ring[];
};

struct tb_futex_chan *tb_futex_chan_create(size_t elem_size, size_t capacity)
{
    struct tb_futex_chan *chan;

    if (elem_size == 0 || capacity > (SIZE_MAX - sizeof *chan - CACHE_LINE) / elem_size)
        return NULL;
    size_t size = sizeof *chan + capacity * elem_size;
    chan = aligned_alloc(CACHE_LINE, (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    if (chan == NULL)
        return NULL;
    memset(chan, 0, sizeof *chan);
    chan->elem_size = elem_size;
    chan->slots = capacity;
    return chan;
}

void tb_futex_chan_destroy(struct tb_futex_chan *chan)
{
    free(chan);
}

static size_t count_of(struct tb_futex_chan *chan)
{
    return atomic_load_explicit(&chan->count, memory_order_relaxed);
}

static bool is_closed(struct tb_futex_chan *chan)
{
    return atomic_load_explicit(&chan->closed, memory_order_relaxed);
}

static void enqueue(struct queue *queue, struct tbi_waiter *waiter)
{
    if (queue->first == NULL)
        queue->first = waiter;
    else
        queue->last->next = waiter;
    queue->last = waiter;
}

static struct tbi_waiter *dequeue(struct queue *queue)
{
    struct tbi_waiter *waiter = queue->first;

    if (waiter != NULL)
        queue->first = waiter->next;
    return waiter;
}

static void ring_put(struct tb_futex_chan *chan, const void *elem)
{
    size_t count = count_of(chan);
    size_t at = chan->head + count;

    if (at >= chan->slots)
        at -= chan->slots;
    memcpy(&chan->ring[at * chan->elem_size], elem, chan->elem_size);
    atomic_store_explicit(&chan->count, count + 1, memory_order_relaxed);
}

static void ring_get(struct tb_futex_chan *chan, void *elem)
{
    memcpy(elem, &chan->ring[chan->head * chan->elem_size], chan->elem_size);
    if (++chan->head == chan->slots)
        chan->head = 0;
    atomic_store_explicit(&chan->count, count_of(chan) - 1, memory_order_relaxed);
}

/* Poll until the ring no longer holds `count` elements or the channel is
 * closed: a hint only, to be verified under the lock. */
static void poll_ring(struct tb_futex_chan *chan, size_t count)
{
    struct tbi_spin spin = {0};
    int pauses = 1;
    bool more = true;

    while (more && count_of(chan) == count && !is_closed(chan)) {
        for (int k = 0; k < pauses && more; k++)
            more = tbi_spin(&spin);
        if (pauses < MOST_PAUSES)
            pauses *= 2;
    }
    tbi_spin_end(&spin);
}

/* Queue the calling thread, unlock. */
static void queue_self(struct tb_futex_chan *chan, struct queue *queue, struct tbi_waiter *self)
{
    enqueue(queue, self);
    tbi_unlock(&chan->lock);
}

/* Lock the channel once the ring no longer holds `unwanted` elements, or it
 * is closed, or polling for that is over. */
static void lock_when_ready(struct tb_futex_chan *chan, size_t unwanted)
{
    tbi_lock(&chan->lock);
    if (count_of(chan) == unwanted && !is_closed(chan) && tbi_spin_allowed()) {
        tbi_unlock(&chan->lock);
        poll_ring(chan, unwanted);
        tbi_lock(&chan->lock);
    }
}

static int refuse(struct tb_futex_chan *chan, int result)
{
    tbi_unlock(&chan->lock);
    return result;
}

/* There is room; releases the lock. */
static int put_and_unlock(struct tb_futex_chan *chan, const void *elem)
{
    /* If one is queued, the ring is empty. */
    struct tbi_waiter *receiver = dequeue(&chan->receivers);
    if (receiver == NULL)
        ring_put(chan, elem);
    tbi_unlock(&chan->lock);
    if (receiver != NULL) {
        memcpy(receiver->elem, elem, chan->elem_size);
        tbi_waiter_complete(receiver, 0);
    }
    return 0;
}

/* The ring has an element; releases the lock. */
static int get_and_unlock(struct tb_futex_chan *chan, void *elem)
{
    ring_get(chan, elem);
    struct tbi_waiter *sender = dequeue(&chan->senders);
    if (sender != NULL)
        ring_put(chan, sender->elem);
    tbi_unlock(&chan->lock);
    if (sender != NULL)
        tbi_waiter_complete(sender, 0);
    return 0;
}

static int send_ring(struct tb_futex_chan *chan, const void *elem)
{
    lock_when_ready(chan, chan->slots);
    if (is_closed(chan))
        return refuse(chan, -EPIPE);
    if (count_of(chan) == chan->slots) {
        struct tbi_waiter self = {.elem = (void *)(uintptr_t)elem};

        queue_self(chan, &chan->senders, &self);
        return tbi_waiter_sleep(&self);
    }
    return put_and_unlock(chan, elem);
}

static int try_send_ring(struct tb_futex_chan *chan, const void *elem)
{
    tbi_lock(&chan->lock);
    if (is_closed(chan))
        return refuse(chan, -EPIPE);
    return count_of(chan) == chan->slots ? refuse(chan, -EAGAIN) : put_and_unlock(chan, elem);
}

static int recv_ring(struct tb_futex_chan *chan, void *elem)
{
    lock_when_ready(chan, 0);
    if (count_of(chan) == 0) {
        if (is_closed(chan))
            return refuse(chan, -EPIPE);
        struct tbi_waiter self = {.elem = elem};

        queue_self(chan, &chan->receivers, &self);
        return tbi_waiter_sleep(&self);
    }
    return get_and_unlock(chan, elem);
}

static int try_recv_ring(struct tb_futex_chan *chan, void *elem)
{
    tbi_lock(&chan->lock);
    if (count_of(chan) == 0)
        return refuse(chan, is_closed(chan) ? -EPIPE : -EAGAIN);
    return get_and_unlock(chan, elem);
}

/* Copy between a waiter, taken off its queue, and its partner. */
static int meet(struct tbi_waiter *waiter, void *to, const void *from, size_t size)
{
    memcpy(to, from, size);
    tbi_waiter_complete(waiter, 0);
    return 0;
}

static int send_rendezvous(struct tb_futex_chan *chan, const void *elem)
{
    tbi_lock(&chan->lock);
    if (is_closed(chan))
        return refuse(chan, -EPIPE);
    struct tbi_waiter *receiver = dequeue(&chan->receivers);
    if (receiver == NULL) {
        struct tbi_waiter self = {.elem = (void *)(uintptr_t)elem};

        queue_self(chan, &chan->senders, &self);
        return tbi_waiter_wait(&self);
    }
    tbi_unlock(&chan->lock);
    return meet(receiver, receiver->elem, elem, chan->elem_size);
}

static int try_send_rendezvous(struct tb_futex_chan *chan, const void *elem)
{
    tbi_lock(&chan->lock);
    struct tbi_waiter *receiver = dequeue(&chan->receivers); /* none if closed */
    if (receiver == NULL)
        return refuse(chan, is_closed(chan) ? -EPIPE : -EAGAIN);
    tbi_unlock(&chan->lock);
    return meet(receiver, receiver->elem, elem, chan->elem_size);
}

static int recv_rendezvous(struct tb_futex_chan *chan, void *elem)
{
    tbi_lock(&chan->lock);
    struct tbi_waiter *sender = dequeue(&chan->senders);
    if (sender == NULL && !is_closed(chan)) {
        struct tbi_waiter self = {.elem = elem};

        queue_self(chan, &chan->receivers, &self);
        return tbi_waiter_wait(&self);
    }
    tbi_unlock(&chan->lock);
    return sender == NULL ? -EPIPE : meet(sender, elem, sender->elem, chan->elem_size);
}

static int try_recv_rendezvous(struct tb_futex_chan *chan, void *elem)
{
    tbi_lock(&chan->lock);
    struct tbi_waiter *sender = dequeue(&chan->senders);
    if (sender == NULL)
        return refuse(chan, is_closed(chan) ? -EPIPE : -EAGAIN);
    tbi_unlock(&chan->lock);
    return meet(sender, elem, sender->elem, chan->elem_size);
}

int tb_futex_chan_send(struct tb_futex_chan *chan, const void *elem)
{
    return chan->slots == 0 ? send_rendezvous(chan, elem) : send_ring(chan, elem);
}

int tb_futex_chan_recv(struct tb_futex_chan *chan, void *elem)
{
    return chan->slots == 0 ? recv_rendezvous(chan, elem) : recv_ring(chan, elem);
}

int tb_futex_chan_try_send(struct tb_futex_chan *chan, const void *elem)
{
    return chan->slots == 0 ? try_send_rendezvous(chan, elem) : try_send_ring(chan, elem);
}

int tb_futex_chan_try_recv(struct tb_futex_chan *chan, void *elem)
{
    return chan->slots == 0 ? try_recv_rendezvous(chan, elem) : try_recv_ring(chan, elem);
}

static void refuse_all(struct tbi_waiter *waiter)
{
    while (waiter != NULL) {
        struct tbi_waiter *next = waiter->next; /* the node is gone once completed */

        tbi_waiter_complete(waiter, -EPIPE);
        waiter = next;
    }
}

void tb_futex_chan_close(struct tb_futex_chan *chan)
{
    tbi_lock(&chan->lock);
    atomic_store_explicit(&chan->closed, true, memory_order_relaxed);
    struct tbi_waiter *receivers = chan->receivers.first;
    struct tbi_waiter *senders = chan->senders.first;
    chan->receivers.first = NULL;
    chan->senders.first = NULL;
    tbi_unlock(&chan->lock);
    refuse_all(receivers);
    refuse_all(senders);
}
