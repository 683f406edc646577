/* The only way to touch a field that more than one OS thread touches.
 *
 * A shared field is declared GTI_ATOMIC(T), a struct around a T, so that a
 * plain access does not compile. Every operation names its memory order, and
 * every order stronger than relaxed names an edge of DESIGN.md in a comment.
 *
 * The same code compiles as C11 for production and, with GTI_RELACY, as C++
 * under the Relacy model checker; code that is to be model-checked keeps to
 * what both languages have in common and marks plain data that an edge
 * protects with GTI_PLAIN(T) and GTI_VAR(x).
 */
#ifndef GTI_ATOMICS_H
#define GTI_ATOMICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef GTI_RELACY

#define GTI_ATOMIC(T)       rl::atomic<T>
#define GTI_PLAIN(T)        rl::var<T>
#define GTI_VAR(x)          (x)($)
#define GTI_LOAD(x, mo)     (x)($).load(rl::mo_##mo)
#define GTI_STORE(x, v, mo) (x)($).store(v, rl::mo_##mo)
#define GTI_XCHG(x, v, mo)  (x)($).exchange(v, rl::mo_##mo)
#define GTI_ADD(x, v, mo)   (x)($).fetch_add(v, rl::mo_##mo)
#define GTI_SUB(x, v, mo)   (x)($).fetch_sub(v, rl::mo_##mo)
#define GTI_OR(x, v, mo)    (x)($).fetch_or(v, rl::mo_##mo)
#define GTI_AND(x, v, mo)   (x)($).fetch_and(v, rl::mo_##mo)
#define GTI_CAS(x, expected, v, mo)                                                                \
    (x)($).compare_exchange_strong(expected, v, rl::mo_##mo, rl::mo_relaxed)
#define GTI_FENCE(mo) rl::atomic_thread_fence(rl::mo_##mo, $)
/* Relacy knows no membarrier: both ends are full fences there. */
#define GTI_LIGHT_FENCE() GTI_FENCE(seq_cst)
#define gti_pause()       rl::yield(1, $)

#else

#define GTI_MO_relaxed __ATOMIC_RELAXED
#define GTI_MO_acquire __ATOMIC_ACQUIRE
#define GTI_MO_release __ATOMIC_RELEASE
#define GTI_MO_acq_rel __ATOMIC_ACQ_REL
#define GTI_MO_seq_cst __ATOMIC_SEQ_CST

#define GTI_ATOMIC(T)                                                                              \
    struct {                                                                                       \
        T v_;                                                                                      \
    }
#define GTI_PLAIN(T)        T
#define GTI_VAR(x)          (x)
#define GTI_LOAD(x, mo)     __atomic_load_n(&(x).v_, GTI_MO_##mo)
#define GTI_STORE(x, v, mo) __atomic_store_n(&(x).v_, (v), GTI_MO_##mo)
#define GTI_XCHG(x, v, mo)  __atomic_exchange_n(&(x).v_, (v), GTI_MO_##mo)
#define GTI_ADD(x, v, mo)   __atomic_fetch_add(&(x).v_, (v), GTI_MO_##mo)
#define GTI_SUB(x, v, mo)   __atomic_fetch_sub(&(x).v_, (v), GTI_MO_##mo)
#define GTI_OR(x, v, mo)    __atomic_fetch_or(&(x).v_, (v), GTI_MO_##mo)
#define GTI_AND(x, v, mo)   __atomic_fetch_and(&(x).v_, (v), GTI_MO_##mo)
/* Strong; on failure `expected` holds the value found, read relaxed. */
#define GTI_CAS(x, expected, v, mo)                                                                \
    __atomic_compare_exchange_n(&(x).v_, &(expected), (v), 0, GTI_MO_##mo, __ATOMIC_RELAXED)

/* On x86 a locked read-modify-write of the stack orders stores before later
 * loads at half the price of mfence; compilers know that. */
#define GTI_FENCE(mo)       __atomic_thread_fence(GTI_MO_##mo)
/* One end of a pair of fences whose other end is gti_os_membarrier(): it holds
 * back the compiler only. */
#define GTI_LIGHT_FENCE()   __atomic_signal_fence(__ATOMIC_SEQ_CST)

/* A counter that one thread writes and others read. */
#define GTI_COUNT_ADD(x, n) GTI_STORE(x, GTI_LOAD(x, relaxed) + (n), relaxed)
#define GTI_COUNT(x)        GTI_COUNT_ADD(x, 1u)

#if defined(__x86_64__)
#define gti_pause() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define gti_pause() __asm__ volatile("isb" ::: "memory")
#endif

#endif
#endif
