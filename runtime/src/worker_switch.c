/* Switching to tasks and ending them. See worker.h. */
#include "group.h"
#include "local.h"
#include "sanitizer.h"
#include "trace.h"
#include "worker.h"

/* ---- switching ------------------------------------------------------------ */

struct stack_job {
    struct gti_worker *w;
    unsigned size_class;
};

static void refill_stacks(void *arg)
{
    const struct stack_job *job = arg;
    gti_stack_refill(&job->w->stacks, job->size_class);
}

static void spill_stacks(void *arg)
{
    const struct stack_job *job = arg;
    gti_stack_spill(&job->w->stacks, job->size_class);
}

/* Functions of their own, to keep frames off the fast paths. */
static GTI_NOINLINE void refill_slow(struct gti_worker *w, unsigned size_class)
{
    gti_worker_on_os_stack(w, refill_stacks, &(struct stack_job){w, size_class});
}

static GTI_NOINLINE struct gti_stack *pop_stack_slow(struct gti_worker *w, unsigned size_class)
{
    refill_slow(w, size_class);
    return gti_stack_pop(&w->stacks, size_class);
}

static GTI_NOINLINE void spill_slow(struct gti_worker *w, unsigned size_class)
{
    gti_worker_on_os_stack(w, spill_stacks, &(struct stack_job){w, size_class});
}

/* The stack that was left last, or one of the cache's. */
GTI_INLINE struct gti_stack *take_stack(struct gti_worker *w, unsigned size_class)
{
    struct gti_stack *s = w->hot;
    if (gti_likely(s && s->size_class == size_class)) {
        w->hot = NULL;
        return s;
    }
    s = gti_stack_pop(&w->stacks, size_class);
    return gti_likely(s != NULL) ? s : pop_stack_slow(w, size_class);
}

static void no_stack(void *task)
{
    const struct gti_task *t = task;
    gti_fatal("no memory for the stack of task %s (%zu bytes reserved); lower the number of "
              "tasks or gt_config.stack_size, or raise the address-space limit",
              gti_task_label(t), gti_stack_class_size(t->size_class));
}

GTI_INLINE void bind(struct gti_worker *w, struct gti_task *t)
{
    struct gti_stack *s = take_stack(w, t->size_class);
    if (gti_unlikely(!s))
        gti_worker_on_os_stack(w, no_stack, t);
    gti_san_stack_forget(s->base, (size_t)(s->top - s->base));
    t->stack = s;
    if (gti_unlikely(s->watched))
        t->flags |= GTI_TASK_CANARY;
    t->context.sp = gti_context_init(s->top);
    gti_san_fiber_create(t);
}

/* Everything but the jump: `to` becomes current. */
GTI_INLINE void enter(struct gti_worker *w, struct gti_task *to)
{
    if (GTI_LOAD(to->state, relaxed) == (uint32_t)GTI_FRESH) {
        bind(w, to);
        gti_task_transition(to, GTI_FRESH, GTI_READY);
    }
    gti_assert(GTI_LOAD(to->state, relaxed) == (uint32_t)GTI_READY);
    w->current = to;
    GTI_COUNT(w->count.switches);
}

static void overflowed(void *task)
{
    const struct gti_task *t = task;
    gti_stack_overflowed(t->stack, gti_task_label(t));
}

static GTI_NOINLINE void leaving_slow(struct gti_worker *w, struct gti_task *from,
                                      enum gti_trace_kind why)
{
    if (from->flags & GTI_TASK_CANARY && from->stack->canary && !gti_stack_is_whole(from->stack))
        gti_worker_on_os_stack(w, overflowed, from);
    if (from->flags & GTI_TASK_SLOW && from != &w->sched)
        gti_trace_record(w, why, from, from->wait_kind);
}

/* `why`: how its slice ends. */
GTI_INLINE void check_leaving(struct gti_worker *w, struct gti_task *from, enum gti_trace_kind why)
{
    if (gti_unlikely(from->flags & (GTI_TASK_CANARY | GTI_TASK_SLOW)))
        leaving_slow(w, from, why);
}

/* A slice of `to` begins. */
GTI_INLINE void trace_entered(struct gti_worker *w, struct gti_task *to)
{
    if (gti_unlikely(to->flags & GTI_TASK_SLOW) && to != &w->sched)
        gti_trace_record(w, GTI_TRACE_RUN, to, 0);
}

#ifdef GTI_ASAN
static void announce(struct gti_worker *w, struct gti_task *to, void **fake)
{
    if (to == &w->sched)
        gti_san_leave(fake, w->os_stack, w->os_stack_size);
    else
        gti_san_leave(fake, to->stack->base, (size_t)(to->stack->top - to->stack->base));
}
#endif

int gti_worker_switch_slow(struct gti_worker *w, struct gti_task *from, struct gti_task *to,
                           gti_hook *hook, void *arg)
{
    bool waits = GTI_LOAD(from->state, relaxed) == (uint32_t)GTI_WAITING;
    check_leaving(w, from, waits ? GTI_TRACE_PARK : GTI_TRACE_YIELD);
    enter(w, to);
    trace_entered(w, to);
    gti_san_fiber_switch(to);
#ifdef GTI_ASAN
    void *fake;
    announce(w, to, &fake);
    int result = gti_context_switch(&from->context, &to->context, hook, w, arg);
    gti_san_enter(fake);
    return result;
#else
    return gti_context_switch(&from->context, &to->context, hook, w, arg);
#endif
}

void gti_worker_cool(struct gti_worker *w)
{
    struct gti_stack *s = w->hot;
    w->hot = NULL;
    if (s && gti_stack_push(&w->stacks, s))
        spill_slow(w, s->size_class);
}

