/* A server in this process, the load generator beside it, and the measured
 * region around what goes on between the two: what io/echo, io/rest and
 * io/held have in common.
 */
#ifndef GREENBENCH_IO_DRIVE_H
#define GREENBENCH_IO_DRIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "load.h"
#include "server.h"

struct bench;

struct drive {
    struct server_config server;
    uint64_t connections;
    uint64_t count;   /* requests */
    double rate;      /* a second; 0: as many as the server can do */
    const char *path; /* NULL: the items of io/rest, or echo without a handler */
    /* Called once the requests are under way; then it is this that closes the
     * region, and no latency is recorded. */
    void (*meanwhile)(void *arg);
    void *arg;
};

/* Measures; hands over latencies and ledger. False when there is nothing to
 * be checked: the cell has failed, or met a limit. */
bool drive(const struct drive *d, struct bench *b, struct load_report *ret_report);

/* A descriptor for each connection, and some more: raises the soft limit, or
 * ends the cell as skipped. */
void drive_raise_files(uint64_t connections, struct bench *b);

#endif
