/* See stack_probe.h. */
#include "stack_probe.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef SANITIZED
#define LEFT_OUT_PAGES 8
#else
#define LEFT_OUT_PAGES 2
#endif

static void *last_frame;

static __attribute__((noinline)) void dig_below(uintptr_t end)
{
    volatile unsigned char frame[256];

    frame[0] = 1;
    frame[255] = 1;
    if ((uintptr_t)__builtin_frame_address(0) > end)
        dig_below(end);
    frame[1] = frame[0]; /* no tail call */
}

void probe_dig(size_t depth)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    last_frame = (void *)here;
    /* One frame less: the last call's own frame lies below the address it
     * was compared with. */
    if (depth > 1024)
        dig_below(here - depth + 512);
}

void *probe_last_frame(void)
{
    return last_frame;
}

static uintptr_t page_bytes(void)
{
    return (uintptr_t)sysconf(_SC_PAGESIZE);
}

bool probe_mapped(void *address)
{
    unsigned char resident;
    uintptr_t page = (uintptr_t)address & ~(page_bytes() - 1);

    return mincore((void *)page, 1, &resident) == 0;
}

size_t probe_resident(void)
{
    uintptr_t page = page_bytes();
    uintptr_t high = ((uintptr_t)__builtin_frame_address(0) & ~(page - 1)) - LEFT_OUT_PAGES * page;
    pthread_attr_t attr;
    void *low;
    size_t size, count = 0;

    if (pthread_getattr_np(pthread_self(), &attr) != 0)
        abort();
    pthread_attr_getstack(&attr, &low, &size);
    pthread_attr_destroy(&attr);
    size_t pages = (high - (uintptr_t)low) / page;
    unsigned char *resident = malloc(pages);
    if (resident == NULL || mincore(low, pages * page, resident) != 0)
        abort();
    for (size_t k = 0; k < pages; k++)
        count += resident[k] & 1;
    free(resident);
    return count;
}
