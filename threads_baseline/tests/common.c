/* See common.h. */
#include "common.h"

#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int allowed_cpus(int *ret_cpu, int max)
{
    cpu_set_t set;
    int n = 0;

    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    for (int cpu = 0; cpu < CPU_SETSIZE && n < max; cpu++)
        if (CPU_ISSET(cpu, &set))
            ret_cpu[n++] = cpu;
    return n;
}

void publish_tid(_Atomic pid_t *slot)
{
    atomic_store(slot, (pid_t)syscall(SYS_gettid));
}

static bool asleep(pid_t tid)
{
    char path[64], line[128] = "";
    char state = '?';

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    /* The name in parentheses has no blank in these tests. */
    if (fgets(line, sizeof line, file) != NULL)
        sscanf(line, "%*d %*s %c", &state);
    fclose(file);
    return state == 'S';
}

void await_asleep(_Atomic pid_t *slot)
{
    pid_t tid;

    while ((tid = atomic_load(slot)) == 0)
        sched_yield();
    while (!asleep(tid))
        sched_yield();
}

int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t test_seed(void)
{
    const char *text = getenv("TB_SEED");
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed =
        text != NULL ? strtoull(text, NULL, 0) : (uint64_t)now.tv_sec ^ (uint64_t)now.tv_nsec << 20;
    fprintf(stderr, "seed: TB_SEED=%" PRIu64 "\n", seed);
    return seed;
}
