/* What the tests share: cmocka, the two flavours behind one table, and how to
 * wait until a thread sleeps. */
#ifndef TB_TESTS_COMMON_H
#define TB_TESTS_COMMON_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tb/tb.h"
#include "tb/tb_futex.h"
#include "tb/tb_pthread.h"

#include <stdbool.h>
#include <sys/types.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Mutexes and wait groups live where a test wants them, on a stack above all. */
union any_mutex {
    struct tb_mutex plain;
    struct tb_futex_mutex futex;
};

union any_waitgroup {
    struct tb_waitgroup plain;
    struct tb_futex_waitgroup futex;
};

/* A case of a select, of either flavour. */
struct any_case {
    void *chan;
    enum tb_op op;
    void *elem;
    int result;
};

/* One flavour; channels and semaphores are void * and are made and freed
 * here. */
struct flavour {
    const char *name;
    void (*group_init)(struct tb_group *group);
    void *(*chan_create)(size_t elem_size, size_t capacity);
    void (*chan_destroy)(void *chan);
    int (*chan_send)(void *chan, const void *elem);
    int (*chan_recv)(void *chan, void *elem);
    int (*chan_try_send)(void *chan, const void *elem);
    int (*chan_try_recv)(void *chan, void *elem);
    void (*chan_close)(void *chan);
    int (*chan_select)(struct any_case *cases, int n, int64_t deadline);
    void *(*sem_create)(unsigned count);
    void (*sem_destroy)(void *sem);
    void (*sem_wait)(void *sem);
    int (*sem_try_wait)(void *sem);
    void (*sem_post)(void *sem);
    void (*mutex_init)(union any_mutex *mutex);
    void (*mutex_destroy)(union any_mutex *mutex);
    void (*mutex_lock)(union any_mutex *mutex);
    int (*mutex_try_lock)(union any_mutex *mutex);
    void (*mutex_unlock)(union any_mutex *mutex);
    void (*waitgroup_init)(union any_waitgroup *wg);
    void (*waitgroup_destroy)(union any_waitgroup *wg);
    void (*waitgroup_add)(union any_waitgroup *wg, uint32_t count);
    void (*waitgroup_done)(union any_waitgroup *wg);
    void (*waitgroup_wait)(union any_waitgroup *wg);
};

extern const struct flavour flavour_pthread;
extern const struct flavour flavour_futex;

/* The test `fn` for each flavour, named after both. */
#define FOR_EACH_FLAVOUR(fn)                                                                       \
    {#fn " (pthread)", fn, NULL, NULL, (void *)(uintptr_t)&flavour_pthread},                       \
    {                                                                                              \
#fn " (pthread-futex)", fn, NULL, NULL, (void *)(uintptr_t)&flavour_futex                  \
    }

/* The CPUs of this process's mask: at most max numbers, returns how many. */
int allowed_cpus(int *ret_cpu, int max);

/* The kernel's number of the calling thread, and its publication: the thread
 * stores it right before the call that should block, another one waits until
 * the kernel reports that thread asleep. */
void publish_tid(_Atomic pid_t *slot);
void await_asleep(_Atomic pid_t *slot);

/* CLOCK_MONOTONIC, ns. */
int64_t now_ns(void);

/* Deterministic random numbers (splitmix64), and their seed: TB_SEED in the
 * environment, else the clock; printed. */
uint64_t next_random(uint64_t *state);
uint64_t test_seed(void);

#endif
