/* io/echo: one operation is one 64-byte message to a server in this process
 * and back, over loopback TCP, on one of c connections, each with a task of its
 * own. The clients are a program beside this one, which sends the next message
 * of a connection when the last one is back.
 *
 * The clock also covers the word to begin and the word that all is done, one
 * wake-up each.
 */
#include "../io/drive.h"
#include "../io/wire.h"
#include "../task.h"
#include "../workload.h"

enum { MESSAGES_MIN = 512 }; /* in one round */

static uint64_t unit(const struct params *p)
{
    return p->c * (p->c < MESSAGES_MIN ? MESSAGES_MIN / p->c : 1);
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    return p->n ? wire_sum(rounds * unit(p)) : 0;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    const struct drive d = {
        .server = {.lose = WORKLOAD_LOSES}, .connections = p->c, .count = rounds * unit(p)};
    struct load_report report;

    return drive(&d, b, &report) ? report.checksum : 0;
}

const struct workload workload_io_echo = {
    .name = "io/echo",
    .axes = "c P place",
    .flags = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_VOID_LIMIT,
    .unit = unit,
    .run = run,
    .expected = expected,
};
