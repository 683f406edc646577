/* See os_linux.h. */
#include "os_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* linux/mman.h of the distribution may be older than the kernel. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

int64_t gti_os_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void gti_os_futex_wait(uint32_t *word, uint32_t value, int64_t deadline)
{
    struct timespec ts, *timeout = NULL;
    if (deadline != INT64_MAX) {
        ts.tv_sec = (time_t)(deadline / 1000000000);
        ts.tv_nsec = (long)(deadline % 1000000000);
        timeout = &ts;
    }
    /* BITSET, because only it takes an absolute CLOCK_MONOTONIC time. */
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, value, timeout, NULL,
            FUTEX_BITSET_MATCH_ANY);
}

void gti_os_futex_wake(uint32_t *word, int count)
{
    syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, NULL, NULL, 0);
}

void gti_os_thread_yield(void)
{
    sched_yield();
}

/* ---- CPUs -------------------------------------------------------------- */

static bool read_file(const char *path, char *buf, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, buf, size - 1);
    close(fd);
    if (got <= 0)
        return false;
    buf[got] = '\0';
    return true;
}

static long long read_number(const char *dir, const char *file)
{
    char path[PATH_MAX + 32], text[64];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    return read_file(path, text, sizeof text) ? strtoll(text, NULL, 10) : -1;
}

/* CPUs that the group at `dir` may use by its quota; INT_MAX without one. */
static int quota_of_group(const char *dir)
{
    char path[PATH_MAX + 32], text[64];
    long long quota, period;
    snprintf(path, sizeof path, "%s/cpu.max", dir);
    if (read_file(path, text, sizeof text)) {
        if (sscanf(text, "%lld %lld", &quota, &period) != 2)
            return INT_MAX; /* "max" */
    } else {
        quota = read_number(dir, "cpu.cfs_quota_us");
        period = read_number(dir, "cpu.cfs_period_us");
    }
    if (quota <= 0 || period <= 0)
        return INT_MAX;
    long long cpus = (quota + period - 1) / period;
    return cpus < INT_MAX ? (int)cpus : INT_MAX;
}

/* The tightest quota from the group at mount/group up to the mount. */
static int quota_up_to_root(const char *mount, char *group)
{
    int best = INT_MAX;
    for (;;) {
        char dir[PATH_MAX];
        if (snprintf(dir, sizeof dir, "%s%s", mount, group) < (int)sizeof dir) {
            int cpus = quota_of_group(dir);
            best = cpus < best ? cpus : best;
        }
        char *slash = strrchr(group, '/');
        if (!slash)
            return best;
        *slash = '\0';
    }
}

static bool has_controller(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = list; at; at = strchr(at, ','), at = at ? at + 1 : NULL)
        if (strncmp(at, name, len) == 0 && (at[len] == ',' || at[len] == '\0'))
            return true;
    return false;
}

static int cgroup_quota(void)
{
    char text[4096], *save = NULL;
    int best = INT_MAX;
    if (!read_file("/proc/self/cgroup", text, sizeof text))
        return best;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        /* hierarchy:controllers:/group; v2 has an empty controller list */
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = '\0';
        controllers++;
        int cpus = INT_MAX;
        if (*controllers == '\0')
            cpus = quota_up_to_root("/sys/fs/cgroup", group);
        else if (has_controller(controllers, "cpu"))
            cpus = quota_up_to_root("/sys/fs/cgroup/cpu", group);
        best = cpus < best ? cpus : best;
    }
    return best;
}

static int affinity_count(void)
{
    /* The kernel refuses a mask smaller than its own; grow until it fits. */
    for (int cpus = 1024; cpus <= 1 << 20; cpus *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)cpus);
        size_t size = CPU_ALLOC_SIZE((size_t)cpus);
        if (!set)
            return 1;
        int count = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
        int err = errno;
        CPU_FREE(set);
        if (count > 0)
            return count;
        if (err != EINVAL)
            return 1;
    }
    return 1;
}

int gti_os_cpu_count(void)
{
    int allowed = affinity_count();
    int quota = cgroup_quota();
    return quota < allowed ? quota : allowed;
}

/* ---- pages ------------------------------------------------------------- */

size_t gti_os_page_size(void)
{
    static size_t size;
    if (!size)
        size = (size_t)sysconf(_SC_PAGESIZE);
    return size;
}

void *gti_os_reserve(size_t bytes, size_t align)
{
    size_t total = bytes + align - gti_os_page_size();
    char *raw = mmap(NULL, total, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED)
        return NULL;
    char *base = (char *)(((uintptr_t)raw + align - 1) & ~(uintptr_t)(align - 1));
    if (base > raw)
        munmap(raw, (size_t)(base - raw));
    if (raw + total > base + bytes)
        munmap(base + bytes, (size_t)(raw + total - (base + bytes)));
    madvise(base, bytes, MADV_NOHUGEPAGE);
    return base;
}

void gti_os_release(void *base, size_t bytes)
{
    munmap(base, bytes);
}

void gti_os_drop(void *base, size_t bytes)
{
    madvise(base, bytes, MADV_DONTNEED);
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

int gti_os_guard_advise(char *base, size_t stride, unsigned count)
{
    size_t page = gti_os_page_size();
    unsigned done = 0;
#ifdef SYS_pidfd_open
    /* One system call for a batch; kernels that allow guards allow it on
     * oneself (6.13). Whatever it leaves undone the loop below does. */
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    while (self >= 0 && done < count) {
        struct iovec iov[64];
        unsigned n = count - done < 64 ? count - done : 64;
        for (unsigned i = 0; i < n; i++)
            iov[i] = (struct iovec){base + (done + i) * stride, page};
        long bytes = syscall(SYS_process_madvise, self, iov, n, MADV_GUARD_INSTALL, 0);
        if (bytes != (long)(n * page))
            break;
        done += n;
    }
    if (self >= 0)
        close(self);
#endif
    for (; done < count; done++)
        if (madvise(base + done * stride, page, MADV_GUARD_INSTALL) != 0)
            return -errno;
    return 0;
}

int gti_os_guard_protect(char *base, size_t stride, unsigned count)
{
    size_t page = gti_os_page_size();
    for (unsigned i = 0; i < count; i++)
        if (mprotect(base + i * stride, page, PROT_NONE) != 0)
            return -errno;
    return 0;
}
