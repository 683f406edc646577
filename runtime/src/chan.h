/* What channels and select share; the invariants are in chan.c. */
#ifndef GTI_CHAN_H
#define GTI_CHAN_H

#include "waitq.h"

struct gt_chan {
    /* One cache line is all that an unbuffered channel needs: a chain of
     * thousands of tasks is bound by how many lines each message touches. */
    gt_waitq recvq; /* its lock protects the whole channel */
    gt_waitq sendq; /* its own lock is not used */
    uint32_t elem_size;
    uint32_t filled, room; /* elements in the ring, and places that are free */
    bool closed;
    /* Second line. */
    uint32_t capacity, read, write; /* positions in the ring, 0..capacity-1 */
    char *ring;                     /* behind the struct, 16-byte aligned */
};

static_assert(offsetof(struct gt_chan, capacity) == GTI_CACHE_LINE, "one cache line");

/* Lock the channel, for `call`; gti_chan_lock_held(): somebody has it. It is
 * fatal if the channel was destroyed (chan_memory.h). */
void gti_chan_lock_held(gt_chan *ch, const char *call);
GTI_INLINE void gti_chan_lock(gt_chan *ch, const char *call)
{
    if (gti_unlikely(!gti_spin_try_lock(ch->recvq.lock_)))
        gti_chan_lock_held(ch, call);
}

/* With the lock held: send or receive if that needs no waiting: 0, -EPIPE, or
 * -EAGAIN. *ret_wake is set to the task, if any, that the caller must make
 * ready (result 0) once it has released the lock. */
int gti_chan_put(gt_chan *ch, const void *elem, struct gti_task **ret_wake);
int gti_chan_take(gt_chan *ch, void *elem, struct gti_task **ret_wake);

#endif
