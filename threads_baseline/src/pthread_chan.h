/* The channel by mutex and condition variables, for pthread_chan.c and
 * pthread_select.c; its invariants are in pthread_chan.c. */
#ifndef TBI_PTHREAD_CHAN_H
#define TBI_PTHREAD_CHAN_H

#include "queue.h"
#include "tb/tb_pthread.h"

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
    struct tbi_queue receiving, sending; /* selects that wait */
    unsigned char ring[];
};

/* What is left to do once the lock is released. */
struct tbi_wakes {
    struct tbi_node *select; /* served */
    bool not_empty, not_full, taken;
};

/* Under the lock: -EAGAIN, with nothing changed, if it would have to wait; else
 * done, and the wakes are owed. */
int tbi_chan_offer(struct tb_chan *chan, const void *elem, struct tbi_wakes *wakes);
int tbi_chan_take(struct tb_chan *chan, void *elem, struct tbi_wakes *wakes);

/* After the unlock. */
void tbi_chan_wake(struct tb_chan *chan, const struct tbi_wakes *wakes);

/* For the thread that took a select's node off and won it: end its wait. */
void tbi_select_complete(struct tbi_node *node, int result);

#endif
