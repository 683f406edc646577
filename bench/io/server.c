/* The server for tasks that may wait; see server.h. */
#include "server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../workload.h"
#include "wire.h"

enum { BACKLOG = 4096, READ_BYTES = 1024 };

#define SECOND INT64_C(1000000000)

/* --- connections ----------------------------------------------------------- */

static void add(uint64_t *to, uint64_t value)
{
    if (value)
        __atomic_add_fetch(to, value, __ATOMIC_RELAXED);
}

struct server_link *server_link_open(struct server *s, int fd)
{
    struct server_link *l = malloc(sizeof *l);
    const int on = 1;

    if (!l)
        return NULL;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    l->server = s;
    l->lose = s->config.lose;
    l->counts = (struct server_counts){0};
    task_sock_open(&l->sock, fd);
    return l;
}

void server_link_close(struct server_link *l)
{
    struct server_counts *all = &l->server->counts;
    const struct server_counts *mine = &l->counts;

    task_sock_close(&l->sock);
    add(&all->messages, mine->messages);
    add(&all->refused, mine->refused);
    add(&all->created, mine->created);
    add(&all->done, mine->done);
    free(l);
}

void server_turned_away(struct server *s, int error)
{
    add(&s->counts.turned_away, 1);
    if (!__atomic_exchange_n(&s->limited, true, __ATOMIC_ACQ_REL) && s->config.met_limit)
        s->config.met_limit(error, s->config.limit_arg);
}

/* Closing while bytes of the client are unread would take back what was
 * written: say that no more comes, and read what still does, within limits. */
void server_hang_up(struct server_link *l)
{
    const int64_t deadline = workload_now() + l->server->config.request_ns;
    char rest[READ_BYTES];

    shutdown(l->sock.fd, SHUT_WR);
    for (int i = 0; i < 64 && task_sock_read(&l->sock, rest, sizeof rest, deadline) > 0; i++)
        continue;
}

/* --- answering ------------------------------------------------------------- */

/* All messages are, but for those that a test wants lost. */
static bool is_counted(struct server_link *l)
{
    const bool counted = !WORKLOAD_LOSES || !l->lose;

    if (!counted)
        l->lose = false;
    return counted;
}

bool server_answer(struct server_link *l, const struct http_message *request, int64_t deadline)
{
    struct server_reply reply = {.status = request->refused, .in_words = true};
    const bool stays = request->complete && request->keep_alive;
    char text[HTTP_REPLY_MAX];
    size_t size;

    if (request->refused) {
        l->counts.refused++;
    } else {
        reply.in_words = false;
        l->server->config.handle(request, &reply, l->server->config.arg);
        l->counts.messages += is_counted(l);
    }
    size = http_compose(text, reply.status ? reply.status : 200, stays,
                        reply.in_words ? NULL : reply.body, reply.body_size);
    return task_sock_write(&l->sock, text, size, deadline) == (int64_t)size && stays;
}

/* One request in a task of its own. */
struct exchange {
    struct server_link *link;
    const struct http_message *request;
    int64_t deadline;
    bool stays;
    bool done;
};

static void exchange_body(void *arg)
{
    struct exchange *x = arg;

    x->stays = server_answer(x->link, x->request, x->deadline);
    x->done = true;
}

static bool answer_in_task(struct server_link *l, struct http_message *request, int64_t deadline)
{
    struct exchange x = {.link = l, .request = request, .deadline = deadline};
    task_group group;
    int rc;

    task_group_init(&group);
    rc = task_group_spawn(&group, exchange_body, &x, NULL);
    if (rc == 0) {
        task_group_wait(&group);
        l->counts.created++;
        l->counts.done += x.done;
        return x.stays;
    }
    server_turned_away(l->server, -rc);
    request->refused = 503;
    return server_answer(l, request, deadline);
}

/* --- a connection's task --------------------------------------------------- */

/* Bytes that were read and not yet parsed: a client may send its next request
 * before it has the answer to this one. */
struct intake {
    size_t at, size;
    char bytes[READ_BYTES];
};

