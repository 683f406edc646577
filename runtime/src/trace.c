/* Recording; see trace.h. */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "os_linux.h"
#include "spinlock.h"

#define DEFAULT_EVENTS ((uint64_t)64 << 10)
#define MIN_EVENTS     16
#define MAX_EVENTS     ((uint64_t)16 << 20)

struct gti_trace gti_trace;

/* ---- start and end ------------------------------------------------------------ */

static int refuse(int err, const char *path, char *why, size_t size)
{
    snprintf(why, size, "GT_TRACE=%.100s: %s", path, strerror(-err));
    return err;
}

/* One reservation: the rings' heads, then their events. Pages that are never
 * written cost nothing. */
static bool reserve(void)
{
    size_t rings = (size_t)gti_trace.rings, page = gti_os_page_size();
    size_t heads = rings * sizeof(struct gti_trace_ring);
    gti_trace.bytes = heads + rings * gti_trace.size * sizeof(struct gti_trace_event);
    gti_trace.bytes = (gti_trace.bytes + page - 1) & ~(page - 1);
    gti_trace.ring = gti_os_reserve(gti_trace.bytes, page);
    gti_trace.event = (struct gti_trace_event *)(void *)(gti_trace.ring + rings);
    return gti_trace.ring != NULL;
}

static void finish_at_exit(void)
{
    static bool is_registered;
    if (!is_registered && atexit(gti_trace_finish) == 0)
        is_registered = true;
}

int gti_trace_init(char *why, size_t size)
{
    const char *path = secure_getenv("GT_TRACE");
    unsigned long long events = DEFAULT_EVENTS;
    memset(&gti_trace, 0, sizeof gti_trace);
    if (!path || !*path)
        return 0;
    if (!gti_config_number("GT_TRACE_EVENTS", MIN_EVENTS, MAX_EVENTS, &events, why, size))
        return -EINVAL;
    snprintf(gti_trace.path, sizeof gti_trace.path, "%.100s", path);
    gti_trace.size = events;
    gti_trace.rings = gti_rt.workers + gti_rt.max_spares + 1;
    gti_trace.began = gti_os_now();
    gti_trace.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (gti_trace.fd < 0)
        return refuse(-errno, path, why, size);
    if (!reserve()) {
        close(gti_trace.fd);
        return refuse(-ENOMEM, path, why, size);
    }
    finish_at_exit();
    gti_rt.task_flags = GTI_TASK_SLOW;
    GTI_STORE(gti_trace.is_on, 1u, relaxed);
    return 0;
}

void gti_trace_finish(void)
{
    if (!GTI_XCHG(gti_trace.is_on, 0u, relaxed))
        return;
    int err = gti_trace_write();
    if (close(gti_trace.fd) != 0 && !err)
        err = -errno;
    if (err)
        dprintf(STDERR_FILENO, "gt: GT_TRACE=%s: %s\n", gti_trace.path, strerror(-err));
}

void gti_trace_forked(void)
{
    if (GTI_XCHG(gti_trace.is_on, 0u, relaxed))
        close(gti_trace.fd);
}

void gti_trace_destroy(void)
{
    if (GTI_XCHG(gti_trace.is_on, 0u, relaxed))
        close(gti_trace.fd); /* gt_start() failed after it was opened */
    if (gti_trace.ring)
        gti_os_release(gti_trace.ring, gti_trace.bytes);
    gti_trace.ring = NULL;
    gti_rt.task_flags = 0;
}

/* ---- events -------------------------------------------------------------------- */

static void put(int ring, const struct gti_trace_event *e)
{
    struct gti_trace_ring *r = &gti_trace.ring[ring];
    uint64_t head = GTI_LOAD(r->head, relaxed);
    gti_trace.event[(uint64_t)ring * gti_trace.size + head % gti_trace.size] = *e;
    /* Ordering: release, edge TRACE -> write_ring(). */
    GTI_STORE(r->head, head + 1, release);
}

void gti_trace_record(struct gti_worker *w, enum gti_trace_kind kind, const struct gti_task *t,
                      uint32_t arg)
{
    if (!GTI_LOAD(gti_trace.is_on, relaxed))
        return;
    struct gti_trace_event e = {.ns = gti_os_now(), .task = t, .arg = arg, .kind = (uint8_t)kind};
    if (t) {
        e.is_name = t->name != NULL;
        e.label = e.is_name ? (const void *)t->name : (const void *)(uintptr_t)t->fn;
    }
    if (w) {
        put(w->id, &e);
        return;
    }
    gti_spin_lock(gti_trace.lock);
    e.ns = gti_os_now();
    put(gti_trace.rings - 1, &e);
    gti_spin_unlock(gti_trace.lock);
}
