/* The contended path of the lock: see futex_lock.h. */
#include "futex_lock.h"
#include "base.h"

/* Several times the longest critical section, a fraction of a sleep; what
 * glibc's adaptive mutex allows at most, too. */
#define LOCK_POLLS 100

void tbi_lock_sleep(struct tbi_lock *lock)
{
    while (atomic_exchange_explicit(&lock->word, TBI_CONTENDED, memory_order_acquire) != TBI_FREE)
        tbi_futex_wait(&lock->word, TBI_CONTENDED);
}

void tbi_lock_slow(struct tbi_lock *lock)
{
    int polls = tbi_config_spin_ns() > 0 ? LOCK_POLLS : 0;

    while (polls-- > 0) {
        tbi_cpu_relax();
        if (atomic_load_explicit(&lock->word, memory_order_relaxed) == TBI_FREE &&
            tbi_lock_try(lock))
            return;
    }
    tbi_lock_sleep(lock);
}
