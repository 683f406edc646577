/* The load generator's parts: loadgen.c reads the command line and talks to
 * whoever started it, load_peer.c is one connection, load_run.c the loop.
 */
#ifndef GREENBENCH_IO_LOADGEN_H
#define GREENBENCH_IO_LOADGEN_H

#include <stdbool.h>
#include <stdint.h>

#include "http.h"
#include "wire.h"

struct settings {
    unsigned port;
    uint64_t connections;
    uint64_t count;   /* requests of the run */
    double rate;      /* a second; 0: a closed loop */
    bool echo;        /* 64-byte messages instead of HTTP */
    const char *path; /* GET this and nothing else; NULL: the items of io/rest */
    int cpu;          /* -1: wherever */
    uint64_t seed;    /* of the schedule */
};

/* A connection, and the one request that may be under way on it. */
struct peer {
    int fd;
    bool busy;
    uint64_t request; /* its number */
    int64_t intended; /* when it should have been sent */
    int64_t free_since;
    uint32_t next_free; /* in the list of those without a request */
    union {
        struct {
            uint32_t size;
            char bytes[WIRE_ECHO_BYTES];
        } echo;
        struct http_message *reply;
    };
};

int64_t now_ns(void);

/* One line on stdout for whoever reads it there, and on stderr; status 1. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Connected, and answered once. */
struct peer *peers_open(const struct settings *s);

void peers_close(struct peer *peers, const struct settings *s);

/* Sends request `i`; its answer makes the peer readable. */
void peer_send(struct peer *p, const struct settings *s, uint64_t i);

/* Reads what there is. True when the answer is whole; one that is not what it
 * should be ends the program. */
bool peer_receive(struct peer *p, const struct settings *s);

struct outcome {
    uint64_t checksum, late, busy_permille;
    int64_t *latency; /* settings.count of them, in the order of the answers; the caller's */
};

/* `spin`: look for answers without sleeping. */
void run(const struct settings *s, struct peer *peers, bool spin, struct outcome *ret_outcome);

#endif
