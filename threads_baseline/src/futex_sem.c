/* Semaphore in one 64-bit word: units in the low half, sleepers in the high.
 *
 * The algorithm is that of glibc's sem_t on 64-bit machines (nptl/sem_post.c,
 * sem_waitcommon.c, since 2.21), with polling before the sleep.
 *
 * Why no wake-up is lost. A thread that will sleep first adds itself to the
 * high half; a post adds to the low half. Both are read-modify-writes of the
 * same word, so either the post comes first, and the waiter's addition
 * returns a unit it may take, or the registration does, and the post sees a
 * sleeper and wakes one. FUTEX_WAIT compares the low half with 0 under the
 * kernel's lock of the hash bucket, so a post between registration and sleep
 * is not missed either. A thread that overtakes a woken one takes a unit
 * that someone posted; the woken one, still registered, sleeps again until
 * the next post, which sees it.
 * Edge SEM: release in post -> acquire in the wait that takes the unit;
 * registrations in between are read-modify-writes and continue the release
 * sequence.
 *
 * After its addition a post touches the semaphore only as an address to
 * wake, which is what allows the waiter to destroy it at once.
 */
#include "base.h"
#include "futex_wait.h"
#include "tb/tb_futex.h"

#include <errno.h>

#define SLEEPER (UINT64_C(1) << 32)
#define UNITS   UINT32_MAX

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the low half comes first");
_Static_assert(sizeof(_Atomic uint64_t) == sizeof(uint64_t), "tb_futex_sem.data is used as atomic");

static _Atomic uint64_t *data_of(struct tb_futex_sem *sem)
{
    return (_Atomic uint64_t *)&sem->data;
}

static _Atomic uint32_t *units_of(struct tb_futex_sem *sem)
{
    return (_Atomic uint32_t *)&sem->data;
}

void tb_futex_sem_init(struct tb_futex_sem *sem, unsigned count)
{
    atomic_init(data_of(sem), count);
}

void tb_futex_sem_destroy(struct tb_futex_sem *sem)
{
    (void)sem;
}

static bool try_take(_Atomic uint64_t *data)
{
    uint64_t seen = atomic_load_explicit(data, memory_order_relaxed);

    while ((seen & UNITS) != 0)
        if (atomic_compare_exchange_weak_explicit(data, &seen, seen - 1, memory_order_acquire,
                                                  memory_order_relaxed))
            return true;
    return false;
}

static void sleep_and_take(struct tb_futex_sem *sem)
{
    _Atomic uint64_t *data = data_of(sem);
    uint64_t seen = atomic_fetch_add_explicit(data, SLEEPER, memory_order_relaxed) + SLEEPER;

    for (;;) {
        if ((seen & UNITS) == 0) {
            tbi_futex_wait(units_of(sem), 0);
            seen = atomic_load_explicit(data, memory_order_relaxed);
        } else if (atomic_compare_exchange_weak_explicit(data, &seen, seen - SLEEPER - 1,
                                                         memory_order_acquire,
                                                         memory_order_relaxed)) {
            return;
        }
    }
}

void tb_futex_sem_wait(struct tb_futex_sem *sem)
{
    struct tbi_spin spin = {0};
    bool taken;

    do
        taken = try_take(data_of(sem));
    while (!taken && tbi_spin(&spin));
    tbi_spin_end(&spin);
    if (!taken)
        sleep_and_take(sem);
}

int tb_futex_sem_try_wait(struct tb_futex_sem *sem)
{
    return try_take(data_of(sem)) ? 0 : -EAGAIN;
}

void tb_futex_sem_post(struct tb_futex_sem *sem)
{
    if (atomic_fetch_add_explicit(data_of(sem), 1, memory_order_release) >= SLEEPER)
        tbi_futex_wake(units_of(sem));
}
