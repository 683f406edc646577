/* Which idle stacks keep their memory: the budget, trimming, ageing.
 *
 * Stacks in a cache are few; their memory is counted by its upper bound, what
 * a class keeps of each. Stacks that a cache gives to their class are looked at
 * in batches. While the sum of their depths fits the budget they keep their
 * memory, else they lose it, a row of neighbours by one system call.
 *
 * Age is counted in turns of a second. What was given back in this turn is
 * warm, then it is old, and what is old at the end of a turn loses its memory,
 * so that nothing stays idle and resident for more than two turns. Refills take
 * the warm ones first, and thus leave the old ones alone if they can.
 *
 * How deep was a stack? As deep as when it was last counted, if the process has
 * had no page fault since. With F faults since then all stacks together have
 * grown by F pages at most: while those are few and the budget has room for them,
 * nobody looks (stack_growth.h). Else the page below that depth is the witness: a
 * task that went deeper wrote something there. It is read, not written: an
 * untouched page reads as zeros without holding memory, and after the first time
 * without a fault. That fault costs as much as asking the system four times, so
 * the first times, and when the witness speaks, the system is asked, which costs
 * 0.2 us per stack in a row and 1.3 for one alone. The known depth of a stack
 * bigger than what is kept is that. A frame that spans the witness and leaves it
 * all zero deceives it; the memory below is found when the stack has been idle
 * for a turn. */

#include "sanitizer.h"
#include "stack_growth.h"
#include "stack_slab.h"

#define TURN_NS INT64_C(1000000000)
/* Stacks per system call or lock, and per call of gti_stacks_age(). */
#define ROW      64
#define AGE_MOST 512
/* The part of the budget that may be set aside for growth nobody looked for. */
#define UNSURE_PART 16u
/* Rows that rely on one count of page faults. */
#define FAULTS_EVERY 8u
/* Before the witness is read for the first time, which is a page fault. */
#define ASKED_OFTEN 3u
#define STAMP_MASK  ((UINT32_C(1) << 30) - 1)

static char *slot_end(const struct gti_stack *s)
{
    /* Colouring lowers the top by less than a page. */
    size_t page = gti_os_page_size();
    return (char *)(((uintptr_t)s->top + page - 1) & ~(uintptr_t)(page - 1));
}

static char *usable(const struct gti_stack *s)
{
    return s->base + gti_os_page_size();
}

/* ---- rows of stacks ------------------------------------------------------ */

/* Up to ROW stacks of one class, by address. */
struct row {
    struct gti_stack *s[ROW];
    unsigned n;
};

static void row_add(struct row *row, struct gti_stack *s)
{
    unsigned i = row->n++;
    for (; i > 0 && row->s[i - 1]->base > s->base; i--)
        row->s[i] = row->s[i - 1];
    row->s[i] = s;
}

/* Turned round first: a list that runs down in address would cost the sort
 * most, one that runs up costs nothing. */
static void row_take(struct row *row, struct gti_stack **list, unsigned most)
{
    struct gti_stack *s = *list;
    bool down = s && s->next && s->next->base < s->base;
    row->n = 0;
    for (; s && row->n < most; s = s->next)
        row->s[row->n++] = s;
    *list = s;
    for (unsigned i = 0; down && i < row->n / 2; i++) {
        struct gti_stack *other = row->s[row->n - 1 - i];
        row->s[row->n - 1 - i] = row->s[i];
        row->s[i] = other;
    }
    unsigned n = row->n;
    for (row->n = 0; row->n < n;)
        row_add(row, row->s[row->n]);
}

/* Onto a list, the lowest first. */
static void row_push(const struct row *row, struct gti_stack **list)
{
    for (unsigned i = row->n; i-- > 0;) {
        row->s[i]->next = *list;
        *list = row->s[i];
    }
}

/* One past the neighbours of number `i`. The guards between them mind neither
 * call. A canary must not be dropped: its stack begins a page above its slot,
 * so that nothing below is its neighbour. */
static unsigned neighbours(const struct row *row, unsigned i)
{
    unsigned end = i + 1;
    while (end < row->n && row->s[end]->base == slot_end(row->s[end - 1]))
        end++;
    return end;
}

