/* Waiting on a futex: poll for a while, then sleep.
 *
 * A waiter is a node on the stack of the thread that waits, with a futex word
 * of its own, so that a wake-up reaches exactly one thread. Its word goes
 *
 *     WAITING -> DONE               completed while the waiter still polled
 *     WAITING -> ASLEEP -> DONE     the waiter announced that it would sleep
 *
 * The owner moves it to ASLEEP, whoever completes the wait moves it to DONE,
 * once, and may not touch the node after that except as an address to wake.
 *
 * Why no wake-up is lost. Both moves are read-modify-writes of one word, so
 * one comes first. If DONE does, the owner's compare-and-swap to ASLEEP fails
 * and it does not sleep. If ASLEEP does, the completer's exchange returns
 * ASLEEP and it wakes the word. The owner may then not yet sleep; but
 * FUTEX_WAIT compares the word with ASLEEP under the kernel's lock of the
 * hash bucket that FUTEX_WAKE takes, too: either it finds DONE and returns,
 * or it is queued before the wake, which finds it.
 * Edge WAITER-DONE: the completer's release exchange -> the owner's acquire
 * load or failed compare-and-swap; what the completer wrote (the element, the
 * result) is visible to the owner.
 *
 * A wake may come after the owner left, for an address that by now is
 * something else. That is the well-known spurious wake-up of every futex
 * user; each wait here, and in libc, is a loop.
 */
#ifndef TBI_FUTEX_WAIT_H
#define TBI_FUTEX_WAIT_H

#include "queue.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* FUTEX_WAIT while *word is `value`, until a deadline in the second case; FUTEX_WAKE of at most
 * one, and of all. Private. */
void tbi_futex_wait(_Atomic uint32_t *word, uint32_t value);
void tbi_futex_wait_until(_Atomic uint32_t *word, uint32_t value, int64_t deadline);
void tbi_futex_wake(_Atomic uint32_t *word);
void tbi_futex_wake_all(_Atomic uint32_t *word);

static inline void tbi_cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

/* One spell of polling; zero it, poll until the condition holds or
 * tbi_spin() says no, and end it with tbi_spin_end(). tbi_spin_allowed():
 * whether polling has any budget at all. */
struct tbi_spin {
    int64_t start, deadline;
    unsigned polls;
    bool counted;
};

/* Pause once. False when the thread should sleep instead: the budget is 0 or
 * used up, or enough others are polling. */
bool tbi_spin(struct tbi_spin *spin);
bool tbi_spin_allowed(void);
void tbi_spin_end(struct tbi_spin *spin);

enum tbi_waiter_word { TBI_WAITING, TBI_DONE, TBI_ASLEEP };

struct tbi_waiter {
    /* Of a select: in no queue, its nodes are. All on one cache line. */
    _Alignas(64) struct tbi_node node;
    _Atomic uint32_t word;
};

/* A select: the word it waits on, and what elects who completes it. */
struct tbi_futex_selection {
    struct tbi_selection base;
    struct tbi_waiter waiter;
};

/* Owner: wait until the node is completed; returns its result. The first polls
 * before it sleeps, the second has polled enough. */
int tbi_waiter_wait(struct tbi_waiter *waiter);
int tbi_waiter_sleep(struct tbi_waiter *waiter);

/* Owner: the same for a select; false if the deadline passed first, and then
 * it may be called again. Polls before it sleeps. */
bool tbi_waiter_wait_until(struct tbi_waiter *waiter, int64_t deadline);

/* Completer: hand over the result to who waits with this node, once; the node
 * is gone afterwards. */
void tbi_waiter_complete(struct tbi_node *node, int result);

/* Poll for the end of a thread within the budget: true if it was joined. */
bool tbi_futex_spin_join(pthread_t thread);

#endif
