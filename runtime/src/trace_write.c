/* Writing the trace in the Trace Event Format of Chrome: one object with an
 * array of events. Slices are complete events ("X"): what a worker ran and how
 * that ended, how long it slept, and inside a task's slice its blocking calls.
 * The rest are instants ("i"). Times are in microseconds since gt_start(). */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os_linux.h"
#include "report.h"
#include "trace.h"

/* ---- labels --------------------------------------------------------------------- */

/* Length of the UTF-8 sequence at `s`, 0 if there is none. */
static int utf8_length(const unsigned char *s)
{
    int n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 4;
    if (s[0] > 0xf4 || (s[0] >= 0x80 && s[0] < 0xc2))
        return 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    /* Overlong, a surrogate, or beyond Unicode. */
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

/* As the inside of a JSON string; control characters are gone already. */
static void escape(const char *from, char *to, size_t size)
{
    char *end = to + size - 5;
    const unsigned char *s = (const unsigned char *)from;
    while (*s && to < end) {
        int n = utf8_length(s);
        if (*s == '"' || *s == '\\')
            *to++ = '\\';
        if (n == 0)
            *to++ = '?';
        for (int i = 0; i < n; i++)
            *to++ = (char)s[i];
        s += n ? n : 1;
    }
    *to = '\0';
}

struct label {
    const void *of;
    bool is_name;
    char text[136];
};

/* What an event's task is called. Looking a function up is slow, and there are
 * few of them. */
static const char *label_of(const struct gti_trace_event *e)
{
    static struct label cache[64];
    struct label *l = &cache[((uintptr_t)e->label >> 4) % 64];
    char plain[64];
    if (e->label && l->of == e->label && l->is_name == e->is_name)
        return l->text;
    if (e->is_name)
        gti_peek_string(e->label, plain, sizeof plain);
    else
        gti_symbol(e->label, plain, sizeof plain);
    escape(plain, l->text, sizeof l->text);
    l->of = e->label;
    l->is_name = e->is_name;
    return l->text;
}

/* ---- events --------------------------------------------------------------------- */

struct writer {
    struct gti_report report;
    int pid, tid;
    int64_t end;
    /* What has begun on this worker and not ended; ns 0: nothing. */
    struct gti_trace_event run, sleep, block;
};

static void say_time(struct writer *w, const char *key, int64_t ns)
{
    gti_say(&w->report, ",\"%s\":%lld.%03d", key, (long long)(ns / 1000), (int)(ns % 1000));
}

static void begin(struct writer *w, char phase, const char *name, int64_t ns)
{
    gti_say(&w->report, ",\n{\"ph\":\"%c\",\"name\":\"%s\",\"pid\":%d,\"tid\":%d", phase, name,
            w->pid, w->tid);
    say_time(w, "ts", ns - gti_trace.began);
}

static void slice(struct writer *w, struct gti_trace_event *from, const char *name, int64_t end)
{
    begin(w, 'X', name, from->ns);
    say_time(w, "dur", end - from->ns);
    from->ns = 0;
}

static void end_run(struct writer *w, const struct gti_trace_event *e)
{
    static const char *const ends[GTI_TRACE_KINDS] = {
        [GTI_TRACE_YIELD] = "yield", [GTI_TRACE_RETURN] = "return"};
    if (w->run.ns == 0)
        return; /* its beginning was overwritten */
    const char *how = e && e->kind == GTI_TRACE_PARK ? gti_wait_name((uint8_t)e->arg)
                      : e && ends[e->kind]           ? ends[e->kind]
                                                     : "end of trace";
    slice(w, &w->run, label_of(&w->run), e ? e->ns : w->end);
    gti_say(&w->report, ",\"cat\":\"task\",\"args\":{\"task\":%u,\"until\":\"%s\"}}",
            gti_task_number(w->run.task), how);
}

static void end_plain(struct writer *w, struct gti_trace_event *from, const char *name, int64_t end)
{
    if (from->ns == 0)
        return;
    slice(w, from, name, end);
    gti_say(&w->report, ",\"cat\":\"%s\"}", name);
}

static void instant(struct writer *w, const char *name, const struct gti_trace_event *e)
{
    begin(w, 'i', name, e->ns);
    gti_say(&w->report, ",\"s\":\"t\",\"args\":{");
    if (e->task)
        gti_say(&w->report, "\"task\":%u,\"name\":\"%s\"", gti_task_number(e->task), label_of(e));
    else
        gti_say(&w->report, "\"%s\":%u", e->kind == GTI_TRACE_STEAL ? "tasks" : "worker", e->arg);
    if (e->kind == GTI_TRACE_PARK)
        gti_say(&w->report, ",\"for\":\"%s\"", gti_wait_name((uint8_t)e->arg));
    gti_say(&w->report, "}}");
}

static void write_event(struct writer *w, const struct gti_trace_event *e)
{
    static const char *const instants[GTI_TRACE_KINDS] = {
        [GTI_TRACE_SPAWN] = "spawn", [GTI_TRACE_READY] = "ready", [GTI_TRACE_STEAL] = "steal",
        [GTI_TRACE_WAKE] = "wake",   [GTI_TRACE_HOG] = "hog",     [GTI_TRACE_PARK] = "park"};
    switch ((enum gti_trace_kind)e->kind) {
    case GTI_TRACE_RUN:
        end_run(w, e);
        w->run = *e;
        break;
    case GTI_TRACE_PARK:
    case GTI_TRACE_YIELD:
    case GTI_TRACE_RETURN:
        end_run(w, e);
        break;
    case GTI_TRACE_SLEEP:
        w->sleep = *e;
        break;
    case GTI_TRACE_AWAKE:
        end_plain(w, &w->sleep, "sleep", e->ns);
        break;
    case GTI_TRACE_BLOCK:
        w->block = *e;
        break;
    case GTI_TRACE_UNBLOCK:
        end_plain(w, &w->block, "blocking", e->ns);
        break;
    default:
        break;
    }
    if (e->kind < GTI_TRACE_KINDS && instants[e->kind])
        instant(w, instants[e->kind], e);
}

/* ---- rings ---------------------------------------------------------------------- */

static void write_name(struct writer *w, int ring)
{
    const char *what = ring < gti_rt.workers ? "worker" : "spare";
    gti_say(&w->report, ",\n{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%d,\"tid\":%d", w->pid,
            w->tid);
    if (ring == gti_trace.rings - 1)
        gti_say(&w->report, ",\"args\":{\"name\":\"outside\"}}");
    else
        gti_say(&w->report, ",\"args\":{\"name\":\"%s %d\"}}", what, ring);
}

/* Returns how many events were overwritten. */
static uint64_t write_ring(struct writer *w, int ring)
{
    const struct gti_trace_event *events = gti_trace.event + (uint64_t)ring * gti_trace.size;
    /* Ordering: acquire, edge TRACE <- put(). */
    uint64_t head = GTI_LOAD(gti_trace.ring[ring].head, acquire);
    /* One less than there are: the oldest may be being overwritten. */
    uint64_t first = head >= gti_trace.size ? head - gti_trace.size + 1 : 0;
    if (head == 0)
        return 0;
    w->tid = ring;
    w->run.ns = w->sleep.ns = w->block.ns = 0;
    write_name(w, ring);
    for (uint64_t i = first; i < head; i++)
        write_event(w, &events[i % gti_trace.size]);
    end_plain(w, &w->block, "blocking", w->end);
    end_run(w, NULL);
    end_plain(w, &w->sleep, "sleep", w->end);
    return first;
}

int gti_trace_write(void)
{
    static struct writer w; /* one call at a time; too big for a signal stack */
    uint64_t lost = 0;
    w.pid = (int)getpid();
    w.end = gti_os_now();
    gti_report_open(&w.report, gti_trace.fd);
    gti_say(&w.report,
            "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n"
            "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%d,"
            "\"args\":{\"name\":\"libgt\"}}",
            w.pid);
    for (int i = 0; i < gti_trace.rings; i++)
        lost += write_ring(&w, i);
    gti_say(&w.report, "\n],\"otherData\":{\"overwritten\":\"%llu\"}}\n", (unsigned long long)lost);
    return gti_report_flush(&w.report);
}
