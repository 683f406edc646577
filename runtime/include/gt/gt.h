/* libgt: green threads for C.
 *
 * Tasks are functions with a stack of their own, run by a few OS threads
 * (workers) that hand tasks to each other. A task gives up its worker when it
 * waits, yields or returns; nothing takes it away.
 *
 * Conventions
 *   - Functions return 0 or a negative errno. errno itself is neither read nor
 *     set, and its value may change across any call that can switch tasks,
 *     because errno belongs to the OS thread and a task may move.
 *   - Deadlines and times are absolute CLOCK_MONOTONIC nanoseconds.
 *   - Sizes are bytes. Zeroed synchronisation objects are valid and unlocked.
 *   - Everything here is thread-safe. "Any thread" means a task or an OS
 *     thread that is not a worker: such a thread then waits on a futex.
 *   - Misuse that would corrupt memory ends the process with one line on
 *     stderr that begins "gt: fatal:".
 *
 * Not saved by a switch: mxcsr, the x87 control word and fpcr. A task that
 * changes rounding or exception masks must restore them before it waits.
 */
#ifndef GT_GT_H
#define GT_GT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef void gt_fn(void *arg);

/* ---- start and stop -------------------------------------------------- */

#define GT_MAX_WORKERS 256

/* Zeroed fields mean the default. */
typedef struct gt_config {
    /* Workers, 1..GT_MAX_WORKERS. Default: the CPUs in the affinity mask, at
     * most the cgroup's CPU quota rounded up. GT_WORKERS in the environment
     * overrides both. */
    int workers;
    /* Stack of a task that asks for none, GT_MIN_STACK..GT_MAX_STACK; default
     * 64 KiB, or GT_STACK_SIZE in the environment. Rounded up to a power of
     * two. Address space is reserved; memory is used page by page on touch. */
    size_t stack_size;
    /* How long an idle worker looks for work before it sleeps, in ns; default
     * 50,000, and 0 with one worker. Negative: sleep at once. */
    int64_t spin_ns;
    /* Called on each worker's OS thread before it runs tasks; the place to
     * pin it. */
    void (*on_worker_start)(int worker, void *arg);
    void *on_worker_start_arg;
} gt_config;

#define GT_MIN_STACK ((size_t)16 << 10)
#define GT_MAX_STACK ((size_t)1 << 30)

/* Start the workers. `config` may be NULL. Call from an OS thread outside the
 * runtime; one runtime per process at a time.
 * -EALREADY: running. -EINVAL: a field or a variable is out of range;
 * -EAGAIN, -ENOMEM: the system refused threads or memory. gt_start_error()
 * then says which, by name. */
int gt_start(const gt_config *config);

/* Why the last gt_start() in this process failed, one line without a
 * newline; "" if it did not. Valid until the next gt_start(). */
const char *gt_start_error(void);

/* Stop the workers and free everything. Waits until each running task next
 * waits, yields or returns. Returns the number of tasks that had not
 * finished; they never run again and their stacks are gone. -EINVAL when not
 * running or when called from a task. Stopping abandoned tasks while another
 * OS thread still uses their channels or locks is the caller's error. */
int64_t gt_stop(void);

/* Start, run fn(arg) as a task, wait for it, stop. Returns what gt_start()
 * returns if that fails, else what gt_stop() returns. */
int64_t gt_run(const gt_config *config, gt_fn *fn, void *arg);

/* ---- tasks ----------------------------------------------------------- */

typedef struct gt_attr {
    size_t stack_size; /* 0: gt_config.stack_size */
    unsigned flags;    /* GT_BOUND */
    int worker;        /* with GT_BOUND: the only worker that runs the task */
    const char *name;  /* for reports; not copied; NULL: the function's address */
} gt_attr;

#define GT_BOUND 1u /* run on gt_attr.worker and nowhere else */

/* Run fn(arg) in a new task. Any thread. `attr` may be NULL.
 * -EINVAL: stack size out of range, unknown flag, or no such worker.
 * -ENOMEM: no memory for the task. The stack is taken when the task first
 * runs; a process that cannot get one then ends with a fatal message. */
int gt_spawn(gt_fn *fn, void *arg, const gt_attr *attr);

/* Let the other tasks of this worker run. Returns at once if there are none. */
void gt_yield(void);

/* Sleep until `deadline`; at once if it has passed. INT64_MAX: for ever. */
void gt_sleep_until(int64_t deadline);

/* CLOCK_MONOTONIC now. */
int64_t gt_now(void);

/* Index of the worker that runs the caller, 0..workers-1; -1 outside. It may
 * be out of date as soon as the task waits. */
int gt_worker(void);

/* Number of workers; 0 when the runtime is not running. */
int gt_workers(void);

/* Give the memory of pooled, idle stacks back to the kernel: those of the
 * calling worker and those shared by all. Address space stays reserved. */
void gt_stack_trim(void);

/* ---- groups: spawn many, wait for all -------------------------------- */

