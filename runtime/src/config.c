/* See config.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "os_linux.h"

#define DEFAULT_STACK  ((size_t)64 << 10)
#define DEFAULT_SPIN   50000
#define DEFAULT_HOG    10000000
#define DEFAULT_SPARES 64
#define DEFAULT_RETAIN ((uint64_t)64 << 20) /* or a quarter of the memory */

bool gti_config_number(const char *name, unsigned long long min, unsigned long long max,
                       unsigned long long *value, char *why, size_t size)
{
    const char *text = getenv(name);
    if (!text)
        return true;
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && n >= min && n <= max) {
        *value = n;
        return true;
    }
    snprintf(why, size, "%s=%.40s: not a whole number from %llu to %llu", name, text, min, max);
    return false;
}

static bool resolve_workers(gt_config *c, char *why, size_t size)
{
    if (c->workers < 0 || c->workers > GT_MAX_WORKERS) {
        snprintf(why, size, "gt_config.workers=%d: not from 0 to %d", c->workers, GT_MAX_WORKERS);
        return false;
    }
    unsigned long long n = (unsigned long long)c->workers;
    if (!gti_config_number("GT_WORKERS", 1, GT_MAX_WORKERS, &n, why, size))
        return false;
    c->workers = n ? (int)n : gti_os_cpu_count();
    if (c->workers > GT_MAX_WORKERS)
        c->workers = GT_MAX_WORKERS;
    return true;
}

static bool resolve_stack(gt_config *c, char *why, size_t size)
{
    if (c->stack_size && (c->stack_size < GT_MIN_STACK || c->stack_size > GT_MAX_STACK)) {
        snprintf(why, size, "gt_config.stack_size=%zu: not from %zu to %zu", c->stack_size,
                 GT_MIN_STACK, GT_MAX_STACK);
        return false;
    }
    unsigned long long n = c->stack_size ? c->stack_size : DEFAULT_STACK;
    if (!gti_config_number("GT_STACK_SIZE", GT_MIN_STACK, GT_MAX_STACK, &n, why, size))
        return false;
    c->stack_size = (size_t)n;
    return true;
}

static bool resolve_retain(gt_config *c, char *why, size_t size)
{
    uint64_t quarter = gti_os_memory() / 4 / (uint64_t)c->workers;
    unsigned long long n = quarter > DEFAULT_RETAIN ? quarter : DEFAULT_RETAIN;
    n = c->stack_retain ? c->stack_retain : n;
    if (!gti_config_number("GT_STACK_RETAIN", 0, SIZE_MAX, &n, why, size))
        return false;
    c->stack_retain = (size_t)n;
    return true;
}

static bool resolve_profile(gt_config *c, char *why, size_t size)
{
    unsigned long long n = (c->flags & GT_STACK_PROFILE) != 0;
    if (!gti_config_number("GT_STACK_PROFILE", 0, 1, &n, why, size))
        return false;
    c->flags = (c->flags & ~GT_STACK_PROFILE) | (n ? GT_STACK_PROFILE : 0);
    return true;
}

static bool resolve_monitor(gt_config *c, char *why, size_t size)
{
    if (c->spares < 0 || c->spares > GT_MAX_SPARES) {
        snprintf(why, size, "gt_config.spares=%d: not from 0 to %d", c->spares, GT_MAX_SPARES);
        return false;
    }
    if (c->flags & ~(GT_STACK_PROFILE | GT_NO_DEADLOCK_EXIT)) {
        snprintf(why, size, "gt_config.flags=%#x: unknown flag", c->flags);
        return false;
    }
    c->spares = c->spares ? c->spares : DEFAULT_SPARES;
    unsigned long long ms = 0;
    if (!gti_config_number("GT_HOG_MS", 0, 1000000, &ms, why, size))
        return false;
    if (getenv("GT_HOG_MS"))
        c->hog_ns = ms ? (int64_t)ms * 1000000 : -1;
    else if (c->hog_ns == 0)
        c->hog_ns = DEFAULT_HOG;
    return true;
}

int gti_config_resolve(const gt_config *config, gt_config *ret, char *why, size_t size)
{
    *ret = config ? *config : (gt_config){0};
    if (!resolve_workers(ret, why, size) || !resolve_stack(ret, why, size) ||
        !resolve_retain(ret, why, size) || !resolve_profile(ret, why, size) ||
        !resolve_monitor(ret, why, size))
        return -EINVAL;
    if (ret->spin_ns == 0)
        ret->spin_ns = ret->workers > 1 ? DEFAULT_SPIN : -1;
    return 0;
}