static void row_drop(const struct row *row)
{
    for (unsigned i = 0, end; i < row->n; i = end) {
        end = neighbours(row, i);
        char *from = usable(row->s[i]);
        gti_os_drop(from, (size_t)(slot_end(row->s[end - 1]) - from));
        for (unsigned k = i; k < end; k++)
            row->s[k]->pages = 0;
    }
}

/* ---- depth --------------------------------------------------------------- */

#ifdef GTI_ASAN
__attribute__((no_sanitize("address")))
#endif
static bool
is_zero(const char *at, size_t bytes)
{
    const uint64_t *word = (const uint64_t *)at;
    uint64_t seen = 0;
    for (size_t i = 0; i < bytes / sizeof *word; i++)
        seen |= word[i];
    return seen == 0;
}

/* Does the depth still hold that was found when the stack was last counted?
 * `faults`: page faults of the process until now. */
static bool depth_holds(const struct gti_stack *s, uint32_t faults)
{
    const size_t page = gti_os_page_size(), depth = s->pages * page;
    if (s->pages == 0)
        return false;
    if (s->stamp == faults || depth == gti_stack_kept(s->size_class))
        return true;
    return s->asked == ASKED_OFTEN && is_zero(slot_end(s) - depth - page, page);
}

/* Find the depth of the kept part of stacks first..end-1, which are neighbours
 * unless there is only one. All of it, if the system does not say. */
static void find_depth(struct row *row, unsigned first, unsigned end, unsigned char *vec)
{
    const size_t page = gti_os_page_size(), kept = gti_stack_kept(row->s[first]->size_class);
    char *from = slot_end(row->s[first]) - kept, *to = slot_end(row->s[end - 1]);
    bool known = gti_os_resident(from, (size_t)(to - from), vec);
    /* An emulator of user programs does not look across guards. */
    if (!known && end - first > 1) {
        for (unsigned i = first; i < end; i++)
            find_depth(row, i, i + 1, vec);
        return;
    }
    for (unsigned i = first; i < end; i++) {
        size_t at = (size_t)(slot_end(row->s[i]) - kept - from) / page, above = 0;
        while (known && above < kept / page - 1 && !(vec[at + above] & 1))
            above++;
        row->s[i]->pages = (uint8_t)(kept / page - above);
        row->s[i]->asked += row->s[i]->asked < ASKED_OFTEN;
    }
}

/* The system is asked for every FAULTS_EVERY-th row only: the call costs more
 * than all else. Until the next time a stack that grew counts as it was. */
static uint32_t page_faults(void)
{
    if (GTI_ADD(gti_stacks.rows, 1u, relaxed) % FAULTS_EVERY == 0)
        GTI_STORE(gti_stacks.faults, gti_os_page_faults() & STAMP_MASK, relaxed);
    return GTI_LOAD(gti_stacks.faults, relaxed);
}

/* Bytes that the stacks hold, or a little more. */
static uint64_t row_count(struct row *row, uint32_t faults)
{
    unsigned char vec[2048];
    const size_t slot = gti_stack_slot_size(row->s[0]->size_class, gti_os_page_size());
    const size_t most = sizeof vec / (slot / gti_os_page_size());
    uint64_t pages = 0;
    for (unsigned i = 0, end; i < row->n; i = end) {
        end = i + 1;
        if (!depth_holds(row->s[i], faults)) {
            end = neighbours(row, i);
            if (end - i > most)
                end = i + (most ? (unsigned)most : 1);
            find_depth(row, i, end, vec);
        }
        for (; i < end; i++) {
            pages += row->s[i]->pages;
            row->s[i]->stamp = faults;
        }
    }
    return pages * gti_os_page_size();
}

/* What the depths of the last time add up to, and since when they may be out of
 * date; 0 when one is not known. */
static uint64_t row_sum(const struct row *row, uint32_t faults, struct gti_span *ret_unsure)
{
    uint64_t pages = 0;
    *ret_unsure = (struct gti_span){faults, faults};
    for (unsigned i = 0; i < row->n; i++) {
        if (row->s[i]->pages == 0)
            return 0;
        pages += row->s[i]->pages;
        *ret_unsure = gti_growth_hull(*ret_unsure, (struct gti_span){row->s[i]->stamp, faults});
    }
    return pages * gti_os_page_size();
}

