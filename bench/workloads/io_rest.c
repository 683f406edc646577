/* io/rest: one operation is one request to a small REST service, GET or POST,
 * handled in a task of its own; 1000 connections that stay open.
 *
 * load:max is a closed loop: as many requests as the service can take. The
 * others are an open loop at a rate that depends on nothing that this process
 * does: a share of --full-load, the same for every backend. Then the result is
 * the latency, counted from when a request was due, and the region is as long
 * as the schedule.
 */
#include "../io/drive.h"
#include "../io/wire.h"
#include "../task.h"
#include "../workload.h"

#include <stdlib.h>
#include <string.h>

/* A closed round is five requests of each connection: one would be the burst
 * with which it begins. */
enum { CONNECTIONS = 1000, CLOSED_UNIT = 5000 };

struct store {
    task_mutex lock;
    uint64_t value[WIRE_ITEMS];
    uint64_t stall_in; /* for tests: requests until the one that holds the lock; 0: none */
    bool forgets;      /* for tests: what the next POST adds */
};

#ifdef GREENBENCH_TEST_LOSE_MESSAGE
/* Everything waits for 200 ms, which must be seen. Called with the lock held:
 * on threads the kernel would let others run, on gt the runtime. */
static void stall(struct store *store)
{
    const int64_t end = workload_now() + INT64_C(200000000);

    if (store->stall_in == 0 || --store->stall_in > 0)
        return;
    while (workload_now() < end)
        continue;
}

static uint64_t kept(struct store *store, uint64_t amount)
{
    const bool forgotten = store->forgets && amount > 0;

    store->forgets &= !forgotten;
    return forgotten ? 0 : amount;
}
#else
static void stall(struct store *store)
{
}

static uint64_t kept(struct store *store, uint64_t amount)
{
    return amount;
}
#endif

static void say(struct server_reply *reply, uint64_t id, uint64_t value)
{
    char *at = reply->body;

    memcpy(at, "{\"id\":", 6);
    at += 6 + wire_digits(at + 6, id);
    memcpy(at, ",\"value\":", 9);
    at += 9 + wire_digits(at + 9, value);
    *at++ = '}';
    reply->body_size = (size_t)(at - reply->body);
}

static void refuse(struct server_reply *reply, int status)
{
    reply->status = status;
    reply->in_words = true;
}

static void serve_item(const struct http_message *request, struct server_reply *reply,
                       struct store *store, uint64_t id)
{
    uint64_t amount = 0, value;

    if (request->verb == HTTP_VERB_POST) {
        amount = wire_number(request->body, request->body_size, '\n');
        if (amount == UINT64_MAX) {
            refuse(reply, 422);
            return;
        }
    }
    task_mutex_lock(&store->lock);
    stall(store);
    value = store->value[id] += kept(store, amount);
    task_mutex_unlock(&store->lock);
    say(reply, id, value);
}

static void handle(const struct http_message *request, struct server_reply *reply, void *arg)
{
    static const char items[] = "/items/";
    const size_t prefix = sizeof items - 1;
    uint64_t id = UINT64_MAX;

    if (strncmp(request->target, items, prefix) == 0)
        id = wire_number(request->target + prefix, request->target_size - prefix, '?');
    if (request->verb == HTTP_VERB_OTHER)
        refuse(reply, 405);
    else if (id < WIRE_ITEMS)
        serve_item(request, reply, arg, id);
    else if (strcmp(request->target, "/") != 0)
        refuse(reply, 404);
}

static uint64_t percent(const struct params *p)
{
    return strcmp(p->load, "max") == 0 ? 0 : strtoull(p->load, NULL, 10);
}

static uint64_t unit(const struct params *p)
{
    const uint64_t requests = p->full_load * percent(p) / 100;

    if (percent(p) == 0)
        return CLOSED_UNIT;
    return requests ? requests : 1;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    return p->n ? wire_sum(rounds * unit(p)) : 0;
}

static uint64_t total(const struct store *store)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < WIRE_ITEMS; i++)
        sum += store->value[i];
    return sum;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    struct store *store = bench_alloc(b, 1, sizeof *store);
    const uint64_t count = rounds * unit(p);
    const struct drive d = {
        .server = {.handle = handle, .arg = store, .task_per_request = true},
        .connections = CONNECTIONS,
        .count = count,
        .rate = percent(p) ? (double)unit(p) : 0,
    };
    struct load_report report;
    bool well;

    if (percent(p) && !p->full_load)
        bench_skip(b, "load:25, 50 and 80 are shares of what --full-load N says: so many "
                      "requests a second");
    task_mutex_init(&store->lock);
    store->stall_in = percent(p) ? count / 4 : 0;
    store->forgets = percent(p) == 0;
    well = drive(&d, b, &report);
    task_mutex_destroy(&store->lock);
    if (well && total(store) != wire_posted(count)) {
        bench_fail(b, "the items do not add up to what was posted");
        well = false;
    }
    free(store);
    return well ? report.checksum : 0;
}

const struct workload workload_io_rest = {
    .name = "io/rest",
    .axes = "load P place",
    /* Each connection has served a request before the clock starts. */
    .flags = WORKLOAD_NO_WARMUP | WORKLOAD_VOID_LIMIT,
    .unit = unit,
    .run = run,
    .expected = expected,
};
