/* Classes, caches, guards, settings. See stack.h. */
#include "stack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sanitizer.h"
#include "stack_slab.h"

/* Colour, the runtime's own frames, a red zone: what a slot has beyond what
 * was asked for. */
#define OVERHEAD 1536
/* A cache holds so many stacks, and fewer of those that may hold more. */
#define CACHE_LIMIT      (2 * GTI_STACK_BATCH)
#define CACHE_LIMIT_DEEP 8
/* New stacks at once: what one system call guards. */
#define CARVE_BATCH    (2 * GTI_STACK_BATCH)
#define DEFAULT_RETAIN ((uint64_t)64 << 20)
/* Mappings left to the rest of the process when guards use them up. */
#define MAPS_SPARE 4096

struct gti_stacks gti_stacks;

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

/* ---- settings ----------------------------------------------------------- */

/* Caches may hold half of what a worker may retain, the classes the rest: so
 * neither has to look at the other. */
static void share_out(uint64_t retain, uint64_t workers)
{
    uint64_t full = 0, most = 0;
    for (unsigned c = 0; c < GTI_STACK_CLASSES; c++) {
        bool deep = c < GTI_STACK_BIG && gti_stack_class_size(c) > GTI_STACK_KEEP;
        gti_stacks.limit[c] = deep ? CACHE_LIMIT_DEEP : CACHE_LIMIT;
        full += gti_stacks.limit[c] * gti_stack_kept(c);
    }
    for (unsigned c = 0; c < GTI_STACK_CLASSES; c++) {
        if (2 * full > retain)
            gti_stacks.limit[c] = (uint16_t)(gti_stacks.limit[c] * (retain / 2) / full);
        most += gti_stacks.limit[c] * gti_stack_kept(c);
    }
    /* Without an overflow when the budget is without bounds. */
    uint64_t rest = retain - most;
    gti_stacks.budget = rest > UINT64_MAX / 2 / workers ? UINT64_MAX / 2 : rest * workers;
}

int gti_stacks_init(const char **ret_why)
{
    const char *forced = getenv("GT_GUARD");
    memset(&gti_stacks, 0, sizeof gti_stacks);
    gti_stacks.guarded_limit = mprotect_limit();
    share_out(DEFAULT_RETAIN, 1);
    gti_stack_profile_start(false);
    if (!forced)
        gti_stacks.guard = gti_os_has_guard_advice() ? GT_GUARD_MADVISE : GT_GUARD_MPROTECT;
    else if (strcmp(forced, "madvise") == 0 && gti_os_has_guard_advice())
        gti_stacks.guard = GT_GUARD_MADVISE;
    else if (strcmp(forced, "mprotect") == 0)
        gti_stacks.guard = GT_GUARD_MPROTECT;
    else if (strcmp(forced, "canary") == 0)
        gti_stacks.guard = GT_GUARD_CANARY;
    else {
        *ret_why = "GT_GUARD is not one of madvise (needs Linux 6.13), mprotect, canary";
        return -EINVAL;
    }
    return 0;
}

void gti_stacks_configure(const gt_config *config)
{
    share_out(config->stack_retain, (uint64_t)config->workers);
    gti_stack_profile_start((config->flags & GT_STACK_PROFILE) != 0);
}

void gti_stacks_destroy(void)
{
    for (unsigned c = 0; c < GTI_STACK_CLASSES; c++)
        while (gti_stacks.size_class[c].slabs) {
            struct gti_slab *slab = gti_stacks.size_class[c].slabs;
            gti_stacks.size_class[c].slabs = slab->next;
            gti_slab_delete(slab);
        }
    gti_os_guards_end();
    memset(&gti_stacks, 0, sizeof gti_stacks);
}

/* ---- classes ------------------------------------------------------------ */

int gti_stack_class(size_t size)
{
    for (int c = GTI_STACK_SMALL; c < GTI_STACK_CLASSES; c++)
        if (size == gti_stack_class_size((unsigned)c))
            return c;
    for (int c = 0; size >= GT_MIN_STACK && c < GTI_STACK_BIG; c++)
        if (size <= gti_stack_class_size((unsigned)c))
            return c;
    return -EINVAL;
}

size_t gti_stack_slot_size(unsigned size_class, size_t page)
{
    size_t size = gti_stack_class_size(size_class);
    if (gti_stack_is_small(size_class))
        return size;
    return page + (size + OVERHEAD + page - 1) / page * page;
}

/* ---- caches ------------------------------------------------------------- */

/* Move up to `n` from *list to the empty pool, in their order, so that
 * neighbours stay neighbours. How many. */
static unsigned take(struct gti_stack **list, struct gti_stack_pool *pool, unsigned n,
                     uint64_t *pages)
{
    struct gti_stack **tail = &pool->free;
    unsigned taken = 0;
    for (; *list && taken < n; taken++) {
        *tail = *list;
        tail = &(*list)->next;
        *pages += (*list)->pages;
        *list = *tail;
    }
    *tail = NULL;
    return taken;
}

/* New ones, as many as one system call guards; what the pool does not take goes
 * to the class. Called with the lock held, returns without it. */
