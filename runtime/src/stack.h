/* Task stacks: reserve, guard, commit on touch, cache, retain, trim.
 *
 * Invariants
 *   - Stacks of one size class are slots of large slabs of address space. A
 *     page is committed when it is first touched, and a slab lives until
 *     gti_stacks_destroy().
 *   - A slot of the big classes is a guard page and, above it, at least the
 *     bytes that its class is named for: the guard, the colouring of the top
 *     and the runtime's own frames come on top, whatever the page size.
 *   - A slot of a small class is those bytes and nothing else: a canary in its
 *     lowest word, neither guard nor colour.
 *   - A free stack is in exactly one place: a worker's cache (touched by that
 *     worker only) or with its class (under the class's lock). The list link
 *     is in struct gti_stack, never in the stack, so that a stack whose memory
 *     was dropped stays without.
 *   - The lowest page of a big slot is its guard. If `canary` is set, that page
 *     may be a guard or not, is never used, and the canary lies just above it.
 *   - Of an idle stack at most GTI_STACK_KEEP bytes and the page in which they
 *     end stay resident.
 *
 * Caches exchange half their content with the class when they run empty or
 * full, so that tasks spawned on one worker and finished on another do not
 * pile up stacks at one end. What a cache gives away is also where the budget
 * of idle memory is kept (stack_retain.c).
 *
 * The functions that are not inline need more stack than a small task has:
 * the workers call them on the OS thread's stack.
 */
#ifndef GTI_STACK_H
#define GTI_STACK_H

#include "atomics.h"
#include "base.h"
#include "gt/gt.h"
#include "sanitizer.h"

/* Class k has GT_MIN_STACK << k bytes; after the big ones come 2 and 4 KiB. */
#define GTI_STACK_BIG     17
#define GTI_STACK_SMALL   GTI_STACK_BIG
#define GTI_STACK_CLASSES 19
#define GTI_SMALLEST      ((size_t)2 << 10)
#define GTI_STACK_BATCH   32
/* From the biggest default reserve on, resident pages are not kept. */
#define GTI_STACK_KEEP ((size_t)64 << 10)

struct gti_stack {
    struct gti_stack *next; /* on a free list */
    char *base;             /* the guard page, or the canary */
    char *top;              /* 16-byte aligned; coloured, so at most the slot's end */
    uint32_t stamp : 30;    /* page faults of the process when `pages` was true */
    uint32_t asked : 2;     /* how often the system was asked for it, or ASKED_OFTEN */
    uint16_t index;         /* in its slab */
    uint8_t pages;          /* known depth, within what is kept; 0: not known */
    uint8_t size_class : 5;
    uint8_t canary : 1;
    uint8_t deep : 1;    /* bigger than what is kept: look how deep it was */
    uint8_t watched : 1; /* look at it when its task leaves it: canary, or profiling */
};

static_assert(sizeof(struct gti_stack) == 32, "one per parked task");
static_assert(GTI_STACK_CLASSES <= 32, "five bits");

/* The idle stacks of one class in one cache, newest first. Only the owner
 * writes; gti_stack_cache_retained() reads from elsewhere. */
struct gti_stack_pool {
    struct gti_stack *free;
    GTI_ATOMIC(uint16_t) count;
    GTI_ATOMIC(uint16_t) low;   /* the oldest so many were not used since the last turn */
    GTI_ATOMIC(uint16_t) clean; /* of those, the oldest so many hold no memory */
    uint16_t limit;             /* of count; 0 until first asked for */
    bool grows;                 /* it was last refilled with stacks without memory */
};

/* Zeroed, it is valid and empty. */
struct gti_stack_cache {
    struct gti_stack_pool pool[GTI_STACK_CLASSES];
    int64_t turn; /* when its stacks are next looked over */
};

/* Choose the guard (GT_GUARD in the environment: madvise, mprotect or canary
 * forces one, for tests). 0, or -EINVAL with *ret_why set to one line. */
int gti_stacks_init(const char **ret_why);
/* How much may be retained, whether to profile: from a resolved configuration.
 * After gti_stacks_init(), before the first task; without it the defaults of
 * one worker hold. */
void gti_stacks_configure(const gt_config *config);
/* Unmap every slab. Nobody may be on any stack. */
void gti_stacks_destroy(void);

