/* libgt: green threads for C.
 *
 * Tasks are functions with a stack of their own, run by a few OS threads
 * (workers) that hand tasks to each other. A task gives up its worker when it
 * waits, yields or returns, and may when it spawns many others (gt_spawn());
 * nothing takes it away.
 *
 * Conventions
 *   - Functions return 0 or a negative errno. errno itself is neither read nor
 *     set, and its value may change across any call that can switch tasks,
 *     because errno belongs to the OS thread and a task may move.
 *   - Deadlines and times are absolute CLOCK_MONOTONIC nanoseconds. A function
 *     whose name ends in _until returns -ETIMEDOUT once its deadline passes; a
 *     deadline in the past means "only if at once", GT_NEVER means no deadline.
 *   - Sizes are bytes. Zeroed synchronisation objects are valid and unlocked.
 *   - Everything here is thread-safe. "Any thread" means a task or an OS
 *     thread that is not a worker: such a thread then waits on a futex.
 *   - Misuse that would corrupt memory ends the process with one line on
 *     stderr that begins "gt: fatal:".
 *
 * Not saved by a switch: mxcsr, the x87 control word and fpcr. A task that
 * changes rounding or exception masks must restore them before it waits,
 * yields or spawns.
 */
#ifndef GT_GT_H
#define GT_GT_H

#include <stddef.h>
#include <stdint.h>

struct sockaddr; /* <sys/socket.h> */

#ifdef __cplusplus
extern "C" {
#endif

typedef void gt_fn(void *arg);

#define GT_NEVER INT64_MAX

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
     * two, all of it for the task: guard and the runtime's own frames come on
     * top. Address space is reserved; memory is used page by page on touch, and
     * what a task used beyond the first 64 KiB is given back when it ends. */
    size_t stack_size;
    /* How long an idle worker looks for work before it sleeps, in ns; default
     * 50,000, and 0 with one worker. Negative: sleep at once. */
    int64_t spin_ns;
    /* Called on each worker's OS thread before it runs tasks; the place to
     * pin it. Not called for spares. It may wait, as an outside thread, and even
     * for a task; where all workers do, a spare has to run it, and with a
     * negative hog_ns there is none. gt_start() may not have returned yet, and
     * until it does nothing can be spawned; gt_stop() waits for the callback. */
    void (*on_worker_start)(int worker, void *arg);
    void *on_worker_start_arg;
    /* A task that runs for so long without a call that can switch is a hog:
     * a spare OS thread runs what waits behind it. In ns; default 10 ms, or
     * GT_HOG_MS in the environment. Negative: hogs are left alone. */
    int64_t hog_ns;
    /* OS threads that may stand in for workers that are in a blocking call or
     * hogged, 1..GT_MAX_SPARES; default 64. Made when needed, then kept. */
    int spares;
    /* Bytes of idle stacks that stay resident, for each worker; default its
     * share of a quarter of the memory that the process may use, at least 64
     * MiB, or GT_STACK_RETAIN in the environment (there 0 means none). What is
     * above is given back when a task ends, and so is the memory of stacks that
     * no task used for one to two seconds. Small stacks lose it by blocks of
     * 2 MiB, when no task is on any stack of the block. */
    size_t stack_retain;
    unsigned flags; /* GT_STACK_PROFILE, GT_NO_DEADLOCK_EXIT */
} gt_config;

#define GT_MAX_SPARES 256
/* Measure how deep stacks were used (gt_stack_profile()); slows down spawning.
 * GT_STACK_PROFILE=1 in the environment does the same. */
#define GT_STACK_PROFILE 1u
/* Keep waiting when every task waits and nothing can wake one; without this
 * flag the process then writes a dump to stderr and exits with status 2. */
#define GT_NO_DEADLOCK_EXIT 2u

#define GT_SMALL_STACK ((size_t)4 << 10)
#define GT_MIN_STACK   ((size_t)16 << 10)
#define GT_MAX_STACK   ((size_t)1 << 30)

