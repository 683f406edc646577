/* libtb: threads, groups and placement shared by every flavour.
 *
 * libtb offers the services of a green-thread runtime on OS threads, the way
 * a competent C programmer writes them for NPTL. This header holds what the
 * flavours share; tb_pthread.h (mutex and condition variable), tb_futex.h
 * (raw futexes) and tb_pool.h (P threads and one queue) add the rest.
 *
 * Conventions: 0 or -errno; times are absolute CLOCK_MONOTONIC nanoseconds in
 * int64_t; sizes are bytes. A broken invariant (a join that fails, a mutex
 * that cannot be locked) ends the process with one line on standard error:
 * there is nothing a caller could do about it.
 */
#ifndef TB_TB_H
#define TB_TB_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TB_ANYWHERE (-1)
#define TB_NEVER    INT64_MAX /* a deadline that never passes */

/* What a case of a select does. */
enum tb_op { TB_SEND, TB_RECV };

#define TB_MAX_CASES 64 /* of one select */

typedef void (*tb_fn)(void *);

/* What the process may use. ncpu: number of CPUs in its affinity mask, >= 1.
 * cpu: their ncpu numbers, copied; needed only with pinned. spin_ns: how long
 * a waiter of the futex flavour polls before it sleeps, >= 0; taken as 0 when
 * ncpu is 1, since a spinning waiter then keeps its waker from running. */
struct tb_config {
    int ncpu;
    const int *cpu;
    bool pinned;
    int64_t spin_ns;
};

/* Run root(arg) on a fresh thread with default attributes and wait for it.
 * One tb_run() or tb_pool_run() at a time in a process.
 *
 * Returns 0 once root has returned. -EINVAL for a configuration outside the
 * ranges above, -EBUSY inside another run, -ENOMEM or -EAGAIN when there is
 * no room; root has then not run. */
int tb_run(const struct tb_config *config, tb_fn root, void *arg);

/* The CPU that slot means under the configuration of the current run, or
 * TB_ANYWHERE if the run is not pinned, slot is outside 0..ncpu-1, or ncpu is
 * 1: the mask inherited from the process then says the same at no cost. Any
 * thread, during a run. */
int tb_slot_cpu(int slot);

/* cpu: CPU number to start on and stay on, or TB_ANYWHERE for the creator's
 * mask. stack_bytes: stack that must be usable by the function, beyond what
 * the thread library keeps in the same block; 0 for the group's default. */
struct tb_attr {
    int cpu;
    size_t stack_bytes;
};

struct tb_chunk; /* private */

/* A group of threads: spawn many, join all, oldest first. Belongs to one
 * thread; lives where the caller likes. Members are private. */
struct tb_group {
    struct tb_chunk *oldest, *newest;
    unsigned head, tail; /* next to join in oldest, next free in newest */
    size_t stack_size;   /* pthread_attr_setstacksize value, 0 system default */
    bool spin;           /* poll for the end of a thread before sleeping on it */
};

/* An empty group whose threads have the system's default stack. Holds no
 * memory until the first spawn. */
void tb_group_init(struct tb_group *group);

/* Start a joinable thread that runs fn(arg). attr may be NULL: anywhere, the
 * default stack.
 *
 * -EAGAIN when pthread_create has no room (threads, memory maps or memory:
 * glibc reports all three so), -ENOMEM for bookkeeping memory or a stack size
 * no address space can hold, -EINVAL for a CPU that cannot be used. Nothing
 * is held after a failure. */
int tb_group_spawn(struct tb_group *group, tb_fn fn, void *arg, const struct tb_attr *attr);

/* Join the oldest member. -ECHILD when the group is empty. */
int tb_group_reap(struct tb_group *group);

/* Join all members and free what the group holds; it may be used again. */
void tb_group_wait(struct tb_group *group);

/* Let another runnable thread have the CPU: sched_yield(). */
void tb_yield(void);

/* Return at or after the deadline; at once if it has passed. */
void tb_sleep_until(int64_t deadline_ns);

/* Size of the stack block that pthread_create allocates by default in this
 * process, as the C library reports it: 8 MiB with glibc and an unchanged
 * RLIMIT_STACK, 128 KiB with musl. 0 if it cannot be told. */
size_t tb_stack_default_size(void);

/* What the C library keeps at the top of each stack block: thread descriptor,
 * static TLS and the frames below the thread's function. Measured on a thread
 * at the first call; 0 if none can be started. Any thread. */
size_t tb_stack_overhead(void);

/* Give the memory of idle stacks back to the kernel.
 *
 * The first call empties the C library's cache of stacks; from then on every
 * thread of a group gives its own pages back as it ends, all but those its
 * last frame stands on, so later calls have nothing left to do and cost a few
 * nanoseconds. Threads of a pool release theirs before their next task. Never
 * undone. Any thread. README.md says how glibc's cache is emptied, and when
 * that fails. */
void tb_stack_trim(void);

#ifdef __cplusplus
}
#endif

#endif
