/* Bringing libtb up: the configuration of the run, and the root thread.
 *
 * The root runs on a fresh thread and not on the process's main thread. A
 * main thread is of another kind: its stack grows by faults under the
 * process-wide map lock up to RLIMIT_STACK, its malloc arena is the one that
 * grows by brk, and no other task of the process has either. On a fresh
 * thread root and members are alike, and the main thread sleeps in
 * pthread_join(), which costs nothing.
 *
 * The configuration is written before the root thread exists and cleared
 * after it was joined; pthread_create and pthread_join order it for everyone
 * who reads it. The futex flavour also reads it outside of a run (objects may
 * be used without one), which is why the unset values are valid ones.
 */
#include "base.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static atomic_flag running = ATOMIC_FLAG_INIT;
static struct {
    int ncpu;
    int *cpu; /* NULL unless pinned */
    int64_t spin_ns;
} run = {.ncpu = 1};

void tbi_check(int error, const char *what)
{
    if (error != 0) {
        fprintf(stderr, "libtb: %s: %s\n", what, strerror(error));
        abort();
    }
}

int tbi_config_enter(const struct tb_config *config)
{
    if (config->ncpu < 1 || config->spin_ns < 0 || (config->pinned && config->cpu == NULL))
        return -EINVAL;
    if (atomic_flag_test_and_set(&running))
        return -EBUSY;
    if (config->pinned) {
        run.cpu = malloc((size_t)config->ncpu * sizeof *run.cpu);
        if (run.cpu == NULL) {
            atomic_flag_clear(&running);
            return -ENOMEM;
        }
        memcpy(run.cpu, config->cpu, (size_t)config->ncpu * sizeof *run.cpu);
    }
    run.ncpu = config->ncpu;
    run.spin_ns = config->ncpu > 1 ? config->spin_ns : 0;
    return 0;
}

void tbi_config_leave(void)
{
    free(run.cpu);
    run.cpu = NULL;
    run.ncpu = 1;
    run.spin_ns = 0;
    atomic_flag_clear(&running);
}

struct root {
    tb_fn fn;
    void *arg;
};

static void *root_main(void *arg)
{
    struct root *root = arg;

    root->fn(root->arg);
    return NULL;
}

int tbi_run_root(tb_fn fn, void *arg)
{
    struct root root = {fn, arg};
    pthread_t thread;
    int error = pthread_create(&thread, NULL, root_main, &root);

    if (error != 0)
        return -error;
    tbi_check(pthread_join(thread, NULL), "pthread_join of the root thread");
    return 0;
}

int tb_run(const struct tb_config *config, tb_fn root, void *arg)
{
    int error = tbi_config_enter(config);

    if (error != 0)
        return error;
    error = tbi_run_root(root, arg);
    tbi_config_leave();
    return error;
}

int tb_slot_cpu(int slot)
{
    if (run.cpu == NULL || run.ncpu == 1 || slot < 0 || slot >= run.ncpu)
        return TB_ANYWHERE;
    return run.cpu[slot];
}

int tbi_config_ncpu(void)
{
    return run.ncpu;
}

int64_t tbi_config_spin_ns(void)
{
    return run.spin_ns;
}

void tb_yield(void)
{
    sched_yield();
}

void tb_sleep_until(int64_t deadline_ns)
{
    struct timespec deadline = {.tv_sec = deadline_ns / 1000000000,
                                .tv_nsec = deadline_ns % 1000000000};

    if (deadline_ns <= 0)
        return;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL) == EINTR)
        ;
}
