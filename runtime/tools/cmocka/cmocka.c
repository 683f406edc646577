/* See cmocka.h. */
#include "cmocka.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum outcome { PASSED, SKIPPED, FAILED }; /* what setjmp() returns; 0 first */

static jmp_buf back;

void print_message(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    fflush(stdout);
}

void cm_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "%s:%d: ", file, line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    longjmp(back, FAILED);
}

void cm_skip(const char *file, int line)
{
    (void)file;
    (void)line;
    longjmp(back, SKIPPED);
}

void cm_integers(uintmax_t a, uintmax_t b, int wanted_equal, const char *text, const char *file,
                 int line)
{
    if ((a == b) != (wanted_equal != 0))
        cm_fail(file, line, "not so: %s (%#" PRIxMAX ", %#" PRIxMAX ")", text, a, b);
}

void cm_range(uintmax_t x, uintmax_t low, uintmax_t high, const char *text, const char *file,
              int line)
{
    if (x < low || x > high)
        cm_fail(file, line, "not so: %s (%" PRIuMAX " in [%" PRIuMAX ", %" PRIuMAX "])", text, x,
                low, high);
}

void cm_strings(const char *a, const char *b, int wanted_equal, const char *text, const char *file,
                int line)
{
    if ((strcmp(a, b) == 0) != (wanted_equal != 0))
        cm_fail(file, line, "not so: %s (\"%s\", \"%s\")", text, a, b);
}

void cm_memory(const void *a, const void *b, size_t size, const char *text, const char *file,
               int line)
{
    if (memcmp(a, b, size) != 0)
        cm_fail(file, line, "not so: %s (%zu bytes)", text, size);
}

/* One function of the test: its body, its setup or its teardown. */
static enum outcome guarded(const struct CMUnitTest *t, int (*hook)(void **), void **state)
{
    volatile enum outcome outcome = (enum outcome)setjmp(back);
    if (outcome != PASSED)
        return outcome;
    if (!hook)
        t->test_func(state);
    else if (hook(state) != 0)
        return FAILED;
    return PASSED;
}

static enum outcome run(const struct CMUnitTest *t, void *group_state)
{
    void *state = t->initial_state ? t->initial_state : group_state;
    enum outcome outcome = t->setup_func ? guarded(t, t->setup_func, &state) : PASSED;
    if (outcome == PASSED)
        outcome = guarded(t, NULL, &state);
    if (t->teardown_func && guarded(t, t->teardown_func, &state) != PASSED)
        outcome = FAILED;
    return outcome;
}

int cm_run_group(const char *group, const struct CMUnitTest *tests, size_t n, int (*setup)(void **),
                 int (*teardown)(void **))
{
    static const char *const words[] = {"      OK", " SKIPPED", "  FAILED"};
    size_t count[3] = {0};
    void *state = NULL;
    if (setup && setup(&state) != 0)
        return (int)n;
    for (size_t i = 0; i < n; i++) {
        fprintf(stderr, "[ RUN      ] %s\n", tests[i].name);
        enum outcome outcome = run(&tests[i], state);
        fprintf(stderr, "[ %s ] %s\n", words[outcome], tests[i].name);
        count[outcome]++;
    }
    if (teardown && teardown(&state) != 0)
        count[FAILED]++;
    fprintf(stderr, "%s: %zu passed, %zu skipped, %zu failed\n", group, count[PASSED],
            count[SKIPPED], count[FAILED]);
    return (int)count[FAILED];
}
