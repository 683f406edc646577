/* Limits and their readers; see limit.h. */
#include "limit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "procfile.h"

enum { PATH_SIZE = 512 };

/* --- reading -------------------------------------------------------------- */

static uint64_t number_or_none(const char *path)
{
    uint64_t value;

    return procfile_number(path, &value) ? value : LIMIT_NONE;
}

/* Of a call of getrlimit() that returned `rc`. */
static uint64_t soft_limit(int rc, const struct rlimit *limit)
{
    return rc != 0 || limit->rlim_cur == RLIM_INFINITY ? LIMIT_NONE : limit->rlim_cur;
}

/* "0.00 0.02 0.00 1/86 5632": 86 threads exist in the system. In a PID
 * namespace it is still the whole system that counts against threads-max. */
static uint64_t system_threads(void)
{
    char text[128];
    const char *slash;

    if (procfile_read("/proc/loadavg", text, sizeof text) <= 0 || !(slash = strchr(text, '/')))
        return 0;
    return strtoull(slash + 1, NULL, 10);
}

static uint64_t count_lines(const char *path)
{
    char text[PROCFILE_MAX];
    uint64_t lines = 0;
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    while ((got = read(fd, text, sizeof text)) > 0) {
        for (ssize_t i = 0; i < got; i++)
            lines += text[i] == '\n';
    }
    close(fd);
    return lines;
}

/* The limit may sit in any parent of our cgroup; the one with the least room
 * left is the one that counts. */
static void read_pids(struct limit_facts *facts)
{
    char text[PROCFILE_MAX], path[PATH_SIZE], file[PATH_SIZE + 16];
    uint64_t max, current;
    char *slash;

    facts->pids_max = LIMIT_NONE;
    if (procfile_read("/proc/self/cgroup", text, sizeof text) <= 0 ||
        (!procfile_cgroup(text, "pids", path, sizeof path) &&
         !procfile_cgroup(text, NULL, path, sizeof path)))
        return;
    while ((slash = strrchr(path, '/')) && strlen(path) > strlen("/sys/fs/cgroup")) {
        snprintf(file, sizeof file, "%s/pids.max", path);
        max = number_or_none(file);
        snprintf(file, sizeof file, "%s/pids.current", path);
        if (max != LIMIT_NONE && procfile_number(file, &current) &&
            (facts->pids_max == LIMIT_NONE ||
             max - current < facts->pids_max - facts->pids_current)) {
            facts->pids_max = max;
            facts->pids_current = current;
        }
        *slash = '\0';
    }
}

void limit_facts_read(struct limit_facts *ret_facts)
{
    char text[PROCFILE_MAX];
    struct rlimit as, nproc;
    struct limit_facts f = {.threads = system_threads(), .maps = count_lines("/proc/self/maps")};

    if (procfile_read("/proc/self/status", text, sizeof text) > 0) {
        procfile_value(text, "Threads", &f.user_threads);
        procfile_value(text, "VmSize", &f.as_bytes);
    }
    read_pids(&f);
    f.pid_max = number_or_none("/proc/sys/kernel/pid_max");
    f.threads_max = number_or_none("/proc/sys/kernel/threads-max");
    f.max_map_count = number_or_none("/proc/sys/vm/max_map_count");
    f.overcommit = number_or_none("/proc/sys/vm/overcommit_memory");
    f.rlimit_as = soft_limit(getrlimit(RLIMIT_AS, &as), &as);
    f.rlimit_nproc = soft_limit(getrlimit(RLIMIT_NPROC, &nproc), &nproc);
    if (geteuid() == 0)
        f.rlimit_nproc = LIMIT_NONE; /* root is exempt */
    *ret_facts = f;
}

/* --- telling which -------------------------------------------------------- */

/* True when `used` is at the limit, or below it by no more than `slack`. */
static bool at_limit(uint64_t used, uint64_t limit, uint64_t slack)
{
    return limit != LIMIT_NONE && (used >= limit || limit - used <= slack);
}

/* A thread takes one pid and, in glibc, two mappings (stack and guard); a
 * refused one may have been the second half of such a pair. */
enum {
    SLACK_PIDS = 1,
    SLACK_MAPS = 8,
    SLACK_THREADS = 64,  /* the count in loadavg is of the whole system, and moves */
    SLACK_PID_MAX = 512, /* 300 numbers are reserved, others are held by processes and groups */
    SLACK_NPROC = 256    /* our own threads are only part of what the user runs */
};

static struct limit named(uint64_t reached, int error, const char *name, uint64_t value)
{
    return (struct limit){.reached = reached, .error = error, .name = name, .value = value};
}

/* One stack of the largest common default must no longer fit. */
static bool address_space_full(const struct limit_facts *f)
{
    return at_limit(f->as_bytes, f->rlimit_as, UINT64_C(16) << 20);
}

