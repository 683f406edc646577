/* The channel on futexes, for futex_chan.c and futex_select.c; its invariants
 * are in futex_chan.c. All functions here want the lock, but for hints. */
#ifndef TBI_FUTEX_CHAN_H
#define TBI_FUTEX_CHAN_H

#include "futex_lock.h"
#include "tb/tb_futex.h"

#include <string.h>

#define CACHE_LINE 64

struct tb_futex_chan {
    struct tbi_lock lock;
    atomic_bool closed; /* lock, as all below; this and count are polled without it */
    _Atomic size_t count;
    size_t head;
    struct tbi_queue receivers, senders;
    /* Constant, and on a line of their own: nobody's write takes them away. */
    _Alignas(CACHE_LINE) size_t elem_size;
    size_t slots;
    _Alignas(CACHE_LINE) unsigned char ring[];
};

static inline size_t tbi_chan_count(struct tb_futex_chan *chan)
{
    return atomic_load_explicit(&chan->count, memory_order_relaxed);
}

static inline bool tbi_chan_closed(struct tb_futex_chan *chan)
{
    return atomic_load_explicit(&chan->closed, memory_order_relaxed);
}

static inline void tbi_chan_put(struct tb_futex_chan *chan, const void *elem)
{
    size_t count = tbi_chan_count(chan);
    size_t at = chan->head + count;

    if (at >= chan->slots)
        at -= chan->slots;
    memcpy(&chan->ring[at * chan->elem_size], elem, chan->elem_size);
    atomic_store_explicit(&chan->count, count + 1, memory_order_relaxed);
}

static inline void tbi_chan_get(struct tb_futex_chan *chan, void *elem)
{
    memcpy(elem, &chan->ring[chan->head * chan->elem_size], chan->elem_size);
    if (++chan->head == chan->slots)
        chan->head = 0;
    atomic_store_explicit(&chan->count, tbi_chan_count(chan) - 1, memory_order_relaxed);
}

#endif