/* As in gti_worker_switch(), no call in it but tail calls. */
int gti_worker_switch_fresh(struct gti_worker *w, struct gti_task *from, struct gti_task *to,
                            gti_hook *hook, void *arg)
{
    struct gti_stack *s = w->hot;
    if (gti_unlikely(!s || s->size_class != to->size_class || s->watched))
        return gti_worker_switch_slow(w, from, to, hook, arg);
    w->hot = NULL;
    to->stack = s;
    to->context.sp = gti_context_init(s->top);
    gti_task_transition(to, GTI_FRESH, GTI_READY);
    w->current = to;
    GTI_COUNT(w->count.switches);
    return gti_context_switch(&from->context, &to->context, hook, w, arg);
}

/* ---- ending --------------------------------------------------------------- */

/* Hook: nobody is on the stack any more. */
static void release_stack(struct gti_worker *w, void *stack)
{
    struct gti_stack *s = stack;
    gti_san_fiber_destroy(w);
    if (gti_likely(!w->hot && !s->deep && s->size_class == gti_rt.stack_class))
        w->hot = s;
    else if (gti_unlikely(gti_stack_push(&w->stacks, s)))
        spill_slow(w, s->size_class);
}

static void check_worker(const struct gti_worker *w)
{
    if (w)
        return;
    gti_check_forked();
    gti_fatal("a task returned from within a blocking call; call gt_blocking_end() before");
}

/* A task with anything out of the ordinary is over. Returns the worker, since
 * what the task does last may make it move. */
static GTI_NOINLINE struct gti_worker *end_slow(struct gti_worker *w)
{
    check_worker(w);
    struct gti_task *t = w->current;
    if (t->flags & GTI_TASK_LOCALS) {
        gti_local_end(t);
        w = gti_worker_self();
        check_worker(w);
    }
    leaving_slow(w, t, GTI_TRACE_RETURN);
    if (t->flags & GTI_TASK_CANARY && gti_stack_profiling)
        gti_stack_note(t->stack, t->fn, t->name);
    return w;
}

/* The task is over; `t` becomes free. */
GTI_INLINE void retire(struct gti_worker *w, struct gti_task *t)
{
    gti_task_transition(t, GTI_READY, GTI_FREE);
    GTI_COUNT(w->count.finished);
    if (t->group)
        gti_group_leave(w, t->group);
    gti_task_put(&w->tasks, t);
}

/* Can `next` start on the stack that a finished task leaves? */
GTI_INLINE bool fits(const struct gti_task *next, const struct gti_stack *stack)
{
    return GTI_LOAD(next->state, relaxed) == (uint32_t)GTI_FRESH &&
           next->size_class == stack->size_class;
}

/* The next task, after one has ended. Credit is settled before anything but a
 * fresh member of the same group (group.h); settling may make the waiter
 * ready, which is then the task to run if the queue is empty. */
GTI_INLINE struct gti_task *pick_after_end(struct gti_worker *w)
{
    if (!GTI_LOAD(w->next.task, relaxed) && !GTI_LOAD(w->fresh.count, relaxed) &&
        gti_runq_is_empty(&w->runq))
        gti_group_settle(w);
    struct gti_task *next = gti_worker_pick(w);
    if (w->credit && (!next || next->group != w->credit_group))
        gti_group_settle_slow(w);
    return next;
}

/* Stacks are made, and their first pages touched, here and not when a task
 * leaves for one that is fresh: a task that waits does so with the lock of what
 * it waits for held. */
GTI_INLINE void keep_stack_ready(struct gti_worker *w, const struct gti_stack *s)
{
    if (gti_unlikely(!w->stacks.pool[s->size_class].free) && !w->hot && !s->deep)
        refill_slow(w, s->size_class);
}

/* The first frame of every task stack. A stack is not given back between two
 * tasks if the next is fresh: a storm of tasks that run to completion then
 * uses one stack and no switch. */
void gti_task_main(void)
{
    gti_san_enter(NULL);
    keep_stack_ready(gti_worker_self(), gti_worker_self()->current->stack);
    for (;;) {
        struct gti_worker *w = gti_worker_self();
        struct gti_task *t = w->current;
        struct gti_stack *stack = t->stack;
        t->fn(t->arg);
        w = gti_worker_self(); /* we may have migrated */
        if (gti_unlikely(!w || w->current->flags))
            w = end_slow(w);
        t = w->current;
        gti_san_fiber_end(w, t);
        retire(w, t);
        struct gti_task *next = pick_after_end(w);
        if (next && fits(next, stack)) {
            next->stack = stack;
            gti_san_fiber_pass_on(w, next);
            next->flags |= stack->watched ? GTI_TASK_CANARY : 0;
            gti_task_transition(next, GTI_FRESH, GTI_READY);
            w->current = next;
            GTI_COUNT(w->count.switches);
            trace_entered(w, next);
            continue;
        }
        gti_group_settle(w);
        next = next ? next : &w->sched;
        enter(w, next);
        trace_entered(w, next);
        gti_san_fiber_switch(next);
#ifdef GTI_ASAN
        announce(w, next, NULL);
#endif
        gti_context_leave(&next->context, release_stack, w, stack);
    }
}

static void nothing(struct gti_worker *w, void *arg)
{
    (void)w;
    (void)arg;
}

void gti_worker_loop(struct gti_worker *w)
{
    struct gti_task *t;
    w->sched.flags = gti_rt.task_flags;
    gti_san_fiber_of_thread(&w->sched);
    GTI_STORE(w->sched.state, (uint32_t)GTI_READY, relaxed);
    while ((t = gti_worker_find(w)) != NULL)
        gti_worker_switch(w, &w->sched, t, nothing, NULL);
}
