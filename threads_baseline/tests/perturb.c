/* Random delays where a wake-up could be lost: before each signal, broadcast
 * and futex call. Link with -Wl,--wrap=pthread_cond_signal,
 * --wrap=pthread_cond_broadcast,--wrap=syscall. */
#include "common.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

int __real_pthread_cond_signal(pthread_cond_t *cond);
int __wrap_pthread_cond_signal(pthread_cond_t *cond);
int __real_pthread_cond_broadcast(pthread_cond_t *cond);
int __wrap_pthread_cond_broadcast(pthread_cond_t *cond);
long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

static _Thread_local uint64_t random_state;

static void perturb(void)
{
    if (random_state == 0)
        random_state = (uint64_t)(uintptr_t)&random_state;
    uint64_t r = next_random(&random_state);

    if (r % 4 == 0)
        for (uint64_t k = 0; k < 1 + (r >> 8) % 4; k++)
            sched_yield();
}

int __wrap_pthread_cond_signal(pthread_cond_t *cond)
{
    perturb();
    return __real_pthread_cond_signal(cond);
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *cond)
{
    perturb();
    return __real_pthread_cond_broadcast(cond);
}

/* Every system call libtb makes this way has at most six integer arguments. */
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    perturb();
    return __real_syscall(number, a, b, c, d, e, f);
}
