/* The memory probe; see memory.h. It allocates nothing: it runs while it
 * measures its own process. */
#include "memory.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "procfile.h"

enum {
    EMPTY_PROBES = 3,
    STEP_MS = 20,
    STILL_MS = 200,      /* the kernel frees slab in the background for about as long */
    PATIENCE_MS = 2000,  /* a busy machine never stands still */
    STILL_BYTES = 65536, /* meminfo's counters are batched per CPU and jitter by this much */
};

static int read_user(struct memory_totals *t)
{
    char text[PROCFILE_MAX];
    int rc = procfile_read("/proc/self/smaps_rollup", text, sizeof text);

    if (rc < 0)
        return rc;
    if (!procfile_value(text, "Pss", &t->user) ||
        !procfile_value(text, "AnonHugePages", &t->anon_huge))
        return -ENODATA;
    rc = procfile_read("/proc/self/status", text, sizeof text);
    if (rc < 0)
        return rc;
    return procfile_value(text, "VmPTE", &t->page_table) ? 0 : -ENODATA;
}

static int read_kernel(const struct memcg *m, struct memory_totals *t)
{
    char text[PROCFILE_MAX];
    int rc;

    if (memcg_read(m, &t->kernel_stack, &t->slab))
        return 0;
    rc = procfile_read("/proc/meminfo", text, sizeof text);
    if (rc < 0)
        return rc;
    return procfile_value(text, "KernelStack", &t->kernel_stack) &&
                   procfile_value(text, "Slab", &t->slab)
               ? 0
               : -ENODATA;
}

static int read_all(const struct memcg *m, struct memory_totals *ret_totals)
{
    struct memory_totals t = {0};
    int rc = read_kernel(m, &t);

    if (rc == 0)
        rc = read_user(&t);
    if (rc == 0)
        *ret_totals = t;
    return rc;
}

int memory_read(struct memory_totals *ret_totals)
{
    const struct memcg none = {.active = false};

    return read_all(&none, ret_totals);
}

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

static void pause_ms(long ms)
{
    struct timespec rest = {.tv_nsec = ms * 1000000};

    while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
        continue;
}

static bool moved(const struct memory_totals *a, const struct memory_totals *b)
{
    return distance(a->slab, b->slab) > STILL_BYTES ||
           distance(a->kernel_stack, b->kernel_stack) > STILL_BYTES;
}

/* Waits until slab and kernel stacks have stood still. */
static int settle(const struct memory_probe *p)
{
    struct memory_totals anchor = {0}, now = {0};
    int rc = read_kernel(&p->memcg, &anchor);
    int still = 0;

    for (int waited = 0; rc == 0 && still < STILL_MS && waited < PATIENCE_MS; waited += STEP_MS) {
        pause_ms(STEP_MS);
        still += STEP_MS;
        rc = read_kernel(&p->memcg, &now);
        if (moved(&now, &anchor)) {
            anchor = now;
            still = 0;
        }
    }
    return rc;
}

static uint64_t sum(const struct memory_totals *t)
{
    return t->user + t->page_table + t->kernel_stack + t->slab;
}

static int probe(const struct memory_probe *p, struct memory_totals *ret_totals)
{
    int rc = p->precise ? settle(p) : 0;

    return rc ? rc : read_all(&p->memcg, ret_totals);
}

int memory_baseline(struct memory_probe *p, bool precise)
{
    struct memory_totals now, before;
    int rc;

    memset(p, 0, sizeof *p);
    p->precise = precise;
    if (precise)
        memcg_enter(&p->memcg, NULL);
    rc = probe(p, &before);
    for (int i = 1; rc == 0 && i < EMPTY_PROBES; i++) {
        rc = probe(p, &now);
        if (rc == 0 && distance(sum(&now), sum(&before)) > p->noise)
            p->noise = distance(sum(&now), sum(&before));
        before = now;
    }
    p->baseline = before;
    p->has_baseline = rc == 0;
    return rc;
}

int memory_measure(struct memory_probe *p, uint64_t n, struct memory_sample *ret_sample)
{
    const struct memory_totals *base = &p->baseline;
    struct memory_totals now;
    int rc = p->has_baseline ? probe(p, &now) : -EINVAL;

    if (rc)
        return rc;
    *ret_sample = (struct memory_sample){
        .n = n,
        .user = (int64_t)(now.user - base->user),
        .page_table = (int64_t)(now.page_table - base->page_table),
        .kernel_stack = (int64_t)(now.kernel_stack - base->kernel_stack),
        .slab = (int64_t)(now.slab - base->slab),
        .anon_huge = (int64_t)(now.anon_huge - base->anon_huge),
        .noise = p->noise,
        .source = p->memcg.active ? "memcg" : "meminfo",
    };
    return 0;
}

void memory_close(struct memory_probe *p)
{
    memcg_leave(&p->memcg);
}
