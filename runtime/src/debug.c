/* See debug.h. */
#include "debug.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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
    abort();
}

static const int signals[] = {SIGSEGV, SIGBUS};
static struct sigaction before[2];

static void on_fault(int sig, siginfo_t *info, void *context)
{
    struct gti_worker *w = gti_worker_self();
    struct gti_task *t = w ? w->current : NULL;
    if (t && t->stack && t != &w->sched && gti_stack_guards(t->stack, info->si_addr))
        gti_fatal("stack overflow in task %s: limit %zu bytes; raise gt_attr.stack_size, "
                  "gt_config.stack_size or GT_STACK_SIZE",
                  gti_task_label(t), gti_stack_class_size(t->size_class));
    /* Not ours: let the instruction fault again under the old handler. */
    (void)context;
    sigaction(sig, &before[sig == SIGBUS], NULL);
}

int gti_debug_init(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < 2; i++)
        if (sigaction(signals[i], &action, &before[i]) != 0)
            return -errno;
    return 0;
}

void gti_debug_destroy(void)
{
    for (int i = 0; i < 2; i++)
        sigaction(signals[i], &before[i], NULL);
}

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
