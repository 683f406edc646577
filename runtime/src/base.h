/* What every file of the runtime uses: helpers, the fatal report, the debug
 * check. A broken invariant that could corrupt memory is gti_fatal(), always
 * on; a check that only helps to find our own bugs is gti_assert(), on unless
 * NDEBUG is defined. */
#ifndef GTI_BASE_H
#define GTI_BASE_H

#include <assert.h> /* static_assert, in C and C++ */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GTI_CACHE_LINE 64
/* Adjacent lines are fetched in pairs on x86, so what two CPUs write is kept
 * two lines apart. */
#define GTI_NO_SHARING __attribute__((aligned(2 * GTI_CACHE_LINE)))

#define gti_likely(x)   __builtin_expect(!!(x), 1)
#define gti_unlikely(x) __builtin_expect(!!(x), 0)
#define GTI_NOINLINE    __attribute__((noinline))
#define GTI_INLINE      static inline __attribute__((always_inline))

/* Print "gt: fatal: <message>" as one line on stderr and abort(). Uses no
 * heap and little stack, so that it works in a signal handler. */
void gti_fatal(const char *format, ...) __attribute__((noreturn, cold, format(printf, 1, 2)));

#ifdef NDEBUG
#define gti_assert(cond) ((void)0)
#else
#define gti_assert(cond)                                                                           \
    (gti_likely(cond) ? (void)0 : gti_fatal("assertion %s, %s:%d", #cond, __FILE__, __LINE__))
#endif

#endif
