/* See park.h. */
#include "park.h"

#include "os_linux.h"
#include "spinlock.h"

struct gti_task *gti_park_self_outside(void)
{
    static __thread struct gti_task self;
    self.flags = GTI_TASK_OUTSIDE;
    return &self;
}

static GTI_NOINLINE int park_outside(gti_hook *hook, void *arg)
{
    struct gti_task *self = gti_park_self_outside();
    GTI_STORE(self->state, (uint32_t)GTI_WAITING, relaxed);
    hook(NULL, arg);
    /* Ordering: acquire, edge OUTSIDE-WAKE <- gti_ready_outside(). */
    while (GTI_LOAD(self->state, acquire) == (uint32_t)GTI_WAITING)
        gti_os_futex_wait(&self->state.v_, GTI_WAITING, INT64_MAX);
    return self->context.result;
}

int gti_ready_outside(struct gti_task *t)
{
    /* The thread may be gone as soon as it sees the store; a wake of an
     * address that nobody waits on is harmless. */
    uint32_t *word = &t->state.v_;
    /* Ordering: release, edge OUTSIDE-WAKE -> park_outside(). */
    GTI_STORE(t->state, (uint32_t)GTI_READY, release);
    gti_os_futex_wake(word, 1);
    return 0;
}

void gti_park_unlock(struct gti_worker *w, void *lock)
{
    struct gti_spinlock *l = (struct gti_spinlock *)lock;
    (void)w;
    gti_spin_unlock(l->word);
}

int gti_park_slow(struct gti_worker *w, gti_hook *hook, void *arg)
{
    if (!w)
        return park_outside(hook, arg);
    gti_group_settle(w);
    struct gti_task *self = w->current, *next = gti_worker_pick(w);
    gti_task_transition(self, GTI_RUNNING, GTI_WAITING);
    return gti_worker_switch(w, self, next ? next : &w->sched, hook, arg);
}
