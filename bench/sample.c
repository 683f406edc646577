/* The lines of sample.h. A line is composed in memory and written at once, so
 * that a reader never sees half of one. */
#include "sample.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend.h"
#include "json.h"

static void put_ledger(FILE *out, const struct run *r)
{
    const struct ledger *l = &r->bench.ledger;

    fprintf(out,
            ",\"ledger\":{\"created\":%" PRIu64 ",\"done\":%" PRIu64 ",\"sent\":%" PRIu64
            ",\"delivered\":%" PRIu64 ",\"retries\":%" PRIu64 ",\"empty_yields\":%" PRIu64
            ",\"checksum\":\"0x%016" PRIx64 "\",\"expected\":\"0x%016" PRIx64 "\"}",
            l->created, l->done, l->sent, l->delivered, l->retries, l->empty_yields, r->checksum,
            r->expected);
}

static void put_usage(FILE *out, const struct run *r)
{
    const struct rusage *a = &r->bench.before, *z = &r->bench.after;

    if (!r->measured.json) {
        fputs(",\"usage\":null", out);
        return;
    }
    fprintf(out,
            ",\"usage\":{\"voluntary_switches\":%ld,\"involuntary_switches\":%ld,"
            "\"minor_faults\":%ld,\"major_faults\":%ld,\"max_rss_kib\":%ld}",
            z->ru_nvcsw - a->ru_nvcsw, z->ru_nivcsw - a->ru_nivcsw, z->ru_minflt - a->ru_minflt,
            z->ru_majflt - a->ru_majflt, z->ru_maxrss);
}

static void put_memory(FILE *out, const struct run *r)
{
    const struct memory_sample *m = &r->bench.memory;

    if (!r->bench.has_memory) {
        fputs(",\"memory\":null", out);
        return;
    }
    fprintf(
        out,
        ",\"memory\":{\"n\":%" PRIu64 ",\"user_bytes\":%" PRId64 ",\"page_table_bytes\":%" PRId64
        ",\"kernel_stack_bytes\":%" PRId64 ",\"slab_bytes\":%" PRId64
        ",\"anon_huge_bytes\":%" PRId64 ",\"noise_bytes\":%" PRIu64 ",\"source\":\"%s\"}",
        m->n, m->user, m->page_table, m->kernel_stack, m->slab, m->anon_huge, m->noise, m->source);
}

/* Both only beside a time: a failed run and a limit show no distribution. */
static void put_latency(FILE *out, const struct run *r)
{
    const struct histogram *h = &r->latency;

    if (!r->measured.json || h->count == 0) {
        fputs(",\"latency\":null", out);
        return;
    }
    fprintf(out,
            ",\"latency\":{\"p50\":%" PRId64 ",\"p90\":%" PRId64 ",\"p99\":%" PRId64
            ",\"p999\":%" PRId64 ",\"max\":%" PRId64 ",\"count\":%" PRIu64 ",\"counts\":",
            histogram_quantile(h, 500), histogram_quantile(h, 900), histogram_quantile(h, 990),
            histogram_quantile(h, 999), h->max, h->count);
    histogram_put(out, h);
    fputc('}', out);
}

static void put_fairness(FILE *out, const struct run *r)
{
    const struct bench *b = &r->bench;

    if (!r->measured.json || b->fair_tasks == 0)
        fputs(",\"fairness\":null", out);
    else
        fprintf(out,
                ",\"fairness\":{\"tasks\":%" PRIu64 ",\"min\":%" PRIu64 ",\"max\":%" PRIu64 "}",
                b->fair_tasks, b->fair_min, b->fair_max);
}

/* Null where the workload says nothing of it. */
static void put_extra(FILE *out, const struct run *r)
{
    const struct bench *b = &r->bench;
    const bool alone = r->measured.json && b->alone_ns > 0;
    const bool wakeup = r->measured.json && b->wakeup_cpu_ns > 0;

    fputs(",\"alone_ns_per_op\":", out);
    if (alone)
        json_number(out, b->alone_ns);
    else
        fputs("null", out);
    fputs(",\"wakeup_cpu_ns\":", out);
    if (wakeup)
        json_number(out, b->wakeup_cpu_ns);
    else
        fputs("null", out);
}

