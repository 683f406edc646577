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
 * Signals are sent after the unlock: a thread woken while the mutex is held
 * would run into it and sleep again. On not_empty and not_full that is safe
 * because their waiters are alike: whichever is woken may go on. Those on
 * `taken` are not. Between the unlock of the receiver that took element 1 and
 * its signal, sender 2 may fill the slot and wait there, too, and a signal
 * could reach it instead of sender 1, who would then sleep for ever. So
 * `taken` is broadcast: nearly always to one thread, rarely to two.
 */
#include "base.h"
#include "tb/tb_pthread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct tb_chan {
    /* Constant after creation. */
    size_t elem_size;
    size_t slots;
    bool rendezvous;
    /* All others: lock. */
    pthread_mutex_t lock;
    pthread_cond_t not_empty, not_full, taken;
    size_t head, count;
    unsigned receivers, senders; /* threads in the wait loops */
    uint64_t put, got;           /* elements ever put into and taken from the ring */
    bool owner_waits;            /* a sender waits on `taken` */
    bool closed;
    unsigned char ring[];
};

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

static int refuse(struct tb_chan *chan, int result)
{
    pthread_mutex_unlock(&chan->lock);
    return result;
}

int tb_chan_send(struct tb_chan *chan, const void *elem)
{
    pthread_mutex_lock(&chan->lock);
    while (chan->count == chan->slots && !chan->closed) {
        chan->senders++;
        pthread_cond_wait(&chan->not_full, &chan->lock);
        chan->senders--;
    }
    return chan->closed ? refuse(chan, -EPIPE) : put_and_unlock(chan, elem);
}

int tb_chan_try_send(struct tb_chan *chan, const void *elem)
{
    pthread_mutex_lock(&chan->lock);
    if (chan->closed)
        return refuse(chan, -EPIPE);
    if (chan->count == chan->slots || (chan->rendezvous && chan->receivers == 0))
        return refuse(chan, -EAGAIN);
    return put_and_unlock(chan, elem);
}

int tb_chan_recv(struct tb_chan *chan, void *elem)
{
    pthread_mutex_lock(&chan->lock);
    while (chan->count == 0 && !chan->closed) {
        chan->receivers++;
        pthread_cond_wait(&chan->not_empty, &chan->lock);
        chan->receivers--;
    }
    return chan->count == 0 ? refuse(chan, -EPIPE) : get_and_unlock(chan, elem);
}

int tb_chan_try_recv(struct tb_chan *chan, void *elem)
{
    pthread_mutex_lock(&chan->lock);
    if (chan->count == 0)
        return refuse(chan, chan->closed ? -EPIPE : -EAGAIN);
    return get_and_unlock(chan, elem);
}

void tb_chan_close(struct tb_chan *chan)
{
    pthread_mutex_lock(&chan->lock);
    chan->closed = true;
    pthread_mutex_unlock(&chan->lock);
    pthread_cond_broadcast(&chan->not_empty);
    pthread_cond_broadcast(&chan->not_full);
    pthread_cond_broadcast(&chan->taken);
}
