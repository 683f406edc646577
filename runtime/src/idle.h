/* Idle workers: who looks for work, who sleeps, who must be woken.
 *
 * A worker is busy (runs tasks), searching (spins over all queues) or
 * sleeping (in a futex wait on its own word). `searching` and `sleeping`
 * count the latter two.
 *
 * Claim: work that is published is never left alone while a worker sleeps
 * and none searches.
 *
 *   submitter                          worker about to sleep
 *   S1 publish the task                W1 word = SLEEPING, sleeping++
 *   S2 fence (IDLE-DEKKER)             W2 searching--
 *   S3 searching == 0 && sleeping > 0? W3 fence (IDLE-DEKKER)
 *      then wake one                   W4 look into all queues again
 *                                      W5 futex wait
 *
 * One of the two fences comes first in the single order of fences. If S2 is
 * first, W4 sees the task. If W3 is first, S3 sees sleeping > 0, and
 * searching without this worker: if that is 0, S wakes someone; if not,
 * another worker searches, and what holds for this one holds for that one:
 * either it finds the task or its own W4 does, because its W2 comes after
 * S3's read. Acquire and release would not do: both sides store, then load
 * another place.
 *
 * The waker counts whom it wakes as searching before it wakes him
 * (`searching` goes 0 -> 1 by compare-and-swap), so a burst of submissions
 * wakes one worker, and that one, on finding work, wakes the next if there is
 * more. Whoever takes `searching` from 1 to 0 without going to sleep must look
 * at the queues again, since submitters relied on him: gti_idle_found() and
 * gti_idle_wake() say so.
 *
 * Work for one certain worker (bound tasks) does not use the counters: the
 * sender publishes, fences, and wakes that worker if its word says SLEEPING.
 * The pairing is the same, S3 reading the word that W1 wrote.
 *
 * Rejected: a lock around the sleepers (every submission would have to look
 * inside); waking one worker per submission (13 us each, and they fight for
 * one task); membarrier on the sleeper's side to save the submitter's fence
 * (15 us while another CPU is busy; to be weighed again).
 */
#ifndef GTI_IDLE_H
#define GTI_IDLE_H

#include "atomics.h"
#include "base.h"

enum gti_idle_word {
    GTI_AWAKE,
    GTI_SLEEPING,
    GTI_WOKEN,          /* by gti_idle_wake(): already counted as searching */
    GTI_WOKEN_DIRECTLY, /* by gti_idle_wake_this(): not counted */
};

/* One worker's word, alone on its lines: it is the futex. */
struct gti_idle_slot {
    GTI_ATOMIC(uint32_t) word; /* enum gti_idle_word */
    char apart_[124];
};

struct gti_idle {
    GTI_ATOMIC(uint32_t) searching;
    GTI_ATOMIC(uint32_t) sleeping;
    struct gti_idle_slot *slot; /* one per worker */
    GTI_ATOMIC(int) workers;    /* slots in use; grows */
};

/* busy -> searching */
static inline void gti_idle_search(struct gti_idle *idle)
{
    /* Ordering: acq_rel, edge IDLE-COUNT <-> gti_idle_found(). */
    GTI_ADD(idle->searching, 1u, acq_rel);
}

/* searching -> busy. True: the caller was the last that searched, and must
 * wake another if there is more work than it took. */
static inline bool gti_idle_found(struct gti_idle *idle)
{
    /* Ordering: acq_rel, edge IDLE-COUNT <-> gti_idle_search(). */
    if (GTI_SUB(idle->searching, 1u, acq_rel) != 1u)
        return false;
    /* A submitter that saw us searching woke nobody: the caller's look at the
     * queues comes after the decrement, as W4 comes after W2.
     * Ordering: seq_cst, edge IDLE-DEKKER <-> gti_idle_published(). */
    GTI_FENCE(seq_cst);
    return true;
}

/* searching -> sleeping: W1 to W3. The caller then does W4, and
 * gti_idle_awake(), after a futex wait if it found nothing. */
