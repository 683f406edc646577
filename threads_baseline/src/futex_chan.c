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
 * copy nor the system call of a wake-up lengthens the critical section. A
 * select (futex_select.c) has a node in several queues, of which one is used;
 * queue.h passes over the others, and the invariants speak of the rest.
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
#include "futex_chan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MOST_PAUSES 16 /* between two looks at the ring */

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

/* Poll until the ring no longer holds `count` elements or the channel is
 * closed: a hint only, to be verified under the lock. */
static void poll_ring(struct tb_futex_chan *chan, size_t count)
{
    struct tbi_spin spin = {0};
    int pauses = 1;
    bool more = true;

    while (more && tbi_chan_count(chan) == count && !tbi_chan_closed(chan)) {
        for (int k = 0; k < pauses && more; k++)
            more = tbi_spin(&spin);
        if (pauses < MOST_PAUSES)
            pauses *= 2;
    }
    tbi_spin_end(&spin);
}

/* Queue the calling thread, unlock. */
static void queue_self(struct tb_futex_chan *chan, struct tbi_queue *queue, struct tbi_waiter *self)
{
    tbi_enqueue(queue, &self->node);
    tbi_unlock(&chan->lock);
}

/* Lock the channel once the ring no longer holds `unwanted` elements, or it
 * is closed, or polling for that is over. */
static void lock_when_ready(struct tb_futex_chan *chan, size_t unwanted)
{
    tbi_lock(&chan->lock);
    if (tbi_chan_count(chan) == unwanted && !tbi_chan_closed(chan) && tbi_spin_allowed()) {
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
    struct tbi_node *receiver = tbi_dequeue(&chan->receivers);
    if (receiver == NULL)
        tbi_chan_put(chan, elem);
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
    tbi_chan_get(chan, elem);
    struct tbi_node *sender = tbi_dequeue(&chan->senders);
    if (sender != NULL)
        tbi_chan_put(chan, sender->elem);
    tbi_unlock(&chan->lock);
    if (sender != NULL)
        tbi_waiter_complete(sender, 0);
    return 0;
}

static int send_ring(struct tb_futex_chan *chan, const void *elem)
{
    lock_when_ready(chan, chan->slots);
    if (tbi_chan_closed(chan))
        return refuse(chan, -EPIPE);
    if (tbi_chan_count(chan) == chan->slots) {
        struct tbi_waiter self = {.node.elem = (void *)(uintptr_t)elem};

        queue_self(chan, &chan->senders, &self);
        return tbi_waiter_sleep(&self);
    }
    return put_and_unlock(chan, elem);
}

static int try_send_ring(struct tb_futex_chan *chan, const void *elem)
{
    tbi_lock(&chan->lock);
    if (tbi_chan_closed(chan))
        return refuse(chan, -EPIPE);
    return tbi_chan_count(chan) == chan->slots ? refuse(chan, -EAGAIN) : put_and_unlock(chan, elem);
}

static int recv_ring(struct tb_futex_chan *chan, void *elem)
{
    lock_when_ready(chan, 0);
    if (tbi_chan_count(chan) == 0) {
        if (tbi_chan_closed(chan))
            return refuse(chan, -EPIPE);
        struct tbi_waiter self = {.node.elem = elem};

        queue_self(chan, &chan->receivers, &self);
        return tbi_waiter_sleep(&self);
    }
    return get_and_unlock(chan, elem);
}

static int try_recv_ring(struct tb_futex_chan *chan, void *elem)
{
    tbi_lock(&chan->lock);
    if (tbi_chan_count(chan) == 0)
        return refuse(chan, tbi_chan_closed(chan) ? -EPIPE : -EAGAIN);
    return get_and_unlock(chan, elem);
}

/* Copy between a waiter, taken off its queue, and its partner. */
static int meet(struct tbi_node *waiter, void *to, const void *from, size_t size)
{
    memcpy(to, from, size);
    tbi_waiter_complete(waiter, 0);
    return 0;
}

static int send_rendezvous(struct tb_futex_chan *chan, const void *elem)
{
    tbi_lock(&chan->lock);
    if (tbi_chan_closed(chan))
        return refuse(chan, -EPIPE);
    struct tbi_node *receiver = tbi_dequeue(&chan->receivers);
    if (receiver == NULL) {
        struct tbi_waiter self = {.node.elem = (void *)(uintptr_t)elem};

        queue_self(chan, &chan->senders, &self);
        return tbi_waiter_wait(&self);
    }
    tbi_unlock(&chan->lock);
    return meet(receiver, receiver->elem, elem, chan->elem_size);
}

static int try_send_rendezvous(struct tb_futex_chan *chan, const void *elem)
{
    tbi_lock(&chan->lock);
    struct tbi_node *receiver = tbi_dequeue(&chan->receivers); /* none if closed */
    if (receiver == NULL)
        return refuse(chan, tbi_chan_closed(chan) ? -EPIPE : -EAGAIN);
    tbi_unlock(&chan->lock);
    return meet(receiver, receiver->elem, elem, chan->elem_size);
}

static int recv_rendezvous(struct tb_futex_chan *chan, void *elem)
{
    tbi_lock(&chan->lock);
    struct tbi_node *sender = tbi_dequeue(&chan->senders);
    if (sender == NULL && !tbi_chan_closed(chan)) {
        struct tbi_waiter self = {.node.elem = elem};

        queue_self(chan, &chan->receivers, &self);
        return tbi_waiter_wait(&self);
    }
    tbi_unlock(&chan->lock);
    return sender == NULL ? -EPIPE : meet(sender, elem, sender->elem, chan->elem_size);
}

static int try_recv_rendezvous(struct tb_futex_chan *chan, void *elem)
{
    tbi_lock(&chan->lock);
    struct tbi_node *sender = tbi_dequeue(&chan->senders);
    if (sender == NULL)
        return refuse(chan, tbi_chan_closed(chan) ? -EPIPE : -EAGAIN);
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

/* Takes every waiter that can still be refused off a queue, in their order.
 * Those of selects that are won elsewhere must not be touched without the
 * lock, so that this cannot wait until after it. */
static struct tbi_node *take_all(struct tbi_queue *queue)
{
    struct tbi_node *first = NULL, **end = &first, *node;

    while ((node = tbi_dequeue(queue)) != NULL) {
        *end = node;
        end = &node->next;
    }
    *end = NULL;
    return first;
}

static void refuse_all(struct tbi_node *node)
{
    while (node != NULL) {
        struct tbi_node *next = node->next; /* the node is gone once completed */

        tbi_waiter_complete(node, -EPIPE);
        node = next;
    }
}

void tb_futex_chan_close(struct tb_futex_chan *chan)
{
    tbi_lock(&chan->lock);
    atomic_store_explicit(&chan->closed, true, memory_order_relaxed);
    struct tbi_node *receivers = take_all(&chan->receivers);
    struct tbi_node *senders = take_all(&chan->senders);
    tbi_unlock(&chan->lock);
    refuse_all(receivers);
    refuse_all(senders);
}
