/* Pages: see os_linux.h. */
#include "os_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "atomics.h"

/* linux/mman.h of the distribution may be older than the kernel. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
/* Ranges of one process_madvise(). */
#define ADVICE_BATCH 64

size_t gti_os_page_size(void)
{
    static size_t size;
    if (!size)
        size = (size_t)sysconf(_SC_PAGESIZE);
    return size;
}

/* `bytes` aligned to `align`, with `below` more bytes below. */
static char *map_aligned(size_t bytes, size_t below, size_t align)
{
    size_t total = below + bytes + align - gti_os_page_size();
    char *raw = mmap(NULL, total, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED)
        return NULL;
    uintptr_t first = (uintptr_t)raw + below;
    char *base = (char *)((first + align - 1) & ~(uintptr_t)(align - 1));
    if (base - below > raw)
        munmap(raw, (size_t)(base - below - raw));
    if (raw + total > base + bytes)
        munmap(base + bytes, (size_t)(raw + total - (base + bytes)));
    return base;
}

void *gti_os_reserve(size_t bytes, size_t align)
{
    char *base = map_aligned(bytes, 0, align);
    if (base)
        madvise(base, bytes, MADV_NOHUGEPAGE);
    return base;
}

void gti_os_release(void *base, size_t bytes)
{
    munmap(base, bytes);
}

void *gti_os_reserve_huge(size_t bytes)
{
    size_t page = gti_os_page_size();
    char *base = map_aligned(bytes, page, GTI_HUGE_PAGE);
    if (base) {
        mprotect(base - page, page, PROT_NONE);
        madvise(base, bytes, MADV_HUGEPAGE);
    }
    return base;
}

void gti_os_release_huge(void *base, size_t bytes)
{
    size_t page = gti_os_page_size();
    munmap((char *)base - page, page + bytes);
}

void gti_os_prefer_huge(void *base, size_t bytes)
{
    madvise(base, bytes, MADV_HUGEPAGE);
}

void gti_os_drop(void *base, size_t bytes)
{
    madvise(base, bytes, MADV_DONTNEED);
}

bool gti_os_resident(void *base, size_t bytes, unsigned char *ret_vec)
{
    return mincore(base, bytes, ret_vec) == 0;
}

/* A pipe's writer is refused what cannot be read, like process_vm_readv()'s
 * caller; a chunk loses all of it, so none goes beyond a page. As a plain
 * system call: a sanitizer would look at the bytes first. */
static size_t peek_through_pipe(char *to, const char *from, size_t bytes)
{
    size_t got = 0, page = gti_os_page_size();
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
        return 0;
    while (got < bytes) {
        size_t want = page - ((uintptr_t)(from + got) & (page - 1));
        want = want < bytes - got ? want : bytes - got;
        ssize_t n = syscall(SYS_write, fds[1], from + got, want);
        if (n <= 0 || read(fds[0], to + got, (size_t)n) != n)
            break;
        got += (size_t)n;
    }
    close(fds[0]);
    close(fds[1]);
    return got;
}

size_t gti_os_peek(void *to, const void *from, size_t bytes)
{
    struct iovec here = {to, bytes}, there = {(void *)(uintptr_t)from, bytes};
    ssize_t got = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
    if (got >= 0)
        return (size_t)got;
    if (errno == EFAULT)
        return 0;
    return peek_through_pipe(to, from, bytes); /* a sandbox or an emulator has no such call */
}

uint32_t gti_os_page_faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint32_t)usage.ru_minflt + (uint32_t)usage.ru_majflt;
}

bool gti_os_has_guard_advice(void)
{
    size_t page = gti_os_page_size();
    char *probe = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (probe == MAP_FAILED)
        return false;
    bool works = false;
    int fds[2];
    if (madvise(probe, page, MADV_GUARD_INSTALL) == 0 && pipe2(fds, O_CLOEXEC) == 0) {
        /* A kernel that ignores the advice would let this through. */
        works = write(fds[1], probe, 1) == -1 && errno == EFAULT;
        close(fds[0]);
        close(fds[1]);
    }
    munmap(probe, page);
    return works;
}

/* A descriptor of this process, + 1; 0: none yet. It stays open: a number that
 * comes and goes could meet one that the program has just closed. */
static GTI_ATOMIC(int) process;

static int process_fd(void)
{
    int fd = -1;
    int known = GTI_LOAD(process, relaxed);
    if (known == 0)
        fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (fd < 0)
        return known - 1;
    if (GTI_CAS(process, known, fd + 1, relaxed))
        return fd;
    close(fd);
    return known - 1;
}

/* Give advice on one page at each of `count` addresses, a batch by one system
 * call; kernels that allow guards allow it on oneself (6.13). How many. */
static unsigned advise_pages(char *const *at, unsigned count, int advice)
{
    size_t page = gti_os_page_size();
    unsigned done = 0;
#ifdef SYS_process_madvise
    int self = process_fd();
    while (self >= 0 && done < count) {
        struct iovec iov[ADVICE_BATCH];
        unsigned n = count - done < ADVICE_BATCH ? count - done : ADVICE_BATCH;
        for (unsigned i = 0; i < n; i++)
            iov[i] = (struct iovec){at[done + i], page};
        long bytes = syscall(SYS_process_madvise, self, iov, n, advice, 0);
        if (bytes > 0)
            done += (unsigned)bytes / (unsigned)page;
        if (bytes != (long)(n * page))
            break;
    }
#endif
    return done;
}

void gti_os_guards_begin(void)
{
    (void)process_fd();
}

void gti_os_guards_end(void)
{
    int fd = GTI_XCHG(process, 0, relaxed) - 1;
    if (fd >= 0)
        close(fd);
}

int gti_os_guard_advise(char *base, size_t stride, unsigned count)
{
    char *at[ADVICE_BATCH];
    unsigned done = 0, n;
    do {
        for (n = 0; n < ADVICE_BATCH && done + n < count; n++)
            at[n] = base + (done + n) * stride;
        unsigned got = advise_pages(at, n, MADV_GUARD_INSTALL);
        done += got;
        /* Whatever that leaves undone. */
        for (; got < n; got++, done++)
            if (madvise(at[got], gti_os_page_size(), MADV_GUARD_INSTALL) != 0)
                return -errno;
    } while (done < count);
    return 0;
}

void gti_os_populate(char *const *at, unsigned count)
{
    for (unsigned i = advise_pages(at, count, MADV_POPULATE_WRITE); i < count; i++)
        *(volatile char *)at[i] = 0;
}

int gti_os_guard_protect(char *base, size_t stride, unsigned count)
{
    size_t page = gti_os_page_size();
    for (unsigned i = 0; i < count; i++)
        if (mprotect(base + i * stride, page, PROT_NONE) != 0)
            return -errno;
    return 0;
}
