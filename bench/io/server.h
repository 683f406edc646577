/* A loopback server with one task per connection, the same source on every
 * backend. It listens on a free port of 127.0.0.1 and on nothing else.
 *
 * A connection's task reads, has the request handled, answers, and reads
 * again, from top to bottom, in blocking calls of task_io.h. With
 * task_per_request each request is handled and answered in a further task,
 * for which the connection's task waits. On a backend whose tasks may not
 * wait (TASK_CAN_BLOCK 0) one thread beside the tasks waits for all idle
 * connections at once, and there is one task for each that has something to be
 * read; server_dispatch.c.
 *
 * Nothing that a client does holds up another, or anybody for ever. It is
 * answered 400, 413, 414 or 431 for a request that is malformed or too large,
 * 408 for one that is not complete in time, and then closed; closed without an
 * answer when it sends nothing, or does not take its answers, in time.
 */
#ifndef GREENBENCH_IO_SERVER_H
#define GREENBENCH_IO_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "../task_io.h"
#include "http.h"

/* What a handler says; zeroed it is a 200 without content. */
struct server_reply {
    int status;    /* 0 is 200 */
    bool in_words; /* the status in words is the body */
    size_t body_size;
    char body[HTTP_REPLY_BODY_MAX];
};

typedef void server_handler(const struct http_message *request, struct server_reply *reply,
                            void *arg);

struct server_config {
    server_handler *handle; /* NULL: bytes are sent back as they came */
    void *arg;
    bool task_per_request;
    int64_t idle_ns;    /* for the first byte of a request to come; 0: 30 s */
    int64_t request_ns; /* from there to its end, and to take an answer; 0: 10 s */
    /* Called at the first connection or request for which there is no task, with
     * a positive errno, while those that there are live; may be NULL. */
    void (*met_limit)(int error, void *arg);
    void *limit_arg;
    bool lose; /* for tests: each connection's first message is not counted */
};

struct server_counts {
    uint64_t messages;      /* answered with what the handler said, or sent back */
    uint64_t refused;       /* requests that no handler saw */
    uint64_t created, done; /* tasks */
    uint64_t turned_away;   /* connections and requests for which there was no task */
};

struct server {
    struct server_config config;
    unsigned port;
    int fd;
    task_group acceptor;
    bool limited;                /* met_limit has been called; atomic */
    struct dispatch *dispatch;   /* where tasks may not wait */
    struct server_counts counts; /* added to when a connection ends, `turned_away` at once;
                                  * whole after server_stop() */
};

/* 0 or -errno; the server is then not there. Call from a task. */
int server_start(struct server *s, const struct server_config *config);

/* Accepts no more, and waits for the connections that there are to end. */
void server_stop(struct server *s);

/* --- between server.c and server_dispatch.c -------------------------------- */

/* A connection; on the heap, released by whoever ends it. */
struct server_link {
    struct server *server;
    task_sock sock;
    bool lose;                   /* for tests: the next message */
    struct server_counts counts; /* its own */
};

struct server_link *server_link_open(struct server *s, int fd);

/* Adds up what it counted, closes it. */
void server_link_close(struct server_link *l);

/* Handles one complete or refused request and answers it. False when the
 * connection is to be closed. */
bool server_answer(struct server_link *l, const struct http_message *request, int64_t deadline);

/* There is no task for a connection or a request: counts it. */
void server_turned_away(struct server *s, int error);

/* Says no to a client and lets it read that before its connection goes. */
void server_hang_up(struct server_link *l);

int server_dispatch_start(struct server *s);
void server_dispatch_stop(struct server *s);

#endif
