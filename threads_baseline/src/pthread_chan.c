/* Channel by mutex and condition variables: a ring, and who waits for it.
 *
 * Invariants, under the lock:
 *   - count elements stand in the ring from head on; 0 <= count <= slots.
 *   - receivers wait on not_empty only while count is 0, senders on not_full
 *     only while count is slots. Each change that could let one of them go on
 *     signals one; close() broadcasts. Nobody else is woken.
 *   - a waiter that is woken and finds that someone else was faster waits
 *     again; the faster one's next change signals again.
 *
 * Rendezvous (capacity 0): the ring has one slot. A sender that finds a
 * receiver in the wait loop leaves its element and returns: a waiting
 * receiver cannot give up (there are no timeouts), so the element will be
 * taken. If no receiver waits, the sender stays until its element is taken,
 * which it tells by the number that its element bears. A close takes the
 * element back, if no receiver has it yet.
 *
 * The tries do under the lock what a send or receive does that need not wait,
 * signals included; so they owe and are owed no wake-up of their own. A try
 * to send at capacity 0 succeeds only with a receiver in the wait loop, which
 * is bound to take the element. There is one slot, though: until the woken
 * receiver has emptied it, the next try finds it full, however many other
 * receivers wait.
 *
 * Selects (pthread_select.c) leave a node with each of their channels and are
 * served by whoever comes, without being woken to try. An element that is in
 * the ring while receivers wait is on its way to one of them, and room that
 * there is while senders wait is on its way to one of those; what goes beyond
 * that is for selects. So, selects that are won elsewhere aside:
 *   - a select waits to receive only while count <= receivers,
 *   - a select waits to send only while there is no more room than senders
 *     (capacity 0: while count >= receivers),
 *   - never one of each: the second would have met the first.
 * Each put or get moves one of these counts by one, and serves one select if
 * that breaks its line.
 *
 * Signals are sent after the unlock: a thread woken while the mutex is held
 * would run into it and sleep again. On not_empty and not_full that is safe
 * because their waiters are alike: whichever is woken may go on. Those on
 * `taken` are not. Between the unlock of the receiver that took element 1 and
 * its signal, sender 2 may fill the slot and wait there, too, and a signal
 * could reach it instead of sender 1, who would then sleep for ever. So
 * `taken` is broadcast: nearly always to one thread, rarely to two.
 */
#include "base.h"
#include "pthread_chan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct tb_chan *tb_chan_create(size_t elem_size, size_t capacity)
{
    size_t slots = capacity > 0 ? capacity : 1;
    struct tb_chan *chan;

    if (elem_size == 0 || slots > (SIZE_MAX - sizeof *chan) / elem_size)
        return NULL;
    chan = calloc(1, sizeof *chan + slots * elem_size);
    if (chan == NULL)
        return NULL;
    chan->elem_size = elem_size;
    chan->slots = slots;
    chan->rendezvous = capacity == 0;
    tbi_check(pthread_mutex_init(&chan->lock, NULL), "pthread_mutex_init");
    tbi_check(pthread_cond_init(&chan->not_empty, NULL), "pthread_cond_init");
    tbi_check(pthread_cond_init(&chan->not_full, NULL), "pthread_cond_init");
    tbi_check(pthread_cond_init(&chan->taken, NULL), "pthread_cond_init");
    return chan;
}

void tb_chan_destroy(struct tb_chan *chan)
{
    if (chan == NULL)
        return;
    pthread_cond_destroy(&chan->taken);
    pthread_cond_destroy(&chan->not_full);
    pthread_cond_destroy(&chan->not_empty);
    pthread_mutex_destroy(&chan->lock);
    free(chan);
}

static void ring_put(struct tb_chan *chan, const void *elem)
{
    size_t at = chan->head + chan->count;

    if (at >= chan->slots)
        at -= chan->slots;
    memcpy(&chan->ring[at * chan->elem_size], elem, chan->elem_size);
    chan->count++;
    chan->put++;
}

static void ring_get(struct tb_chan *chan, void *elem)
{
    memcpy(elem, &chan->ring[chan->head * chan->elem_size], chan->elem_size);
    if (++chan->head == chan->slots)
        chan->head = 0;
    chan->count--;
    chan->got++;
}

/* The element of this thread is in the slot and nobody waits for it. Waits
 * until it is taken; returns with the lock released. */
static int wait_taken(struct tb_chan *chan)
{
    uint64_t mine = chan->put;

    while (chan->got < mine && !chan->closed) {
        chan->owner_waits = true;
        pthread_cond_wait(&chan->taken, &chan->lock);
    }
    int result = 0;
    if (chan->got < mine) {
        chan->count = 0;
        chan->put--;
        result = -EPIPE;
    }
    pthread_mutex_unlock(&chan->lock);
    return result;
}

/* To a select that waits: the oldest element, so that the order is kept. */
static void serve_receiving(struct tb_chan *chan, struct tbi_node *select, const void *elem)
{
    if (chan->rendezvous) {
        memcpy(select->elem, elem, chan->elem_size);
    } else if (chan->count == chan->slots) {
        ring_get(chan, select->elem);
        ring_put(chan, elem);
    } else {
        ring_put(chan, elem);
        ring_get(chan, select->elem);
    }
}

int tbi_chan_offer(struct tb_chan *chan, const void *elem, struct tbi_wakes *wakes)
{
    bool full = chan->count == chan->slots;
    bool spare = chan->count >= chan->receivers; /* waiting receivers have one each */

    if (chan->closed)
        return -EPIPE;
    if (spare && (wakes->select = tbi_dequeue(&chan->receiving)) != NULL) {
        serve_receiving(chan, wakes->select, elem);
        return 0;
    }
    if (full || (chan->rendezvous && chan->receivers == 0))
        return -EAGAIN;
    ring_put(chan, elem);
    wakes->not_empty = chan->receivers > 0;
    return 0;
}