/* True with a complete or refused request; false when there is none to come. */
static bool read_request(struct server_link *l, struct intake *in, struct http_message *request,
                         int64_t *ret_deadline)
{
    const struct server_config *config = &l->server->config;
    int64_t deadline = workload_now() + config->idle_ns, n;
    bool first = true;

    http_request_begin(request);
    while (!request->complete && !request->refused) {
        if (in->at == in->size) {
            n = task_sock_read(&l->sock, in->bytes, sizeof in->bytes, deadline);
            if (n == -ETIMEDOUT && request->started)
                request->refused = 408;
            else if (n <= 0)
                return false;
            in->at = 0;
            in->size = n > 0 ? (size_t)n : 0;
        }
        in->at += http_feed(request, in->bytes + in->at, in->size - in->at);
        if (first && !request->complete)
            deadline = workload_now() + config->request_ns;
        first = false;
    }
    *ret_deadline = workload_now() + config->request_ns;
    return true;
}

static void talk_http(struct server_link *l)
{
    struct http_message request;
    struct intake in;
    int64_t deadline;
    bool stays = true;

    in.at = in.size = 0; /* the rest of it is not touched before it is used */
    while (stays && read_request(l, &in, &request, &deadline)) {
        if (l->server->config.task_per_request)
            stays = answer_in_task(l, &request, deadline);
        else
            stays = server_answer(l, &request, deadline);
        if (!stays)
            server_hang_up(l);
    }
}

/* Messages may arrive in pieces, or several at once. */
static void talk_echo(struct server_link *l)
{
    const struct server_config *config = &l->server->config;
    char bytes[READ_BYTES];
    uint64_t total = 0;
    int64_t n;

    for (;;) {
        const int64_t deadline = workload_now() + config->idle_ns;

        n = task_sock_read(&l->sock, bytes, sizeof bytes, deadline);
        if (n <= 0 || task_sock_write(&l->sock, bytes, (size_t)n, deadline) != n)
            return;
        total += is_counted(l) ? (uint64_t)n : 0;
        l->counts.messages = total / WIRE_ECHO_BYTES;
    }
}

static void connection_body(void *arg)
{
    struct server_link *l = arg;

    if (l->server->config.handle)
        talk_http(l);
    else
        talk_echo(l);
    l->counts.done++;
    server_link_close(l);
}

/* --- accepting ------------------------------------------------------------- */

static void turn_away(struct server *s, int fd, int error)
{
    close(fd);
    server_turned_away(s, error);
}

static void welcome(struct server *s, task_group *connections, int fd)
{
    struct server_link *l = server_link_open(s, fd);
    int rc;

    if (!l) {
        turn_away(s, fd, ENOMEM);
        return;
    }
    l->counts.created = 1;
    rc = task_group_spawn(connections, connection_body, l, NULL);
    if (rc == 0)
        return;
    free(l);
    turn_away(s, fd, -rc);
}

/* Until server_stop() shuts the listener down. */
static void acceptor_body(void *arg)
{
    struct server *s = arg;
    task_group connections;
    task_sock listener;

    task_group_init(&connections);
    task_sock_open(&listener, s->fd);
    for (;;) {
        int fd = task_sock_accept(&listener, TASK_NEVER);

        if (fd >= 0)
            welcome(s, &connections, fd);
        else if (fd == -EMFILE || fd == -ENFILE || fd == -ENOBUFS || fd == -ENOMEM)
            task_sleep_until(workload_now() + SECOND / 100);
        else
            break;
    }
    task_group_wait(&connections);
    task_sock_close(&listener);
}

static int listen_on_loopback(struct server *s)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, BACKLOG) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &size) == 0) {
        s->port = ntohs(address.sin_port);
        s->fd = fd;
        return 0;
    }
    error = errno;
    if (fd >= 0)
        close(fd);
    return -error;
}

int server_start(struct server *s, const struct server_config *config)
{
    int rc;

    *s = (struct server){.config = *config};
    if (s->config.idle_ns == 0)
        s->config.idle_ns = 30 * SECOND;
    if (s->config.request_ns == 0)
        s->config.request_ns = 10 * SECOND;
    rc = listen_on_loopback(s);
    if (rc)
        return rc;
    if (!TASK_CAN_BLOCK)
        return server_dispatch_start(s);
    task_group_init(&s->acceptor);
    rc = task_group_spawn(&s->acceptor, acceptor_body, s, NULL);
    if (rc)
        close(s->fd);
    return rc;
}

void server_stop(struct server *s)
{
    shutdown(s->fd, SHUT_RDWR);
    if (TASK_CAN_BLOCK)
        task_group_wait(&s->acceptor);
    else
        server_dispatch_stop(s);
}