/* Start the workers. `config` may be NULL. Call from an OS thread outside the
 * runtime; one runtime per process at a time.
 * -EALREADY: running. -EINVAL: a field or a variable is out of range;
 * -EAGAIN, -ENOMEM: the system refused threads or memory; -ENOTSUP: this is a
 * forked child; others: the file that GT_TRACE names cannot be written.
 * gt_start_error() then says which, by name. */
int gt_start(const gt_config *config);

/* Why the last gt_start() in this process failed, one line without a
 * newline; "" if it did not. Valid until the next gt_start(). */
const char *gt_start_error(void);

/* Stop the workers and free everything. Waits until each running task next
 * waits, yields or returns. Returns the number of tasks that had not
 * finished; they never run again and their stacks are gone. -EINVAL when not
 * running or when called from a task or on_worker_start(); -ENOTSUP in a forked
 * child. Stopping abandoned tasks while another OS thread still uses their
 * channels or locks is the caller's error. */
int64_t gt_stop(void);

/* Start, run fn(arg) as a task, wait for it, stop. Returns what gt_start()
 * returns if that fails, else what gt_stop() returns. */
int64_t gt_run(const gt_config *config, gt_fn *fn, void *arg);

/* fork() while the runtime runs. A child has no workers: there gt_start(),
 * gt_run(), gt_stop() and spawning return -ENOTSUP; whatever would wait for a
 * task or wake one is fatal, and so is the return of a task's function. What
 * does neither works as in an outside thread (a send into a channel with room,
 * a free lock, sleeping, network calls), unless a thread that the child lacks
 * was inside that very object, which is fatal too. exec() works anywhere.
 *
 * Signals. Workers block all but those of faults and SIGPROF. The child of a
 * task gets the mask that gt_start()'s caller had; a program that a task starts
 * without fork(), by posix_spawn() or system(), inherits the worker's.
 * SIGSEGV and SIGBUS are handled to report stack overflow, SIGQUIT to write a
 * dump, that one only if its action was the default; other faults go to the
 * handler that was there before, and one that is installed later stays. */

/* ---- tasks ----------------------------------------------------------- */

typedef struct gt_attr {
    /* GT_MIN_STACK..GT_MAX_STACK; 0: gt_config.stack_size. Or, for millions
     * of tiny tasks, exactly 2048 or 4096: a slot in huge pages, without a guard
     * page, with a canary that is checked at each switch; every other size
     * below GT_MIN_STACK is refused. The runtime needs some 300 bytes of it in
     * optimised builds. Such a task may not call printf(); and link with
     * -Wl,-z,now, since the first call of a shared function takes 1.5 KiB when
     * it is bound lazily. Built with a sanitizer, small means GT_MIN_STACK. */
    size_t stack_size;
    unsigned flags;   /* GT_BOUND */
    int worker;       /* with GT_BOUND: the only worker that runs the task */
    const char *name; /* for reports; not copied; NULL: the function's symbol */
} gt_attr;

/* Run on gt_attr.worker and nowhere else; the task waits for that worker even
 * while that is hogged or in a blocking call. */
#define GT_BOUND 1u

/* Run fn(arg) in a new task. Any thread. `attr` may be NULL.
 * -EINVAL: fn is NULL, the runtime is not running, stack size out of range,
 * unknown flag, or no such worker. -ENOTSUP: in a forked child.
 * -ENOMEM: no memory for the task. The stack is taken when the task first
 * runs; a process that cannot get one then ends with a fatal message.
 * A task that has spawned a thousand others without a switch in between may be
 * left, within the call, for as long as they take to run or wait: as in a
 * gt_yield(), any task may run meanwhile, and the caller go on on another OS
 * thread. A gt_mutex may be held across it; a lock that belongs to an OS thread
 * (pthread_mutex_t) must not, whether others want it or not. Threads outside
 * are never held up. */
int gt_spawn(gt_fn *fn, void *arg, const gt_attr *attr);