static inline void gti_idle_prepare(struct gti_idle *idle, struct gti_idle_slot *slot)
{
    GTI_STORE(slot->word, (uint32_t)GTI_SLEEPING, relaxed);
    GTI_ADD(idle->sleeping, 1u, relaxed);
    GTI_SUB(idle->searching, 1u, relaxed);
    /* Ordering: seq_cst, edge IDLE-DEKKER <-> gti_idle_published(). */
    GTI_FENCE(seq_cst);
}

/* sleeping -> searching, by the worker itself: after W4 found work, and after
 * the futex wait ended for whatever reason. */
static inline void gti_idle_awake(struct gti_idle *idle, struct gti_idle_slot *slot)
{
    uint32_t word = (uint32_t)GTI_SLEEPING;
    if (GTI_CAS(slot->word, word, (uint32_t)GTI_AWAKE, relaxed)) {
        GTI_ADD(idle->searching, 1u, relaxed);
        GTI_SUB(idle->sleeping, 1u, relaxed);
        return;
    }
    /* Somebody woke us and took us off `sleeping`; we read his word.
     * Ordering: acquire, edge IDLE-WAKE <- gti_idle_claim(). */
    GTI_FENCE(acquire);
    if (word == (uint32_t)GTI_WOKEN_DIRECTLY)
        GTI_ADD(idle->searching, 1u, relaxed);
    GTI_STORE(slot->word, (uint32_t)GTI_AWAKE, relaxed);
}

/* Anybody; a hint. */
GTI_INLINE bool gti_idle_anybody(struct gti_idle *idle)
{
    return GTI_LOAD(idle->sleeping, relaxed) != 0u || GTI_LOAD(idle->searching, relaxed) != 0u;
}

/* Waker: claim one sleeper. True: the caller must futex-wake it. */
static inline bool gti_idle_claim(struct gti_idle *idle, struct gti_idle_slot *slot, uint32_t how)
{
    uint32_t word = GTI_LOAD(slot->word, relaxed);
    if (word != (uint32_t)GTI_SLEEPING)
        return false;
    /* Ordering: release, edge IDLE-WAKE -> gti_idle_awake(). */
    if (!GTI_CAS(slot->word, word, how, release))
        return false;
    GTI_SUB(idle->sleeping, 1u, relaxed);
    return true;
}

/* Submitter, S2 and S3: after publishing. True: somebody must be woken. */
GTI_INLINE bool gti_idle_published(struct gti_idle *idle)
{
    /* Ordering: seq_cst, edge IDLE-DEKKER <-> gti_idle_prepare(). */
    GTI_FENCE(seq_cst);
    return GTI_LOAD(idle->sleeping, relaxed) != 0u && GTI_LOAD(idle->searching, relaxed) == 0u;
}

#define GTI_IDLE_NOBODY (-1) /* somebody searches by now: done */
#define GTI_IDLE_RETRY  (-2) /* nobody sleeps: the caller must look at the queues again */

/* Waker, after gti_idle_published(): the index of the worker to futex-wake, or
 * one of the above. The search for a sleeper begins at `first`. */
static inline int gti_idle_wake(struct gti_idle *idle, int first)
{
    uint32_t none = 0u;
    /* Ordering: acq_rel, edge IDLE-COUNT <-> gti_idle_found(). */
    if (!GTI_CAS(idle->searching, none, 1u, acq_rel))
        return GTI_IDLE_NOBODY;
    int workers = GTI_LOAD(idle->workers, relaxed);
    for (int i = 0; i < workers; i++) {
        int at = (first + i) % workers;
        if (gti_idle_claim(idle, &idle->slot[at], (uint32_t)GTI_WOKEN))
            return at;
    }
    /* All awake by now. We held `searching` for a moment, and others may have
     * relied on it. */
    (void)gti_idle_found(idle);
    return GTI_IDLE_RETRY;
}

#endif