/* The class for stacks of `size` bytes, or -EINVAL. */
int gti_stack_class(size_t size);
/* The bytes that a task of this class can count on. */
GTI_INLINE size_t gti_stack_class_size(unsigned size_class)
{
    return size_class < GTI_STACK_BIG ? GT_MIN_STACK << size_class
                                      : GTI_SMALLEST << (size_class - GTI_STACK_SMALL);
}
/* The class that is used instead in this build: what sanitizers add to frames
 * and calls does not fit into a small stack. */
GTI_INLINE unsigned gti_stack_class_here(unsigned size_class)
{
#if defined(GTI_ASAN) || defined(GTI_TSAN)
    return size_class < GTI_STACK_SMALL ? size_class : 0;
#else
    return size_class;
#endif
}
/* What a slot takes in address space where pages have `page` bytes. */
size_t gti_stack_slot_size(unsigned size_class, size_t page);

/* Refill an empty cache; false when the system refuses memory. */
bool gti_stack_refill(struct gti_stack_cache *cache, unsigned size_class);
/* Move part of a full cache to the class. */
void gti_stack_spill(struct gti_stack_cache *cache, unsigned size_class);
/* Drop what a big stack holds beyond what is kept, if it was that deep. */
void gti_stack_shrink(struct gti_stack *stack);
/* Drop the memory of all idle stacks in `cache` (may be NULL) and with the
 * classes. */
void gti_stack_trim(struct gti_stack_cache *cache);
/* Give all stacks in the cache to their classes: its owner stands by. */
void gti_stack_flush(struct gti_stack_cache *cache);
/* Drop the memory of those that nobody used for a second. `cache` is the
 * caller's own, or NULL for the shared ones alone; cheap when nothing is due.
 * Returns when to call again: GT_NEVER when nothing is retained, `now` when
 * there is more to do at once. */
int64_t gti_stacks_age(struct gti_stack_cache *cache, int64_t now);

/* Does `addr` lie in a guard that a task on `stack` runs into? Safe in a signal
 * handler. */
bool gti_stack_guards(const struct gti_stack *stack, const void *addr);
/* Is the canary of a canary stack whole? */
bool gti_stack_is_whole(const struct gti_stack *stack);
/* Fatal: `task` overflowed a stack that has a canary. */
void gti_stack_overflowed(const struct gti_stack *stack, const char *task)
    __attribute__((noreturn));

/* The guard, counts, and what idle stacks with the classes retain, which is
 * added to stats->sum.retained_bytes. */
void gti_stack_stats(gt_stats *stats);
/* Upper bound of what the idle stacks in a cache hold. Any thread. */
uint64_t gti_stack_cache_retained(const struct gti_stack_cache *cache);

/* Measure stacks: each task is to be noted at its end, while it is still on its
 * stack. Set before the first task starts. */
extern bool gti_stack_profiling;
void gti_stack_note(const struct gti_stack *stack, gt_fn *fn, const char *name);

/* NULL when the cache is empty. */
GTI_INLINE struct gti_stack *gti_stack_pop(struct gti_stack_cache *cache, unsigned size_class)
{
    struct gti_stack_pool *pool = &cache->pool[size_class];
    struct gti_stack *s = pool->free;
    if (gti_unlikely(!s))
        return NULL;
    uint16_t count = (uint16_t)(GTI_LOAD(pool->count, relaxed) - 1);
    pool->free = s->next;
    GTI_STORE(pool->count, count, relaxed);
    if (count < GTI_LOAD(pool->low, relaxed))
        GTI_STORE(pool->low, count, relaxed);
    return s;
}

/* True when the cache is overfull: gti_stack_spill() is due. */
GTI_INLINE bool gti_stack_push(struct gti_stack_cache *cache, struct gti_stack *s)
{
    struct gti_stack_pool *pool = &cache->pool[s->size_class];
    if (gti_unlikely(s->deep))
        gti_stack_shrink(s);
    uint16_t count = (uint16_t)(GTI_LOAD(pool->count, relaxed) + 1);
    s->next = pool->free;
    pool->free = s;
    GTI_STORE(pool->count, count, relaxed);
    return gti_unlikely(count > pool->limit);
}

#endif