/* Let the other tasks of this worker run, as a rule each of them once. Returns
 * at once if there are none. Where thousands on one worker do nothing but yield,
 * some 60 at a time may take turns up to 32 times before the next have theirs;
 * waiting for a turn then takes up to six times as long (src/cohort.h). */
void gt_yield(void);

/* Sleep until `deadline`; not at all if it has passed. GT_NEVER: for ever, which is
 * a wait that nothing can end (GT_NO_DEADLOCK_EXIT). */
void gt_sleep_until(int64_t deadline);

/* CLOCK_MONOTONIC now. */
int64_t gt_now(void);

/* Index of the worker that runs the caller, 0..workers-1, or of a spare,
 * workers..workers+spares-1; in on_worker_start() of that worker; else -1. It may
 * be out of date as soon as the task waits, yields or spawns. */
int gt_worker(void);

/* Number of workers; 0 when the runtime is not running. */
int gt_workers(void);

/* Give the memory of pooled, idle stacks back to the kernel: those of the
 * calling worker and those shared by all. Address space stays reserved. Any thread,
 * but not while another calls gt_stop(). */
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
 * or returns. A caller that spawns many may be left as in gt_spawn(). -EINVAL also:
 * group is NULL. */
int gt_group_spawn(gt_group *group, gt_fn *fn, void *arg, const gt_attr *attr);

/* Wait until every task of the group has returned. One waiter at a time: a
 * second is fatal, and so is spawning into the group from outside it while
 * somebody waits and the last member returns. Afterwards the group is empty
 * and may be used again or go out of scope. What the tasks wrote is visible
 * to the waiter. -EINVAL: group is NULL. */
int gt_group_wait(gt_group *group);
int gt_group_wait_until(gt_group *group, int64_t deadline);

/* ---- channels -------------------------------------------------------- */

typedef struct gt_chan gt_chan;

/* A channel of `elem_size`-byte elements (1..65536). capacity 0 is a
 * rendezvous: a send ends when a receiver has the element. NULL when memory
 * is short or an argument is out of range (capacity < 2^32, capacity * elem_size < 2^40). */
gt_chan *gt_chan_create(size_t elem_size, size_t capacity);

/* NULL is accepted. Fatal while a task waits on the channel; and so is what is
 * done to a channel that was destroyed, until its memory is in use again. */
void gt_chan_destroy(gt_chan *chan);

/* Copy one element in; waits while the channel is full. Waiters are served in
 * order. -EPIPE: closed. -EINVAL: chan is NULL. */
int gt_chan_send(gt_chan *chan, const void *elem);

/* Copy one element out; waits while the channel is empty. -EPIPE: closed and
 * empty; *ret_elem is then unchanged. -EINVAL: chan is NULL. */
int gt_chan_recv(gt_chan *chan, void *ret_elem);

int gt_chan_send_until(gt_chan *chan, const void *elem, int64_t deadline);
int gt_chan_recv_until(gt_chan *chan, void *ret_elem, int64_t deadline);

/* The same, but -EAGAIN instead of waiting. */
int gt_chan_try_send(gt_chan *chan, const void *elem);
int gt_chan_try_recv(gt_chan *chan, void *ret_elem);

/* No more sends. Elements inside may still be received; every waiter that
 * cannot be served returns -EPIPE. Closing twice is fatal, and so is NULL. */
void gt_chan_close(gt_chan *chan);

enum gt_op { GT_OFF, GT_SEND, GT_RECV };

/* One alternative of gt_select(). The array must stay where it is until the
 * call returns. */
typedef struct gt_case {
    gt_chan *chan;
    enum gt_op op; /* GT_OFF: this case does not take part */
    void *elem;    /* GT_SEND: read from; GT_RECV: written to */
    int result;    /* out, of the case that happened: 0, or -EPIPE if closed */
    void *private_[6];
} gt_case;

