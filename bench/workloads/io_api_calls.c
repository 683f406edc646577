/* io/api_calls: one operation is one of c HTTP requests that c tasks make at
 * the same time to a server that answers after 10 ms, each on a connection of
 * its own; the answers are gathered over one channel. The server is a program
 * beside this one, the same for every backend.
 *
 * A round cannot be shorter than the 10 ms, so that what it costs per operation
 * at small c is mostly that wait.
 */
#include "../io/http.h"
#include "../io/drive.h"
#include "../io/load.h"
#include "../io/wire.h"
#include "../task.h"
#include "../task_io.h"
#include "../workload.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PATIENCE_NS INT64_C(30000000000)

struct shared {
    task_chan *answers;
    unsigned port;
    int error; /* of some call that failed, as a negative errno */
};

struct call {
    struct shared *shared;
    uint64_t id;
    bool ended;
};

static int open_connection(task_sock *sock, unsigned port, int64_t deadline)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    /* A reset at the end leaves nothing behind for the next round. */
    const struct linger reset = {.l_onoff = 1};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    int rc;

    if (fd < 0)
        return -errno;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    task_sock_open(sock, fd);
    rc = task_sock_connect(sock, (const struct sockaddr *)&address, sizeof address, deadline);
    if (rc)
        task_sock_close(sock);
    return rc;
}

static int exchange(task_sock *sock, const char *path, struct http_message *reply, int64_t deadline)
{
    char text[512];
    int64_t n,
        size = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path);

    n = task_sock_write(sock, text, (size_t)size, deadline);
    if (n != size)
        return n < 0 ? (int)n : -EPIPE;
    http_reply_begin(reply);
    while (!reply->complete && !reply->refused) {
        n = task_sock_read(sock, text, sizeof text, deadline);
        if (n <= 0)
            return n < 0 ? (int)n : -EPIPE;
        http_feed(reply, text, (size_t)n);
    }
    return reply->refused || reply->status != 200 ? -EPROTO : 0;
}

/* The server sends back what it was asked for. */
static int get(unsigned port, uint64_t id)
{
    const int64_t deadline = workload_now() + PATIENCE_NS;
    char path[40], expected[64];
    struct http_message reply;
    task_sock sock = {0};
    int rc = open_connection(&sock, port, deadline), size;

    if (rc)
        return rc;
    snprintf(path, sizeof path, "/call/%llu", (unsigned long long)id);
    size = snprintf(expected, sizeof expected, "{\"path\":\"%s\"}", path);
    rc = exchange(&sock, path, &reply, deadline);
    task_sock_close(&sock);
    if (rc == 0 && (reply.body_size != (size_t)size || memcmp(reply.body, expected, (size_t)size)))
        rc = -EPROTO;
    return rc;
}

static void body(void *arg)
{
    struct call *c = arg;
    const int rc = get(c->shared->port, c->id);
    const uint64_t answer = rc ? UINT64_MAX : c->id;

    if (rc)
        __atomic_store_n(&c->shared->error, rc, __ATOMIC_RELAXED);
    task_chan_send(c->shared->answers, &answer);
    c->ended = true;
}

static uint64_t unit(const struct params *p)
{
    return p->c;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    return p->n ? rounds * wire_sum(p->c) : 0;
}

/* All calls of one round; adds up what came back. 0 or what spawn said. */
static int round_of_calls(struct call *calls, struct shared *s, uint64_t count, uint64_t *sum,
                          struct bench *b)
{
    uint64_t alive = 0, received = 0, answer = 0;
    task_group group;
    int rc = 0;

    task_group_init(&group);
    for (; alive < count && rc == 0; alive += rc == 0) {
        calls[alive] = (struct call){.shared = s, .id = alive};
        rc = task_group_spawn(&group, body, &calls[alive], NULL);
    }
    if (rc)
        bench_limit(b, 0, -rc);
    for (uint64_t i = 0; i < alive; i++) {
        task_chan_recv(s->answers, &answer);
        if (answer == UINT64_MAX || (WORKLOAD_LOSES && i == 0))
            continue;
        *sum += workload_mix(answer);
        received++;
    }
    task_group_wait(&group);
    bench_ledger(b)->delivered += received;
    bench_ledger(b)->created += alive;
    for (uint64_t i = 0; i < alive; i++)
        bench_ledger(b)->done += calls[i].ended;
    return rc;
}

static bool ask_port(struct load *l, unsigned *ret_port)
{
    char line[LOAD_LINE_MAX];

    return load_line(l, line) && sscanf(line, "port %u", ret_port) == 1;
}

static void count_served(struct load *l, struct bench *b)
{
    unsigned long long served = 0;
    char line[LOAD_LINE_MAX];

    if (load_say(l, "end\n") && load_line(l, line) && sscanf(line, "served %llu", &served) == 1)
        bench_ledger(b)->sent = served;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    static const char *const arguments[] = {"--delay-ms", "10", NULL};
    struct call *calls = bench_alloc(b, p->c, sizeof *calls);
    struct shared s = {.answers = task_chan_create(sizeof(uint64_t), 0)};
    struct load server;
    uint64_t sum = 0;
    int rc = 0;

    drive_raise_files(p->c, b);
    if (!s.answers || !load_start(&server, "greenbench-delayd", arguments, bench_spare_cpu(b))) {
        bench_fail(b, s.answers ? server.reason : "no memory for a channel");
    } else {
        if (ask_port(&server, &s.port)) {
            bench_start(b);
            for (uint64_t i = 0; i < rounds && rc == 0 && s.error == 0; i++)
                rc = round_of_calls(calls, &s, p->c, &sum, b);
            bench_stop(b);
            count_served(&server, b);
        }
        if (!load_end(&server))
            bench_fail(b, "the server beside this process failed (see stderr)");
        else if (s.error)
            bench_fail(b, strerror(-s.error));
    }
    if (s.answers)
        task_chan_destroy(s.answers);
    free(calls);
    return rc ? 0 : sum;
}

const struct workload workload_io_api_calls = {
    .name = "io/api_calls",
    .axes = "c P place",
    .flags = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_VOID_LIMIT,
    .unit = unit,
    .run = run,
    .expected = expected,
};
