/* A task: what the scheduler knows of one green thread.
 *
 * States, and who may touch the task in each:
 *
 *   FREE     on a free list; nobody.
 *   FRESH    spawned, has no stack; on exactly one queue or in a run-next slot.
 *   READY    on exactly one queue or in a run-next slot, its context saved; or
 *            running: `current` of exactly one worker, which alone touches it.
 *            Which of the two is not written down, since that would be two
 *            stores per switch.
 *   WAITING  on exactly one wait queue, timer wheel or group, or about to be:
 *            the hook that publishes it runs after its context is saved. Who
 *            takes it off may make it READY, and nobody else.
 *   POLLING  the same, but still running, and looking at its own state: who
 *            takes it off its queue makes it READY and leaves it alone
 *            (gti_park_polling()).
 *
 *   FREE -> FRESH -> READY <-> WAITING
 *    ^                 |  ^       ^
 *    +-----------------+  |       |
 *                         v       |
 *                        POLLING -+
 *
 * A stack belongs to its task from the first run to the end, and passes
 * straight to the next fresh task when the finished one's worker picks that
 * (worker_switch.c).
 */
#ifndef GTI_TASK_H
#define GTI_TASK_H

#include "arch/context.h"
#include "atomics.h"
#include "base.h"
#include "gt/gt.h"
#include "sanitizer.h"
#include "stack.h"

enum gti_task_state { GTI_FREE, GTI_FRESH, GTI_READY, GTI_WAITING, GTI_POLLING };

enum gti_task_flags {
    GTI_TASK_CANARY = 1,   /* its stack has only a canary: check at each switch */
    GTI_TASK_OUTSIDE = 2,  /* stands for an OS thread that is not a worker */
    GTI_TASK_DUE = 4,      /* of no tree: spawned outside (pop_started()) */
    GTI_TASK_SLOW = 8,     /* traced: take the slow path at each switch */
    GTI_TASK_LOCALS = 16,  /* `local` is in use */
    GTI_TASK_COUNTED = 32, /* outside, and in gti_rt.outside_waiting */
    GTI_TASK_BOUND = 64,   /* `bound` is not 0 */
    GTI_TASK_POLLS = 128   /* was POLLING when it was put on its wait queue */
};

/* What a WAITING task waits for; for reports. */
enum gti_wait_kind {
    GTI_WAIT_NONE,
    GTI_WAIT_SEND,
    GTI_WAIT_RECV,
    GTI_WAIT_SELECT,
    GTI_WAIT_SLEEP,
    GTI_WAIT_GROUP,
    GTI_WAIT_MUTEX,
    GTI_WAIT_RWMUTEX,
    GTI_WAIT_COND,
    GTI_WAIT_ONCE,
    GTI_WAIT_WAITGROUP,
    GTI_WAIT_SEM,
    GTI_WAIT_FD,
    GTI_WAIT_KINDS
};

struct gti_task;

/* A place in a wait queue (waitq.h). Most tasks wait in one, the one that is
 * part of their descriptor; a select has one per case. */
struct gti_waiter {
    GTI_PLAIN(struct gti_waiter *) next;
    GTI_PLAIN(struct gti_waiter *) prev;
    GTI_PLAIN(uintptr_t) task; /* | GTI_CONTESTED */
    GTI_PLAIN(void *) slot;    /* hand-off: address of the element to copy from or to */
};

/* Set in gti_waiter.task when somebody else may wake the task too: another
 * case, or the clock. Who takes such a waiter off must win task->claim. */
#define GTI_CONTESTED ((uintptr_t)1)

/* gti_task.wheel of a contested wait without a deadline. */
#define GTI_NO_WHEEL ((uint16_t)-1)

/* Where a task is with respect to a timer wheel. */
enum gti_on_wheel { GTI_OFF_WHEEL, GTI_SLEEPS, GTI_WAITS_UNTIL };

