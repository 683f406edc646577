/* What the unit tests share: cmocka, checks that work on a task's stack,
 * children for what ends the process, threads outside the runtime. */
#ifndef GT_TESTS_COMMON_H
#define GT_TESTS_COMMON_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include "gt/gt.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* cmocka's asserts leave by longjmp, which must not cross from a task or
 * another OS thread to the test's stack. This one prints and aborts. */
#define CHECK(cond) ((cond) ? (void)0 : check_failed(#cond, __FILE__, __LINE__))
void check_failed(const char *what, const char *file, int line) __attribute__((noreturn));

/* GT_SEED in the environment, else the clock; printed. */
uint64_t test_seed(void);
/* Deterministic random numbers (splitmix64). */
uint64_t next_random(uint64_t *state);

/* Run fn(arg) as the only first task of a runtime; the runtime must start, and
 * end with no task left. Inline, like what follows, so that a test that does
 * without the runtime can use the rest. */
static inline void run_with(const gt_config *config, gt_fn *fn, void *arg)
{
    int64_t left = gt_run(config, fn, arg);
    if (left < 0)
        fprintf(stderr, "%s\n", gt_start_error());
    CHECK(left == 0);
}

static inline void run_on(int workers, gt_fn *fn, void *arg)
{
    run_with(&(gt_config){.workers = workers}, fn, arg);
}

static inline void on_one_and_two_workers(gt_fn *fn)
{
    run_on(1, fn, NULL);
    run_on(2, fn, NULL);
}

static inline void on_one_two_and_four_workers(gt_fn *fn)
{
    on_one_and_two_workers(fn);
    run_on(4, fn, NULL);
}

/* No two tasks run at once: when gt_yield() returns, the others have gone as far
 * as they could, and tasks may share plain variables. One worker by itself does
 * not promise that: when a task takes long, or its OS thread does not run for a
 * while, the monitor gives the queue to a spare. */
static inline void run_alone(gt_fn *fn, void *arg)
{
    run_with(&(gt_config){.workers = 1, .hog_ns = -1}, fn, arg);
}

static inline void nothing(void *arg)
{
    (void)arg;
}

static inline void spawn(gt_group *group, gt_fn *fn, void *arg)
{
    CHECK(gt_group_spawn(group, fn, arg, NULL) == 0);
}

/* Until the counter has the value; yields, so that it works in a task and
 * outside. */
static inline void await(atomic_int *counter, int value)
{
    while (atomic_load(counter) != value)
        gt_yield();
}

/* From a task: until no spare stands in for anybody. */
static inline void await_no_active_spare(void)
{
    gt_stats s;
    do {
        gt_get_stats(&s);
        gt_yield();
    } while (s.active_spares);
}

/* An OS thread that is not a worker. */
pthread_t outside(void *(*fn)(void *), void *arg);
void join(pthread_t thread);
/* Wait until the thread whose number is in *tid sleeps in the kernel. The
 * thread stores gettid() there just before it blocks. */
void await_asleep(atomic_int *tid);

/* What a forked child did. */
struct outcome {
    bool exited;     /* else ended by a signal */
    int code;        /* exit status or signal */
    char text[8192]; /* what it wrote to stderr */
};

/* Run fn(arg) in a child with default signal actions, no core file and a time
 * limit; the child ends with exit status 0 if fn returns. */
struct outcome in_child(void (*fn)(void *), void *arg);
/* The child must end by abort(), with one line "gt: fatal: ..." that has
 * `text` in it. */
void assert_fatal(void (*fn)(void *), void *arg, const char *text);
/* The child must end with exit status 0. */
void assert_fine(void (*fn)(void *), void *arg);

/* What reports call a function of this program that is not exported, and so
 * has no name there: "file+0x1234". Returns buf. */
const char *place_of(gt_fn *fn, char *buf, size_t size);

/* Number of mappings and of resident bytes of this process. */
int mapping_count(void);
size_t resident_bytes(void);

/* Built with a sanitizer, which makes frames and memory larger. */
#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#elif __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_ASAN
#define UNDER_ASAN 0
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

#endif
