/* Small stacks: dense slots in blocks of the size of a huge page.
 *
 * A million parked tasks of 2 KiB are a thousand page faults instead of a
 * million. The price is that memory comes and goes by the block: a block loses
 * its memory when all of its slots are idle, and not before.
 *
 * A block is on the list `part` while some of its slots are in use and some
 * are not, on `warm_blocks` or `old_blocks` while none is, on `cold_blocks`
 * while it holds no memory, and on no list while every slot is in use. */
#include "sanitizer.h"
#include "stack_slab.h"

static unsigned slots_per_block(unsigned size_class)
{
    return (unsigned)(GTI_BLOCK_BYTES / gti_stack_class_size(size_class));
}

static void part_add(struct gti_stack_class *sc, struct gti_stack_block *b)
{
    b->prev = NULL;
    b->next = sc->part;
    if (b->next)
        b->next->prev = b;
    sc->part = b;
}

static void part_remove(struct gti_stack_class *sc, struct gti_stack_block *b)
{
    if (b->prev)
        b->prev->next = b->next;
    else
        sc->part = b->next;
    if (b->next)
        b->next->prev = b->prev;
}

static struct gti_stack_block *pop(struct gti_stack_block **list)
{
    struct gti_stack_block *b = *list;
    if (b)
        *list = b->next;
    return b;
}

static void push(struct gti_stack_block **list, struct gti_stack_block *b)
{
    b->next = *list;
    *list = b;
}

/* The slab of a block; every block lies in one. */
static struct gti_slab *slab_of(struct gti_stack_class *sc, const struct gti_stack_block *b,
                                unsigned per_block)
{
    struct gti_slab *slab = sc->slabs;
    while (b < slab->block || b >= slab->block + slab->slots / per_block)
        slab = slab->next;
    return slab;
}

/* ---- giving out --------------------------------------------------------- */

static struct gti_stack *make_small(struct gti_slab *slab, unsigned i, unsigned size_class)
{
    size_t slot = gti_stack_class_size(size_class);
    struct gti_stack *s = &slab->stack[i];
    *s = (struct gti_stack){.base = slab->base + i * slot,
                            .top = slab->base + (i + 1) * slot,
                            .index = (uint16_t)i,
                            .size_class = (uint8_t)size_class,
                            .canary = true,
                            .watched = true};
    gti_san_stack_forget(s->base, slot);
    *(uint64_t *)s->base = GTI_CANARY;
    return s;
}

/* Slots of the block that hold no stack yet, up to n, onto the pool's list. */
static void carve(struct gti_slab *slab, struct gti_stack_block *b, struct gti_stack **tail,
                  unsigned n, unsigned size_class)
{
    unsigned fresh = b->carved + n > b->made ? b->carved + n - b->made : 0;
    for (unsigned i = 0; i < n; i++) {
        *tail = make_small(slab, b->first + b->carved + i, size_class);
        tail = &(*tail)->next;
    }
    b->carved = (uint16_t)(b->carved + n);
    if (fresh) {
        b->made = b->carved;
        gti_slab_count(fresh, gti_stack_class_size(size_class), true);
    }
}

/* From a block without memory, which nobody else knows of: the page fault, long
 * because it clears 2 MiB, is taken without the lock. */
static unsigned refill_cold(struct gti_stack_class *sc, struct gti_stack_pool *pool,
                            unsigned size_class, unsigned want)
{
    if (!sc->cold_blocks && !gti_slab_add(sc, size_class))
        return 0;
    struct gti_stack_block *b = pop(&sc->cold_blocks);
    struct gti_slab *slab = slab_of(sc, b, slots_per_block(size_class));
    gti_spin_unlock(sc->lock);
    carve(slab, b, &pool->free, want, size_class);
    gti_spin_lock(sc->lock);
    part_add(sc, b);
    return want;
}

/* From a block that has memory and is on no list. */
static unsigned refill_warm(struct gti_stack_class *sc, struct gti_stack_block *b,
                            struct gti_stack_pool *pool, unsigned size_class, unsigned want)
{
    const unsigned per_block = slots_per_block(size_class);
    struct gti_stack **tail = &pool->free;
    unsigned n = 0;
    for (; b->free && n < want; n++) {
        *tail = b->free;
        tail = &b->free->next;
        b->free = *tail;
    }
    b->idle = (uint16_t)(b->idle - n);
    GTI_SUB(gti_stacks.retained, n * gti_stack_class_size(size_class), relaxed);
    *tail = NULL;
    if (n == 0) {
        n = per_block - b->carved < want ? per_block - b->carved : want;
        carve(slab_of(sc, b, per_block), b, tail, n, size_class);
    }
    if (b->idle > 0 || b->carved < per_block)
        part_add(sc, b);
    return n;
}

