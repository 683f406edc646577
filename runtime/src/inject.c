/* See inject.h. */
#include "inject.h"

#include <stdlib.h>

#include "spinlock.h"
#include "task.h"

struct gti_inject gti_inject;

struct gti_inject_block {
    struct gti_inject_block *next;
    struct gti_inject_batch batch[];
};

bool gti_inject_reserve(unsigned count)
{
    unsigned n = (count + GTI_INJECT_BATCH - 1) / GTI_INJECT_BATCH;
    struct gti_inject_block *block = malloc(sizeof *block + n * sizeof block->batch[0]);
    if (!block)
        return false;
    gti_spin_lock(gti_inject.lock);
    for (unsigned i = 0; i < n; i++) {
        block->batch[i].next = gti_inject.free;
        gti_inject.free = &block->batch[i];
    }
    block->next = gti_inject.blocks;
    gti_inject.blocks = block;
    gti_inject.reserved += count;
    gti_spin_unlock(gti_inject.lock);
    return true;
}

void gti_inject_destroy(void)
{
    while (gti_inject.blocks) {
        struct gti_inject_block *block = gti_inject.blocks;
        gti_inject.blocks = block->next;
        free(block);
    }
    gti_inject = (struct gti_inject){0};
}

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
    if (gti_inject.single_tail)
        gti_inject.single_tail->next = t;
    else
        gti_inject.single_head = t;
    gti_inject.single_tail = t;
    count_add(1);
    gti_spin_unlock(gti_inject.lock);
}

void gti_inject_overflow(struct gti_runq *q)
{
    gti_spin_lock(gti_inject.lock);
    struct gti_inject_batch *b = gti_inject.free;
    gti_assert(b);
    /* A thief that was faster has made room: nothing to move. */
    if (gti_runq_pop_many(q, b->task, GTI_INJECT_BATCH)) {
        gti_inject.free = b->next;
        b->next = NULL;
        if (gti_inject.batch_tail)
            gti_inject.batch_tail->next = b;
        else
            gti_inject.batch_head = b;
        gti_inject.batch_tail = b;
        count_add(GTI_INJECT_BATCH);
    }
    gti_spin_unlock(gti_inject.lock);
}

static struct gti_task *pop_single(void)
{
    struct gti_task *t = gti_inject.single_head;
    gti_inject.single_head = t->next;
    if (!t->next)
        gti_inject.single_tail = NULL;
    count_add((uint32_t)-1);
    return t;
}

/* Into an empty ring, so that there is room. */
static struct gti_task *pop_batch(struct gti_runq *q)
{
    struct gti_inject_batch *b = gti_inject.batch_head;
    gti_inject.batch_head = b->next;
    if (!b->next)
        gti_inject.batch_tail = NULL;
    for (uint32_t i = 1; i < GTI_INJECT_BATCH; i++)
        gti_runq_push(q, b->task[i]);
    struct gti_task *t = b->task[0];
    b->next = gti_inject.free;
    gti_inject.free = b;
    count_add(-GTI_INJECT_BATCH);
    return t;
}

struct gti_task *gti_inject_pop(struct gti_runq *q)
{
    struct gti_task *t = NULL;
    gti_spin_lock(gti_inject.lock);
    if (gti_inject.single_head)
        t = pop_single();
    else if (gti_inject.batch_head && gti_runq_is_empty(q))
        t = pop_batch(q);
    gti_spin_unlock(gti_inject.lock);
    return t;
}