static struct limit classify_refusal(uint64_t reached, int error, const struct limit_facts *f)
{
    if (error == EAGAIN && at_limit(f->pids_current, f->pids_max, SLACK_PIDS))
        return named(reached, error, "cgroup pids.max", f->pids_max);
    if (at_limit(f->maps, f->max_map_count, SLACK_MAPS))
        return named(reached, error, "max_map_count", f->max_map_count);
    if (address_space_full(f))
        return named(reached, error, "RLIMIT_AS", f->rlimit_as);
    if (error == EAGAIN && at_limit(f->threads, f->threads_max, SLACK_THREADS))
        return named(reached, error, "threads-max", f->threads_max);
    if (error == EAGAIN && at_limit(f->threads, f->pid_max, SLACK_PID_MAX))
        return named(reached, error, "pid_max", f->pid_max);
    if (error == EAGAIN && at_limit(f->user_threads, f->rlimit_nproc, SLACK_NPROC))
        return named(reached, error, "RLIMIT_NPROC", f->rlimit_nproc);
    /* glibc turns the ENOMEM of a stack's mmap into EAGAIN. */
    if (f->overcommit == 2 || error == ENOMEM)
        return named(reached, error, "overcommit_memory", f->overcommit);
    return named(reached, error, "unknown", LIMIT_NONE);
}

struct limit limit_classify(uint64_t reached, int error, const struct limit_facts *facts,
                            const struct limit_budget *budget)
{
    if (error == E2BIG)
        return named(reached, error, "memory budget", budget->memory_bytes);
    if (error == ETIME)
        return named(reached, error, "time budget", (uint64_t)budget->seconds);
    if (error == EDQUOT)
        return named(reached, error, "cgroup pids.max, less what is kept free",
                     facts->pids_max - budget->pids_reserve);
    return classify_refusal(reached, error, facts);
}

const char *limit_errno_name(int error)
{
    switch (error) {
    case E2BIG:
    case ETIME:
    case EDQUOT:
        return NULL;
    case EAGAIN:
        return "EAGAIN";
    case ENOMEM:
        return "ENOMEM";
    case EPERM:
        return "EPERM";
    default:
        return "other";
    }
}

/* --- memory --------------------------------------------------------------- */

uint64_t limit_memory_available(void)
{
    char text[PROCFILE_MAX];
    uint64_t bytes;

    if (procfile_read("/proc/meminfo", text, sizeof text) <= 0 ||
        !procfile_value(text, "MemAvailable", &bytes))
        return 0;
    return bytes;
}

uint64_t limit_memory_used(void)
{
    /* A kernel stack of 16 KiB, and some 5 KiB of slab (kernel 6.18, x86-64). */
    const uint64_t kernel_bytes_per_thread = 21 * 1024;
    char text[PROCFILE_MAX];
    uint64_t rss = 0, tables = 0, threads = 0;

    if (procfile_read("/proc/self/status", text, sizeof text) <= 0)
        return 0;
    procfile_value(text, "VmRSS", &rss);
    procfile_value(text, "VmPTE", &tables);
    procfile_value(text, "Threads", &threads);
    return rss + tables + threads * kernel_bytes_per_thread;
}

/* What one cgroup directory still allows; LIMIT_NONE when it sets no limit. */
static uint64_t room_in(const char *path, const char *max_name, const char *current_name)
{
    char file[PATH_SIZE + 32];
    uint64_t max, current;

    snprintf(file, sizeof file, "%s/%s", path, max_name);
    if (!procfile_number(file, &max))
        return LIMIT_NONE;
    snprintf(file, sizeof file, "%s/%s", path, current_name);
    if (!procfile_number(file, &current))
        return LIMIT_NONE;
    return max > current ? max - current : 0;
}

static uint64_t cgroup_room(const char *controller, const char *max_name, const char *current_name)
{
    char text[PROCFILE_MAX], path[PATH_SIZE];
    uint64_t least = LIMIT_NONE, room;
    char *slash;

    if (procfile_read("/proc/self/cgroup", text, sizeof text) <= 0 ||
        !procfile_cgroup(text, controller, path, sizeof path))
        return LIMIT_NONE;
    while ((slash = strrchr(path, '/')) && strlen(path) > strlen("/sys/fs/cgroup")) {
        room = room_in(path, max_name, current_name);
        least = room < least ? room : least;
        *slash = '\0';
    }
    return least;
}

uint64_t limit_default_memory(void)
{
    uint64_t bytes = limit_memory_available();
    const uint64_t v1 = cgroup_room("memory", "memory.limit_in_bytes", "memory.usage_in_bytes");
    const uint64_t v2 = cgroup_room(NULL, "memory.max", "memory.current");

    bytes = v1 < bytes ? v1 : bytes;
    bytes = v2 < bytes ? v2 : bytes;
    return bytes / 2;
}

uint64_t limit_pids_room(void)
{
    const uint64_t v1 = cgroup_room("pids", "pids.max", "pids.current");
    const uint64_t v2 = cgroup_room(NULL, "pids.max", "pids.current");

    return v1 < v2 ? v1 : v2;
}