bool gti_small_refill(struct gti_stack_pool *pool, unsigned size_class)
{
    struct gti_stack_class *sc = &gti_stacks.size_class[size_class];
    unsigned want = gti_stack_batch(size_class), n;
    gti_spin_lock(sc->lock);
    struct gti_stack_block *b = sc->part;
    if (b)
        part_remove(sc, b);
    else if (!(b = pop(&sc->warm_blocks)))
        b = pop(&sc->old_blocks);
    if (b)
        n = refill_warm(sc, b, pool, size_class, want);
    else
        n = refill_cold(sc, pool, size_class, want);
    gti_spin_unlock(sc->lock);
    GTI_STORE(pool->count, (uint16_t)n, relaxed);
    GTI_STORE(pool->low, 0, relaxed);
    GTI_STORE(pool->clean, 0, relaxed);
    return n > 0;
}

/* ---- taking back -------------------------------------------------------- */

/* Drop what the blocks of a list hold and make them cold. Without the lock,
 * but for the last step. */
static void drop_blocks(struct gti_stack_class *sc, struct gti_stack_block *list,
                        unsigned size_class)
{
    const unsigned per_block = slots_per_block(size_class);
    while (list) {
        struct gti_stack_block *b = pop(&list);
        gti_spin_lock(sc->lock);
        struct gti_slab *slab = slab_of(sc, b, per_block);
        gti_spin_unlock(sc->lock);
        gti_os_drop(slab->base + b->first / per_block * GTI_BLOCK_BYTES, GTI_BLOCK_BYTES);
        GTI_SUB(gti_stacks.retained, b->carved * gti_stack_class_size(size_class), relaxed);
        b->carved = b->idle = 0;
        b->free = NULL;
        gti_spin_lock(sc->lock);
        push(&sc->cold_blocks, b);
        gti_spin_unlock(sc->lock);
    }
}

/* Called with the lock held. The block is then on the list where it belongs,
 * or, without one, returned to be dropped. */
static struct gti_stack_block *give_one(struct gti_stack_class *sc, struct gti_stack *s,
                                        unsigned per_block)
{
    struct gti_stack_block *b = &gti_slab_of(s)->block[s->index / per_block];
    if (b->idle == 0 && b->carved == per_block)
        part_add(sc, b);
    s->next = b->free;
    b->free = s;
    if (++b->idle < b->carved)
        return NULL;
    part_remove(sc, b);
    if (GTI_LOAD(gti_stacks.retained, relaxed) > gti_stacks.budget)
        return b;
    push(&sc->warm_blocks, b);
    return NULL;
}

void gti_small_give(struct gti_stack *s, unsigned n, unsigned size_class)
{
    struct gti_stack_class *sc = &gti_stacks.size_class[size_class];
    const unsigned per_block = slots_per_block(size_class);
    struct gti_stack_block *drop = NULL;
    GTI_ADD(gti_stacks.retained, n * gti_stack_class_size(size_class), relaxed);
    gti_spin_lock(sc->lock);
    for (; n > 0; n--) {
        struct gti_stack *next = s->next;
        struct gti_stack_block *b = give_one(sc, s, per_block);
        if (b)
            push(&drop, b);
        s = next;
    }
    gti_spin_unlock(sc->lock);
    drop_blocks(sc, drop, size_class);
}

unsigned gti_small_drop(unsigned size_class, unsigned most, bool warm_too)
{
    struct gti_stack_class *sc = &gti_stacks.size_class[size_class];
    struct gti_stack_block *drop = NULL, *b;
    unsigned n = 0;
    gti_spin_lock(sc->lock);
    for (; n < most; n++) {
        b = pop(&sc->old_blocks);
        if (!b && warm_too)
            b = pop(&sc->warm_blocks);
        if (!b)
            break;
        push(&drop, b);
    }
    gti_spin_unlock(sc->lock);
    drop_blocks(sc, drop, size_class);
    return n;
}
