/* See inject.h. */
#include "inject.h"

#include "spinlock.h"
#include "task.h"

struct gti_inject gti_inject;

/* The lock is held. Plain arithmetic would do; the store is atomic because
 * others read it without the lock. */
static void count_add(uint32_t n)
{
    GTI_STORE(gti_inject.count, GTI_LOAD(gti_inject.count, relaxed) + n, relaxed);
}

void gti_inject_push(struct gti_task *t)
{
    t->next = NULL;
    gti_spin_lock(gti_inject.lock);
    if (gti_inject.tail)
        gti_inject.tail->next = t;
    else
        gti_inject.head = t;
    gti_inject.tail = t;
    count_add(1);
    gti_spin_unlock(gti_inject.lock);
}

struct gti_task *gti_inject_pop(void)
{
    gti_spin_lock(gti_inject.lock);
    struct gti_task *t = gti_inject.head;
    if (t) {
        gti_inject.head = t->next;
        if (!t->next)
            gti_inject.tail = NULL;
        count_add((uint32_t)-1);
    }
    gti_spin_unlock(gti_inject.lock);
    return t;
}

void gti_inject_clear(void)
{
    GTI_STORE(gti_inject.count, 0u, relaxed);
    gti_inject.head = gti_inject.tail = NULL;
}
