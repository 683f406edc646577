/* Making stacks: slabs of address space, slots, guards. See stack_slab.h. */
#include "stack_slab.h"

#include <stdlib.h>

#include "sanitizer.h"

/* Stack tops at the same offset of a page fight for the same cache sets. */
#define COLOUR_STEP 192
#define COLOUR_SPAN 1024

/* ---- slabs -------------------------------------------------------------- */

static struct gti_slab *slab_big(size_t slot)
{
    size_t bytes = slot > GTI_SLAB_BYTES ? slot : GTI_SLAB_BYTES;
    unsigned slots = (unsigned)(bytes / slot);
    struct gti_slab *slab = malloc(sizeof *slab + slots * sizeof slab->stack[0]);
    if (!slab)
        return NULL;
    /* Aligned to what a page of page tables maps, to share none with others. */
    *slab = (struct gti_slab){
        .base = gti_os_reserve(bytes, GTI_HUGE_PAGE), .bytes = bytes, .slots = slots};
    if (!slab->base) {
        free(slab);
        return NULL;
    }
    slab->guard = slab->base;
    /* One guard below the lowest slot, whatever the slots themselves get. */
    if (gti_stacks.guard == GT_GUARD_CANARY)
        gti_os_guard_protect(slab->base, slot, 1);
    return slab;
}

static struct gti_slab *slab_small(struct gti_stack_class *sc, size_t slot)
{
    unsigned blocks = (unsigned)(GTI_SLAB_BYTES / GTI_BLOCK_BYTES);
    unsigned per_block = (unsigned)(GTI_BLOCK_BYTES / slot), slots = blocks * per_block;
    struct gti_slab *slab = malloc(sizeof *slab + slots * sizeof slab->stack[0]);
    struct gti_stack_block *block = calloc(blocks, sizeof *block);
    char *base = gti_os_reserve_huge(GTI_SLAB_BYTES);
    if (!slab || !block || !base) {
        if (base)
            gti_os_release_huge(base, GTI_SLAB_BYTES);
        free(block);
        free(slab);
        return NULL;
    }
    *slab = (struct gti_slab){.base = base,
                              .guard = base - gti_os_page_size(),
                              .bytes = GTI_SLAB_BYTES,
                              .slots = slots,
                              .block = block};
    for (unsigned i = blocks; i-- > 0;) {
        block[i].first = i * per_block;
        block[i].next = sc->cold_blocks;
        sc->cold_blocks = &block[i];
    }
    return slab;
}

bool gti_slab_add(struct gti_stack_class *sc, unsigned size_class)
{
    size_t slot = gti_stack_slot_size(size_class, gti_os_page_size());
    struct gti_slab *slab = gti_stack_is_small(size_class) ? slab_small(sc, slot) : slab_big(slot);
    if (!slab)
        return false;
    slab->next = sc->slabs;
    sc->slabs = slab;
    return true;
}

void gti_slab_delete(struct gti_slab *slab)
{
    gti_san_stack_forget(slab->base, slab->bytes);
    if (slab->block)
        gti_os_release_huge(slab->base, slab->bytes);
    else
        gti_os_release(slab->base, slab->bytes);
    free(slab->block);
    free(slab);
}

/* ---- slots -------------------------------------------------------------- */

/* Guard `count` slots from `base` on. False: they get a canary. */
static bool guard_slots(char *base, size_t slot, unsigned count)
{
    if (gti_stacks.guard == GT_GUARD_MADVISE)
        return gti_os_guard_advise(base, slot, count) == 0;
    if (gti_stacks.guard != GT_GUARD_MPROTECT)
        return false;
    if (GTI_ADD(gti_stacks.guarded, count, relaxed) + count > gti_stacks.guarded_limit)
        return false;
    return gti_os_guard_protect(base, slot, count) == 0;
}

static void make_big(struct gti_slab *slab, unsigned i, unsigned size_class, bool guarded)
{
    size_t page = gti_os_page_size(), slot = gti_stack_slot_size(size_class, page);
    struct gti_stack *s = &slab->stack[i];
    char *base = slab->base + i * slot;
    *s = (struct gti_stack){.base = base,
                            .top = base + slot - (i * COLOUR_STEP % COLOUR_SPAN),
                            .index = (uint16_t)i,
                            .size_class = (uint8_t)size_class,
                            .canary = !guarded,
                            .watched = !guarded || gti_stack_profiling,
                            .deep = slot - page > gti_stack_kept(size_class)};
    if (!guarded) {
        /* The lowest page is left alone: it may be a guard already, because a
         * batch failed half-way or the stack is the first of a canary slab. */
        s->base += page;
        *(uint64_t *)s->base = GTI_CANARY;
    }
}

/* Guard and list slots first..first+n-1, in address order. */
static struct gti_stack *make_slots(struct gti_slab *slab, unsigned first, unsigned n,
                                    unsigned size_class)
{
    size_t slot = gti_stack_slot_size(size_class, gti_os_page_size());
    bool guarded = guard_slots(slab->base + first * slot, slot, n);
    struct gti_stack *list = NULL;
    for (unsigned i = first + n; i-- > first;) {
        make_big(slab, i, size_class, guarded);
        slab->stack[i].next = list;
        list = &slab->stack[i];
    }
    gti_slab_count(n, slot, !guarded);
    return list;
}

struct gti_stack *gti_slab_carve(struct gti_stack_class *sc, unsigned size_class, unsigned most)
{
    struct gti_slab *slab = sc->slabs;
    if ((!slab || slab->carved == slab->slots) && gti_slab_add(sc, size_class))
        slab = sc->slabs;
    unsigned left = slab ? slab->slots - slab->carved : 0;
    unsigned n = gti_stack_class_size(size_class) > GTI_STACK_KEEP ? 1 : most;
    n = left < n ? left : n;
    unsigned first = slab ? slab->carved : 0;
    if (slab)
        slab->carved += n;
    gti_spin_unlock(sc->lock);
    return n ? make_slots(slab, first, n, size_class) : NULL;
}

void gti_slab_count(unsigned n, size_t slot, bool canaries)
{
    GTI_ADD(gti_stacks.stacks, n, relaxed);
    GTI_ADD(gti_stacks.bytes, n * slot, relaxed);
    if (canaries)
        GTI_ADD(gti_stacks.canaries, n, relaxed);
}
