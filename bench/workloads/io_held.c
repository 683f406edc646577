/* io/held: what n requests cost in memory that are all in flight at once, each
 * with its connection and its task, which waits on a channel. One operation,
 * for the time that is measured beside, is to bring one of them there; all are
 * answered a second later.
 *
 * Nothing has run before: a backend that pools would have paid already. The
 * sockets of both ends are in the kernel's figures, the same for each backend.
 */
#include "../io/drive.h"
#include "../io/wire.h"
#include "../task.h"
#include "../workload.h"

#include <errno.h>
#include <string.h>

#define HOLD_NS INT64_C(1000000000)

struct shared {
    struct task_latch in_flight;
    task_chan *gate;
    uint64_t n;
    struct bench *bench;
};

static void handle(const struct http_message *request, struct server_reply *reply, void *arg)
{
    struct shared *s = arg;
    uint64_t nothing;

    if (strcmp(request->target, "/") == 0)
        return;
    task_latch_arrive(&s->in_flight);
    if (task_chan_recv(s->gate, &nothing) != -EPIPE)
        reply->status = 500;
}

/* Beside the requests, in the root task. */
static void hold(void *arg)
{
    struct shared *s = arg;
    int64_t end;

    task_latch_wait(&s->in_flight, 0);
    bench_stop(s->bench);
    end = workload_now() + HOLD_NS;
    bench_memory(s->bench, s->n);
    task_sleep_until(end);
    task_chan_close(s->gate);
}

static uint64_t unit(const struct params *p)
{
    return p->n;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    return p->n ? wire_sum(p->n) : 0;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct shared s = {.gate = task_chan_create(sizeof(uint64_t), 0), .n = p->n, .bench = b};
    const struct drive d = {
        .server = {.handle = handle, .arg = &s, .lose = WORKLOAD_LOSES},
        .connections = p->n,
        .count = p->n,
        .path = "/held",
        .meanwhile = hold,
        .arg = &s,
    };
    struct load_report report;
    bool well;

    if (!s.gate) {
        bench_limit(b, 0, ENOMEM);
        return 0;
    }
    task_latch_init(&s.in_flight, p->n);
    bench_memory(b, 0);
    well = drive(&d, b, &report);
    task_latch_destroy(&s.in_flight);
    task_chan_destroy(s.gate);
    return well ? report.checksum : 0;
}

const struct workload workload_io_held = {
    .name = "io/held",
    .axes = "n P place",
    .flags =
        WORKLOAD_NEEDS_BLOCKING | WORKLOAD_NO_WARMUP | WORKLOAD_ONE_ROUND | WORKLOAD_VOID_LIMIT,
    .unit = unit,
    .run = run,
    .expected = expected,
};
