/* A connection of the load generator; see loadgen.h. */
#include "loadgen.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    BATCH = 64, /* connections that may wait to be accepted at a time */
    CONNECT_SECONDS = 30
};

/* --- requests -------------------------------------------------------------- */

static char *append(char *to, const char *text)
{
    const size_t size = strlen(text);

    memcpy(to, text, size);
    return to + size;
}

static size_t compose_path(char *to, const char *path)
{
    char *at = append(to, "GET ");

    at = append(at, path);
    return (size_t)(append(at, " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") - to);
}

static size_t compose_item(char *to, uint64_t i)
{
    const bool post = wire_is_post(i);
    char *at = append(to, post ? "POST /items/" : "GET /items/"), amount[20];
    size_t size;

    at += wire_digits(at, wire_item(i));
    at = append(at, " HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    if (!post)
        return (size_t)(append(at, "\r\n") - to);
    size = wire_digits(amount, wire_amount(i));
    at = append(at, "Content-Type: text/plain\r\nContent-Length: ");
    at += wire_digits(at, size);
    at = append(at, "\r\n\r\n");
    memcpy(at, amount, size);
    return (size_t)(at + size - to);
}

/* A request fits the socket's buffer: nothing else is in there. */
static void send_all(int fd, const char *bytes, size_t size)
{
    const ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

    if (n < 0)
        die("send: %s", strerror(errno));
    if ((size_t)n != size)
        die("the socket took %zd of %zu bytes", n, size);
}

static void expect_answer(struct peer *p, const struct settings *s)
{
    if (s->echo)
        p->echo.size = 0;
    else
        http_reply_begin(p->reply);
}

void peer_send(struct peer *p, const struct settings *s, uint64_t i)
{
    char text[WIRE_REQUEST_MAX];
    size_t size = WIRE_ECHO_BYTES;

    if (s->echo)
        wire_echo(i, text);
    else if (s->path)
        size = compose_path(text, s->path);
    else
        size = compose_item(text, i);
    p->request = i;
    p->busy = true;
    expect_answer(p, s);
    send_all(p->fd, text, size);
}

/* --- answers --------------------------------------------------------------- */

static size_t receive(struct peer *p, char *to, size_t size)
{
    ssize_t n;

    do
        n = recv(p->fd, to, size, 0);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        die("the server closed a connection in the middle of request %llu",
            (unsigned long long)p->request);
    if (n < 0 && errno != EAGAIN)
        die("recv: %s", strerror(errno));
    return n < 0 ? 0 : (size_t)n;
}

static bool receive_echo(struct peer *p)
{
    char expected[WIRE_ECHO_BYTES];

    p->echo.size +=
        (uint32_t)receive(p, p->echo.bytes + p->echo.size, WIRE_ECHO_BYTES - p->echo.size);
    if (p->echo.size < WIRE_ECHO_BYTES)
        return false;
    wire_echo(p->request, expected);
    if (memcmp(expected, p->echo.bytes, sizeof expected) != 0)
        die("message %llu came back changed", (unsigned long long)p->request);
    return true;
}

/* {"id":7,"value":123}, if items were asked for. */
static void check_reply(const struct peer *p, const struct settings *s)
{
    static const char id[] = "{\"id\":";
    const struct http_message *r = p->reply;

    if (r->refused || r->status != 200)
        die("request %llu was answered %d", (unsigned long long)p->request, r->status);
    if (!r->keep_alive)
        die("the server closes a connection after request %llu", (unsigned long long)p->request);
    if (s->path)
        return;
    if (r->body_size < sizeof id || memcmp(r->body, id, sizeof id - 1) != 0 ||
        wire_number(r->body + sizeof id - 1, r->body_size - sizeof id + 1, ',') !=
            wire_item(p->request))
        die("request %llu was answered with another item: %.*s", (unsigned long long)p->request,
            (int)r->body_size, r->body);
}

static bool receive_reply(struct peer *p, const struct settings *s)
{
    char bytes[2048];
    const size_t size = receive(p, bytes, sizeof bytes);
    const size_t taken = http_feed(p->reply, bytes, size);

    if (!p->reply->complete && !p->reply->refused)
        return false;
    if (taken != size)
        die("%zu bytes after the answer to request %llu", size - taken,
            (unsigned long long)p->request);
    check_reply(p, s);
    return true;
}

bool peer_receive(struct peer *p, const struct settings *s)
{
    const bool whole = s->echo ? receive_echo(p) : receive_reply(p, s);

    p->busy = p->busy && !whole;
    return whole;
}

/* --- opening --------------------------------------------------------------- */

/* A reset at the end leaves nothing behind that the next process would find. */
static int open_one(const struct settings *s)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)s->port),
                                        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const struct timeval patience = {.tv_sec = CONNECT_SECONDS};
    const struct linger reset = {.l_onoff = 1};
    const int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die("socket: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        die("cannot connect to port %u: %s", s->port, strerror(errno));
    return fd;
}

/* Message 0, or a request for "/", before the run: the task at the other end
 * is there and has used its stack. */
static void prime(struct peer *p, const struct settings *s)
{
    struct settings first = *s;

    first.path = "/";
    peer_send(p, &first, 0);
}

static void prime_end(struct peer *p, const struct settings *s)
{
    struct settings first = *s;

    first.path = "/";
    for (errno = 0; !peer_receive(p, &first); errno = 0) {
        if (errno == EAGAIN)
            die("the server did not answer within %d s", CONNECT_SECONDS);
    }
}

struct peer *peers_open(const struct settings *s)
{
    struct peer *peers = calloc(s->connections, sizeof *peers);

    if (!peers)
        die("no memory for %llu connections", (unsigned long long)s->connections);
    for (uint64_t i = 0; i < s->connections; i += BATCH) {
        const uint64_t end = i + BATCH < s->connections ? i + BATCH : s->connections;

        for (uint64_t k = i; k < end; k++) {
            peers[k].fd = open_one(s);
            if (!s->echo && !(peers[k].reply = malloc(sizeof *peers[k].reply)))
                die("no memory for %llu connections", (unsigned long long)s->connections);
            prime(&peers[k], s);
        }
        for (uint64_t k = i; k < end; k++)
            prime_end(&peers[k], s);
    }
    return peers;
}

void peers_close(struct peer *peers, const struct settings *s)
{
    for (uint64_t i = 0; i < s->connections; i++) {
        close(peers[i].fd);
        if (!s->echo)
            free(peers[i].reply);
    }
    free(peers);
}
