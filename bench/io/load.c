/* The program at the other end; see load.h. */
#include "load.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../workload.h"

extern char **environ;

#define PATIENCE_NS INT64_C(120000000000) /* with a program that says nothing */

__attribute__((format(printf, 2, 3))) static bool fail(struct load *l, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(l->reason, sizeof l->reason, format, args);
    va_end(args);
    return false;
}

/* --- starting -------------------------------------------------------------- */

static bool find(struct load *l, const char *program, char ret_path[4096])
{
    const char *directory = getenv("GREENBENCH_IO_DIR");
    ssize_t size;
    char *slash;

    if (directory) {
        snprintf(ret_path, 4096, "%s/%s", directory, program);
        return true;
    }
    size = readlink("/proc/self/exe", ret_path, 4000);
    if (size <= 0)
        return fail(l, "cannot tell where this executable lies: %s", strerror(errno));
    ret_path[size] = '\0';
    slash = strrchr(ret_path, '/');
    snprintf(slash, 64, "/io/%s", program);
    return true;
}

/* What a backend blocks or handles is not the program's business. */
static int spawn(struct load *l, char *const *argv, int theirs)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    int rc;

    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, theirs, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, theirs, STDOUT_FILENO);
    rc = posix_spawn(&l->pid, argv[0], &files, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return rc;
}

static void fill(char **argv, char *path, const char *const *arguments, char *cpu)
{
    size_t count = 0;

    argv[count++] = path;
    for (; *arguments && count < LOAD_ARGUMENTS_MAX; arguments++)
        argv[count++] = (char *)(uintptr_t)*arguments;
    if (cpu) {
        argv[count++] = (char *)(uintptr_t) "--cpu";
        argv[count++] = cpu;
    }
    argv[count] = NULL;
}

bool load_start(struct load *l, const char *program, const char *const *arguments, int cpu)
{
    char path[4096 + 64], number[16], *argv[LOAD_ARGUMENTS_MAX + 4];
    int ends[2], rc;

    l->at = l->size = 0;
    l->reason[0] = '\0';
    if (!find(l, program, path))
        return false;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return fail(l, "socketpair: %s", strerror(errno));
    snprintf(number, sizeof number, "%d", cpu);
    fill(argv, path, arguments, cpu >= 0 ? number : NULL);
    rc = spawn(l, argv, ends[1]);
    close(ends[1]);
    if (rc) {
        close(ends[0]);
        return fail(l, "cannot start %s: %s (GREENBENCH_IO_DIR says where it is)", path,
                    strerror(rc));
    }
    task_sock_open(&l->control, ends[0]);
    return true;
}

/* --- talking --------------------------------------------------------------- */

static bool more(struct load *l)
{
    int64_t n =
        task_sock_read(&l->control, l->bytes, sizeof l->bytes, workload_now() + PATIENCE_NS);

    if (n <= 0)
        return fail(l,
                    n == 0 ? "the load generator ended early (see stderr)"
                           : "nothing from the load generator: %s",
                    strerror((int)-n));
    l->at = 0;
    l->size = (size_t)n;
    return true;
}

static bool take(struct load *l, void *to, size_t size)
{
    char *out = to;

    while (size > 0) {
        size_t n = l->size - l->at < size ? l->size - l->at : size;

        memcpy(out, l->bytes + l->at, n);
        l->at += n;
        out += n;
        size -= n;
        if (size > 0 && !more(l))
            return false;
    }
    return true;
}

bool load_line(struct load *l, char ret_line[LOAD_LINE_MAX])
{
    for (size_t i = 0; i < LOAD_LINE_MAX; i++) {
        if (!take(l, &ret_line[i], 1))
            return false;
        if (ret_line[i] == '\n') {
            ret_line[i] = '\0';
            return true;
        }
    }
    return fail(l, "the load generator printed a line of more than %d bytes", LOAD_LINE_MAX);
}

bool load_expect(struct load *l, const char *line)
{
    char found[LOAD_LINE_MAX];

    if (!load_line(l, found))
        return false;
    return strcmp(found, line) == 0 || fail(l, "%s", found);
}

bool load_say(struct load *l, const char *line)
{
    const int64_t size = (int64_t)strlen(line);

    return task_sock_write(&l->control, line, (size_t)size, workload_now() + PATIENCE_NS) == size ||
           fail(l, "the load generator does not listen");
}

/* --- the report ------------------------------------------------------------ */

bool load_report(struct load *l, struct load_report *ret_report)
{
    struct load_report r = {0};
    uint64_t shares = 0;
    const struct {
        const char *key;
        uint64_t *value;
    } keys[] = {
        {"requests", &r.requests},           {"primed", &r.primed},
        {"checksum", &r.checksum},           {"late", &r.late},
        {"busy_permille", &r.busy_permille}, {"shares_cpu", &shares},
        {"latencies", &r.latencies},
    };
    char line[LOAD_LINE_MAX], key[32];
    unsigned long long value;

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (!load_line(l, line))
            return false;
        if (sscanf(line, "%31s %llu", key, &value) != 2 || strcmp(key, keys[i].key) != 0)
            return fail(l, "the load generator reports '%s' where '%s' belongs", line, keys[i].key);
        *keys[i].value = value;
    }
    r.shares_cpu = shares;
    *ret_report = r;
    return true;
}

bool load_latency(struct load *l, int64_t *ret_ns)
{
    return take(l, ret_ns, sizeof *ret_ns);
}

bool load_end(struct load *l)
{
    int status;

    task_sock_close(&l->control);
    while (waitpid(l->pid, &status, 0) < 0) {
        if (errno != EINTR)
            return fail(l, "waitpid: %s", strerror(errno));
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
