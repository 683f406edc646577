/* A test-and-test-and-set lock for sections of a few dozen instructions.
 *
 * Held across a task switch only by the parking protocol: the hook that runs
 * after the switch releases it (park.h). The holder may lose its CPU to
 * another process, so a waiter gives its own CPU away after a while. */
#ifndef GTI_SPINLOCK_H
#define GTI_SPINLOCK_H

#include "atomics.h"

void gti_os_thread_yield(void);
/* Fatal in a child made by fork(), where the holder does not exist. */
void gti_check_forked(void);

/* Any lock word, where only its address is known. */
struct gti_spinlock {
    GTI_ATOMIC(uint32_t) word;
};

#define GTI_SPINS_BEFORE_YIELD 200

/* Ordering: acquire, edge SPINLOCK <- gti_spin_unlock(). */
#define gti_spin_try_lock(lock) (GTI_XCHG(lock, 1u, acquire) == 0)

#define gti_spin_lock(lock)                                                                        \
    do {                                                                                           \
        int spins_ = 0;                                                                            \
        while (gti_unlikely(!gti_spin_try_lock(lock)))                                             \
            while (GTI_LOAD(lock, relaxed) != 0) {                                                 \
                gti_pause();                                                                       \
                if (++spins_ >= GTI_SPINS_BEFORE_YIELD) {                                          \
                    gti_check_forked();                                                            \
                    gti_os_thread_yield();                                                         \
                    spins_ = 0;                                                                    \
                }                                                                                  \
            }                                                                                      \
    } while (0)

/* Ordering: release, edge SPINLOCK -> gti_spin_try_lock(). */
#define gti_spin_unlock(lock) GTI_STORE(lock, 0u, release)

#endif
