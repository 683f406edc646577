/* See count_futex.h. */
#include "count_futex.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>

long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

static atomic_int waits, wakes;

void futex_calls_reset(void)
{
    atomic_store(&waits, 0);
    atomic_store(&wakes, 0);
}

int futex_waits(void)
{
    return atomic_load(&waits);
}

int futex_wakes(void)
{
    return atomic_load(&wakes);
}

/* The operation is an int: the upper half of its register is anybody's. */
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    if (number == SYS_futex) {
        atomic_fetch_add(&waits, (int)b == FUTEX_WAIT_PRIVATE);
        atomic_fetch_add(&wakes, (int)b == FUTEX_WAKE_PRIVATE);
    }
    return __real_syscall(number, a, b, c, d, e, f);
}
