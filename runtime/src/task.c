/* Descriptors of tasks: slabs, the shared free list, labels. See task.h. */
#include "task.h"

#include <stdio.h>
#include <stdlib.h>

#include "os_linux.h"
#include "report.h"
#include "spinlock.h"

#define SLAB_FIRST 64
#define SLAB_LAST  16384 /* 2 MiB */

struct slab {
    struct slab *next;
    struct gti_task *task;
    unsigned count, first; /* tasks in it; the number of the first */
};

static struct {
    GTI_ATOMIC(uint32_t) lock; /* protects the rest */
    struct gti_task *free;
    struct slab *slabs;
    unsigned slab_tasks;                /* in the next slab */
    struct gti_task *fresh, *fresh_end; /* of the newest slab, never used yet */
} tasks;

/* Called with the lock held. */
static bool slab_new(void)
{
    unsigned n = tasks.slab_tasks ? tasks.slab_tasks : SLAB_FIRST;
    struct slab *slab = malloc(sizeof *slab);
    /* With so many tasks a huge page will be used up, and spares as many page
     * faults as there are pages in it. */
    size_t bytes = n * sizeof(struct gti_task);
    bool huge = bytes % GTI_HUGE_PAGE == 0;
    struct gti_task *t = aligned_alloc(huge ? GTI_HUGE_PAGE : GTI_CACHE_LINE, bytes);
    if (!slab || !t) {
        free(slab);
        free(t);
        return false;
    }
    if (huge)
        gti_os_prefer_huge(t, bytes);
    slab->task = t;
    slab->count = n;
    slab->first = tasks.slabs ? tasks.slabs->first + tasks.slabs->count : 0;
    slab->next = tasks.slabs;
    tasks.slabs = slab;
    tasks.fresh = t;
    tasks.fresh_end = t + n;
    tasks.slab_tasks = n < SLAB_LAST ? 2 * n : n;
    return true;
}

static struct gti_task *take_locked(void)
{
    struct gti_task *t = tasks.free;
    if (t) {
        tasks.free = t->next;
        return t;
    }
    if (tasks.fresh == tasks.fresh_end && !slab_new())
        return NULL;
    t = tasks.fresh++;
    *t = (struct gti_task){0};
    return t;
}

bool gti_task_refill(struct gti_task_cache *cache)
{
    struct gti_task **tail = &cache->free;
    gti_spin_lock(tasks.lock);
    for (unsigned i = 0; i < GTI_TASK_BATCH; i++) {
        struct gti_task *t = take_locked();
        if (!t)
            break;
        *tail = t;
        tail = &t->next;
        cache->count++;
    }
    *tail = NULL;
    gti_spin_unlock(tasks.lock);
    return cache->free != NULL;
}

void gti_task_spill(struct gti_task_cache *cache)
{
    struct gti_task *first = cache->free, *last = first;
    for (unsigned i = 1; i < GTI_TASK_BATCH; i++)
        last = last->next;
    cache->free = last->next;
    cache->count -= GTI_TASK_BATCH;
    gti_spin_lock(tasks.lock);
    last->next = tasks.free;
    tasks.free = first;
    gti_spin_unlock(tasks.lock);
}

struct gti_task *gti_task_get_shared(void)
{
    gti_spin_lock(tasks.lock);
    struct gti_task *t = take_locked();
    gti_spin_unlock(tasks.lock);
    return t;
}

void gti_tasks_each(void (*fn)(unsigned number, const struct gti_task *t, void *arg), void *arg)
{
    gti_spin_lock(tasks.lock);
    struct slab *slab = tasks.slabs;
    const struct gti_task *fresh = tasks.fresh;
    gti_spin_unlock(tasks.lock);
    /* Slabs stay where they are until the runtime stops. Of the newest, what
     * lies behind `fresh` was never used. */
    for (bool newest = true; slab; slab = slab->next, newest = false)
        for (unsigned i = 0; i < slab->count && !(newest && slab->task + i >= fresh); i++)
            fn(slab->first + i, slab->task + i, arg);
}

const char *gti_wait_name(uint8_t kind)
{
    static const char *const names[GTI_WAIT_KINDS] = {
        [GTI_WAIT_NONE] = "nothing",         [GTI_WAIT_SEND] = "chan send",
        [GTI_WAIT_RECV] = "chan receive",    [GTI_WAIT_SELECT] = "select",
        [GTI_WAIT_SLEEP] = "sleep",          [GTI_WAIT_GROUP] = "group",
        [GTI_WAIT_MUTEX] = "mutex",          [GTI_WAIT_RWMUTEX] = "rwmutex",
        [GTI_WAIT_COND] = "condition",       [GTI_WAIT_ONCE] = "once",
        [GTI_WAIT_WAITGROUP] = "wait group", [GTI_WAIT_SEM] = "semaphore",
        [GTI_WAIT_FD] = "descriptor",
    };
    return kind < GTI_WAIT_KINDS && names[kind] ? names[kind] : "something";
}

unsigned gti_task_number(const struct gti_task *t)
{
    gti_spin_lock(tasks.lock);
    const struct slab *slab = tasks.slabs;
    gti_spin_unlock(tasks.lock);
    while (slab && !(t >= slab->task && t < slab->task + slab->count))
        slab = slab->next;
    return slab ? slab->first + (unsigned)(t - slab->task) : 0;
}

#ifdef GTI_TSAN
static void forget_fiber(unsigned number, const struct gti_task *t, void *arg)
{
    uint32_t state = GTI_LOAD(t->state, relaxed);
    (void)number;
    (void)arg;
    if (state != (uint32_t)GTI_FREE && state != (uint32_t)GTI_FRESH)
        gti_san_fiber_abandon(t);
}
#endif

void gti_tasks_destroy(void)
{
#ifdef GTI_TSAN
    gti_tasks_each(forget_fiber, NULL);
#endif
    while (tasks.slabs) {
        struct slab *slab = tasks.slabs;
        tasks.slabs = slab->next;
        free(slab->task);
        free(slab);
    }
    tasks.free = tasks.fresh = tasks.fresh_end = NULL;
    tasks.slab_tasks = 0;
}

const char *gti_task_label(const struct gti_task *t)
{
    static __thread char label[224];
    char name[64], symbol[128];
    gti_symbol((void *)(uintptr_t)t->fn, symbol, sizeof symbol);
    if (t->name)
        snprintf(label, sizeof label, "%s, entered at %s",
                 gti_peek_string(t->name, name, sizeof name), symbol);
    else
        snprintf(label, sizeof label, "%s", symbol);
    return label;
}