/* There is room that nobody is on the way to. At a rendezvous the slot is for
 * a receiver that waits, and for no one else. */
static bool room_for_select(const struct tb_chan *chan)
{
    return chan->rendezvous ? chan->receivers > 0 : chan->slots - chan->count > chan->senders;
}

int tbi_chan_take(struct tb_chan *chan, void *elem, struct tbi_wakes *wakes)
{
    if (chan->count == 0) {
        wakes->select = tbi_dequeue(&chan->sending);
        if (wakes->select == NULL)
            return chan->closed ? -EPIPE : -EAGAIN;
        memcpy(elem, wakes->select->elem, chan->elem_size);
        return 0;
    }
    ring_get(chan, elem);
    wakes->taken = chan->owner_waits;
    wakes->not_full = chan->senders > 0;
    chan->owner_waits = false;
    if (room_for_select(chan) && (wakes->select = tbi_dequeue(&chan->sending)) != NULL) {
        ring_put(chan, wakes->select->elem);
        wakes->not_empty = chan->receivers > 0;
    }
    return 0;
}

void tbi_chan_wake(struct tb_chan *chan, const struct tbi_wakes *wakes)
{
    if (wakes->taken)
        pthread_cond_broadcast(&chan->taken);
    if (wakes->not_full)
        pthread_cond_signal(&chan->not_full);
    if (wakes->not_empty)
        pthread_cond_signal(&chan->not_empty);
    if (wakes->select != NULL)
        tbi_select_complete(wakes->select, 0);
}

static int unlock_and_wake(struct tb_chan *chan, const struct tbi_wakes *wakes, int result)
{
    pthread_mutex_unlock(&chan->lock);
    if (result == 0)
        tbi_chan_wake(chan, wakes);
    return result;
}

/* The two calls that a program makes most have the way that they nearly always
 * go to themselves: no select waits. */

/* There is room; releases the lock. Waits only at capacity 0, and only if no
 * receiver does. */
static int put_and_unlock(struct tb_chan *chan, const void *elem)
{
    ring_put(chan, elem);
    bool awaited = chan->receivers > 0;
    if (chan->rendezvous && !awaited)
        return wait_taken(chan);
    pthread_mutex_unlock(&chan->lock);
    if (awaited)
        pthread_cond_signal(&chan->not_empty);
    return 0;
}

/* There is an element; releases the lock. */
static int get_and_unlock(struct tb_chan *chan, void *elem)
{
    ring_get(chan, elem);
    bool owner = chan->owner_waits;
    bool sender = chan->senders > 0;
    chan->owner_waits = false;
    pthread_mutex_unlock(&chan->lock);
    if (owner)
        pthread_cond_broadcast(&chan->taken);
    if (sender)
        pthread_cond_signal(&chan->not_full);
    return 0;
}

int tb_chan_send(struct tb_chan *chan, const void *elem)
{
    pthread_mutex_lock(&chan->lock);
    for (;;) {
        if (chan->receiving.first != NULL || chan->closed) {
            struct tbi_wakes wakes = {.select = NULL};
            int result = tbi_chan_offer(chan, elem, &wakes);

            if (result != -EAGAIN)
                return unlock_and_wake(chan, &wakes, result);
        }
        if (chan->count < chan->slots)
            return put_and_unlock(chan, elem);
        chan->senders++;
        pthread_cond_wait(&chan->not_full, &chan->lock);
        chan->senders--;
    }
}

int tb_chan_try_send(struct tb_chan *chan, const void *elem)
{
    struct tbi_wakes wakes = {.select = NULL};

    pthread_mutex_lock(&chan->lock);
    return unlock_and_wake(chan, &wakes, tbi_chan_offer(chan, elem, &wakes));
}

int tb_chan_recv(struct tb_chan *chan, void *elem)
{
    pthread_mutex_lock(&chan->lock);
    for (;;) {
        if (chan->count > 0 && chan->sending.first == NULL)
            return get_and_unlock(chan, elem);
        if (chan->sending.first != NULL || chan->closed) {
            struct tbi_wakes wakes = {.select = NULL};
            int result = tbi_chan_take(chan, elem, &wakes);

            if (result != -EAGAIN)
                return unlock_and_wake(chan, &wakes, result);
        }
        chan->receivers++;
        pthread_cond_wait(&chan->not_empty, &chan->lock);
        chan->receivers--;
    }
}

int tb_chan_try_recv(struct tb_chan *chan, void *elem)
{
    struct tbi_wakes wakes = {.select = NULL};

    pthread_mutex_lock(&chan->lock);
    return unlock_and_wake(chan, &wakes, tbi_chan_take(chan, elem, &wakes));
}

/* Those that can still be won, one after the other; under the lock, since the
 * others' nodes are not ours to look at without it. */
static struct tbi_node *take_all(struct tbi_queue *queue, struct tbi_node *list)
{
    struct tbi_node *node;

    while ((node = tbi_dequeue(queue)) != NULL) {
        node->next = list;
        list = node;
    }
    return list;
}

void tb_chan_close(struct tb_chan *chan)
{
    pthread_mutex_lock(&chan->lock);
    chan->closed = true;
    struct tbi_node *selects = take_all(&chan->receiving, take_all(&chan->sending, NULL));
    pthread_mutex_unlock(&chan->lock);
    pthread_cond_broadcast(&chan->not_empty);
    pthread_cond_broadcast(&chan->not_full);
    pthread_cond_broadcast(&chan->taken);
    while (selects != NULL) {
        struct tbi_node *next = selects->next; /* the node is gone once completed */

        tbi_select_complete(selects, -EPIPE);
        selects = next;
    }
}