static unsigned make(struct gti_stack_class *sc, struct gti_stack_pool *pool, unsigned size_class,
                     unsigned most)
{
    uint64_t pages = 0;
    struct gti_stack *made = gti_slab_carve(sc, size_class, CARVE_BATCH);
    unsigned n = take(&made, pool, most, &pages);
    if (made) {
        struct gti_stack *last = made;
        while (last->next)
            last = last->next;
        gti_spin_lock(sc->lock);
        last->next = sc->cold;
        sc->cold = made;
        gti_spin_unlock(sc->lock);
    }
    return n;
}

/* The first page that a task on each of the pool's stacks will touch. One at a
 * time, each when its task starts, would cost half as much again. */
static void populate_tops(const struct gti_stack_pool *pool)
{
    const size_t page = gti_os_page_size();
    char *top[GTI_STACK_BATCH];
    unsigned n = 0;
    for (const struct gti_stack *s = pool->free; s && n < GTI_STACK_BATCH; s = s->next)
        top[n++] = (char *)(((uintptr_t)s->top - 1) & ~(uintptr_t)(page - 1));
    gti_os_populate(top, n);
}

bool gti_stack_refill(struct gti_stack_cache *cache, unsigned size_class)
{
    struct gti_stack_class *sc = &gti_stacks.size_class[size_class];
    struct gti_stack_pool *pool = &cache->pool[size_class];
    if (gti_stack_is_small(size_class))
        return gti_small_refill(pool, size_class);
    const unsigned most = gti_stack_batch(size_class);
    uint64_t pages = 0;
    bool clean = false;
    unsigned n;
    gti_spin_lock(sc->lock);
    /* What holds memory first. */
    struct gti_stack **from = sc->warm ? &sc->warm : &sc->old;
    if (!*from) {
        from = &sc->cold;
        clean = true;
    }
    if (*from) {
        n = take(from, pool, most, &pages);
        gti_spin_unlock(sc->lock);
    } else {
        n = make(sc, pool, size_class, most);
    }
    if (!clean)
        GTI_SUB(gti_stacks.retained, pages * gti_os_page_size(), relaxed);
    bool grows = clean && pool->grows && n > 1;
    pool->grows = clean;
    if (grows) {
        populate_tops(pool);
        clean = false;
    }
    GTI_STORE(pool->count, (uint16_t)n, relaxed);
    GTI_STORE(pool->low, (uint16_t)(clean ? n : 0), relaxed);
    GTI_STORE(pool->clean, (uint16_t)(clean ? n : 0), relaxed);
    return n > 0;
}

void gti_stack_spill(struct gti_stack_cache *cache, unsigned size_class)
{
    struct gti_stack_pool *pool = &cache->pool[size_class];
    unsigned count = GTI_LOAD(pool->count, relaxed);
    pool->limit = gti_stacks.limit[size_class];
    if (count <= pool->limit)
        return;
    unsigned n = count - pool->limit / 2u;
    struct gti_stack *first = pool->free, *last = first;
    for (unsigned i = 1; i < n; i++)
        last = last->next;
    pool->free = last->next;
    last->next = NULL;
    uint16_t left = (uint16_t)(count - n);
    GTI_STORE(pool->count, left, relaxed);
    if (left < GTI_LOAD(pool->low, relaxed))
        GTI_STORE(pool->low, left, relaxed);
    if (gti_stack_is_small(size_class))
        gti_small_give(first, n, size_class);
    else
        gti_retain_give(first, size_class);
}

/* ---- guards ------------------------------------------------------------- */

bool gti_stack_guards(const struct gti_stack *s, const void *addr)
{
    const char *at = addr;
    const size_t page = gti_os_page_size();
    if (!s->canary)
        return at >= s->base && at < s->base + page;
    /* Its own, if it may have one, and that of the whole slab: nothing stopped
     * it on the way there. */
    const char *own = s->base - page, *last = gti_slab_of(s)->guard;
    return (!gti_stack_is_small(s->size_class) && at >= own && at < s->base) ||
           (at >= last && at < last + page);
}

bool gti_stack_is_whole(const struct gti_stack *s)
{
    return *(const uint64_t *)s->base == GTI_CANARY;
}

void gti_stack_overflowed(const struct gti_stack *s, const char *task)
{
    gti_fatal("stack overflow in task %s: canary overwritten, limit %zu bytes; raise "
              "gt_attr.stack_size%s",
              task, gti_stack_class_size(s->size_class),
              gti_stack_is_small(s->size_class) ? "" : ", gt_config.stack_size or GT_STACK_SIZE");
}

/* ---- counts ------------------------------------------------------------- */

void gti_stack_stats(gt_stats *stats)
{
    stats->guard = gti_stacks.guard;
    stats->stacks = GTI_LOAD(gti_stacks.stacks, relaxed);
    stats->stack_bytes = GTI_LOAD(gti_stacks.bytes, relaxed);
    stats->canary_stacks = GTI_LOAD(gti_stacks.canaries, relaxed);
    stats->sum.retained_bytes += gti_retained();
}

uint64_t gti_stack_cache_retained(const struct gti_stack_cache *cache)
{
    uint64_t bytes = 0;
    for (unsigned c = 0; c < GTI_STACK_CLASSES; c++) {
        const struct gti_stack_pool *pool = &cache->pool[c];
        unsigned count = GTI_LOAD(pool->count, relaxed);
        unsigned low = GTI_LOAD(pool->low, relaxed), clean = GTI_LOAD(pool->clean, relaxed);
        unsigned without = low < clean ? low : clean;
        if (count > without)
            bytes += (count - without) * gti_stack_kept(c);
    }
    return bytes;
}
