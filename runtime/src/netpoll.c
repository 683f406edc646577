/* The neutral half of netpoll.h.
 *
 * Invariants
 *   - A descriptor's waiters, its generation and whether it is known to the
 *     kernel are under its entry's lock; a waiter's `slot` is the events it
 *     waits for.
 *   - An entry, once made, stays until the runtime stops.
 *   - Armed: whenever an entry has waiters and its lock is free, the kernel has
 *     been asked to report the events that they wait for, and has not yet been
 *     heard.
 */
#include "netpoll.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os_linux.h"
#include "waitq.h"

#define CHUNK  1024
#define CHUNKS 1024

struct entry {
    GTI_ATOMIC(uint32_t) lock; /* protects the rest */
    uint32_t generation;
    bool is_known;
    gt_waitq waiters;
};

struct gti_netpoll gti_netpoll;

static struct {
    GTI_ATOMIC(uint32_t) lock; /* of what follows, for writing; and close_unknown() */
    bool is_open;
    GTI_ATOMIC(struct entry *) chunk[CHUNKS];
} table;

/* ---- entries ----------------------------------------------------------------- */

/* Called with the table's lock held. */
static int make_chunk(int at, struct entry **ret)
{
    *ret = GTI_LOAD(table.chunk[at], relaxed);
    if (*ret)
        return 0;
    if (!table.is_open) {
        int err = gti_netpoll_open();
        if (err)
            return err;
        table.is_open = true;
    }
    *ret = calloc(CHUNK, sizeof **ret);
    if (!*ret)
        return -ENOMEM;
    /* Ordering: release, edge NETPOLL-ENTRY -> find(). */
    GTI_STORE(table.chunk[at], *ret, release);
    return 0;
}

/* The entry of a descriptor; `make` it if there is none. */
static int find(int fd, bool make, struct entry **ret)
{
    *ret = NULL;
    if (fd < 0)
        return -EBADF;
    if (fd / CHUNK >= CHUNKS)
        return -EMFILE;
    /* Ordering: acquire, edge NETPOLL-ENTRY <- make_chunk(). */
    struct entry *chunk = GTI_LOAD(table.chunk[fd / CHUNK], acquire);
    if (gti_unlikely(!chunk)) {
        if (!make)
            return -ENOENT;
        gti_spin_lock(table.lock);
        int err = make_chunk(fd / CHUNK, &chunk);
        gti_spin_unlock(table.lock);
        if (err)
            return err;
    }
    *ret = chunk + fd % CHUNK;
    return 0;
}

void gti_netpoll_destroy(void)
{
    for (int i = 0; i < CHUNKS; i++) {
        free(GTI_LOAD(table.chunk[i], relaxed));
        GTI_STORE(table.chunk[i], NULL, relaxed);
    }
    if (table.is_open)
        gti_netpoll_close();
    table.is_open = false;
    GTI_STORE(gti_netpoll.waiters, 0u, relaxed);
    GTI_STORE(gti_netpoll.poller, 0, relaxed);
}

/* ---- arming and reporting, with the entry's lock held --------------------------- */

static unsigned events_wanted(const struct entry *e)
{
    unsigned events = 0;
    for (struct gti_waiter *wt = gti_waitq_first(&e->waiters); wt; wt = wt->next)
        events |= (unsigned)(uintptr_t)wt->slot;
    return events;
}

static uint64_t tag_of(int fd, const struct entry *e)
{
    return (uint64_t)e->generation << 32 | (uint32_t)fd;
}

static int arm(int fd, struct entry *e, unsigned events)
{
    int err = -ENOENT;
    if (e->is_known)
        err = gti_netpoll_arm(fd, events, tag_of(fd, e), true);
    if (err == -ENOENT) {
        /* Never seen, or closed and opened again: another file. */
        e->generation++;
        err = gti_netpoll_arm(fd, events, tag_of(fd, e), false);
        if (err == -EEXIST) /* a file that was here before, and lived on as a duplicate */
            err = gti_netpoll_arm(fd, events, tag_of(fd, e), true);
        e->is_known = err == 0;
    }
    return err;
}

