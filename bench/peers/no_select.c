/* channel/select for libraries that have no select: the name is known and the
 * cell refused, instead of measuring a select that would be ours. */
#include "../workload.h"

#include <stddef.h>

static const char *check(const struct params *p)
{
    return "channel/select is not offered: this library has no select";
}

static uint64_t unit(const struct params *p)
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

extern const struct workload workload_channel_select;
const struct workload workload_channel_select = {
    .name = "channel/select",
    .axes = "k P place",
    .flags = WORKLOAD_NEEDS_BLOCKING,
    .check = check,
    .unit = unit,
    .run = run,
    .expected = expected,
};
