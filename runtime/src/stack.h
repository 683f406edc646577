/* Task stacks: reserve, guard, commit on touch, cache, trim.
 *
 * Invariants
 *   - Stacks of one size class are slots of large slabs of address space; a
 *     page is committed when it is first touched, and a slab lives until
 *     gti_stacks_destroy().
 *   - A free stack is on exactly one list: a worker's cache (touched by that
 *     worker only) or the shared list (under the class's lock). The list link
 *     is in struct gti_stack, never in the stack, so that a trimmed stack
 *     stays uncommitted.
 *   - The lowest page of a slot is its guard. If `canary` is set, that page may
 *     be a guard or not, is never used, and the canary lies just above it.
 *
 * Caches exchange half their content with the shared list when they run empty
 * or full, so that tasks spawned on one worker and finished on another do not
 * pile up stacks at one end.
 */
#ifndef GTI_STACK_H
#define GTI_STACK_H

#include "atomics.h"
#include "base.h"
#include "gt/gt.h"

/* Size class k has slots of GT_MIN_STACK << k. */
#define GTI_STACK_CLASSES 17
#define GTI_STACK_BATCH   32

struct gti_stack {
    struct gti_stack *next; /* on a free list */
    char *base;             /* the guard page, or the canary */
    char *top;              /* 16-byte aligned; coloured, so at most the slot's end */
    uint16_t size_class;
    bool canary;
    bool used; /* since it was made or its pages were dropped */
};

struct gti_stack_cache {
    struct gti_stack *free[GTI_STACK_CLASSES];
    unsigned count[GTI_STACK_CLASSES];
};

/* Choose the guard (GT_GUARD in the environment: madvise, mprotect or canary
 * forces one, for tests). 0, or -EINVAL with *ret_why set to one line. */
int gti_stacks_init(const char **ret_why);
/* Unmap every slab. Nobody may be on any stack. */
void gti_stacks_destroy(void);

/* The class whose slots hold `size` bytes, or -EINVAL. */
int gti_stack_class(size_t size);
GTI_INLINE size_t gti_stack_class_size(unsigned size_class)
{
    return GT_MIN_STACK << size_class;
}

/* Refill an empty cache; false when the system refuses memory. */
bool gti_stack_refill(struct gti_stack_cache *cache, unsigned size_class);
/* Move part of a full cache to the shared list. */
void gti_stack_spill(struct gti_stack_cache *cache, unsigned size_class);
/* Drop what a big stack holds above the default reserve. */
void gti_stack_shrink(struct gti_stack *stack);
/* Drop the pages of all free stacks in `cache` (may be NULL) and in the
 * shared lists. */
void gti_stack_trim(struct gti_stack_cache *cache);

/* Does `addr` lie in the guard of `stack`? Safe in a signal handler. */
bool gti_stack_guards(const struct gti_stack *stack, const void *addr);
/* Fatal when the canary of a canary stack is gone. */
void gti_stack_check_canary(const struct gti_stack *stack, const char *task);

void gti_stack_stats(gt_stats *stats);

/* From the biggest default reserve on, resident pages are not kept. */
#define GTI_STACK_KEEP_CLASS 2 /* 64 KiB */

GTI_INLINE struct gti_stack *gti_stack_get(struct gti_stack_cache *cache, unsigned size_class)
{
    if (gti_unlikely(!cache->free[size_class]) && !gti_stack_refill(cache, size_class))
        return NULL;
    struct gti_stack *s = cache->free[size_class];
    cache->free[size_class] = s->next;
    cache->count[size_class]--;
    return s;
}

GTI_INLINE void gti_stack_put(struct gti_stack_cache *cache, struct gti_stack *s)
{
    unsigned size_class = s->size_class;
    s->used = true;
    if (gti_unlikely(size_class > GTI_STACK_KEEP_CLASS))
        gti_stack_shrink(s);
    s->next = cache->free[size_class];
    cache->free[size_class] = s;
    if (gti_unlikely(++cache->count[size_class] > 2 * GTI_STACK_BATCH))
        gti_stack_spill(cache, size_class);
}

#endif
