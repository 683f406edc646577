/* Thread stacks: how large to ask, and how to give pages back.
 *
 * What glibc does (nptl/allocatestack.c and nptl-stack.c, 2.36; README.md has
 * the measurements): the block of a thread is guard | usable stack | frames
 * of start_thread | static TLS | struct pthread. The guard is added to the
 * size asked for (since 2.27), TLS and descriptor are taken out of it. A
 * thread that ends gives back its pages below its stack pointer, except the
 * nearest PTHREAD_STACK_MIN (16 KiB on x86-64, 128 KiB on aarch64). A joined
 * thread's block goes to the head of a process-wide cache; while the cache
 * holds more than its limit (40 MiB by default), blocks are unmapped from the
 * tail. There is no call to empty it.
 *
 * Trimming is therefore two things. Once: start and join a thread whose block
 * alone exceeds the limit; queueing it makes glibc unmap every idle block and
 * then that one, too. From then on: each ending thread gives back the pages
 * that glibc would have kept. So no task has to pay for trimming other than
 * with the one madvise for its own stack.
 */
#include "stack.h"
#include "base.h"

#include <limits.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CACHE_LIMIT ((size_t)40 << 20) /* __nptl_stack_cache_maxsize */

/* Below a frame there may be its own locals and, during madvise, the frames
 * of the system call; instrumented code has larger ones. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
#define FRAME_MARGIN 16384
#else
#define FRAME_MARGIN 1024
#endif

static pthread_once_t measured = PTHREAD_ONCE_INIT;
static size_t overhead;
static size_t default_size;
static atomic_bool trimming;

static uintptr_t page_mask(void)
{
    return (uintptr_t)sysconf(_SC_PAGESIZE) - 1;
}

/* The block of the calling thread, guard excluded. */
static bool query(uintptr_t *ret_low, uintptr_t *ret_high)
{
    pthread_attr_t attr;
    void *low = NULL;
    size_t size = 0;

    if (pthread_getattr_np(pthread_self(), &attr) != 0)
        return false;
    bool found = pthread_attr_getstack(&attr, &low, &size) == 0;
    pthread_attr_destroy(&attr);
    *ret_low = (uintptr_t)low;
    *ret_high = (uintptr_t)low + size;
    return found;
}

static void *measure_main(void *arg)
{
    size_t *ret_overhead = arg;
    uintptr_t low, high;

    if (query(&low, &high))
        *ret_overhead = high - (uintptr_t)__builtin_frame_address(0);
    return NULL;
}

static void measure(void)
{
    pthread_attr_t attr;
    pthread_t thread;

    if (pthread_attr_init(&attr) == 0) {
        if (pthread_attr_getstacksize(&attr, &default_size) != 0)
            default_size = 0;
        pthread_attr_destroy(&attr);
    }
    if (pthread_create(&thread, NULL, measure_main, &overhead) == 0)
        tbi_check(pthread_join(thread, NULL), "pthread_join while measuring a stack");
}

size_t tb_stack_default_size(void)
{
    tbi_check(pthread_once(&measured, measure), "pthread_once");
    return default_size;
}

size_t tb_stack_overhead(void)
{
    tbi_check(pthread_once(&measured, measure), "pthread_once");
    return overhead;
}

size_t tbi_stack_size_for(size_t usable)
{
    size_t mask = page_mask();
    size_t least = (size_t)PTHREAD_STACK_MIN;
    /* Usable for the function itself: its caller's frame and the rounding of
     * TLS alignment differ from the measured thread by less than this. */
    size_t extra = tb_stack_overhead() + FRAME_MARGIN;

    if (usable > SIZE_MAX - extra - mask)
        return 0;
    size_t size = (usable + extra + mask) & ~mask;
    return size > least ? size : least;
}

bool tbi_stack_trimming(void)
{
    return atomic_load_explicit(&trimming, memory_order_relaxed);
}

/* Not inlined, and with a raw system call: the frame in use ends just below
 * this function's. */
__attribute__((noinline)) void tbi_stack_release(uintptr_t low)
{
    uintptr_t mask = page_mask();
    uintptr_t high = ((uintptr_t)__builtin_frame_address(0) - FRAME_MARGIN) & ~mask;

    low = low > UINTPTR_MAX - mask ? UINTPTR_MAX : (low + mask) & ~mask;
    if (low < high)
        syscall(SYS_madvise, low, high - low, MADV_DONTNEED);
}

uintptr_t tbi_stack_low(void *frame, size_t stack_size)
{
    size_t size = stack_size != 0 ? stack_size : tb_stack_default_size();
    uintptr_t top = (uintptr_t)frame + tb_stack_overhead();

    if (size == 0 || tb_stack_overhead() == 0 || size > top)
        return UINTPTR_MAX;
    /* A page of slack, as in tbi_stack_size_for(). glibc itself gives back
     * what lies that deep. */
    return top - size + page_mask() + 1;
}

uintptr_t tbi_stack_query_low(void)
{
    uintptr_t low, high;

    return query(&low, &high) ? low : UINTPTR_MAX;
}

static void *flush_main(void *arg)
{
    return arg;
}

static void flush_cache(void)
{
    pthread_attr_t attr;
    pthread_t thread;

    if (pthread_attr_init(&attr) != 0)
        return;
    if (pthread_attr_setstacksize(&attr, CACHE_LIMIT + page_mask() + 1) == 0 &&
        pthread_create(&thread, &attr, flush_main, NULL) == 0)
        tbi_check(pthread_join(thread, NULL), "pthread_join while trimming stacks");
    pthread_attr_destroy(&attr);
}

void tb_stack_trim(void)
{
    if (tbi_stack_trimming())
        return;
    /* Measured now, while threads that end do not yet need it. */
    (void)tb_stack_overhead();
    if (!atomic_exchange(&trimming, true))
        flush_cache();
}
