/* The contract every backend meets.
 *
 * Workloads are written once against these names and compiled once per
 * backend. bench/backends/<name>/task_backend.h supplies each as a static
 * inline one-liner onto that backend's public header; the include path picks
 * the backend, so there is no table of function pointers in a hot loop. The
 * TASK_REQUIRE lines below turn a wrong or missing signature into a compile
 * error.
 *
 * Conventions: 0 or -errno; times are absolute CLOCK_MONOTONIC nanoseconds in
 * int64_t; sizes are bytes. Unless said otherwise a function may be called
 * from any task, and only from a task.
 *
 * A backend header defines these types and macros:
 *   task_group, task_sem,     complete types (they live on a task's stack)
 *   task_mutex, task_case
 *   task_chan                 may be incomplete; used by pointer only
 *   TASK_BACKEND_NAME         string, the name of its folder
 *   TASK_CAN_BLOCK            1 if a task may wait for another task of its
 *                             group; 0 for pools whose tasks must run to
 *                             completion. A workload that needs blocking is
 *                             not offered on such a backend.
 *   TASK_BLOCKING_CALLS       1 if other tasks run on while one is in
 *                             task_blocking(); 0 if it holds up all of them
 *   TASK_STACK_POLICY         string, the stack policy that it offers beside its
 *                             default ("small", "64k"), or ""
 *   TASK_STACK_BYTES          the task_attr.stack_bytes that asks for it
 *   TASK_REMEDY_OPTIONAL      1 if what the backend does about tasks that never
 *                             yield can be switched off; 0 where the kernel
 *                             preempts them, whatever the process does.
 */
#ifndef GREENBENCH_TASK_H
#define GREENBENCH_TASK_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define TASK_ANYWHERE (-1)

/* How the backend is brought up. `ncpu` is P: the number of CPUs in the
 * process's affinity mask, which the harness has set before task_main().
 * With `pinned`, slot k means CPU number cpu[k], and only that one. */
struct task_config {
    int ncpu;
    const int *cpu;
    bool pinned;
    bool no_remedy;  /* do nothing about tasks that never yield; only with TASK_REMEDY_OPTIONAL */
    int64_t spin_ns; /* how long an idle worker or a futex waiter spins before it sleeps */
};

/* slot: index into task_config.cpu, or TASK_ANYWHERE.
 * stack_bytes: usable stack wanted; 0 is the backend's default. */
struct task_attr {
    int slot;
    size_t stack_bytes;
};

#include "task_backend.h"

