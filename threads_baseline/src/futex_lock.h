/* A lock for critical sections of some tens of nanoseconds: the three-state
 * mutex of Ulrich Drepper, "Futexes Are Tricky" (2011), mutex2, with a bounded
 * spin before it sleeps. Zeroed is unlocked.
 *
 *     FREE, HELD, CONTENDED (held, and someone may sleep)
 *
 * Why no wake-up is lost. A thread sleeps only while the word is CONTENDED,
 * compared by the kernel under its hash bucket's lock. The word leaves
 * CONTENDED only in an unlock, which then wakes one sleeper. That one, and
 * everybody else who has been in the slow path, takes the lock as CONTENDED,
 * so its own unlock wakes the next: as long as anyone sleeps, the holder's
 * unlock will wake. At worst it wakes for nobody, once.
 * Edge LOCK: release exchange in unlock -> acquire in lock.
 *
 * An unlock touches the lock last with its exchange, and after that uses it
 * only as an address to wake.
 */
#ifndef TBI_FUTEX_LOCK_H
#define TBI_FUTEX_LOCK_H

#include "futex_wait.h"

enum tbi_lock_word { TBI_FREE, TBI_HELD, TBI_CONTENDED };

struct tbi_lock {
    _Atomic uint32_t word;
};

/* When a try has failed: poll for a little while, then sleep; and sleep, for
 * a caller that has polled enough. Both return with the lock held. */
void tbi_lock_slow(struct tbi_lock *lock);
void tbi_lock_sleep(struct tbi_lock *lock);

static inline bool tbi_lock_try(struct tbi_lock *lock)
{
    uint32_t expected = TBI_FREE;

    return atomic_compare_exchange_strong_explicit(&lock->word, &expected, TBI_HELD,
                                                   memory_order_acquire, memory_order_relaxed);
}

static inline void tbi_lock(struct tbi_lock *lock)
{
    if (!tbi_lock_try(lock))
        tbi_lock_slow(lock);
}

static inline void tbi_unlock(struct tbi_lock *lock)
{
    if (atomic_exchange_explicit(&lock->word, TBI_FREE, memory_order_release) == TBI_CONTENDED)
        tbi_futex_wake(&lock->word);
}

#endif