/* Do exactly one of `n` (1..65536) sends and receives; waits until one is
 * possible. Of several that are possible each is as likely as the others. A
 * closed channel makes its case possible. Returns the index of the case.
 * -EINVAL: n out of range, a case without channel or element, or unknown op.
 * -ETIMEDOUT: `deadline` passed; with all cases off there is nothing else to
 * wait for. The same channel may stand in several cases. */
int gt_select(gt_case *cases, int n, int64_t deadline);
int gt_try_select(gt_case *cases, int n); /* -EAGAIN instead of waiting */

/* ---- locks and counters ---------------------------------------------- */

typedef struct gt_waitq {
    struct {
        uint32_t v_;
    } lock_;
    void *head_, *tail_;
} gt_waitq;

/* Mutual exclusion. Tasks that run may take the mutex before one that waits, at
 * most 4096 times, and if that takes long only for 0.1 to 0.5 ms or four times;
 * then the one that waits longest is handed it. Not recursive: to lock one that
 * the caller holds is fatal, but for try_lock. */
typedef struct gt_mutex {
    struct {
        uint32_t v_;
    } state_, since_;
    gt_waitq waiters_;
    struct {
        void *v_;
    } owner_;
} gt_mutex;

void gt_mutex_lock(gt_mutex *mutex);
int gt_mutex_lock_until(gt_mutex *mutex, int64_t deadline);
int gt_mutex_try_lock(gt_mutex *mutex); /* -EBUSY when it is held */
void gt_mutex_unlock(gt_mutex *mutex);  /* fatal unless the caller holds it */

/* A counter of things still to be done; any number of waiters. Reuse only
 * after every wait has returned. A count below 0 is fatal. */
typedef struct gt_waitgroup {
    gt_waitq waiters_;
    uint64_t count_;
} gt_waitgroup;

int gt_waitgroup_add(gt_waitgroup *wg, int64_t count); /* -EINVAL: count < 0 */
void gt_waitgroup_done(gt_waitgroup *wg);
void gt_waitgroup_wait(gt_waitgroup *wg);
int gt_waitgroup_wait_until(gt_waitgroup *wg, int64_t deadline);

/* Counting semaphore; zeroed, its count is 0. Waiters are served in order. */
typedef struct gt_sem {
    gt_waitq waiters_;
    uint64_t count_;
} gt_sem;

int gt_sem_init(gt_sem *sem, int64_t count); /* -EINVAL: count < 0 */
void gt_sem_wait(gt_sem *sem);
int gt_sem_wait_until(gt_sem *sem, int64_t deadline);
int gt_sem_try_wait(gt_sem *sem); /* -EAGAIN when the count is 0 */
void gt_sem_post(gt_sem *sem);

/* Many readers or one writer, served in order of arrival, so that neither
 * side starves. Not recursive: for a writer to lock it again is fatal. So is
 * unlocking what is not locked. */
typedef struct gt_rwmutex {
    gt_waitq waiters_;
    int64_t readers_;
    void *writer_;
} gt_rwmutex;

void gt_rwmutex_rdlock(gt_rwmutex *rw);
int gt_rwmutex_rdlock_until(gt_rwmutex *rw, int64_t deadline);
void gt_rwmutex_rdunlock(gt_rwmutex *rw);
void gt_rwmutex_wrlock(gt_rwmutex *rw);
int gt_rwmutex_wrlock_until(gt_rwmutex *rw, int64_t deadline);
void gt_rwmutex_wrunlock(gt_rwmutex *rw); /* fatal unless the caller holds it */

/* Condition variable. wait() gives `mutex` back while it waits and holds it
 * again when it returns, whatever it returns; it is fatal unless the caller holds
 * it. There are no spurious wake-ups, but another task may have changed the
 * condition: wait in a loop. */
typedef struct gt_cond {
    gt_waitq waiters_;
} gt_cond;

void gt_cond_wait(gt_cond *cond, gt_mutex *mutex);
int gt_cond_wait_until(gt_cond *cond, gt_mutex *mutex, int64_t deadline);
void gt_cond_signal(gt_cond *cond); /* the one that waits longest */
void gt_cond_broadcast(gt_cond *cond);