static uint64_t growth_bytes(struct gti_span growth)
{
    return (uint64_t)gti_growth_pages(growth) * gti_os_page_size();
}

uint64_t gti_retained(void)
{
    uint64_t sum = GTI_LOAD(gti_stacks.retained, relaxed);
    uint64_t most = sum + growth_bytes(gti_growth_unsure());
    if (sum == 0 || most <= gti_stacks.budget)
        return sum ? most : 0;
    return sum > gti_stacks.budget ? sum : gti_stacks.budget;
}

/* ---- giving back --------------------------------------------------------- */

static bool reserve(uint64_t bytes, struct gti_span growth)
{
    uint64_t more = growth_bytes(growth);
    if (GTI_ADD(gti_stacks.retained, bytes, relaxed) + bytes + more <= gti_stacks.budget)
        return true;
    GTI_SUB(gti_stacks.retained, bytes, relaxed);
    return false;
}

static bool within_budget(struct row *row)
{
    /* Each holds a page at least: not worth counting when those do not fit. */
    uint64_t least = row->n * gti_os_page_size();
    if (GTI_LOAD(gti_stacks.retained, relaxed) + least > gti_stacks.budget)
        return false;
    uint32_t faults = page_faults();
    struct gti_span growth, all;
    uint64_t known = row_sum(row, faults, &growth);
    all = gti_growth_hull(growth, gti_growth_unsure());
    if (known && growth_bytes(all) <= gti_stacks.budget / UNSURE_PART && reserve(known, all)) {
        gti_growth_note(growth);
        return true;
    }
    return reserve(row_count(row, faults), gti_growth_unsure());
}

void gti_retain_give(struct gti_stack *s, unsigned size_class)
{
    struct gti_stack_class *sc = &gti_stacks.size_class[size_class];
    struct row row;
    while (s) {
        row_take(&row, &s, ROW);
        bool keep = within_budget(&row);
        if (!keep)
            row_drop(&row);
        gti_spin_lock(sc->lock);
        row_push(&row, keep ? &sc->warm : &sc->cold);
        gti_spin_unlock(sc->lock);
    }
}

void gti_stack_shrink(struct gti_stack *s)
{
    const size_t page = gti_os_page_size();
    char *keep = slot_end(s) - gti_stack_kept(s->size_class);
    if (gti_unlikely(!is_zero(keep - page, page)))
        gti_os_drop(usable(s), (size_t)(keep - usable(s)));
}

/* ---- trimming and ageing ------------------------------------------------- */

/* Of the idle stacks in a cache keep the newest `keep` as they are, drop what
 * the others hold. */
static void drop_cached(struct gti_stack_pool *pool, unsigned keep)
{
    unsigned count = GTI_LOAD(pool->count, relaxed), low = GTI_LOAD(pool->low, relaxed);
    unsigned clean = GTI_LOAD(pool->clean, relaxed);
    clean = low < clean ? low : clean;
    struct gti_stack **at = &pool->free;
    for (unsigned i = 0; i < keep; i++)
        at = &(*at)->next;
    for (unsigned left = count - clean; keep < left;) {
        struct row row;
        struct gti_stack *rest = *at;
        row_take(&row, &rest, left - keep < ROW ? left - keep : ROW);
        row_drop(&row);
        *at = rest;
        row_push(&row, at);
        at = &row.s[row.n - 1]->next;
        keep += row.n;
        clean += row.n;
    }
    GTI_STORE(pool->low, (uint16_t)count, relaxed);
    GTI_STORE(pool->clean, (uint16_t)clean, relaxed);
}

static void give_back(struct gti_stack_pool *pool, unsigned size_class)
{
    struct gti_stack *s = pool->free;
    unsigned n = GTI_LOAD(pool->count, relaxed);
    pool->free = NULL;
    GTI_STORE(pool->count, 0, relaxed);
    GTI_STORE(pool->low, 0, relaxed);
    GTI_STORE(pool->clean, 0, relaxed);
    if (s && gti_stack_is_small(size_class))
        gti_small_give(s, n, size_class);
    else if (s)
        gti_retain_give(s, size_class);
}

