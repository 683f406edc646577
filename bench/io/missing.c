/* The io workloads where they cannot be offered: their names are known, and
 * their cells skipped with the reason. */
#include <stddef.h>

#include "../workload.h"

#ifndef IO_MISSING_REASON
#define IO_MISSING_REASON                                                                          \
    "built without an HTTP parser: install libhttp-parser-dev, or libllhttp, and configure again"
#endif

static uint64_t nothing(const struct params *p)
{
    return 1;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    return 0;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    return 0;
}

#define MISSING(case, keys)                                                                        \
    extern const struct workload workload_io_##case;                                               \
    const struct workload workload_io_##case = {                                                   \
        .name = "io/" #case,                                                                       \
        .axes = keys,                                                                              \
        .unit = nothing,                                                                           \
        .run = run,                                                                                \
        .expected = expected,                                                                      \
        .missing = IO_MISSING_REASON,                                                              \
    }

MISSING(echo, "c P place");
MISSING(api_calls, "c P place");
MISSING(rest, "load P place");
MISSING(held, "n P place");