struct gti_task {
    struct gti_context context; /* must be first: the assembler knows it */
    struct gti_task *next;      /* link of the one list the task is on; of the wheel too */
    GTI_ATOMIC(uint32_t) state; /* enum gti_task_state; futex word of outside threads */
    uint16_t bound;             /* worker index + 1, or 0 */
    uint8_t size_class;         /* stack size class */
    uint8_t flags;
    struct gti_waiter wait;
    /* Second cache line: up to here is what switching, waiting and waking need,
     * so that a message to another CPU moves one line of the task. */
    struct gti_stack *stack;
    gt_fn *fn;
    union {
        void *arg;    /* until the task runs */
        void **local; /* then, with GTI_TASK_LOCALS: task-local storage */
    };
    struct gt_group *group;
    struct gti_task *prev;       /* timer wheel, list of fresh tasks */
    int64_t deadline;            /* timer wheel: tick to fire at */
    GTI_ATOMIC(uint32_t) claim;  /* contested waits: 1 once somebody won the right to wake */
    GTI_PLAIN(uint16_t) wheel;   /* index of the worker on whose wheel it is or was */
    GTI_PLAIN(uint8_t) on_wheel; /* enum gti_on_wheel; under the wheel's lock */
    uint8_t wait_kind;           /* enum gti_wait_kind */
    const char *name;
    GTI_FIBER
} __attribute__((aligned(GTI_CACHE_LINE)));

static_assert(offsetof(struct gti_task, context) == 0, "the assembler switches tasks");
#if !defined(GTI_TSAN) && !defined(GTI_RELACY)
static_assert(sizeof(struct gti_task) == 2 * GTI_CACHE_LINE, "two cache lines");
#endif

/* Changes a task's state; asserts where it was. park.c alone changes it otherwise:
 * out of POLLING, and that of the descriptor that stands for a thread outside. */
GTI_INLINE void gti_task_transition(struct gti_task *t, enum gti_task_state from,
                                    enum gti_task_state to)
{
    gti_assert(GTI_LOAD(t->state, relaxed) == (uint32_t)from);
    (void)from;
    GTI_STORE(t->state, (uint32_t)to, relaxed);
}

/* Win the right to wake a task that waits contested; false when another did. */
GTI_INLINE bool gti_task_claim(struct gti_task *t)
{
    uint32_t unclaimed = 0u;
    /* Relaxed: the locks of the queue or wheel where the waker found the task
     * order everything else. */
    return GTI_CAS(t->claim, unclaimed, 1u, relaxed);
}

/* What fatal reports call the task: its entry function as gti_symbol() has it,
 * after its name if it has one; in a static buffer of the calling OS thread. */
const char *gti_task_label(const struct gti_task *t);
/* "mutex", for GTI_WAIT_MUTEX. */
const char *gti_wait_name(uint8_t kind);
/* The number that gti_tasks_each() gives it. */
unsigned gti_task_number(const struct gti_task *t);

/* ---- descriptors --------------------------------------------------------- */

#define GTI_TASK_BATCH 64

struct gti_task_cache {
    struct gti_task *free;
    unsigned count;
};

/* Refill an empty cache from the shared list or a new slab; false when memory
 * is short. */
bool gti_task_refill(struct gti_task_cache *cache);
void gti_task_spill(struct gti_task_cache *cache);
/* One descriptor for a thread without a cache; NULL when memory is short. */
struct gti_task *gti_task_get_shared(void);
void gti_tasks_destroy(void);
/* Call fn for every descriptor that was ever handed out, with its number; the
 * tasks go on meanwhile. */
void gti_tasks_each(void (*fn)(unsigned number, const struct gti_task *t, void *arg), void *arg);

/* From a cache that is not empty. */
GTI_INLINE struct gti_task *gti_task_pop(struct gti_task_cache *cache)
{
    struct gti_task *t = cache->free;
    cache->free = t->next;
    cache->count--;
    return t;
}

GTI_INLINE void gti_task_put(struct gti_task_cache *cache, struct gti_task *t)
{
    t->next = cache->free;
    cache->free = t;
    if (gti_unlikely(++cache->count >= 2 * GTI_TASK_BATCH))
        gti_task_spill(cache);
}

#endif
