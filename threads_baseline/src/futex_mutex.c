/* Mutex on a futex: the lock of futex_lock.h, with the whole polling budget in
 * front of the sleep, because how long a user's critical section lasts is not
 * known.
 *
 * Why no wake-up is lost is argued there. A thread that polls takes the mutex
 * as HELD, though others may sleep: if the unlock before found them, it has
 * woken one, and that one marks the mutex CONTENDED before it sleeps again or
 * holds it so itself; either way an unlock to come will wake.
 *
 * Lifetime: an unlock touches the mutex last with its exchange, and after
 * that uses it only as an address to wake. So a thread that locks and unlocks
 * the mutex after it may free it at once.
 *
 * Not fair: a woken thread competes with those that poll. Handing the mutex
 * over to it would leave the mutex held by a thread that does not run yet for
 * as long as a wake-up takes.
 */
#include "base.h"
#include "futex_lock.h"
#include "tb/tb_futex.h"

#include <errno.h>

_Static_assert(sizeof(struct tbi_lock) == sizeof(struct tb_futex_mutex) &&
                   _Alignof(struct tbi_lock) == _Alignof(struct tb_futex_mutex),
               "tb_futex_mutex is used as a lock");

static struct tbi_lock *lock_of(struct tb_futex_mutex *mutex)
{
    return (struct tbi_lock *)&mutex->word;
}

void tb_futex_mutex_init(struct tb_futex_mutex *mutex)
{
    atomic_init(&lock_of(mutex)->word, TBI_FREE);
}

void tb_futex_mutex_destroy(struct tb_futex_mutex *mutex)
{
    (void)mutex;
}

static void lock_slow(struct tbi_lock *lock)
{
    struct tbi_spin spin = {0};
    bool taken = false;

    while (!taken && tbi_spin(&spin))
        taken = atomic_load_explicit(&lock->word, memory_order_relaxed) == TBI_FREE &&
                tbi_lock_try(lock);
    tbi_spin_end(&spin);
    if (!taken)
        tbi_lock_sleep(lock);
}

void tb_futex_mutex_lock(struct tb_futex_mutex *mutex)
{
    if (!tbi_lock_try(lock_of(mutex)))
        lock_slow(lock_of(mutex));
}

int tb_futex_mutex_try_lock(struct tb_futex_mutex *mutex)
{
    return tbi_lock_try(lock_of(mutex)) ? 0 : -EBUSY;
}

void tb_futex_mutex_unlock(struct tb_futex_mutex *mutex)
{
    tbi_unlock(lock_of(mutex));
}