/* Take those off that wait for any of `events`: tasks linked by next. */
static struct gti_task *take(struct entry *e, unsigned events)
{
    struct gti_task *first = NULL, **tail = &first;
    struct gti_waiter *next;
    for (struct gti_waiter *wt = gti_waitq_first(&e->waiters); wt; wt = next) {
        next = wt->next;
        if (!((unsigned)(uintptr_t)wt->slot & events))
            continue;
        struct gti_task *t = gti_waiter_task(wt);
        gti_waitq_remove(&e->waiters, wt);
        if (wt->task & GTI_CONTESTED) {
            if (!gti_task_claim(t))
                continue;
            gti_worker_forget_timer(t);
        }
        *tail = t;
        tail = &t->next;
    }
    *tail = NULL;
    return first;
}

static void ready_all(struct gti_worker *w, struct gti_task *t, unsigned events)
{
    while (t) {
        struct gti_task *next = t->next;
        int asked = (int)(uintptr_t)t->wait.slot;
        if (w)
            GTI_COUNT(w->count.events);
        gti_ready(w, t, asked & (int)events);
        t = next;
    }
}

void gti_netpoll_report(struct gti_worker *w, uint64_t tag, unsigned events)
{
    struct entry *e;
    int fd = (int)(uint32_t)tag;
    if (find(fd, false, &e) != 0)
        return;
    struct gti_task *ready = NULL;
    gti_spin_lock(e->lock);
    if (tag == tag_of(fd, e)) {
        ready = take(e, events);
        unsigned rest = events_wanted(e);
        if (rest && arm(fd, e, rest) != 0) {
            /* Closed meanwhile: nobody will hear of it again. */
            struct gti_task **tail = &ready;
            while (*tail)
                tail = &(*tail)->next;
            *tail = take(e, rest);
            events |= rest;
        }
    }
    gti_spin_unlock(e->lock);
    ready_all(w, ready, events);
}

/* ---- who looks --------------------------------------------------------------- */

void gti_netpoll_look(struct gti_worker *w)
{
    GTI_COUNT(w->count.polls);
    gti_netpoll_collect(w, 0);
}

bool gti_netpoll_become_poller(struct gti_worker *w)
{
    int none = 0;
    if (!gti_netpoll_is_wanted())
        return false;
    /* Who is to interrupt us sees the descriptor open.
     * Ordering: release, edge NETPOLL-OPEN -> gti_netpoll_is_poller(). */
    if (!GTI_CAS(gti_netpoll.poller, none, w->id + 1, release))
        return false;
    /* Who wakes us from now on finds us the poller; who did before has changed
     * our word, and we see that.
     * Ordering: seq_cst, edge POLLER <-> gti_netpoll_is_poller(). */
    GTI_FENCE(seq_cst);
    return true;
}

bool gti_netpoll_is_poller(int worker)
{
    /* Ordering: seq_cst, edge POLLER <-> gti_netpoll_become_poller(). */
    GTI_FENCE(seq_cst);
    /* Ordering: acquire, edge NETPOLL-OPEN <- gti_netpoll_become_poller(). */
    return GTI_LOAD(gti_netpoll.poller, acquire) == worker + 1;
}

void gti_netpoll_interrupt_anybody(void)
{
    if (GTI_LOAD(gti_netpoll.poller, relaxed) != 0)
        gti_netpoll_interrupt();
}

void gti_netpoll_sleep(struct gti_worker *w, int64_t deadline)
{
    GTI_COUNT(w->count.polls);
    gti_netpoll_collect(w, deadline);
}

void gti_netpoll_resign(void)
{
    GTI_STORE(gti_netpoll.poller, 0, relaxed);
}

/* ---- waiting ------------------------------------------------------------------ */

/* poll() says of what cannot be waited for that it is ready, epoll -EPERM: a
 * regular file, a directory, some devices. */
static int refusal(int fd)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && (S_ISSOCK(st.st_mode) || S_ISFIFO(st.st_mode)))
        return 0;
    return gti_netpoll_ask(fd);
}

