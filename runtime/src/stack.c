/* See stack.h. */
#include "stack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os_linux.h"
#include "sanitizer.h"
#include "spinlock.h"

#define SLAB_BYTES  ((size_t)64 << 20) /* or one slot, if that is larger */
#define CARVE_BATCH 64
/* Stack tops at the same offset of a page fight for the same cache sets. */
#define COLOUR_STEP 192
#define COLOUR_SPAN 1024
#define CANARY      UINT64_C(0x6775617264656421)
/* Mappings left to the rest of the process when guards use them up. */
#define MAPS_SPARE 4096

struct slab {
    struct slab *next;
    char *base;
    size_t bytes;
    unsigned slots, carved;
    struct gti_stack stack[]; /* one per slot */
};

struct stack_class {
    GTI_ATOMIC(uint32_t) lock; /* protects the rest */
    struct gti_stack *free;
    unsigned free_count;
    struct slab *slabs; /* the first is the one being carved */
} GTI_NO_SHARING;

static struct {
    struct stack_class size_class[GTI_STACK_CLASSES];
    enum gt_guard guard;
    GTI_ATOMIC(uint32_t) guarded; /* stacks guarded by mprotect so far */
    uint32_t guarded_limit;
    GTI_ATOMIC(uint64_t) stacks, bytes, canaries;
} stacks;

static uint32_t mprotect_limit(void)
{
    long maps = 65530;
    FILE *f = fopen("/proc/sys/vm/max_map_count", "re");
    if (f) {
        if (fscanf(f, "%ld", &maps) != 1)
            maps = 65530;
        fclose(f);
    }
    /* A guard inside a mapping makes three of one: two more for each. */
    return maps > MAPS_SPARE ? (uint32_t)((maps - MAPS_SPARE) / 2) : 0;
}

int gti_stacks_init(const char **ret_why)
{
    const char *forced = getenv("GT_GUARD");
    memset(&stacks, 0, sizeof stacks);
    stacks.guarded_limit = mprotect_limit();
    if (!forced)
        stacks.guard = gti_os_has_guard_advice() ? GT_GUARD_MADVISE : GT_GUARD_MPROTECT;
    else if (strcmp(forced, "madvise") == 0 && gti_os_has_guard_advice())
        stacks.guard = GT_GUARD_MADVISE;
    else if (strcmp(forced, "mprotect") == 0)
        stacks.guard = GT_GUARD_MPROTECT;
    else if (strcmp(forced, "canary") == 0)
        stacks.guard = GT_GUARD_CANARY;
    else {
        *ret_why = "GT_GUARD is not one of madvise (needs Linux 6.13), mprotect, canary";
        return -EINVAL;
    }
    return 0;
}

void gti_stacks_destroy(void)
{
    for (unsigned c = 0; c < GTI_STACK_CLASSES; c++)
        while (stacks.size_class[c].slabs) {
            struct slab *slab = stacks.size_class[c].slabs;
            stacks.size_class[c].slabs = slab->next;
            gti_san_stack_forget(slab->base, slab->bytes);
            gti_os_release(slab->base, slab->bytes);
            free(slab);
        }
    memset(&stacks, 0, sizeof stacks);
}

int gti_stack_class(size_t size)
{
    for (int c = 0; c < GTI_STACK_CLASSES; c++)
        if (size <= gti_stack_class_size((unsigned)c))
            return c;
    return -EINVAL;
}

/* ---- making stacks ------------------------------------------------------ */

static struct slab *slab_new(unsigned size_class)
{
    size_t slot = gti_stack_class_size(size_class);
    size_t bytes = slot > SLAB_BYTES ? slot : SLAB_BYTES;
    unsigned slots = (unsigned)(bytes / slot);
    struct slab *slab = malloc(sizeof *slab + slots * sizeof slab->stack[0]);
    if (!slab)
        return NULL;
    slab->base = gti_os_reserve(bytes, slot < SLAB_BYTES ? slot : gti_os_page_size());
    if (!slab->base) {
        free(slab);
        return NULL;
    }
    slab->bytes = bytes;
    slab->slots = slots;
    slab->carved = 0;
    /* One guard below the lowest slot, whatever the slots themselves get. */
    if (stacks.guard == GT_GUARD_CANARY)
        gti_os_guard_protect(slab->base, slot, 1);
    return slab;
}

/* Guard `count` slots from `base` on. False: they get a canary. */
static bool guard_slots(char *base, size_t slot, unsigned count)
{
    if (stacks.guard == GT_GUARD_MADVISE)
        return gti_os_guard_advise(base, slot, count) == 0;
    if (stacks.guard != GT_GUARD_MPROTECT)
        return false;
    if (GTI_ADD(stacks.guarded, count, relaxed) + count > stacks.guarded_limit)
        return false;
    return gti_os_guard_protect(base, slot, count) == 0;
}

static void stack_make(struct slab *slab, unsigned i, unsigned size_class, bool guarded)
{
    size_t slot = gti_stack_class_size(size_class);
    struct gti_stack *s = &slab->stack[i];
    s->base = slab->base + i * slot;
    s->top = s->base + slot - (i * COLOUR_STEP % COLOUR_SPAN);
    s->size_class = (uint16_t)size_class;
    s->canary = !guarded;
    s->used = false;
    if (!guarded) {
        /* The lowest page is left alone: it may be a guard already, because a
         * batch failed half-way or the stack is the first of a canary slab. */
        s->base += gti_os_page_size();
        *(uint64_t *)s->base = CANARY;
    }
}

