/* A server, a load and the region around them; see drive.h. */
#include "drive.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "../workload.h"

void drive_raise_files(uint64_t connections, struct bench *b)
{
    struct rlimit files;
    char reason[160];

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_max >= connections + 64)
        return;
    snprintf(reason, sizeof reason,
             "%" PRIu64 " connections need more descriptors than RLIMIT_NOFILE allows: %" PRIu64
             " (ulimit -Hn)",
             connections, (uint64_t)files.rlim_max);
    bench_skip(b, reason);
}

static bool start_load(struct load *l, const struct drive *d, unsigned port, struct bench *b)
{
    char port_text[16], connections[24], count[24], rate[32];
    const char *arguments[LOAD_ARGUMENTS_MAX] = {"--port",    port_text, "--connections",
                                                 connections, "--count", count};
    size_t used = 6;

    snprintf(port_text, sizeof port_text, "%u", port);
    snprintf(connections, sizeof connections, "%" PRIu64, d->connections);
    snprintf(count, sizeof count, "%" PRIu64, d->count);
    snprintf(rate, sizeof rate, "%.3f", d->rate);
    if (d->rate > 0) {
        arguments[used++] = "--rate";
        arguments[used++] = rate;
    }
    if (!d->server.handle)
        arguments[used++] = "--echo";
    if (d->path) {
        arguments[used++] = "--path";
        arguments[used++] = d->path;
    }
    arguments[used] = NULL;
    return load_start(l, "greenbench-loadgen", arguments, bench_spare_cpu(b));
}

static bool collect(struct load *l, struct load_report *report, bool record, struct bench *b)
{
    int64_t ns;

    if (!load_report(l, report))
        return false;
    for (uint64_t i = 0; i < report->latencies; i++) {
        if (!load_latency(l, &ns))
            return false;
        if (record)
            bench_record(b, ns);
    }
    return load_say(l, "end\n");
}

static bool converse(struct load *l, const struct drive *d, struct load_report *report,
                     struct bench *b)
{
    bool well;

    if (!load_expect(l, "ready"))
        return false;
    bench_start(b);
    well = load_say(l, "go\n");
    if (well && d->meanwhile)
        d->meanwhile(d->arg);
    well = well && load_expect(l, "done");
    if (!d->meanwhile)
        bench_stop(b);
    return well && collect(l, report, d->meanwhile == NULL, b);
}

/* A generator that fell behind its own schedule measured itself. */
static void judge(const struct load_report *report, const struct drive *d, struct bench *b)
{
    static char why[160];

    if (d->rate == 0 || report->late * 100 <= report->requests)
        return;
    snprintf(why, sizeof why,
             "the load generator%s sent %" PRIu64 " of %" PRIu64 " requests over 1 ms late",
             report->shares_cpu ? ", on the server's CPU," : "", report->late, report->requests);
    bench_invalid(b, why);
}

static void met_limit(int error, void *arg)
{
    bench_limit(arg, 0, error);
}

/* False when it did not start: a limit if there is no task for it. */
static bool start_server(struct server *server, const struct drive *d, struct bench *b)
{
    struct server_config config = d->server;
    int rc;

    config.met_limit = met_limit;
    config.limit_arg = b;
    rc = server_start(server, &config);
    if (rc == -EAGAIN || rc == -ENOMEM)
        bench_limit(b, 0, -rc);
    else if (rc)
        bench_fail(b, strerror(-rc));
    return rc == 0;
}

bool drive(const struct drive *d, struct bench *b, struct load_report *ret_report)
{
    struct ledger *ledger = bench_ledger(b);
    struct server server;
    struct load load;
    bool well;

    drive_raise_files(d->connections, b);
    *ret_report = (struct load_report){0};
    if (!start_server(&server, d, b))
        return false;
    well = start_load(&load, d, server.port, b);
    if (well) {
        well = converse(&load, d, ret_report, b);
        well = load_end(&load) && well;
    }
    server_stop(&server);
    ledger->created = server.counts.created;
    ledger->done = server.counts.done;
    ledger->sent = ret_report->requests + ret_report->primed;
    ledger->delivered = server.counts.messages;
    if (server.counts.turned_away) {
        ledger->sent = ledger->delivered = 0;
        return false;
    }
    if (!well) {
        bench_fail(b, load.reason);
        return false;
    }
    judge(ret_report, d, b);
    bench_load(b, &(struct load_facts){.offered_per_s = d->rate,
                                       .connections = d->connections,
                                       .late = ret_report->late,
                                       .busy_permille = ret_report->busy_permille,
                                       .shares_cpu = ret_report->shares_cpu});
    return true;
}
