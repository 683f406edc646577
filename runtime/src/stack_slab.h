/* What the files of the stack module share: slabs, the classes, the budget. */
#ifndef GTI_STACK_SLAB_H
#define GTI_STACK_SLAB_H

#include "os_linux.h"
#include "spinlock.h"
#include "stack.h"

#define GTI_SLAB_BYTES ((size_t)64 << 20) /* or one slot, if that is larger */
/* Small stacks get and lose their memory in blocks of the size of a huge page. */
#define GTI_BLOCK_BYTES GTI_HUGE_PAGE

/* Part of a slab of small stacks. On one list of its class, by what it holds,
 * or on none while every slot is in use. */
struct gti_stack_block {
    struct gti_stack_block *next, *prev;
    struct gti_stack *free;
    uint16_t carved; /* slots that were given out since it last had no memory */
    uint16_t idle;   /* of those, on the free list */
    uint16_t made;   /* slots that were ever given out */
    uint32_t first;  /* index of its first slot in the slab */
};

struct gti_slab {
    struct gti_slab *next;
    char *base, *guard; /* the page below the lowest slot */
    size_t bytes;       /* from base */
    unsigned slots;
    unsigned carved;               /* of the big classes: slots made so far */
    struct gti_stack_block *block; /* of the small ones, else NULL */
    struct gti_stack stack[];      /* one per slot */
};

/* The free stacks of one class that are in no cache. Of the big classes: `warm`
 * was given back in this turn, `old` in the one before, `cold` holds no memory.
 * Of the small ones the same of blocks that are wholly free; `part` has those
 * in use in part. */
struct gti_stack_class {
    GTI_ATOMIC(uint32_t) lock; /* protects the rest */
    struct gti_stack *warm, *old, *cold;
    struct gti_stack_block *part, *warm_blocks, *old_blocks, *cold_blocks;
    struct gti_slab *slabs; /* the first is the one being carved */
} GTI_NO_SHARING;

struct gti_stacks {
    struct gti_stack_class size_class[GTI_STACK_CLASSES];
    enum gt_guard guard;
    uint16_t limit[GTI_STACK_CLASSES]; /* of each cache */
    uint64_t budget;                   /* of `retained` */
    uint32_t guarded_limit;
    GTI_ATOMIC(uint32_t) guarded; /* stacks guarded by mprotect so far */
    GTI_ATOMIC(uint64_t) stacks, bytes, canaries;
    /* Bytes that idle stacks with the classes hold. */
    GTI_ATOMIC(uint64_t) retained GTI_NO_SHARING;
    GTI_ATOMIC(uint64_t) unsure, unsure_old; /* of this turn and the last: stack_growth.h */
    GTI_ATOMIC(uint32_t) rows, faults;       /* rows counted; page faults at one of them */
    GTI_ATOMIC(uint32_t) ageing;             /* lock: one at a time */
    GTI_ATOMIC(int64_t) turn;                /* when the shared ones are next looked over */
};

extern struct gti_stacks gti_stacks;

static_assert(GTI_SLAB_BYTES / GTI_SMALLEST <= UINT16_MAX + 1, "gti_stack.index");

#define GTI_CANARY UINT64_C(0x6775617264656421)

GTI_INLINE bool gti_stack_is_small(unsigned size_class)
{
    return size_class >= GTI_STACK_SMALL;
}

/* Bytes that an idle stack of the class may keep resident. */
GTI_INLINE size_t gti_stack_kept(unsigned size_class)
{
    size_t page = gti_os_page_size(), size = gti_stack_slot_size(size_class, page);
    if (gti_stack_is_small(size_class))
        return size;
    size_t most = (GTI_STACK_KEEP + 2 * page - 1) / page * page;
    return size - page < most ? size - page : most;
}

GTI_INLINE unsigned gti_stack_batch(unsigned size_class)
{
    unsigned half = gti_stacks.limit[size_class] / 2u;
    return half ? half : 1;
}

/* stack_slab.c. The first two are called with the class's lock held. A slab of
 * small stacks puts its blocks on the cold list; false when there is no memory. */
bool gti_slab_add(struct gti_stack_class *sc, unsigned size_class);
/* Up to `most` big stacks that are new, as a list; NULL when there is no
 * memory. Called with the class's lock held, returns without it: guards take
 * system calls. */
struct gti_stack *gti_slab_carve(struct gti_stack_class *sc, unsigned size_class, unsigned most);
void gti_slab_delete(struct gti_slab *slab);
/* Count `n` new stacks. */
void gti_slab_count(unsigned n, size_t slot, bool canaries);
GTI_INLINE struct gti_slab *gti_slab_of(const struct gti_stack *s)
{
    const struct gti_stack *first = s - s->index;
    return (struct gti_slab *)((uintptr_t)first - offsetof(struct gti_slab, stack));
}

/* stack_small.c */
bool gti_small_refill(struct gti_stack_pool *pool, unsigned size_class);
/* Take back the `n` stacks of the list `s`. */
void gti_small_give(struct gti_stack *s, unsigned n, unsigned size_class);
/* Drop the memory of up to `most` wholly free blocks of the older generation,
 * or of both; how many. */
unsigned gti_small_drop(unsigned size_class, unsigned most, bool warm_too);

/* stack_retain.c: take the stacks of the list `s`, in whatever order, which
 * their cache gave away; within the budget they keep their memory. */
void gti_retain_give(struct gti_stack *s, unsigned size_class);
/* What idle stacks with the classes hold, or a little more. */
uint64_t gti_retained(void);

/* stack_profile.c */
void gti_stack_profile_start(bool on);

#endif
