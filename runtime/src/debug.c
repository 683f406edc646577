/* See debug.h. */
#include "debug.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "blocking.h"
#include "monitor.h"
#include "trace.h"

#define SIGNAL_STACK_BYTES ((size_t)64 << 10)

void gti_fatal(const char *format, ...)
{
    char line[512];
    const char prefix[] = "gt: fatal: ";
    va_list args;
    int n = snprintf(line, sizeof line, "%s", prefix);
    va_start(args, format);
    n += vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
    va_end(args);
    if (n > (int)sizeof line - 2)
        n = (int)sizeof line - 2;
    line[n++] = '\n';
    if (write(STDERR_FILENO, line, (size_t)n) < 0) {
        /* Nowhere left to say it. */
    }
    gti_trace_finish();
    abort();
}

/* ---- signals ------------------------------------------------------------------ */

static void on_fault(int sig, siginfo_t *info, void *context);
static void on_quit(int sig, siginfo_t *info, void *context);

typedef void handler(int sig, siginfo_t *info, void *context);

static struct hold {
    int sig;
    handler *ours;
    bool only_if_default;
    bool held;               /* our handler is installed, or below another */
    struct sigaction before; /* what it replaced */
    handler *above;          /* of the program: what stop found instead of ours */
} holds[] = {{.sig = SIGSEGV, .ours = on_fault},
             {.sig = SIGBUS, .ours = on_fault},
             {.sig = SIGQUIT, .ours = on_quit, .only_if_default = true}};

#define HOLDS ((int)(sizeof holds / sizeof holds[0]))

static bool is_default(const struct sigaction *action)
{
    return !(action->sa_flags & SA_SIGINFO) && action->sa_handler == SIG_DFL;
}

/* A handler that the program installed over ours may call ours, which it
 * found: where that one still stands ours is not put over it at the next
 * start, or each would call the other. */
static int install(struct hold *h)
{
    struct sigaction now;
    struct sigaction action = {.sa_sigaction = h->ours,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    sigemptyset(&action.sa_mask);
    if (sigaction(h->sig, NULL, &now) != 0)
        return -errno;
    bool is_above = !is_default(&now) && now.sa_handler != SIG_IGN && now.sa_sigaction == h->above;
    if (h->held && (now.sa_sigaction == h->ours || is_above))
        return 0;
    if (h->only_if_default && !is_default(&now))
        return 0;
    if (sigaction(h->sig, &action, NULL) != 0)
        return -errno;
    h->before = now;
    h->held = true;
    return 0;
}

static void uninstall(struct hold *h)
{
    struct sigaction now;
    if (!h->held || sigaction(h->sig, NULL, &now) != 0)
        return;
    if (now.sa_sigaction != h->ours) {
        h->above = now.sa_sigaction;
        return;
    }
    sigaction(h->sig, &h->before, NULL);
    h->held = false;
}

/* As if there were no handler: kill, now or when the instruction faults again. */
static void take_default(int sig, const siginfo_t *info)
{
    signal(sig, SIG_DFL);
    if (info->si_code <= 0)
        raise(sig); /* was sent: nothing will fault again */
}

/* Not ours. The kernel puts the signal mask back when we return. */
static void pass_on(const struct sigaction *to, int sig, siginfo_t *info, void *context)
{
    bool was_sent = info->si_code <= 0;
    if (to->sa_flags & SA_SIGINFO || (to->sa_handler != SIG_DFL && to->sa_handler != SIG_IGN))
        pthread_sigmask(SIG_BLOCK, &to->sa_mask, NULL);
    if (to->sa_flags & SA_SIGINFO)
        to->sa_sigaction(sig, info, context);
    else if (to->sa_handler == SIG_DFL || (to->sa_handler == SIG_IGN && !was_sent))
        take_default(sig, info); /* a fault cannot be ignored */
    else if (to->sa_handler != SIG_IGN)
        to->sa_handler(sig);
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
    int saved = errno;
    struct gti_worker *w = gti_worker_self();
    if (!w)
        w = gti_blocking_worker();
    struct gti_task *t = w ? w->current : NULL;
    if (t && t->stack && t != &w->sched && info->si_code > 0 &&
        gti_stack_guards(t->stack, info->si_addr))
        gti_fatal("stack overflow in task %s: limit %zu bytes; raise gt_attr.stack_size, "
                  "gt_config.stack_size or GT_STACK_SIZE",
                  gti_task_label(t), gti_stack_class_size(t->size_class));
    pass_on(&holds[sig == SIGBUS].before, sig, info, context);
    errno = saved;
}

static void on_quit(int sig, siginfo_t *info, void *context)
{
    int saved = errno;
    (void)sig;
    (void)info;
    (void)context;
    gti_monitor_ask_for_dump();
    errno = saved;
}

int gti_debug_init(void)
{
    int err = 0;
    for (int i = 0; i < HOLDS && !err; i++)
        err = install(&holds[i]);
    return err;
}

void gti_debug_destroy(void)
{
    for (int i = 0; i < HOLDS; i++)
        uninstall(&holds[i]);
}

void gti_debug_forked(void)
{
    uninstall(&holds[HOLDS - 1]);
}

/* ---- signal stacks ------------------------------------------------------------- */

bool gti_debug_worker_init(struct gti_worker *w)
{
    w->signal_stack = malloc(SIGNAL_STACK_BYTES);
    return w->signal_stack != NULL;
}

void gti_debug_worker_destroy(struct gti_worker *w)
{
    free(w->signal_stack);
}

int gti_debug_thread_init(struct gti_worker *w)
{
    stack_t stack = {.ss_sp = w->signal_stack, .ss_size = SIGNAL_STACK_BYTES};
    return sigaltstack(&stack, NULL) == 0 ? 0 : -errno;
}

void gti_debug_thread_destroy(void)
{
    stack_t stack = {.ss_flags = SS_DISABLE};
    sigaltstack(&stack, NULL);
}
