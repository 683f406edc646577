/* The dump of all tasks, and the report of a deadlock.
 *
 * Nobody is stopped for it. A task may run, wait, finish, even be another task
 * by the time it is printed; so what is printed is copied first, and memory
 * that the copy points to (a stack, a name) is read through the kernel, which
 * refuses where a plain load would fault. */
#include <errno.h>
#include <unistd.h>

#include "blocking.h"
#include "debug.h"
#include "os_linux.h"
#include "report.h"
#include "trace.h"
#include "unwind.h"

static GTI_ATOMIC(uint32_t) dumping; /* calls of gt_dump() under way */

/* ---- one task ----------------------------------------------------------------- */

/* A copy of what a line says. */
struct view {
    uint32_t state;
    uint8_t wait_kind;
    const char *name;
    gt_fn *fn;
    void *sp;
    const void *stack_top; /* NULL: it has no stack */
};

/* Plain fields of a task that others write meanwhile; any value will do. */
#define PEEK(x) (*(const volatile __typeof__(x) *)&(x))

__attribute__((no_sanitize("thread", "address"))) static struct view
view_of(const struct gti_task *t)
{
    const struct gti_stack *stack = PEEK(t->stack);
    return (struct view){
        .state = GTI_LOAD(t->state, relaxed),
        .wait_kind = PEEK(t->wait_kind),
        .name = PEEK(t->name),
        .fn = PEEK(t->fn),
        .sp = PEEK(t->context.sp),
        .stack_top = stack ? PEEK(stack->top) : NULL,
    };
}

/* The worker that runs the task, or NULL. */
__attribute__((no_sanitize("thread", "address"))) static const struct gti_worker *
runner_of(const struct gti_task *t)
{
    for (int i = 0, n = gti_workers_made(); i < n; i++)
        if (PEEK(gti_rt.worker[i].current) == t)
            return &gti_rt.worker[i];
    return NULL;
}

static void say_label(struct gti_report *r, const struct view *v)
{
    char name[64], symbol[128];
    gti_symbol((void *)(uintptr_t)v->fn, symbol, sizeof symbol);
    if (v->name)
        gti_say(r, "%s, entered at %s", gti_peek_string(v->name, name, sizeof name), symbol);
    else
        gti_say(r, "%s", symbol);
}

/* Where it waits, innermost first: what the program called is seldom far out. */
static void say_places(struct gti_report *r, const struct view *v)
{
    char place[192];
    const void *at[GTI_UNWIND_FRAMES];
    int n = v->stack_top ? gti_unwind(v->sp, v->stack_top, at) : 0;
    for (int i = 0; i < n; i++)
        gti_say(r, "%s%s", i ? "\n    from " : ", at ", gti_place(at[i], place, sizeof place));
}

static void dump_task(unsigned number, const struct gti_task *t, void *arg)
{
    static const char *const states[] = {"free", "not run yet", "ready", "waiting"};
    struct gti_report *r = arg;
    struct view v = view_of(t);
    if (v.state == (uint32_t)GTI_POLLING)
        v.state = (uint32_t)GTI_READY;
    const struct gti_worker *w = v.state == (uint32_t)GTI_READY ? runner_of(t) : NULL;
    if (v.state == (uint32_t)GTI_FREE || v.state >= sizeof states / sizeof states[0])
        return;
    if (v.state == (uint32_t)GTI_WAITING)
        gti_say(r, "task %u [waiting: %s] ", number, gti_wait_name(v.wait_kind));
    else if (w && GTI_LOAD(w->blocked, relaxed))
        gti_say(r, "task %u [running: blocking call] ", number);
    else
        gti_say(r, "task %u [%s] ", number, w ? "running" : states[v.state]);
    say_label(r, &v);
    if (w)
        gti_say(r, ", on %s %d", w->spare ? "spare" : "worker", w->id);
    else if (v.state == (uint32_t)GTI_WAITING || v.state == (uint32_t)GTI_READY)
        say_places(r, &v);
    gti_say(r, "\n");
}

/* ---- all of them -------------------------------------------------------------- */

static int dump(struct gti_report *r)
{
    gt_stats s;
    gt_get_stats(&s);
    gti_say(r, "gt: %d workers, %d spares (%d active), %llu tasks\n", s.workers, s.spares,
            s.active_spares, (unsigned long long)s.live);
    gti_tasks_each(dump_task, r);
    return gti_report_flush(r);
}

int gt_dump(int fd)
{
    struct gti_report r;
    int err = -EINVAL;
    gti_report_open(&r, fd);
    GTI_ADD(dumping, 1u, relaxed);
    /* Either we see that the runtime stops, or that sees us.
     * Ordering: seq_cst, edge DUMP <-> gti_dump_await_others(). */
    GTI_FENCE(seq_cst);
    if (GTI_LOAD(gti_rt.running, relaxed))
        err = dump(&r);
    /* Ordering: release, edge DUMP -> gti_dump_await_others(). */
    GTI_SUB(dumping, 1u, release);
    return err;
}

void gti_dump_await_others(void)
{
    /* Ordering: seq_cst, edge DUMP <-> gt_dump(). */
    GTI_FENCE(seq_cst);
    /* Ordering: acquire, edge DUMP <- gt_dump(). */
    while (GTI_LOAD(dumping, acquire) != 0u)
        gti_os_thread_yield();
}

void gti_debug_dump_to_stderr(void)
{
    struct gti_report r;
    gti_report_open(&r, STDERR_FILENO);
    dump(&r);
}

void gti_debug_deadlock(void)
{
    struct gti_report r;
    uint32_t outside = GTI_LOAD(gti_rt.outside_waiting, relaxed);
    gti_report_open(&r, STDERR_FILENO);
    gti_say(&r, "gt: fatal: deadlock: all %llu tasks wait and nothing can wake one",
            (unsigned long long)gti_live_tasks());
    if (outside)
        gti_say(&r, "; %u thread%s outside wait%s for them", outside, outside == 1 ? "" : "s",
                outside == 1 ? "s" : "");
    gti_say(&r, "\n");
    dump(&r);
    gti_trace_finish();
    _exit(2);
}

/* ---- names -------------------------------------------------------------------- */

void gt_set_name(const char *name)
{
    struct gti_worker *w = gti_worker_self();
    if (!w)
        w = gti_blocking_worker();
    if (w)
        w->current->name = name;
}