/* Called with the class's lock held. Puts up to CARVE_BATCH new stacks on the
 * shared list; false when there is no memory. */
static bool carve(struct stack_class *sc, unsigned size_class)
{
    struct slab *slab = sc->slabs;
    if (!slab || slab->carved == slab->slots) {
        slab = slab_new(size_class);
        if (!slab)
            return false;
        slab->next = sc->slabs;
        sc->slabs = slab;
    }
    unsigned left = slab->slots - slab->carved;
    unsigned n = left < CARVE_BATCH ? left : CARVE_BATCH;
    if (size_class > GTI_STACK_KEEP_CLASS)
        n = 1;
    size_t slot = gti_stack_class_size(size_class);
    bool guarded = guard_slots(slab->base + slab->carved * slot, slot, n);
    for (unsigned i = 0; i < n; i++) {
        /* Highest first, so that the list gives them out in address order. */
        unsigned at = slab->carved + n - 1 - i;
        stack_make(slab, at, size_class, guarded);
        slab->stack[at].next = sc->free;
        sc->free = &slab->stack[at];
    }
    slab->carved += n;
    sc->free_count += n;
    GTI_ADD(stacks.stacks, n, relaxed);
    GTI_ADD(stacks.bytes, n * slot, relaxed);
    if (!guarded)
        GTI_ADD(stacks.canaries, n, relaxed);
    return true;
}

/* ---- caches ------------------------------------------------------------- */

bool gti_stack_refill(struct gti_stack_cache *cache, unsigned size_class)
{
    struct stack_class *sc = &stacks.size_class[size_class];
    gti_spin_lock(sc->lock);
    bool some = sc->free || carve(sc, size_class);
    /* The free list's order is kept: neighbours stay neighbours. */
    struct gti_stack **tail = &cache->free[size_class];
    unsigned n = 0;
    while (sc->free && n < GTI_STACK_BATCH) {
        *tail = sc->free;
        tail = &sc->free->next;
        sc->free = *tail;
        n++;
    }
    *tail = NULL;
    sc->free_count -= n;
    cache->count[size_class] = n;
    gti_spin_unlock(sc->lock);
    return some;
}

void gti_stack_spill(struct gti_stack_cache *cache, unsigned size_class)
{
    struct stack_class *sc = &stacks.size_class[size_class];
    struct gti_stack *first = cache->free[size_class], *last = first;
    for (unsigned i = 1; i < GTI_STACK_BATCH; i++)
        last = last->next;
    cache->free[size_class] = last->next;
    cache->count[size_class] -= GTI_STACK_BATCH;
    gti_spin_lock(sc->lock);
    last->next = sc->free;
    sc->free = first;
    sc->free_count += GTI_STACK_BATCH;
    gti_spin_unlock(sc->lock);
}

static char *usable_base(const struct gti_stack *s)
{
    return s->base + gti_os_page_size();
}

/* Colouring lowers the top by less than a page. (Not by the slot's size: slots
 * of 64 MiB and more are aligned to a page only.) */
static char *slot_end(const struct gti_stack *s)
{
    size_t page = gti_os_page_size();
    return (char *)(((uintptr_t)s->top + page - 1) & ~(uintptr_t)(page - 1));
}

void gti_stack_shrink(struct gti_stack *s)
{
    char *keep = slot_end(s) - gti_stack_class_size(GTI_STACK_KEEP_CLASS);
    gti_os_drop(usable_base(s), (size_t)(keep - usable_base(s)));
}

/* A batch is made at a time, of which most are not used yet: nothing to drop. */
static void trim_list(struct gti_stack *s)
{
    for (; s; s = s->next)
        if (s->used) {
            gti_os_drop(usable_base(s), (size_t)(slot_end(s) - usable_base(s)));
            s->used = false;
        }
}

void gti_stack_trim(struct gti_stack_cache *cache)
{
    for (unsigned c = 0; c < GTI_STACK_CLASSES; c++) {
        if (cache)
            trim_list(cache->free[c]);
        gti_spin_lock(stacks.size_class[c].lock);
        trim_list(stacks.size_class[c].free);
        gti_spin_unlock(stacks.size_class[c].lock);
    }
}

/* ---- guards ------------------------------------------------------------- */

bool gti_stack_guards(const struct gti_stack *s, const void *addr)
{
    const char *at = addr, *guard = s->canary ? s->base - gti_os_page_size() : s->base;
    return at >= guard && at < guard + gti_os_page_size();
}

void gti_stack_check_canary(const struct gti_stack *s, const char *task)
{
    if (*(const uint64_t *)s->base != CANARY)
        gti_fatal("stack overflow in task %s: canary overwritten, limit %zu bytes; raise "
                  "gt_attr.stack_size, gt_config.stack_size or GT_STACK_SIZE",
                  task, gti_stack_class_size(s->size_class));
}

void gti_stack_stats(gt_stats *stats)
{
    stats->guard = stacks.guard;
    stats->stacks = GTI_LOAD(stacks.stacks, relaxed);
    stats->stack_bytes = GTI_LOAD(stacks.bytes, relaxed);
    stats->canary_stacks = GTI_LOAD(stacks.canaries, relaxed);
}
