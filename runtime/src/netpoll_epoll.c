/* Linux's half of netpoll.h: epoll, and an eventfd to interrupt it. */
#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "netpoll.h"
#include "os_linux.h"

#define MAX_REPORTS  64
#define INTERRUPTION UINT64_MAX /* no tag of a descriptor */

static int epoll_fd = -1, event_fd = -1;

int gti_netpoll_open(void)
{
    /* Edge-triggered: every write is a new event, and nobody need read it. */
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.u64 = INTERRUPTION};
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (epoll_fd >= 0 && event_fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd, &ev) == 0)
        return 0;
    int err = -errno;
    gti_netpoll_close();
    return err;
}

void gti_netpoll_close(void)
{
    if (epoll_fd >= 0)
        close(epoll_fd);
    if (event_fd >= 0)
        close(event_fd);
    epoll_fd = event_fd = -1;
}

int gti_netpoll_ask(int fd)
{
    struct epoll_event ev = {.events = 0};
    int other = epoll_create1(EPOLL_CLOEXEC);
    if (other < 0)
        return -errno;
    int err = epoll_ctl(other, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -errno;
    close(other);
    return err;
}

int gti_netpoll_arm(int fd, unsigned events, uint64_t tag, bool is_known)
{
    struct epoll_event ev = {.events = EPOLLONESHOT, .data.u64 = tag};
    /* The program closed that number before we opened ours. The waiter would wait
     * for ever, and to arm the event anew would leave the poller uninterrupted. */
    if (fd == epoll_fd || fd == event_fd)
        return -EBADF;
    if (events & GT_READABLE)
        ev.events |= EPOLLIN | EPOLLRDHUP;
    if (events & GT_WRITABLE)
        ev.events |= EPOLLOUT;
    if (epoll_ctl(epoll_fd, is_known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev) == 0)
        return 0;
    return -errno;
}

static unsigned events_of(uint32_t reported)
{
    unsigned events = 0;
    if (reported & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        events |= GT_READABLE;
    if (reported & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        events |= GT_WRITABLE;
    return events;
}

int gti_netpoll_collect(struct gti_worker *w, int64_t deadline)
{
    struct epoll_event ev[MAX_REPORTS];
    gti_worker_nap(w);
    int n = gti_os_epoll_wait(epoll_fd, ev, MAX_REPORTS, deadline);
    gti_worker_nap(w);
    for (int i = 0; i < n; i++)
        if (ev[i].data.u64 != INTERRUPTION)
            gti_netpoll_report(w, ev[i].data.u64, events_of(ev[i].events));
        else if (!gti_netpoll_is_poller(w->id))
            gti_netpoll_interrupt_anybody(); /* it was meant for another */
    return n;
}

void gti_netpoll_interrupt(void)
{
    uint64_t one = 1;
    if (write(event_fd, &one, sizeof one) < 0) {
        /* The counter is full: it is readable, and its last event is not old. */
    }
}