/* Run fn(arg) once, whoever comes first; the others wait until it returned. */
typedef struct gt_once {
    struct {
        uint32_t v_;
    } state_;
    gt_waitq waiters_;
} gt_once;

void gt_once_run(gt_once *once, gt_fn *fn, void *arg);
/* Not for the caller that runs fn itself. */
int gt_once_run_until(gt_once *once, gt_fn *fn, void *arg, int64_t deadline);

/* ---- task-local storage ---------------------------------------------- */

#define GT_MAX_LOCALS 64
typedef unsigned gt_local;

/* A key for a pointer that each task has of its own, NULL at first. When a
 * task returns, destroy(value) is called in it for each that is not NULL;
 * `destroy` may be NULL. Keys live as long as the process. -EAGAIN: GT_MAX_LOCALS
 * are in use. */
int gt_local_create(gt_local *ret_key, void (*destroy)(void *value));
/* -EINVAL: no such key. -EPERM: not in a task. -ENOMEM. */
int gt_local_set(gt_local key, void *value);
void *gt_local_get(gt_local key); /* NULL outside tasks */

/* ---- blocking calls --------------------------------------------------- */

/* Around code that may block its OS thread (a system call, a library): the
 * other tasks run on. A begin that finds all spares taken waits for one until
 * `deadline`. Between begin and end the caller counts as an outside thread:
 * gt_worker() is -1. Not to be nested (-EINVAL); outside tasks both do nothing.
 * It is fatal for a task to return in between. */
int gt_blocking_begin(int64_t deadline);
void gt_blocking_end(void);
/* begin, fn(arg), end. What begin returned, or -EINVAL: fn is NULL; fn has not run
 * unless it was 0. */
int gt_blocking(gt_fn *fn, void *arg, int64_t deadline);

/* ---- network and pipes ------------------------------------------------ */

#define GT_READABLE 1u
#define GT_WRITABLE 2u

/* Wait until fd is ready for `events`; returns those it is ready for. Errors
 * and hang-up count as ready for both. Any thread, several tasks per fd.
 * -EBADF; -EPERM: the fd cannot be polled, as a regular file or /dev/null; -EINVAL:
 * no or unknown events; -ETIMEDOUT; -ENOMEM; -EMFILE: fd is 2^20 or more, or the
 * process has no descriptors left for epoll; -ENFILE, -ENOSPC: the system has none,
 * or the user no watches (fs.epoll.max_user_watches). */
int gt_poll(int fd, unsigned events, int64_t deadline);

/* Each tries the system call first and waits if it would block. Descriptors
 * that are not sockets, and listening or connecting sockets, are made
 * non-blocking for all who share them. read: the bytes read, 0 at the end.
 * write: all of `size` unless an error or the deadline stops it half-way: then
 * what was written, if that is not 0. Sockets never raise SIGPIPE. -EINVAL: the
 * buffer is NULL and `size` is not 0. Otherwise as gt_poll() and the system call of
 * the same name; EINTR is handled. */
int64_t gt_read(int fd, void *ret_buf, size_t size, int64_t deadline);
int64_t gt_write(int fd, const void *buf, size_t size, int64_t deadline);
/* The new descriptor, non-blocking and close-on-exec. */
int gt_accept(int fd, struct sockaddr *ret_addr, unsigned *len, int64_t deadline);
/* While the backlog of an AF_UNIX listener is full it tries again, at least every
 * 10 ms. */
int gt_connect(int fd, const struct sockaddr *addr, unsigned len, int64_t deadline);
/* Close fd; tasks that wait for it return -EBADF. (After a plain close() they
 * would wait for ever.) */
int gt_close(int fd);

/* ---- looking inside -------------------------------------------------- */

/* What notices that a stack overflows. GT_GUARD in the environment names it:
 * madvise, mprotect or canary; by default it is the first that the kernel has. */
