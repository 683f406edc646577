/* What channels and select share; the invariants are in chan.c. */
#ifndef GTI_CHAN_H
#define GTI_CHAN_H

#include "waitq.h"

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

/* With the lock held: send or receive if that needs no waiting: 0, -EPIPE, or
 * -EAGAIN. *ret_wake is set to the task, if any, that the caller must make
 * ready (result 0) once it has released the lock. */
int gti_chan_put(gt_chan *ch, const void *elem, struct gti_task **ret_wake);
int gti_chan_take(gt_chan *ch, void *elem, struct gti_task **ret_wake);

#endif
