/* How deep stacks were used, per entry function (GT_STACK_PROFILE).
 *
 * Memory above the stack pointer is nobody's and reads as zero when it is new.
 * While profiling it is kept so: at the end of each task, still on its stack,
 * the lowest word that is not zero says how deep the task went, and everything
 * from there up to the caller's frame is cleared. Pages that were never
 * touched are skipped. Words that a task left zero at its deepest point are
 * not seen, and the frames that look cannot look below themselves: a result
 * may be short by a few words, and is at least the depth of this file. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "sanitizer.h"
#include "stack_slab.h"

#define FUNCTIONS  1024 /* a power of two */
#define LOOK_PAGES 512
/* Left alone below the frame that clears: its own leaf calls. */
#define MARGIN 256

struct use {
    gt_fn *fn;
    uint64_t tasks;
    size_t limit, max_used;
    char name[40]; /* empty until somebody asks */
};

bool gti_stack_profiling;

static struct {
    GTI_ATOMIC(uint32_t) lock; /* protects the rest */
    unsigned functions;
    struct use use[FUNCTIONS]; /* open addressing by fn */
    unsigned char resident[LOOK_PAGES];
} profile;

void gti_stack_profile_start(bool on)
{
    if (profile.functions)
        memset(&profile, 0, sizeof profile);
    gti_stack_profiling = on;
}

/* The function's entry, made if need be; NULL when the table is full. */
static struct use *find(gt_fn *fn)
{
    size_t at = (size_t)((uintptr_t)fn * UINT64_C(0x9e3779b97f4a7c15) >> 32);
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        struct use *u = &profile.use[(at + i) % FUNCTIONS];
        if (u->fn == fn)
            return u;
        if (!u->fn && profile.functions < FUNCTIONS) {
            profile.functions++;
            u->fn = fn;
            return u;
        }
    }
    return NULL;
}

/* The lowest resident page of [low, high), or high. */
static char *first_resident(char *low, char *high)
{
    const size_t page = gti_os_page_size();
    while (low < high) {
        size_t pages = (size_t)(high - low) / page;
        pages = pages < LOOK_PAGES ? pages : LOOK_PAGES;
        if (!gti_os_resident(low, pages * page, profile.resident))
            return low;
        for (size_t i = 0; i < pages; i++)
            if (profile.resident[i] & 1)
                return low + i * page;
        low += pages * page;
    }
    return high;
}

/* The lowest word of [low, high) that is not zero, or high; all from there on
 * is cleared. */
#ifdef GTI_ASAN
__attribute__((no_sanitize("address")))
#endif
static char *
find_and_clear(char *low, char *high)
{
    volatile uint64_t *word = (volatile uint64_t *)low, *end = (volatile uint64_t *)high;
    while (word < end && *word == 0)
        word++;
    char *found = (char *)(uintptr_t)word;
    for (; word < end; word++)
        *word = 0;
    return found;
}

static char *lowest_word(const struct gti_stack *s)
{
    const size_t page = gti_os_page_size();
    if (gti_stack_is_small(s->size_class))
        return s->base + sizeof(uint64_t); /* the canary */
    char *end = (char *)(((uintptr_t)s->top + page - 1) & ~(uintptr_t)(page - 1));
    return first_resident(s->base + page, end);
}

GTI_NOINLINE void gti_stack_note(const struct gti_stack *s, gt_fn *fn, const char *name)
{
    char *here = (char *)__builtin_frame_address(0);
    char *high = (char *)((uintptr_t)(here - MARGIN) & ~(uintptr_t)15);
    gti_spin_lock(profile.lock);
    char *low = lowest_word(s);
    gti_san_stack_forget(s->base, (size_t)(s->top - s->base));
    size_t used = (size_t)(s->top - (low < high ? find_and_clear(low, high) : high));
    struct use *u = find(fn);
    if (u) {
        if (u->tasks++ == 0 && name) {
            strncpy(u->name, name, sizeof u->name - 1);
        }
        if (used >= u->max_used) {
            u->limit = gti_stack_class_size(s->size_class);
            u->max_used = used;
        }
    }
    gti_spin_unlock(profile.lock);
}

/* On the caller's stack, which is roomier than that of a small task. */
static void resolve(struct use *u)
{
    Dl_info info;
    if (!u->name[0] && dladdr((void *)(uintptr_t)u->fn, &info) && info.dli_sname)
        snprintf(u->name, sizeof u->name, "%s", info.dli_sname);
}

int gt_stack_profile(gt_stack_use *ret_use, int max)
{
    int n = 0;
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        struct use *u = &profile.use[i];
        gti_spin_lock(profile.lock);
        if (u->fn) {
            if (n < max) {
                resolve(u);
                ret_use[n] = (gt_stack_use){.fn = u->fn,
                                            .name = u->name[0] ? u->name : NULL,
                                            .tasks = u->tasks,
                                            .limit = u->limit,
                                            .max_used = u->max_used};
            }
            n++;
        }
        gti_spin_unlock(profile.lock);
    }
    return n;
}