enum gt_guard {
    /* MADV_GUARD_INSTALL below every stack: always before corruption, if code
     * with frames larger than a page is built with -fstack-clash-protection (on
     * 64-bit Arm also --param=stack-clash-protection-guard-size=12) */
    GT_GUARD_MADVISE = 1,
    GT_GUARD_MPROTECT, /* mprotect below every stack, while the map count lasts */
    GT_GUARD_CANARY    /* a canary at the stack's end, checked at the next switch;
                        * small stacks always have this one */
};

/* Since gt_start(): of one worker or spare, or the sum over all. Counters are
 * read without stopping anybody, so they may be a little out of step with each
 * other. */
typedef struct gt_counters {
    uint64_t spawned, finished; /* tasks */
    uint64_t switches;          /* into a task, however it was reached */
    uint64_t steals;            /* successful; each moves up to half a queue */
    uint64_t stolen;            /* tasks moved by them */
    uint64_t sleeps, wakes;     /* futex waits when idle; wakes sent */
    uint64_t growths;           /* run queues that doubled */
    uint64_t timers;            /* deadlines that passed while a task waited */
    uint64_t polls, events;     /* looks at the network; tasks made ready by them */
    uint64_t blocking;          /* blocking calls begun */
    uint64_t hogs;              /* times it was found hogged */
    /* Of idle stacks, resident: for those that the worker holds itself the most
     * it may be; the sum also has those shared by all, whose growth may count
     * late for the last few hundred. */
    uint64_t retained_bytes;
} gt_counters;

typedef struct gt_stats {
    int workers;
    int spares;          /* OS threads made besides the workers */
    int active_spares;   /* of them, standing in for somebody now */
    enum gt_guard guard; /* in force for stacks made from now on */
    uint64_t live;       /* tasks not finished */
    gt_counters sum;
    uint64_t stacks;        /* stacks ever made */
    uint64_t stack_bytes;   /* address space reserved for them */
    uint64_t canary_stacks; /* of them, with a canary as their only guard */
} gt_stats;

/* Both: any thread, but not while another calls gt_stop(). -EINVAL: no worker or
 * spare of that index, or ret_counters is NULL. */
void gt_get_stats(gt_stats *ret_stats);
int gt_get_counters(int worker, gt_counters *ret_counters);

typedef struct gt_stack_use {
    gt_fn *fn;
    const char *name; /* symbol or gt_attr.name, as at its first task; may be NULL */
    uint64_t tasks;
    size_t limit, max_used; /* bytes; of the deepest */
} gt_stack_use;

/* With GT_STACK_PROFILE: how deep the stacks of finished tasks were used, per
 * entry function (1024 at most), the runtime's own frames of some 300 bytes
 * included. Fills up to `max` entries, returns how many there are. Until the
 * next gt_start(), so also after gt_stop(). */
int gt_stack_profile(gt_stack_use *ret_use, int max);

/* Write the state and name of every task to `fd`, and the calls in which it
 * waits, innermost first. Any thread; the tasks go on meanwhile, so that a line
 * may be a moment out of date. A place is "function+0x1c (file+0x1234)", of
 * which addr2line understands the latter; a stripped file has only that. The
 * same goes to stderr when the process gets SIGQUIT, unless it handles that
 * itself. -EINVAL: not running; or the errno of write(), negative. */
int gt_dump(int fd);

/* GT_TRACE=file in the environment writes what each worker did to a file for
 * ui.perfetto.dev or chrome://tracing: which task ran when, and what it then
 * waited for; spawns, wake-ups, steals, hogs, sleep, blocking calls. The last
 * GT_TRACE_EVENTS of each worker, 16 to 16 Mi and by default 64 Ki, at gt_stop(),
 * or when the process exits or ends by a fatal report. Each gt_start() writes the
 * file anew. */

/* The name of the calling task in reports; not copied, so it must stay for as
 * long as the task has it. Outside tasks it does nothing. */
void gt_set_name(const char *name);

#ifdef __cplusplus
}
#endif
#endif
