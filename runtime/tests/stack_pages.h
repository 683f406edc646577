/* What the tests of the memory that stacks hold share. */
#ifndef GT_TESTS_STACK_PAGES_H
#define GT_TESTS_STACK_PAGES_H

#include "common.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "os_linux.h"
#include "stacks.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

static const char *const kinds[] = {"madvise", "mprotect", "canary"};

static inline bool init_with(const char *guard)
{
    const char *why = NULL;
    setenv("GT_GUARD", guard, 1);
    int err = gti_stacks_init(&why);
    unsetenv("GT_GUARD");
    return err == 0;
}

static inline void init(size_t retain, int workers)
{
    const char *why;
    assert_int_equal(gti_stacks_init(&why), 0);
    gti_stacks_configure(&(gt_config){.stack_retain = retain, .workers = workers});
}

static inline int fini(void **state)
{
    (void)state;
    gti_stacks_destroy();
    return 0;
}

/* A range without guards: an emulator refuses to look at those. */
static inline size_t resident(char *from, char *to)
{
    static unsigned char pages[1 << 19];
    const size_t page = gti_os_page_size();
    size_t n = (size_t)(to - from) / page, sum = 0;
    CHECK(n <= sizeof pages && mincore(from, n * page, pages) == 0);
    for (size_t i = 0; i < n; i++)
        sum += pages[i] & 1;
    return sum;
}

/* The end of a stack's slot; colouring lowers the top by less than a page. */
static inline char *end_of(const struct gti_stack *s)
{
    size_t page = gti_os_page_size();
    return (char *)(((uintptr_t)s->top + page - 1) / page * page);
}

/* Of what a task can use, without the canary's page. */
static inline size_t resident_in(const struct gti_stack *s)
{
    return resident(s->base + gti_os_page_size(), end_of(s));
}

static inline uint64_t retained(const struct gti_stack_cache *cache)
{
    gt_stats stats = {0};
    gti_stack_stats(&stats);
    return stats.sum.retained_bytes + gti_stack_cache_retained(cache);
}

static inline void get_all(struct gti_stack_cache *cache, struct gti_stack **s, size_t n,
                           unsigned c)
{
    for (size_t i = 0; i < n; i++) {
        s[i] = stack_get(cache, c);
        assert_non_null(s[i]);
    }
}

static inline void put_all(struct gti_stack_cache *cache, struct gti_stack **s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        stack_put(cache, s[i]);
}

#endif
