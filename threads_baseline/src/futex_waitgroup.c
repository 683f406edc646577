/* Wait group in one 64-bit word: the count in the low half, in the high half 1
 * if a waiter sleeps or is about to. The high half is the futex word.
 *
 * Waiters do not sleep on the count: it changes with every done, and each
 * change would send a thread that is about to sleep back to look again. The
 * high half changes only twice, when the first waiter announces itself and
 * when the last done sets the whole word to 0.
 *
 * Why no wake-up is lost. The announcement and the last done are
 * compare-and-swaps of one word, so one comes first. If the last done does,
 * the announcement fails and the waiter finds the count at 0. If the
 * announcement does, the last done finds it, clears it in the same step and
 * wakes all. FUTEX_WAIT compares the high half with 1 under the kernel's lock
 * of the hash bucket that FUTEX_WAKE takes, too: either it finds 0 and
 * returns, or it is queued before the wake, which finds it.
 * Edge WAITGROUP: release in each done -> acquire in the load or failed
 * compare-and-swap of the wait that finds the count at 0; dones, adds and
 * announcements in between are read-modify-writes and continue the release
 * sequence.
 *
 * Lifetime: before its compare-and-swap a done still owes its own unit, which
 * keeps every waiter; after it, the wait group is only an address to wake. So
 * a wait group on the waiter's stack may go away right after the wait. The
 * wake may then reach something else at that address, which is the spurious
 * wake-up of futex_wait.h.
 *
 * A done is a compare-and-swap and no subtraction because the last one must
 * take the count and the announcement away in one step. Clearing the
 * announcement later would touch an object that may be gone.
 */
#include "base.h"
#include "futex_wait.h"
#include "tb/tb_futex.h"

#include <errno.h>

#define SLEEPER (UINT64_C(1) << 32)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the high half comes second");
_Static_assert(sizeof(_Atomic uint64_t) == sizeof(uint64_t),
               "tb_futex_waitgroup.data is used as atomic");

static _Atomic uint64_t *data_of(struct tb_futex_waitgroup *wg)
{
    return (_Atomic uint64_t *)&wg->data;
}

static _Atomic uint32_t *sleepers_of(struct tb_futex_waitgroup *wg)
{
    return (_Atomic uint32_t *)&wg->data + 1;
}

static uint32_t count_in(uint64_t data)
{
    return (uint32_t)data;
}

void tb_futex_waitgroup_init(struct tb_futex_waitgroup *wg)
{
    atomic_init(data_of(wg), 0);
}

void tb_futex_waitgroup_destroy(struct tb_futex_waitgroup *wg)
{
    (void)wg;
}

void tb_futex_waitgroup_add(struct tb_futex_waitgroup *wg, uint32_t count)
{
    uint64_t seen = atomic_fetch_add_explicit(data_of(wg), count, memory_order_relaxed);

    tbi_check(count_in(seen) > UINT32_MAX - count ? EOVERFLOW : 0, "tb_futex_waitgroup_add");
}

void tb_futex_waitgroup_done(struct tb_futex_waitgroup *wg)
{
    uint64_t seen = atomic_load_explicit(data_of(wg), memory_order_relaxed), next;

    do {
        tbi_check(count_in(seen) == 0 ? EINVAL : 0,
                  "tb_futex_waitgroup_done: the count would fall below 0");
        next = count_in(seen) == 1 ? 0 : seen - 1;
    } while (!atomic_compare_exchange_weak_explicit(data_of(wg), &seen, next, memory_order_release,
                                                    memory_order_relaxed));
    if (next == 0 && seen >= SLEEPER)
        tbi_futex_wake_all(sleepers_of(wg)); /* wg may be gone */
}

static void sleep_until_done(struct tb_futex_waitgroup *wg)
{
    uint64_t seen = atomic_load_explicit(data_of(wg), memory_order_acquire);

    while (count_in(seen) != 0)
        if (seen >= SLEEPER ||
            atomic_compare_exchange_weak_explicit(data_of(wg), &seen, seen + SLEEPER,
                                                  memory_order_acquire, memory_order_acquire)) {
            tbi_futex_wait(sleepers_of(wg), 1);
            seen = atomic_load_explicit(data_of(wg), memory_order_acquire);
        }
}

void tb_futex_waitgroup_wait(struct tb_futex_waitgroup *wg)
{
    struct tbi_spin spin = {0};
    bool pending;

    do
        pending = count_in(atomic_load_explicit(data_of(wg), memory_order_acquire)) != 0;
    while (pending && tbi_spin(&spin));
    tbi_spin_end(&spin);
    if (pending)
        sleep_until_done(wg);
}