static void put_limit(FILE *out, const struct run *r)
{
    const struct limit *l = &r->bench.limit;

    if (!r->bench.limited) {
        fputs(",\"limit\":null", out);
        return;
    }
    fprintf(out, ",\"limit\":{\"reached\":%" PRIu64 ",\"errno\":", l->reached);
    json_string(out, limit_errno_name(l->error));
    fputs(",\"name\":", out);
    json_string(out, l->name);
    if (l->value == LIMIT_NONE)
        fputs(",\"value\":null}", out);
    else
        fprintf(out, ",\"value\":%" PRIu64 "}", l->value);
}

/* Of a server: what its clients did. */
static void put_load(FILE *out, const struct load_facts *f)
{
    fputs(",\"offered_per_s\":", out);
    json_number(out, f->offered_per_s);
    fprintf(out,
            ",\"connections\":%" PRIu64 ",\"load_late\":%" PRIu64 ",\"load_busy_permille\":%" PRIu64
            ",\"load_shares_cpu\":%s",
            f->connections, f->late, f->busy_permille, f->shares_cpu ? "true" : "false");
}

static void put_env(FILE *out, const struct run *r)
{
    fprintf(out, ",\"env\":{\"P\":%d,\"cpus\":[", r->cell.params.ncpu);
    for (int i = 0; i < r->placement.ncpu; i++)
        fprintf(out, "%s%d", i ? "," : "", r->placement.cpu[i]);
    fprintf(out, "],\"place\":\"%s\",\"spin_ns\":%" PRId64, r->cell.params.place, r->spin_ns);
    if (r->bench.has_load)
        put_load(out, &r->bench.load);
    fputc('}', out);
}

/* An error before the region, and a limit, leave no time to quote. */
static void put_times(FILE *out, const struct run *r)
{
    fprintf(out, ",\"gbench\":%s,\"ns_per_op\":", r->measured.json ? r->measured.json : "null");
    if (!r->measured.json) {
        fputs("null,\"cpu_ns_per_op\":null", out);
        return;
    }
    json_number(out, r->measured.real_ns);
    fputs(",\"cpu_ns_per_op\":", out);
    json_number(out, r->measured.cpu_ns);
}

static void put_head(FILE *out, const struct run *r)
{
    const uint64_t operations = r->bench.limited ? r->bench.limit.reached : r->rounds * r->unit;

    fputs("{\"schema\":\"greenbench.sample/1\",\"cell\":", out);
    json_string(out, r->cell.name);
    fprintf(out, ",\"backend\":\"%s\",\"status\":\"%s\",\"reason\":", backend_name,
            status_name(r->status));
    json_string(out, r->status == STATUS_OK ? NULL : r->reason);
    fprintf(out, ",\"rounds\":%" PRIu64 ",\"unit\":%" PRIu64 ",\"operations\":%" PRIu64, r->rounds,
            r->unit, operations);
}

/* Writes the text of a memory stream that has been filled. */
static int flush_line(FILE *memory, char **text, size_t *size)
{
    int rc = 0;

    if (fclose(memory) != 0)
        return -ENOMEM;
    errno = EIO;
    if (fwrite(*text, 1, *size, stdout) != *size || fflush(stdout) != 0)
        rc = -errno;
    free(*text);
    return rc;
}

int sample_print(const struct run *r)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return -errno;
    put_head(out, r);
    put_times(out, r);
    put_ledger(out, r);
    put_usage(out, r);
    put_memory(out, r);
    put_latency(out, r);
    put_fairness(out, r);
    put_extra(out, r);
    put_limit(out, r);
    put_env(out, r);
    fputs("}\n", out);
    return flush_line(out, &text, &size);
}

int sample_print_pilot(const struct run *r)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return -errno;
    fputs("{\"cell\":", out);
    json_string(out, r->cell.name);
    fprintf(out,
            ",\"backend\":\"%s\",\"rounds\":%" PRIu64 ",\"unit\":%" PRIu64 ",\"ns_per_round\":",
            backend_name, r->rounds, r->unit);
    json_number(out, r->ns_per_round);
    fprintf(out, ",\"status\":\"%s\",\"reason\":", status_name(r->status));
    json_string(out, r->status == STATUS_OK ? NULL : r->reason);
    fputs("}\n", out);
    return flush_line(out, &text, &size);
}
