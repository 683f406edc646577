/* Where channels come from. One without a ring takes two cache lines, and
 * trees of tasks make and destroy one for every few tasks: each worker keeps
 * some of those that were destroyed. malloc() would do, but for the alignment:
 * glibc's aligned_alloc() splits a larger block each time. Sanitizers must see
 * who uses a channel after its end, so there nothing is kept.
 *
 * A channel that was destroyed is marked, for as long as nobody has got its
 * memory: its elements have no size, which tells gt_chan_destroy(), and its
 * lock is held, so that every other call finds out on its way to wait for it. */
#ifndef GTI_CHAN_MEMORY_H
#define GTI_CHAN_MEMORY_H

#include <stdlib.h>

#include "chan.h"
#include "worker.h"

#define GTI_CHAN_KEPT_BYTES (2 * (size_t)GTI_CACHE_LINE)
#define GTI_CHAN_KEPT       64u /* for each worker: 8 KiB */

#if defined(GTI_ASAN) || defined(GTI_TSAN)
#define GTI_CHANS_ARE_KEPT false
#else
#define GTI_CHANS_ARE_KEPT true
#endif

/* `bytes` is a multiple of the cache line; NULL when memory is short. `w` is
 * the calling worker, or NULL. */
GTI_INLINE void *gti_chan_alloc(struct gti_worker *w, size_t bytes)
{
    gt_chan *kept;
    if (!w || bytes != GTI_CHAN_KEPT_BYTES || !(kept = (gt_chan *)w->chans.kept))
        return aligned_alloc(GTI_CACHE_LINE, bytes);
    w->chans.kept = kept->sendq.tail_;
    w->chans.count--;
    return kept;
}

GTI_INLINE void gti_chan_free(struct gti_worker *w, gt_chan *ch, size_t bytes)
{
    GTI_STORE(ch->recvq.lock_, 1u, relaxed);
    *(volatile uint32_t *)&ch->elem_size = 0; /* volatile: it is written before free() too */
    if (!GTI_CHANS_ARE_KEPT || !w || bytes != GTI_CHAN_KEPT_BYTES ||
        w->chans.count >= GTI_CHAN_KEPT) {
        free(ch);
        return;
    }
    ch->sendq.tail_ = w->chans.kept;
    w->chans.kept = ch;
    w->chans.count++;
}

/* When nobody is on the worker any more. */
GTI_INLINE void gti_chans_release(struct gti_worker *w)
{
    gt_chan *kept = (gt_chan *)w->chans.kept;
    while (kept) {
        gt_chan *next = (gt_chan *)kept->sendq.tail_;
        free(kept);
        kept = next;
    }
    w->chans.kept = NULL;
    w->chans.count = 0;
}

#endif
