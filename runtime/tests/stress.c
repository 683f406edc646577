/* See stress.h. */
#include "stress.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PHASE_SECONDS 120
#define DUMP_SECONDS  20

uint64_t stress_seed;
static const char *program_name;
static char phase[256] = "starting";
static uint64_t scale = 1;

static void report(const char *what)
{
    char line[512];
    int n =
        snprintf(line, sizeof line, "%s: %s in phase '%s'; run again with GT_SEED=%" PRIu64 "\n",
                 program_name, what, phase, stress_seed);
    if (write(STDERR_FILENO, line, (size_t)n) < 0)
        _exit(1);
}

/* Says what waits for what, and ends by the second signal if that hangs too. */
static void on_alarm(int sig)
{
    sigset_t set;
    report("hangs");
    signal(sig, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, sig);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    alarm(DUMP_SECONDS);
    gt_dump(STDERR_FILENO);
    _exit(1);
}

void stress_failed(const char *what, const char *file, int line)
{
    char text[256];
    snprintf(text, sizeof text, "%s:%d: not so: %s", file, line, what);
    report(text);
    _exit(1);
}

void stress_begin(const char *program)
{
    const char *seed = getenv("GT_SEED"), *factor = getenv("GT_STRESS_SCALE");
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    program_name = program;
    stress_seed =
        seed ? strtoull(seed, NULL, 0) : (uint64_t)ts.tv_sec * 1000000007u ^ (uint64_t)ts.tv_nsec;
    scale = factor ? strtoull(factor, NULL, 0) : 1;
    printf("%s: GT_SEED=%" PRIu64 "\n", program, stress_seed);
    fflush(stdout);
    signal(SIGALRM, on_alarm);
    alarm(PHASE_SECONDS);
}

void stress_phase(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(phase, sizeof phase, format, args);
    va_end(args);
    alarm(PHASE_SECONDS);
}

int stress_end(void)
{
    alarm(0);
    printf("%s: fine\n", program_name);
    return 0;
}

uint64_t stress_amount(uint64_t full, uint64_t sanitized)
{
    return (SANITIZED ? sanitized : full) * scale;
}

uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t random_stream(uint64_t n)
{
    uint64_t state = stress_seed ^ n * UINT64_C(0xd1342543de82ef95);
    return next_random(&state);
}

void start(int workers, int64_t spin_ns)
{
    gt_config config = {.workers = workers, .spin_ns = spin_ns};
    if (gt_start(&config) != 0) {
        fprintf(stderr, "%s: %s\n", program_name, gt_start_error());
        exit(1);
    }
}

void stop(void)
{
    CHECK(gt_stop() == 0);
}

void spawn(gt_group *group, gt_fn *fn, void *arg)
{
    CHECK(gt_group_spawn(group, fn, arg, NULL) == 0);
}

pthread_t outside(void *(*fn)(void *), void *arg)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, fn, arg) == 0);
    return thread;
}

void join(pthread_t thread)
{
    CHECK(pthread_join(thread, NULL) == 0);
}