#define TASK_REQUIRE(fn, ...)                                                                      \
    _Static_assert(_Generic(&(fn), __VA_ARGS__ : 1, default : 0),                                  \
                   #fn " does not match bench/task.h")

/* Bring the backend up, run root(arg) as its first task, wait for root to
 * return, bring the backend down. Called once, from the process's main
 * thread. On failure returns -errno and root has not run. */
TASK_REQUIRE(task_main, int (*)(const struct task_config *, void (*)(void *), void *));

/* A group: spawn many, wait for all. init before use; wait also releases
 * everything the group holds, so that it may be used again. One task spawns
 * into and waits for a group.
 * spawn: -EAGAIN or -ENOMEM when the system has no room for another task.
 * reap: wait for the oldest not yet finished member only, to make room after
 * -EAGAIN; -ECHILD when there is none. */
TASK_REQUIRE(task_group_init, void (*)(task_group *));
TASK_REQUIRE(task_group_spawn,
             int (*)(task_group *, void (*)(void *), void *, const struct task_attr *));
TASK_REQUIRE(task_group_reap, int (*)(task_group *));
TASK_REQUIRE(task_group_wait, void (*)(task_group *));

TASK_REQUIRE(task_yield, void (*)(void));
TASK_REQUIRE(task_sleep_until, void (*)(int64_t));

/* fn(arg), which may block its OS thread in the kernel while other tasks run
 * on, where the backend can see to that. */
TASK_REQUIRE(task_blocking, void (*)(void (*)(void *), void *));

/* Counting semaphore. */
TASK_REQUIRE(task_sem_init, void (*)(task_sem *, unsigned));
TASK_REQUIRE(task_sem_wait, void (*)(task_sem *));
TASK_REQUIRE(task_sem_post, void (*)(task_sem *));
TASK_REQUIRE(task_sem_destroy, void (*)(task_sem *));

/* Mutual exclusion; unlocked by the task that locked it. */
TASK_REQUIRE(task_mutex_init, void (*)(task_mutex *));
TASK_REQUIRE(task_mutex_lock, void (*)(task_mutex *));
TASK_REQUIRE(task_mutex_unlock, void (*)(task_mutex *));
TASK_REQUIRE(task_mutex_destroy, void (*)(task_mutex *));

/* Channel of elem_size-byte elements; capacity 0 is a rendezvous.
 * create: NULL when memory is short. send: -EPIPE when closed. recv: -EPIPE
 * when closed and empty. */
TASK_REQUIRE(task_chan_create, task_chan *(*)(size_t elem_size, size_t capacity));
TASK_REQUIRE(task_chan_destroy, void (*)(task_chan *));
TASK_REQUIRE(task_chan_send, int (*)(task_chan *, const void *));
TASK_REQUIRE(task_chan_recv, int (*)(task_chan *, void *));
TASK_REQUIRE(task_chan_close, void (*)(task_chan *));

/* One alternative of a select, set once and used as often as one likes: to
 * receive from a channel into `elem`. select: waits until one of n (1 to 64)
 * is possible, does it, returns its index. result: what recv would have
 * returned. */
TASK_REQUIRE(task_case_recv, void (*)(task_case *, task_chan *, void *elem));
TASK_REQUIRE(task_select, int (*)(task_case *, int n));
TASK_REQUIRE(task_case_result, int (*)(const task_case *));

/* Give back to the kernel the memory of idle stacks that the backend pools,
 * so that the next task starts on pages that are not resident. */
TASK_REQUIRE(task_stack_trim, void (*)(void));

/* Built on the contract, the same for every backend: one task waits until a
 * number of others have arrived. One atomic decrement per arrival; only the
 * last one posts. */
struct task_latch {
    uint64_t left;
    task_sem all;
};

static inline void task_latch_init(struct task_latch *l, uint64_t count)
{
    l->left = count;
    task_sem_init(&l->all, 0);
}

static inline void task_latch_arrive(struct task_latch *l)
{
    if (__atomic_sub_fetch(&l->left, 1, __ATOMIC_ACQ_REL) == 0)
        task_sem_post(&l->all);
}

/* `missing` of the tasks counted in init will never arrive. */
static inline void task_latch_wait(struct task_latch *l, uint64_t missing)
{
    if (missing == 0 || __atomic_sub_fetch(&l->left, missing, __ATOMIC_ACQ_REL) != 0)
        task_sem_wait(&l->all);
}

static inline void task_latch_destroy(struct task_latch *l)
{
    task_sem_destroy(&l->all);
}

/* Built on the contract, the same for every backend: tasks start together, once
 * all have arrived and have been seen on as many CPUs as there can be: else a
 * worker that sleeps at that moment may find nothing left to do. A scheduler
 * that keeps its tasks together all the same is not waited for longer than
 * 20 ms. Who is released early yields until the last to arrive says go. */
enum { TASK_START_CPUS = 1024, TASK_START_PATIENCE_NS = 20000000 };

struct task_start {
    uint64_t waiting; /* atomic: tasks that have not yet arrived */
    uint64_t tasks;
    uint64_t cpus; /* to be seen */
    uint64_t seen; /* atomic: CPUs that have run a waiting task */
    bool go;       /* atomic */
    bool fewer;    /* atomic: there are not as many tasks as were wanted */
    task_sem begin;
    bool cpu[TASK_START_CPUS]; /* atomic: which have been seen */
};

static inline void task_start_init(struct task_start *s, uint64_t tasks, int ncpu)
{
    *s = (struct task_start){.waiting = tasks, .tasks = tasks};
    s->cpus = (uint64_t)ncpu < tasks ? (uint64_t)ncpu : tasks;
    task_sem_init(&s->begin, 0);
}

static inline void task_start_destroy(struct task_start *s)
{
    task_sem_destroy(&s->begin);
}

static inline void task_start_be_seen(struct task_start *s)
{
    const unsigned cpu = (unsigned)sched_getcpu() % TASK_START_CPUS;

    if (!__atomic_load_n(&s->cpu[cpu], __ATOMIC_RELAXED) &&
        !__atomic_exchange_n(&s->cpu[cpu], true, __ATOMIC_RELAXED))
        __atomic_add_fetch(&s->seen, 1, __ATOMIC_RELAXED);
}

static inline int64_t task_start_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void task_start_release(struct task_start *s, uint64_t waiting)
{
    for (uint64_t i = 0; i < waiting; i++)
        task_sem_post(&s->begin);
}

static inline void task_start_await_cpus(struct task_start *s)
{
    const int64_t until = task_start_now() + TASK_START_PATIENCE_NS;

    task_start_be_seen(s);
    while (__atomic_load_n(&s->seen, __ATOMIC_RELAXED) < s->cpus && task_start_now() < until) {
        task_yield();
        task_start_be_seen(s);
    }
}

/* True in the last to arrive, which opens the region and then calls
 * task_start_go(); false in the others, once it has. */
static inline bool task_start_wait(struct task_start *s)
{
    if (__atomic_sub_fetch(&s->waiting, 1, __ATOMIC_ACQ_REL) == 0) {
        task_start_release(s, s->tasks - 1);
        if (!__atomic_load_n(&s->fewer, __ATOMIC_RELAXED)) {
            task_start_await_cpus(s);
            return true;
        }
        __atomic_store_n(&s->go, true, __ATOMIC_RELEASE);
        return false;
    }
    task_sem_wait(&s->begin);
    while (!__atomic_load_n(&s->go, __ATOMIC_ACQUIRE)) {
        task_start_be_seen(s);
        task_yield();
    }
    return false;
}

static inline void task_start_go(struct task_start *s)
{
    __atomic_store_n(&s->go, true, __ATOMIC_RELEASE);
}

/* Only `alive` tasks exist: they start without the rest, and nobody is told to
 * open the region. */
static inline void task_start_fewer(struct task_start *s, uint64_t alive)
{
    const uint64_t missing = s->tasks - alive;

    s->tasks = alive;
    __atomic_store_n(&s->fewer, true, __ATOMIC_RELAXED);
    if (__atomic_sub_fetch(&s->waiting, missing, __ATOMIC_ACQ_REL) != 0 || alive == 0)
        return;
    __atomic_store_n(&s->go, true, __ATOMIC_RELEASE);
    task_start_release(s, alive);
}

#endif
