/* See prewarm.h. */
#include "prewarm.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    /* A parked OS thread takes up to 34 KiB, a parked task of the others up to
     * 4.6; and no backend gets further with threads than this. */
    THREADS = 32768,
    THREAD_BYTES = 36 << 10,
    TASK_BYTES = 5 << 10,
    TOUCH_EVERY = 4096
};

uint64_t prewarm_bytes(const struct params *p, uint64_t budget)
{
    uint64_t threads = (p->n < THREADS ? p->n : THREADS) * THREAD_BYTES;
    uint64_t tasks = p->n * TASK_BYTES;
    uint64_t bytes = tasks > threads ? tasks : threads;

    if (!p->cold)
        return 0;
    return bytes < budget ? bytes : budget;
}

/* Both the peak in /proc and the one that getrusage() tells. */
static void reset_peak(void)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    if (write(fd, "5", 1) != 1) {
        /* This kernel keeps the peak; nothing that is timed depends on it. */
    }
    close(fd);
}

void prewarm(uint64_t bytes)
{
    volatile char *at;

    if (bytes == 0)
        return;
    at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
              0);
    if (at == MAP_FAILED)
        return; /* a limit of the address space: it holds for the cell as well */
    /* In huge pages, where there are any: an eighth of the time. */
    madvise((void *)at, bytes, MADV_HUGEPAGE);
    for (uint64_t i = 0; i < bytes; i += TOUCH_EVERY)
        at[i] = 1;
    munmap((void *)at, bytes);
    reset_peak();
}
