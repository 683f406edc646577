/* The server for tasks that run to completion; see server.h.
 *
 * One thread beside them, the dispatcher, waits for all connections at once and
 * has a task spawned for each on which something can be read. The task reads
 * what there is, answers every whole request in it, and leaves; half a request
 * stays with the connection until more of it comes. So no task waits for a
 * client, unless that does not take its answers.
 *
 * A connection has one owner: the dispatcher while it is idle, its task from
 * being spawned until it says "idle" again. Both happen under the lock, which
 * also keeps the list of all connections. The kernel tells an event once
 * (EPOLLONESHOT) and is asked for the next as the task leaves.
 */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../workload.h"

enum {
    READ_BYTES = 1024,
    EVENTS = 64,
    TICK_MS = 100 /* how late a deadline may be noticed */
};

struct line {
    struct server_link *link;
    struct dispatch *dispatch;
    struct http_message request;
    int64_t deadline;
    bool idle;               /* the lock; else its task has it */
    bool watched;            /* the kernel knows it */
    bool draining;           /* answered for the last time: what still comes is not read */
    struct line *next, **at; /* the lock */
};

struct dispatch {
    struct server *server;
    pthread_t thread;
    pthread_mutex_t lock;
    struct line *lines; /* the lock */
    int epoll;
    bool stopping;
    task_group tasks;
};

/* Asking for the event inside the lock: whoever is told of it finds the
 * connection idle. */
static void set_idle(struct line *l)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data.ptr = l};

    pthread_mutex_lock(&l->dispatch->lock);
    l->idle = true;
    epoll_ctl(l->dispatch->epoll, l->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, l->link->sock.fd,
              &event);
    l->watched = true;
    pthread_mutex_unlock(&l->dispatch->lock);
}

static void end_line(struct line *l)
{
    pthread_mutex_lock(&l->dispatch->lock);
    *l->at = l->next;
    if (l->next)
        l->next->at = l->at;
    pthread_mutex_unlock(&l->dispatch->lock);
    server_link_close(l->link);
    free(l);
}

/* --- a task ---------------------------------------------------------------- */

static void drain(struct line *l)
{
    l->draining = true;
    l->deadline = workload_now() + l->link->server->config.request_ns;
    shutdown(l->link->sock.fd, SHUT_WR);
}

static void answer(struct line *l)
{
    const int64_t deadline = workload_now() + l->link->server->config.request_ns;

    if (server_answer(l->link, &l->request, deadline))
        http_request_begin(&l->request);
    else
        drain(l);
}

static void take(struct line *l, const char *bytes, size_t size)
{
    const struct server_config *config = &l->link->server->config;
    const bool was_started = l->request.started;
    size_t at = 0;

    while (at < size && !l->draining) {
        at += http_feed(&l->request, bytes + at, size - at);
        if (l->request.complete || l->request.refused)
            answer(l);
    }
    if (l->draining || (was_started && l->request.started))
        return;
    l->deadline = workload_now() + (l->request.started ? config->request_ns : config->idle_ns);
}

/* False when the connection is over. */
static bool serve(struct line *l)
{
    char bytes[READ_BYTES];
    int64_t n;

    if (l->deadline <= workload_now() && (l->draining || !l->request.started))
        return false;
    if (l->deadline <= workload_now()) {
        l->request.refused = 408;
        answer(l);
        return true;
    }
    n = task_sock_read(&l->link->sock, bytes, sizeof bytes, 0);
    if (n > 0)
        take(l, bytes, (size_t)n);
    return n > 0 || n == -ETIMEDOUT;
}

static void task_body(void *arg)
{
    struct line *l = arg;
    const bool stays = serve(l);

    l->link->counts.done++;
    if (stays)
        set_idle(l);
    else
        end_line(l);
}

/* --- the dispatcher -------------------------------------------------------- */

/* The caller has taken the connection from idle. */
static void hand_over(struct line *l)
{
    int rc;

    l->link->counts.created++;
    rc = task_group_spawn(&l->dispatch->tasks, task_body, l, NULL);
    if (rc == 0)
        return;
    l->link->counts.created--;
    server_turned_away(l->dispatch->server, -rc);
    end_line(l);
}