static int poll_outside(int fd, unsigned events, int64_t deadline)
{
    struct pollfd p = {.fd = fd};
    if (fd < 0)
        return -EBADF;
    p.events = (short)((events & GT_READABLE ? POLLIN | POLLRDHUP : 0) |
                       (events & GT_WRITABLE ? POLLOUT : 0));
    int n = gti_os_poll(&p, deadline);
    if (n <= 0)
        return n == 0 ? -ETIMEDOUT : n;
    if (p.revents & POLLNVAL)
        return -EBADF;
    int err = refusal(fd);
    if (err)
        return err;
    if (p.revents & (POLLERR | POLLHUP))
        return (int)events;
    return (p.revents & (POLLIN | POLLRDHUP) ? (int)GT_READABLE : 0) |
           (p.revents & POLLOUT ? (int)GT_WRITABLE : 0);
}

/* Hook: the entry may be had again. */
static void unlock_entry(struct gti_worker *w, void *lock)
{
    w->holds_entry = false;
    gti_park_unlock(w, lock);
}

/* With the entry's lock held. */
static int wait_armed(struct gti_worker *w, struct entry *e, unsigned events, int64_t deadline)
{
    struct gti_task *self = w->current;
    void *wanted = (void *)(uintptr_t)events;
    /* On its way out of the task the worker may do its housekeeping: a report
     * for this entry would then wait for the lock, for ever. */
    w->holds_entry = true;
    self->wait_kind = GTI_WAIT_FD;
    if (deadline == INT64_MAX) {
        self->wait.task = (uintptr_t)self;
        self->wait.slot = wanted;
        gti_waitq_push(&e->waiters, &self->wait);
        return gti_park(w, unlock_entry, &e->lock);
    }
    gti_waiter_contest(&self->wait, self, wanted);
    gti_waitq_push(&e->waiters, &self->wait);
    int result = gti_park_until(w, unlock_entry, &e->lock, deadline);
    if (result == -ETIMEDOUT) {
        gti_spin_lock(e->lock);
        gti_waitq_remove(&e->waiters, &self->wait);
        gti_spin_unlock(e->lock);
    }
    return result;
}

int gt_poll(int fd, unsigned events, int64_t deadline)
{
    struct entry *e;
    if (events == 0 || events & ~(GT_READABLE | GT_WRITABLE))
        return -EINVAL;
    struct gti_worker *w = gti_worker_self();
    if (!w)
        return poll_outside(fd, events, deadline);
    if (deadline <= 0 || (deadline != INT64_MAX && deadline <= gti_os_now()))
        return poll_outside(fd, events, 0); /* does not wait */
    int err = find(fd, true, &e);
    if (err)
        return err;
    gti_spin_lock(e->lock);
    err = arm(fd, e, events | events_wanted(e));
    if (err) {
        gti_spin_unlock(e->lock);
        return err;
    }
    /* Ordering: release, edge NETPOLL-OPEN -> gti_netpoll_is_wanted(). */
    GTI_ADD(gti_netpoll.waiters, 1u, release);
    /* A sleeper can become the poller while we are busy with other tasks. */
    if (!w->alone && GTI_LOAD(gti_netpoll.poller, relaxed) == 0)
        gti_worker_wake_any(w);
    int result = wait_armed(w, e, events, deadline);
    GTI_SUB(gti_netpoll.waiters, 1u, relaxed);
    return result;
}

/* Nobody has waited for a descriptor of this chunk. With the table's lock held:
 * else the first to wait could make the entry and arm the descriptor between our
 * look and the close, which would take it off the kernel's list without a report.
 * False: there is an entry by now. */
static bool close_unknown(int fd, int *ret_err)
{
    gti_spin_lock(table.lock);
    bool is_unknown = !GTI_LOAD(table.chunk[fd / CHUNK], relaxed);
    if (is_unknown)
        *ret_err = close(fd) == 0 ? 0 : -errno;
    gti_spin_unlock(table.lock);
    return is_unknown;
}

int gt_close(int fd)
{
    struct entry *e;
    int err;
    if (find(fd, false, &e) == -ENOENT && close_unknown(fd, &err))
        return err;
    if (find(fd, false, &e) != 0) /* a number that nobody can wait for */
        return close(fd) == 0 ? 0 : -errno;
    /* With the lock held: who waits from now on finds it closed. */
    gti_spin_lock(e->lock);
    struct gti_task *waiters = take(e, GT_READABLE | GT_WRITABLE);
    err = close(fd) == 0 ? 0 : -errno;
    gti_spin_unlock(e->lock);
    gti_ready_list(gti_worker_self(), waiters, -EBADF);
    return err;
}
