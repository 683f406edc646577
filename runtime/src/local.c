/* Task-local storage.
 *
 * A task's values are in an array of its own, made when it first sets one and
 * grown as it sets keys that are larger. While it exists, the task's flags
 * have GTI_TASK_LOCALS and `local` points to it; nobody but the task itself
 * touches either. `local` takes the place of the argument, which is not needed
 * once the task runs. The array's first element is the number of the others.
 *
 * Keys are numbers that are given out once and never taken back. A key's
 * destructor is written before the count of keys is raised over it, under a
 * lock; who sees the count sees the destructor.
 *
 * When a task has returned, it destroys its values itself, still as a task: a
 * destructor may wait, and may set values again. Each value is set to NULL
 * before its destructor is called. What still has a value after GTI_ROUNDS
 * rounds is dropped.
 *
 * A task that gt_stop() abandons does not run any more, hence no destructors;
 * its array is freed.
 */
#include "local.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spinlock.h"
#include "worker.h"

#define GTI_ROUNDS 4
/* Of an array, in elements: a cache line. */
#define LEAST 8u

static struct {
    GTI_ATOMIC(uint32_t) lock;
    GTI_ATOMIC(uint32_t) count;
    GTI_ATOMIC(uint32_t) used; /* some task of this runtime has an array */
    void (*destroy[GT_MAX_LOCALS])(void *value);
} keys;

int gt_local_create(gt_local *ret_key, void (*destroy)(void *value))
{
    gti_spin_lock(keys.lock);
    uint32_t key = GTI_LOAD(keys.count, relaxed);
    if (key < GT_MAX_LOCALS) {
        keys.destroy[key] = destroy;
        /* Ordering: release, edge LOCAL-KEY -> is_key(). */
        GTI_STORE(keys.count, key + 1, release);
    }
    gti_spin_unlock(keys.lock);
    if (key >= GT_MAX_LOCALS)
        return -EAGAIN;
    *ret_key = key;
    return 0;
}

static bool is_key(gt_local key)
{
    /* Ordering: acquire, edge LOCAL-KEY <- gt_local_create(). */
    return key < GTI_LOAD(keys.count, acquire);
}

/* ---- the array of a task ---------------------------------------------------- */

/* The elements that may be used, 1..; 0 of a task that has none. */
GTI_INLINE uintptr_t limit(const struct gti_task *t)
{
    return t->flags & GTI_TASK_LOCALS ? (uintptr_t)t->local[0] : 0;
}

static int grow(struct gti_task *t, gt_local key)
{
    size_t had = t->flags & GTI_TASK_LOCALS ? limit(t) + 1 : 0, n = LEAST;
    while (n <= key + 1)
        n *= 2;
    void **local = realloc(had ? t->local : NULL, n * sizeof *local);
    if (!local)
        return -ENOMEM;
    memset(local + had, 0, (n - had) * sizeof *local);
    local[0] = (void *)(uintptr_t)(n - 1);
    t->local = local;
    t->flags |= GTI_TASK_LOCALS;
    GTI_STORE(keys.used, 1u, relaxed);
    return 0;
}

int gt_local_set(gt_local key, void *value)
{
    struct gti_worker *w = gti_worker_self();
    if (!is_key(key))
        return -EINVAL;
    if (!w)
        return -EPERM;
    struct gti_task *t = w->current;
    if (gti_unlikely(key >= limit(t))) {
        int err = value ? grow(t, key) : 0;
        if (err || !value)
            return err;
    }
    t->local[key + 1] = value;
    return 0;
}

void *gt_local_get(gt_local key)
{
    struct gti_worker *w = gti_worker_self();
    if (!w || key >= limit(w->current))
        return NULL;
    return w->current->local[key + 1];
}

/* ---- the end ------------------------------------------------------------------ */

/* One round; false if there was nothing to do. A destructor may grow the array. */
static bool destroy_values(struct gti_task *t)
{
    bool any = false;
    for (uintptr_t key = 0; key < limit(t) && is_key((gt_local)key); key++) {
        void *value = t->local[key + 1];
        if (!value || !keys.destroy[key])
            continue;
        any = true;
        t->local[key + 1] = NULL;
        keys.destroy[key](value);
    }
    return any;
}

void gti_local_end(struct gti_task *t)
{
    for (int round = 0; round < GTI_ROUNDS && destroy_values(t); round++)
        continue;
    t->flags &= (uint8_t)~GTI_TASK_LOCALS;
    free(t->local);
}

static void free_array(unsigned number, const struct gti_task *t, void *arg)
{
    (void)number;
    (void)arg;
    if (t->flags & GTI_TASK_LOCALS)
        free(t->local);
}

void gti_local_free_abandoned(void)
{
    if (GTI_XCHG(keys.used, 0u, relaxed))
        gti_tasks_each(free_array, NULL);
}
