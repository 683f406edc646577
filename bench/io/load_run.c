/* The loop of the load generator; see loadgen.h.
 *
 * A closed loop sends the next request of a connection when the last one has
 * been answered: it finds out how much a server can do. An open loop sends
 * requests when they are due, whatever the server does; a request that finds
 * every connection taken waits here, and its latency counts from when it was
 * due all the same. So a server that stops for 200 ms is late for everything
 * that was due meanwhile, and not only for what it had accepted before.
 *
 * Requests are due at random (exponential gaps, as from many clients that know
 * nothing of each other), in a sequence that depends on the seed alone.
 */
#include "loadgen.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 256, STUCK_SECONDS = 60 };

#define SECOND  INT64_C(1000000000)
#define LATE_NS INT64_C(1000000)
#define NOBODY  UINT32_MAX

struct loop {
    const struct settings *s;
    struct peer *peers;
    bool spin;
    int epoll;
    uint32_t first_free, last_free; /* least recently used first */
    uint64_t sent, answered, late;
    uint64_t sum;
    uint64_t random;
    int64_t due;   /* of the next request of an open loop */
    int64_t moved; /* when something last happened */
    int64_t idle;  /* time spent in looks that found nothing */
    int64_t *latency;
};

static double uniform(struct loop *l)
{
    l->random ^= l->random << 13;
    l->random ^= l->random >> 7;
    l->random ^= l->random << 17;
    return (double)((l->random >> 11) + 1) * 0x1p-53;
}

static void plan_next(struct loop *l)
{
    l->due += (int64_t)(-log(uniform(l)) / l->s->rate * 1e9);
}

static void put_free(struct loop *l, uint32_t i, int64_t now)
{
    l->peers[i].next_free = NOBODY;
    l->peers[i].free_since = now;
    if (l->first_free == NOBODY)
        l->first_free = i;
    else
        l->peers[l->last_free].next_free = i;
    l->last_free = i;
}

static struct peer *take_free(struct loop *l)
{
    struct peer *p = &l->peers[l->first_free];

    l->first_free = p->next_free;
    return p;
}

static void send_one(struct loop *l, int64_t intended, int64_t now)
{
    struct peer *p = take_free(l);
    const int64_t possible = intended > p->free_since ? intended : p->free_since;

    p->intended = intended;
    l->late += now - possible > LATE_NS;
    peer_send(p, l->s, l->sent++);
}

/* All that is due and has a connection to go on. */
static void send_due(struct loop *l)
{
    int64_t now = now_ns();

    while (l->sent < l->s->count && l->first_free != NOBODY) {
        if (l->s->rate == 0) {
            send_one(l, now, now);
            now = now_ns();
            continue;
        }
        if (l->due > now && l->due > (now = now_ns()))
            return;
        send_one(l, l->due, now);
        plan_next(l);
    }
}

static void receive_one(struct loop *l, uint32_t i)
{
    struct peer *p = &l->peers[i];
    int64_t now;

    if (!p->busy)
        die("the server sent something unasked, or closed a connection");
    if (!peer_receive(p, l->s))
        return;
    now = now_ns();
    l->latency[l->answered++] = now - p->intended;
    l->sum += wire_mix(p->request);
    l->moved = now;
    put_free(l, i, now);
    /* At once, not after the whole batch: the server must not run dry. */
    if (l->s->rate == 0 && l->sent < l->s->count)
        send_one(l, now, now);
}

/* Milliseconds are too coarse for a schedule. */
static void pause_for(const struct loop *l, struct timespec *ret_time)
{
    int64_t left = l->s->rate > 0 && l->sent < l->s->count && l->first_free != NOBODY
                       ? l->due - now_ns()
                       : SECOND;

    if (l->spin || left < 0)
        left = 0;
    *ret_time = (struct timespec){left / SECOND, left % SECOND};
}

static void look(struct loop *l)
{
    struct epoll_event events[EVENTS];
    const int64_t before = now_ns();
    struct timespec time;
    int count;

    pause_for(l, &time);
    count = epoll_pwait2(l->epoll, events, EVENTS, &time, NULL);
    /* The kernel's own thread for what it received may be waiting for this CPU,
     * and would wait for as long as a time slice. */
    if (count == 0 && l->spin)
        sched_yield();
    if (count < 0 && errno != EINTR)
        die("epoll_pwait2: %s", strerror(errno));
    if (count <= 0) {
        const int64_t after = now_ns();

        l->idle += after - before;
        if (after - l->moved > STUCK_SECONDS * SECOND)
            die("no answer for %d s, %llu of %llu were there", STUCK_SECONDS,
                (unsigned long long)l->answered, (unsigned long long)l->s->count);
    }
    for (int i = 0; i < count; i++) {
        if (events[i].data.u32 == NOBODY)
            die("whoever started this is gone");
        receive_one(l, events[i].data.u32);
    }
}

static void watch(struct loop *l, int fd, uint32_t events, uint32_t i)
{
    struct epoll_event e = {.events = events, .data.u32 = i};

    /* Where standard input is a file nobody can be gone. */
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) != 0 && errno != EPERM)
        die("epoll_ctl: %s", strerror(errno));
}

static void set_up(struct loop *l)
{
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->latency = malloc(l->s->count * sizeof *l->latency);
    if (l->epoll < 0 || !l->latency)
        die("no memory for %llu requests", (unsigned long long)l->s->count);
    /* Resident before the first of them is measured. */
    memset(l->latency, 0xff, l->s->count * sizeof *l->latency);
    watch(l, STDIN_FILENO, EPOLLRDHUP, NOBODY);
    for (uint64_t i = 0; i < l->s->connections; i++) {
        /* A peer reads all that there is, so that each event is told once. */
        watch(l, l->peers[i].fd, EPOLLIN | EPOLLRDHUP | EPOLLET, (uint32_t)i);
        fcntl(l->peers[i].fd, F_SETFL, O_NONBLOCK);
        put_free(l, (uint32_t)i, 0);
    }
}

void run(const struct settings *s, struct peer *peers, bool spin, struct outcome *ret_outcome)
{
    struct loop l = {.s = s, .peers = peers, .spin = spin, .first_free = NOBODY, .random = s->seed};
    int64_t begin;

    set_up(&l);
    begin = l.due = l.moved = now_ns();
    if (s->rate > 0)
        plan_next(&l);
    while (l.answered < s->count) {
        send_due(&l);
        look(&l);
    }
    ret_outcome->checksum = l.sum;
    ret_outcome->late = l.late;
    ret_outcome->busy_permille =
        (uint64_t)(1000 - 1000 * (double)l.idle / (double)(now_ns() - begin + 1));
    ret_outcome->latency = l.latency;
    close(l.epoll);
}