void gti_stack_flush(struct gti_stack_cache *cache)
{
    for (unsigned c = 0; c < GTI_STACK_CLASSES; c++)
        give_back(&cache->pool[c], c);
}

/* Drop the memory of up to `most` old stacks, or warm ones too. How many. */
static unsigned drop_shared(unsigned size_class, unsigned most, bool warm_too)
{
    struct gti_stack_class *sc = &gti_stacks.size_class[size_class];
    unsigned done = 0;
    if (gti_stack_is_small(size_class))
        return gti_small_drop(size_class, most, warm_too);
    while (done < most) {
        struct row row;
        uint64_t pages = 0;
        gti_spin_lock(sc->lock);
        row_take(&row, sc->old || !warm_too ? &sc->old : &sc->warm, ROW);
        gti_spin_unlock(sc->lock);
        if (row.n == 0)
            break;
        for (unsigned i = 0; i < row.n; i++)
            pages += row.s[i]->pages;
        row_drop(&row);
        GTI_SUB(gti_stacks.retained, pages * gti_os_page_size(), relaxed);
        gti_spin_lock(sc->lock);
        row_push(&row, &sc->cold);
        gti_spin_unlock(sc->lock);
        done += row.n;
    }
    return done;
}

void gti_stack_trim(struct gti_stack_cache *cache)
{
    for (unsigned c = 0; c < GTI_STACK_CLASSES; c++) {
        if (cache && gti_stack_is_small(c))
            give_back(&cache->pool[c], c);
        else if (cache)
            drop_cached(&cache->pool[c], 0);
        drop_shared(c, UINT32_MAX, true);
    }
}

/* When the cache is due next. */
static int64_t age_cache(struct gti_stack_cache *cache, int64_t now)
{
    bool some = false;
    if (now < cache->turn)
        return cache->turn;
    for (unsigned c = 0; c < GTI_STACK_CLASSES; c++) {
        struct gti_stack_pool *pool = &cache->pool[c];
        unsigned count = GTI_LOAD(pool->count, relaxed), low = GTI_LOAD(pool->low, relaxed);
        if (!gti_stack_is_small(c))
            drop_cached(pool, count - low);
        else if (count > 0 && low == count)
            give_back(pool, c);
        else
            GTI_STORE(pool->low, (uint16_t)count, relaxed);
        some |= GTI_LOAD(pool->count, relaxed) > GTI_LOAD(pool->clean, relaxed);
    }
    cache->turn = some ? now + TURN_NS : 0;
    return some ? cache->turn : GT_NEVER;
}

static void next_turn(void)
{
    for (unsigned c = 0; c < GTI_STACK_CLASSES; c++) {
        struct gti_stack_class *sc = &gti_stacks.size_class[c];
        gti_spin_lock(sc->lock);
        sc->old = sc->warm;
        sc->warm = NULL;
        sc->old_blocks = sc->warm_blocks;
        sc->warm_blocks = NULL;
        gti_spin_unlock(sc->lock);
    }
    gti_growth_next_turn();
}

static int64_t age_shared(int64_t now)
{
    if (GTI_LOAD(gti_stacks.retained, relaxed) == 0)
        return GT_NEVER;
    int64_t turn = GTI_LOAD(gti_stacks.turn, relaxed);
    if (now < turn || !gti_spin_try_lock(gti_stacks.ageing))
        return turn > now ? turn : now + TURN_NS;
    unsigned done = 0;
    for (unsigned c = 0; c < GTI_STACK_CLASSES && done < AGE_MOST; c++)
        done += drop_shared(c, AGE_MOST, false);
    turn = now;
    if (done < AGE_MOST) {
        next_turn();
        turn = now + TURN_NS;
        GTI_STORE(gti_stacks.turn, turn, relaxed);
    }
    gti_spin_unlock(gti_stacks.ageing);
    return turn;
}

int64_t gti_stacks_age(struct gti_stack_cache *cache, int64_t now)
{
    int64_t own = cache ? age_cache(cache, now) : GT_NEVER;
    int64_t shared = age_shared(now);
    return own < shared ? own : shared;
}