typedef struct gt_group {
    struct {
        uint64_t v_;
    } state_;
    void *waiter_;
} gt_group;

/* As gt_spawn(); the group counts the task until it returns. Any thread, and
 * tasks may spawn into the group they belong to. The group may be found
 * complete as late as when the task that spawned into it next waits, yields
 * or returns. */
int gt_group_spawn(gt_group *group, gt_fn *fn, void *arg, const gt_attr *attr);

/* Wait until every task of the group has returned. One waiter at a time: a
 * second is fatal, and so is spawning into the group from outside it while
 * somebody waits and the last member returns. Afterwards the group is empty
 * and may be used again or go out of scope. What the tasks wrote is visible
 * to the waiter. -EINVAL: group is NULL. */
int gt_group_wait(gt_group *group);

/* ---- channels -------------------------------------------------------- */

typedef struct gt_chan gt_chan;

/* A channel of `elem_size`-byte elements (1..65536). capacity 0 is a
 * rendezvous: a send ends when a receiver has the element. NULL when memory
 * is short or an argument is out of range (capacity * elem_size < 2^40). */
gt_chan *gt_chan_create(size_t elem_size, size_t capacity);

/* NULL is accepted. Fatal while a task waits on the channel. */
void gt_chan_destroy(gt_chan *chan);

/* Copy one element in; waits while the channel is full. Waiters are served in
 * order. -EPIPE: closed. -EINVAL: chan is NULL. */
int gt_chan_send(gt_chan *chan, const void *elem);

/* Copy one element out; waits while the channel is empty. -EPIPE: closed and
 * empty; *ret_elem is then unchanged. -EINVAL: chan is NULL. */
int gt_chan_recv(gt_chan *chan, void *ret_elem);

/* The same, but -EAGAIN instead of waiting. */
int gt_chan_try_send(gt_chan *chan, const void *elem);
int gt_chan_try_recv(gt_chan *chan, void *ret_elem);

/* No more sends. Elements inside may still be received; every waiter that
 * cannot be served returns -EPIPE. Closing twice is fatal. */
void gt_chan_close(gt_chan *chan);

/* ---- locks and counters ---------------------------------------------- */

typedef struct gt_waitq {
    struct {
        uint32_t v_;
    } lock_;
    void *head_, *tail_;
} gt_waitq;

/* Mutual exclusion. A waiter that was passed over once is handed the lock. */
typedef struct gt_mutex {
    struct {
        uint32_t v_;
    } state_;
    gt_waitq waiters_;
    void *owner_;
} gt_mutex;

void gt_mutex_lock(gt_mutex *mutex);
int gt_mutex_try_lock(gt_mutex *mutex); /* -EBUSY when it is held */
void gt_mutex_unlock(gt_mutex *mutex);  /* fatal unless the caller holds it */

/* A counter of things still to be done; any number of waiters. Reuse only
 * after every wait has returned. A count below 0 is fatal. */
typedef struct gt_waitgroup {
    gt_waitq waiters_;
    uint64_t count_;
} gt_waitgroup;

void gt_waitgroup_add(gt_waitgroup *wg, uint32_t count);
void gt_waitgroup_done(gt_waitgroup *wg);
void gt_waitgroup_wait(gt_waitgroup *wg);

/* Counting semaphore; zeroed, its count is 0. Waiters are served in order. */
typedef struct gt_sem {
    gt_waitq waiters_;
    uint64_t count_;
} gt_sem;

void gt_sem_init(gt_sem *sem, uint32_t count);
void gt_sem_wait(gt_sem *sem);
int gt_sem_try_wait(gt_sem *sem); /* -EAGAIN when the count is 0 */
void gt_sem_post(gt_sem *sem);

/* ---- looking inside -------------------------------------------------- */

enum gt_guard {
    /* MADV_GUARD_INSTALL below every stack: always before corruption, if code
     * with frames larger than a page is built with -fstack-clash-protection */
    GT_GUARD_MADVISE = 1,
    GT_GUARD_MPROTECT, /* mprotect below every stack, while the map count lasts */
    GT_GUARD_CANARY    /* a canary at the stack's end, checked at the next switch */
};

/* Sums over all workers since gt_start(). Counters are read without stopping
 * the workers, so they may be a little out of step with each other. */
typedef struct gt_stats {
    int workers;
    enum gt_guard guard;        /* in force for stacks made from now on */
    uint64_t spawned, finished; /* tasks */
    uint64_t switches;          /* into a task, however it was reached */
    uint64_t steals;            /* successful; each moves up to half a queue */
    uint64_t stolen;            /* tasks moved by them */
    uint64_t sleeps, wakes;     /* futex waits of idle workers; futex wakes sent */
    uint64_t growths;           /* run queues that doubled */
    uint64_t stacks;            /* stacks ever made */
    uint64_t stack_bytes;       /* address space reserved for them */
    uint64_t canary_stacks;     /* of them, with a canary as their only guard */
} gt_stats;

void gt_get_stats(gt_stats *ret_stats);

#ifdef __cplusplus
}
#endif
#endif
