/* Polling, sleeping, waking: see futex_wait.h for the argument.
 *
 * How polling is kept cheap and harmless:
 *   - the clock costs as much as a dozen polls, so it is read once in 16;
 *   - for the first microsecond a thread polls unconditionally: answers
 *     between running threads come within that, and no shared counter should
 *     cost them anything;
 *   - after that it counts itself among the spinners of the process and goes
 *     on only as one of at most ncpu - 1 of them. More would hold every CPU
 *     while the thread they wait for has none.
 */
#include "futex_wait.h"
#include "base.h"
#include "select.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define POLLS_PER_CLOCK 16
#define GRACE_NS        1000

static _Alignas(64) atomic_int spinners;

void tbi_futex_wait(_Atomic uint32_t *word, uint32_t value)
{
    if (syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0) == -1 &&
        errno != EAGAIN && errno != EINTR)
        tbi_check(errno, "futex wait");
}

void tbi_futex_wait_until(_Atomic uint32_t *word, uint32_t value, int64_t deadline)
{
    const struct timespec until = {.tv_sec = deadline / 1000000000,
                                   .tv_nsec = deadline % 1000000000};

    if (deadline == TB_NEVER)
        tbi_futex_wait(word, value);
    else if (syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value, &until, NULL,
                     FUTEX_BITSET_MATCH_ANY) == -1 &&
             errno != EAGAIN && errno != EINTR && errno != ETIMEDOUT)
        tbi_check(errno, "futex wait");
}

/* No check: EFAULT only says that the waiter has returned and its stack is
 * gone. */
static void wake(_Atomic uint32_t *word, int most)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, most, NULL, NULL, 0);
}

void tbi_futex_wake(_Atomic uint32_t *word)
{
    wake(word, 1);
}

void tbi_futex_wake_all(_Atomic uint32_t *word)
{
    wake(word, INT_MAX);
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool enter_spinners(void)
{
    if (atomic_fetch_add_explicit(&spinners, 1, memory_order_relaxed) < tbi_config_ncpu() - 1)
        return true;
    atomic_fetch_sub_explicit(&spinners, 1, memory_order_relaxed);
    return false;
}

/* Every POLLS_PER_CLOCK polls. */
static bool spin_check(struct tbi_spin *spin)
{
    int64_t now = now_ns();

    if (spin->start == 0) {
        spin->start = now;
        spin->deadline = now + tbi_config_spin_ns();
    }
    if (now >= spin->deadline)
        return false;
    if (!spin->counted && now - spin->start >= GRACE_NS) {
        spin->counted = enter_spinners();
        return spin->counted;
    }
    return true;
}

bool tbi_spin_allowed(void)
{
    return tbi_config_spin_ns() > 0;
}

bool tbi_spin(struct tbi_spin *spin)
{
    if (!tbi_spin_allowed())
        return false;
    tbi_cpu_relax();
    return ++spin->polls % POLLS_PER_CLOCK != 0 || spin_check(spin);
}

void tbi_spin_end(struct tbi_spin *spin)
{
    if (spin->counted)
        atomic_fetch_sub_explicit(&spinners, 1, memory_order_relaxed);
}

int tbi_waiter_sleep(struct tbi_waiter *waiter)
{
    uint32_t word = TBI_WAITING;

    if (atomic_compare_exchange_strong_explicit(&waiter->word, &word, TBI_ASLEEP,
                                                memory_order_acquire, memory_order_acquire)) {
        do
            tbi_futex_wait(&waiter->word, TBI_ASLEEP);
        while (atomic_load_explicit(&waiter->word, memory_order_acquire) != TBI_DONE);
    }
    return waiter->node.result;
}

static uint32_t poll_word(struct tbi_waiter *waiter)
{
    struct tbi_spin spin = {0};
    uint32_t word;

    do
        word = atomic_load_explicit(&waiter->word, memory_order_acquire);
    while (word == TBI_WAITING && tbi_spin(&spin));
    tbi_spin_end(&spin);
    return word;
}

int tbi_waiter_wait(struct tbi_waiter *waiter)
{
    return poll_word(waiter) == TBI_DONE ? waiter->node.result : tbi_waiter_sleep(waiter);
}

/* Called again after a deadline, it finds the word ASLEEP or DONE. */
bool tbi_waiter_wait_until(struct tbi_waiter *waiter, int64_t deadline)
{
    uint32_t word = poll_word(waiter);

    if (word == TBI_WAITING)
        atomic_compare_exchange_strong_explicit(&waiter->word, &word, TBI_ASLEEP,
                                                memory_order_acquire, memory_order_acquire);
    while (atomic_load_explicit(&waiter->word, memory_order_acquire) != TBI_DONE) {
        if (tbi_passed(deadline))
            return false;
        tbi_futex_wait_until(&waiter->word, TBI_ASLEEP, deadline);
    }
    return true;
}

/* A node is the first member of its waiter, a base that of its selection. */
void tbi_waiter_complete(struct tbi_node *node, int result)
{
    struct tbi_waiter *waiter = (struct tbi_waiter *)node;

    node->result = result;
    if (node->selection != NULL) {
        node->selection->chosen = node;
        waiter = &((struct tbi_futex_selection *)node->selection)->waiter;
    }
    if (atomic_exchange_explicit(&waiter->word, TBI_DONE, memory_order_release) == TBI_ASLEEP)
        tbi_futex_wake(&waiter->word);
}

bool tbi_futex_spin_join(pthread_t thread)
{
    struct tbi_spin spin = {0};
    int error;

    do
        error = pthread_tryjoin_np(thread, NULL);
    while (error == EBUSY && tbi_spin(&spin));
    tbi_spin_end(&spin);
    if (error == EBUSY)
        return false;
    tbi_check(error, "pthread_tryjoin_np of a group's member");
    return true;
}