static bool take_from_idle(struct line *l)
{
    bool was_idle;

    pthread_mutex_lock(&l->dispatch->lock);
    was_idle = l->idle;
    l->idle = false;
    pthread_mutex_unlock(&l->dispatch->lock);
    return was_idle;
}

static void welcome(struct dispatch *d, int fd)
{
    struct line *l = malloc(sizeof *l);

    if (l)
        l->link = server_link_open(d->server, fd);
    if (!l || !l->link) {
        server_turned_away(d->server, ENOMEM);
        close(fd);
        free(l);
        return;
    }
    l->dispatch = d;
    l->watched = l->draining = false;
    l->deadline = workload_now() + d->server->config.idle_ns;
    http_request_begin(&l->request);
    pthread_mutex_lock(&d->lock);
    l->next = d->lines;
    l->at = &d->lines;
    if (l->next)
        l->next->at = &l->next;
    d->lines = l;
    pthread_mutex_unlock(&d->lock);
    set_idle(l);
}

/* All that wait, or the news that the listener was shut down. */
static void accept_all(struct dispatch *d)
{
    int fd;

    do {
        fd = accept4(d->server->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            welcome(d, fd);
    } while (fd >= 0 || errno == EINTR || errno == ECONNABORTED);
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        task_sleep_until(workload_now() + INT64_C(10000000));
    else if (errno == EINVAL) {
        d->stopping = true;
        epoll_ctl(d->epoll, EPOLL_CTL_DEL, d->server->fd, NULL);
    }
}

/* Whoever is overdue gets a task, which sees that it is. The kernel forgets the
 * connection first: what it still had to tell would be about memory that the
 * task may have released. */
static void look_for_overdue(struct dispatch *d)
{
    const int64_t now = workload_now();
    struct line *found;

    for (;;) {
        pthread_mutex_lock(&d->lock);
        for (found = d->lines; found && !(found->idle && found->deadline <= now);)
            found = found->next;
        if (found)
            found->idle = found->watched = false;
        pthread_mutex_unlock(&d->lock);
        if (!found)
            break;
        epoll_ctl(d->epoll, EPOLL_CTL_DEL, found->link->sock.fd, NULL);
        hand_over(found);
    }
}

static bool none_left(struct dispatch *d)
{
    bool none;

    pthread_mutex_lock(&d->lock);
    none = !d->lines;
    pthread_mutex_unlock(&d->lock);
    return none;
}

static void *dispatcher_body(void *arg)
{
    struct dispatch *d = arg;
    int64_t next_tick = workload_now();
    struct epoll_event events[EVENTS];

    task_group_init(&d->tasks);
    while (!d->stopping || !none_left(d)) {
        const int count = epoll_wait(d->epoll, events, EVENTS, TICK_MS);

        for (int i = 0; i < count; i++) {
            if (!events[i].data.ptr)
                accept_all(d);
            else if (take_from_idle(events[i].data.ptr))
                hand_over(events[i].data.ptr);
        }
        if (workload_now() < next_tick)
            continue;
        look_for_overdue(d);
        next_tick = workload_now() + TICK_MS * INT64_C(1000000);
    }
    task_group_wait(&d->tasks);
    return NULL;
}

int server_dispatch_start(struct server *s)
{
    struct epoll_event event = {.events = EPOLLIN};
    struct dispatch *d = calloc(1, sizeof *d);
    int rc = ENOMEM;

    if (!d)
        return -rc;
    d->server = s;
    d->epoll = epoll_create1(EPOLL_CLOEXEC);
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
    pthread_mutex_init(&d->lock, NULL);
    if (d->epoll < 0 || epoll_ctl(d->epoll, EPOLL_CTL_ADD, s->fd, &event) != 0)
        rc = errno;
    else
        rc = pthread_create(&d->thread, NULL, dispatcher_body, d);
    if (rc == 0) {
        s->dispatch = d;
        return 0;
    }
    if (d->epoll >= 0)
        close(d->epoll);
    pthread_mutex_destroy(&d->lock);
    free(d);
    return -rc;
}

void server_dispatch_stop(struct server *s)
{
    struct dispatch *d = s->dispatch;

    pthread_join(d->thread, NULL);
    close(d->epoll);
    close(s->fd);
    pthread_mutex_destroy(&d->lock);
    free(d);
}
