/* The dump of all tasks, and the report of a deadlock. */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "debug.h"
#include "os_linux.h"

static const char *const wait_names[GTI_WAIT_KINDS] = {
    "",        "chan send", "chan receive", "select",     "sleep",     "group",     "mutex",
    "rwmutex", "condition", "once",         "wait group", "semaphore", "descriptor"};
static const char *const state_names[] = {"free", "fresh", "ready", "running", "waiting"};

static void say(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(int fd, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n > (int)sizeof line - 1)
        n = (int)sizeof line - 1;
    if (write(fd, line, (size_t)n) < 0) {
        /* Nowhere left to say it. */
    }
}

struct dump {
    int fd;
};

static void dump_task(unsigned number, const struct gti_task *t, void *arg)
{
    const struct dump *d = arg;
    uint32_t state = GTI_LOAD(t->state, relaxed);
    if (state == (uint32_t)GTI_FREE)
        return;
    say(d->fd, "task %u [%s%s%s] %s\n", number, state_names[state],
        state == (uint32_t)GTI_WAITING ? ": " : "",
        state == (uint32_t)GTI_WAITING ? wait_names[t->wait_kind] : "", gti_task_label(t));
}

int gt_dump(int fd)
{
    struct dump d = {fd};
    gt_stats s;
    gt_get_stats(&s);
    say(fd, "gt: %d workers, %d spares (%d active), %llu tasks\n", s.workers, s.spares,
        s.active_spares, (unsigned long long)s.live);
    gti_tasks_each(dump_task, &d);
    return 0;
}

void gti_debug_dump_to_stderr(void)
{
    gt_dump(STDERR_FILENO);
}

void gti_debug_deadlock(void)
{
    say(STDERR_FILENO, "gt: fatal: deadlock: every task waits and nothing can wake one\n");
    gt_dump(STDERR_FILENO);
    _exit(2);
}
