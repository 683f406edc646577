/* See common.h. */
#include "common.h"

#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILD_SECONDS 120

void check_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    abort();
}

uint64_t test_seed(void)
{
    const char *text = getenv("GT_SEED");
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    uint64_t seed =
        text ? strtoull(text, NULL, 0) : (uint64_t)ts.tv_sec * 1000000007u ^ (uint64_t)ts.tv_nsec;
    printf("GT_SEED=%" PRIu64 "\n", seed);
    fflush(stdout);
    return seed;
}

uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* ---- OS threads ----------------------------------------------------------- */

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

static char thread_state(int tid)
{
    char path[64], line[256], state = '?';
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
    FILE *f = fopen(path, "re");
    if (!f)
        return state;
    if (fgets(line, sizeof line, f)) {
        char *end = strrchr(line, ')'); /* the name may hold anything */
        state = end && end[1] ? end[2] : '?';
    }
    fclose(f);
    return state;
}

void await_asleep(atomic_int *tid)
{
    while (atomic_load(tid) == 0)
        sched_yield();
    while (thread_state(atomic_load(tid)) != 'S')
        sched_yield();
}

/* ---- children ------------------------------------------------------------- */

static void child_main(void (*fn)(void *), void *arg, int out)
{
    const int all[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGABRT};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        signal(all[i], SIG_DFL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    dup2(out, STDERR_FILENO);
    close(out);
    alarm(CHILD_SECONDS);
    fn(arg);
    _exit(0);
}

struct outcome in_child(void (*fn)(void *), void *arg)
{
    struct outcome o = {0};
    int fds[2], status;
    CHECK(pipe(fds) == 0);
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        child_main(fn, arg, fds[1]);
    }
    close(fds[1]);
    size_t got = 0;
    ssize_t n;
    while ((n = read(fds[0], o.text + got, sizeof o.text - 1 - got)) > 0)
        got += (size_t)n;
    close(fds[0]);
    while (waitpid(pid, &status, 0) < 0)
        CHECK(errno == EINTR);
    o.exited = WIFEXITED(status);
    o.code = o.exited ? WEXITSTATUS(status) : WTERMSIG(status);
    return o;
}

static void fail_with(const struct outcome *o, const char *wanted)
{
    fail_msg("wanted %s; the child %s %d and wrote:\n%s", wanted,
             o->exited ? "exited with" : "died of signal", o->code, o->text);
}

void assert_fatal(void (*fn)(void *), void *arg, const char *text)
{
    struct outcome o = in_child(fn, arg);
    const char *line = strstr(o.text, "gt: fatal: ");
    const char *end = line ? strchr(line, '\n') : NULL;
    const char *found = line ? strstr(line, text) : NULL;
    if (o.exited || o.code != SIGABRT || !end || !found || found > end)
        fail_with(&o, text);
}

void assert_fine(void (*fn)(void *), void *arg)
{
    struct outcome o = in_child(fn, arg);
    if (!o.exited || o.code != 0)
        fail_with(&o, "exit status 0");
}

/* ---- the process ---------------------------------------------------------- */

static int first_load_address(struct dl_phdr_info *info, size_t size, void *ret)
{
    (void)size;
    *(uintptr_t *)ret = info->dlpi_addr;
    return 1; /* the first is the program itself */
}

const char *place_of(gt_fn *fn, char *buf, size_t size)
{
    uintptr_t base = 0;
    dl_iterate_phdr(first_load_address, &base);
    snprintf(buf, size, "%s+%#zx", program_invocation_short_name, (size_t)((uintptr_t)fn - base));
    return buf;
}

int mapping_count(void)
{
    FILE *f = fopen("/proc/self/maps", "re");
    CHECK(f);
    int lines = 0;
    for (int c; (c = getc(f)) != EOF;)
        lines += c == '\n';
    fclose(f);
    return lines;
}

size_t resident_bytes(void)
{
    unsigned long total, resident;
    FILE *f = fopen("/proc/self/statm", "re");
    CHECK(f && fscanf(f, "%lu %lu", &total, &resident) == 2);
    fclose(f);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

#if UNDER_TSAN
/* Descriptors are closed here while others try to read them: that is the test.
 * The function's name is ThreadSanitizer's. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:^close$\n";
}
#endif
