/* Waiting for descriptors.
 *
 * netpoll.c, neutral: who waits for which descriptor, under a lock per
 * descriptor; who looks for events, and when. What it needs of a system
 * (netpoll_epoll.c):
 *
 *   gti_netpoll_open()       make the kernel's side; 0 or -errno
 *   gti_netpoll_close()
 *   gti_netpoll_ask()        can fd be waited for at all?
 *   gti_netpoll_arm()        report fd once, when it is ready for the events
 *   gti_netpoll_collect()    wait for reports and hand each to
 *                            gti_netpoll_report()
 *   gti_netpoll_interrupt()  make a collect that waits return
 *
 * Every wait arms its descriptor anew, for one report, with one system call:
 * a registration that stays would not notice that the program closed the
 * descriptor and got the same number for another file. Each file that is seen
 * under a number has a generation, and a report of an older one is dropped.
 *
 * Who looks: a worker that finds no other work, without waiting; one of those
 * that go to sleep, which sleeps in the kernel's poller instead of on its
 * futex (the poller); and busy workers in their housekeeping while there is no
 * poller.
 */
#ifndef GTI_NETPOLL_H
#define GTI_NETPOLL_H

#include "worker.h"

/* ---- for the scheduler ----------------------------------------------------- */

struct gti_netpoll {
    GTI_ATOMIC(uint32_t) waiters; /* tasks that wait for a descriptor */
    GTI_ATOMIC(int) poller;       /* index + 1 of the worker that sleeps in it */
};

extern struct gti_netpoll gti_netpoll;

/* Is there anything to look for that no poller looks for? */
GTI_INLINE bool gti_netpoll_is_wanted(void)
{
    /* Ordering: acquire, edge NETPOLL-OPEN <- gt_poll(). */
    return gti_unlikely(GTI_LOAD(gti_netpoll.waiters, acquire) != 0) &&
           GTI_LOAD(gti_netpoll.poller, relaxed) == 0;
}

/* Make tasks ready whose descriptors are; does not wait. */
void gti_netpoll_look(struct gti_worker *w);
/* After the worker announced that it sleeps, before its last look: true if it
 * is the poller now. Who woke it before that did not know; so it may sleep only
 * if its word says SLEEPING still. */
bool gti_netpoll_become_poller(struct gti_worker *w);
/* The poller sleeps until something happens or `deadline`. */
void gti_netpoll_sleep(struct gti_worker *w, int64_t deadline);
void gti_netpoll_resign(void);
/* Is that worker the poller? After its sleep was claimed. */
bool gti_netpoll_is_poller(int worker);

void gti_netpoll_destroy(void);

/* ---- between the two halves -------------------------------------------------- */

int gti_netpoll_open(void);
void gti_netpoll_close(void);
/* 0; -EPERM: it cannot; or the errno of why that is not known. Needs no open(). */
int gti_netpoll_ask(int fd);
/* `tag` comes back with the report. `is_known`: armed before, under this tag.
 * -ENOENT: known, but the number stands for another file now. */
int gti_netpoll_arm(int fd, unsigned events, uint64_t tag, bool is_known);
/* deadline 0: do not wait. Returns the number of reports. */
int gti_netpoll_collect(struct gti_worker *w, int64_t deadline);
void gti_netpoll_report(struct gti_worker *w, uint64_t tag, unsigned events);
/* Interrupt the poller, if there is one. */
void gti_netpoll_interrupt_anybody(void);
void gti_netpoll_interrupt(void);

#endif
