/* See os_linux.h. */
#include "os_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "atomics.h"

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

/* ---- threads ------------------------------------------------------------ */

int gti_os_thread_create(pthread_t *ret, size_t stack, const sigset_t *blocked, void *(*fn)(void *),
                         void *arg)
{
    sigset_t old;
    pthread_attr_t attr;
    int err = pthread_attr_init(&attr);
    if (err)
        return -err;
    pthread_attr_setstacksize(&attr, stack);
    pthread_sigmask(SIG_SETMASK, blocked, &old);
    err = pthread_create(ret, &attr, fn, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return -err;
}

void gti_os_thread_punctual(void)
{
    prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
}

int32_t gti_os_thread_id(void)
{
    return (int32_t)syscall(SYS_gettid);
}

/* The first version of the kernel's struct sched_attr. */
struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

void gti_os_thread_slice(int32_t thread, int64_t ns)
{
    struct scheduling s = {.size = sizeof s};
    if (syscall(SYS_sched_getattr, thread, &s, sizeof s, 0) != 0 || s.policy != SCHED_OTHER)
        return;
    s.runtime = (uint64_t)ns;
    s.deadline = s.period = 0;
    syscall(SYS_sched_setattr, thread, &s, 0);
}

int gti_os_thread_count(void)
{
    char text[1024];
    if (!read_file("/proc/self/stat", text, sizeof text))
        return 0;
    /* The second field is the program's name, in brackets, and may contain
     * anything; the number of threads is the 20th. */
    const char *at = strrchr(text, ')');
    for (int field = 2; at && field < 20; field++)
        at = strchr(at + 1, ' ');
    return at ? (int)strtol(at, NULL, 10) : 0;
}

bool gti_os_has_membarrier(void)
{
    static int has; /* 1 yes, -1 no; found out by gt_start(), before any other thread */
    if (!has) {
        long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
        bool ok = commands > 0 && commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED &&
                  syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
        has = ok ? 1 : -1;
    }
    return has > 0;
}

void gti_os_membarrier(void)
{
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

/* ---- descriptors ---------------------------------------------------------- */

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

/* What is left until `deadline`, at least 0. */
static struct timespec left_until(int64_t deadline)
{
    int64_t left = deadline > 0 ? deadline - gti_os_now() : 0;
    if (left < 0)
        left = 0;
    return (struct timespec){.tv_sec = (time_t)(left / 1000000000),
                             .tv_nsec = (long)(left % 1000000000)};
}

static int in_ms(struct timespec ts)
{
    int64_t ms = (int64_t)ts.tv_sec * 1000 + (ts.tv_nsec + 999999) / 1000000;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

int gti_os_epoll_wait(int fd, struct epoll_event *events, int max, int64_t deadline)
{
    static GTI_ATOMIC(uint32_t) only_ms; /* before Linux 5.11 */
    int n = -1;
    if (deadline == 0 || deadline == INT64_MAX) {
        n = epoll_wait(fd, events, max, deadline ? -1 : 0);
        return n > 0 ? n : 0;
    }
    struct timespec ts = left_until(deadline);
    if (!GTI_LOAD(only_ms, relaxed)) {
        n = (int)syscall(SYS_epoll_pwait2, fd, events, max, &ts, NULL, 0);
        if (n < 0 && (errno == ENOSYS || errno == EPERM)) /* EPERM: some sandboxes */
            GTI_STORE(only_ms, 1u, relaxed);
    }
    if (GTI_LOAD(only_ms, relaxed))
        n = epoll_wait(fd, events, max, in_ms(ts));
    return n > 0 ? n : 0;
}

int gti_os_poll(struct pollfd *p, int64_t deadline)
{
    for (;;) {
        struct timespec ts = left_until(deadline);
        int n = ppoll(p, 1, deadline == INT64_MAX ? NULL : &ts, NULL);
        if (n >= 0)
            return n;
        if (errno != EINTR)
            return -errno;
    }
}

/* ---- CPUs, and what the cgroup allows
 * -------------------------------------------------------------- */

static long long read_number(const char *dir, const char *file)
{
    char path[PATH_MAX + 32], text[64];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    return read_file(path, text, sizeof text) ? strtoll(text, NULL, 10) : -1;
}

/* What a group or, with the smallest, all groups up to the root allow. */
typedef long long limit_of_group(const char *dir);

/* CPUs by the quota of the group at `dir`; LLONG_MAX without one. */
static long long quota_of_group(const char *dir)
{
    char path[PATH_MAX + 32], text[64];
    long long quota, period;
    snprintf(path, sizeof path, "%s/cpu.max", dir);
    if (read_file(path, text, sizeof text)) {
        if (sscanf(text, "%lld %lld", &quota, &period) != 2)
            return LLONG_MAX; /* "max" */
    } else {
        quota = read_number(dir, "cpu.cfs_quota_us");
        period = read_number(dir, "cpu.cfs_period_us");
    }
    return quota > 0 && period > 0 ? (quota + period - 1) / period : LLONG_MAX;
}

/* Bytes of memory; "max" reads as 0. */
static long long memory_of_group(const char *dir)
{
    long long bytes = read_number(dir, "memory.max");
    if (bytes < 0)
        bytes = read_number(dir, "memory.limit_in_bytes");
    return bytes > 0 ? bytes : LLONG_MAX;
}

/* The tightest limit from the group at mount/group up to the mount. */
static long long limit_up_to_root(const char *mount, char *group, limit_of_group *limit)
{
    long long best = LLONG_MAX;
    for (;;) {
        char dir[PATH_MAX];
        if (snprintf(dir, sizeof dir, "%s%s", mount, group) < (int)sizeof dir) {
            long long here = limit(dir);
            best = here < best ? here : best;
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

static long long cgroup_limit(const char *controller, limit_of_group *limit)
{
    char text[4096], mount[64], *save = NULL;
    long long best = LLONG_MAX;
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
        bool unified = *controllers == '\0';
        if (!unified && !has_controller(controllers, controller))
            continue;
        snprintf(mount, sizeof mount, "/sys/fs/cgroup%s%s", unified ? "" : "/",
                 unified ? "" : controller);
        long long here = limit_up_to_root(mount, group, limit);
        best = here < best ? here : best;
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
    long long quota = cgroup_limit("cpu", quota_of_group);
    return quota < allowed ? (int)quota : allowed;
}

uint64_t gti_os_memory(void)
{
    uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) * gti_os_page_size();
    uint64_t limit = (uint64_t)cgroup_limit("memory", memory_of_group);
    return limit < all ? limit : all;
}
