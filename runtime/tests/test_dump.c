/* gt_dump(): what it says of tasks in each state, also while they run. */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os_linux.h"
#include "report.h"

#define TEXT 65536

/* The dump as a string, to be freed. */
static char *dumped(void)
{
    char path[] = "/tmp/gt-dump-XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0 && unlink(path) == 0);
    CHECK(gt_dump(fd) == 0);
    char *text = calloc(1, TEXT);
    CHECK(text && pread(fd, text, TEXT - 1, 0) > 0);
    close(fd);
    return text;
}

/* The dump's line in which `what` stands, or NULL. In a static buffer. */
static const char *line_with(const char *text, const char *what)
{
    static char line[512];
    const char *at = strstr(text, what);
    if (!at)
        return NULL;
    while (at > text && at[-1] != '\n')
        at--;
    snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
    return line;
}

#define HAS(line, what) CHECK((line) && strstr((line), (what)))

/* ---- what a line says ---------------------------------------------------------- */

static gt_chan *never;
static gt_sem never_posted;
static atomic_int there, go_on;

__attribute__((noinline)) static int wait_here(gt_chan *ch)
{
    uint64_t v = 0;
    atomic_fetch_add(&there, 1);
    gt_chan_recv(ch, &v);
    return (int)v;
}

static void receiver(void *arg)
{
    *(int *)arg = wait_here(never);
}

static void sleeper(void *arg)
{
    gt_set_name("a sleeper");
    atomic_fetch_add(&there, 1);
    gt_sleep_until(GT_NEVER);
    *(int *)arg = 1;
}

static void poster(void *arg)
{
    atomic_fetch_add(&there, 1);
    gt_sem_wait(&never_posted);
    *(int *)arg = 1;
}

static void fresh(void *arg)
{
    (void)arg;
}

static void yielder(void *arg)
{
    atomic_fetch_add(&there, 1);
    while (!atomic_load(&go_on))
        gt_yield();
    *(int *)arg = 1;
}

/* The task's text, which begins at `text`, has a place that begins so. */
static void assert_place(const char *text, const char *place)
{
    const char *end = strstr(text, "\ntask "), *at = strstr(text, place);
    CHECK(at && (!end || at < end));
    HAS(at, " (test_gt_dump+0x");
}

/* On the only worker: the others are where they were put. */
static void look(void *arg)
{
    static int sink;
    (void)arg;
    gt_attr named = {.name = "the \x1b[31mreader"};
    CHECK(gt_spawn(receiver, &sink, &named) == 0);
    CHECK(gt_spawn(sleeper, &sink, NULL) == 0);
    CHECK(gt_spawn(poster, &sink, NULL) == 0);
    CHECK(gt_spawn(yielder, &sink, NULL) == 0);
    while (atomic_load(&there) < 4)
        gt_yield();
    CHECK(gt_spawn(fresh, NULL, NULL) == 0);
    char *text = dumped();
    HAS(text, "gt: 1 workers, 0 spares (0 active), 6 tasks\n");
    const char *line = line_with(text, "the ?[31mreader, entered at ");
    HAS(line, "[waiting: chan receive]");
    HAS(line, "entered at receiver, at ");
    assert_place(strstr(text, "entered at receiver, at "), "wait_here+0x");
    assert_place(strstr(text, "entered at receiver, at "), "receiver+0x");
    line = line_with(text, "a sleeper, entered at ");
    HAS(line, "[waiting: sleep]");
    HAS(line, "entered at sleeper, at ");
    HAS(line_with(text, "] poster"), "[waiting: semaphore]");
    HAS(line_with(text, "] yielder"), "[ready] ");
    HAS(line_with(text, "] fresh"), "[not run yet] ");
    line = line_with(text, "] look");
    HAS(line, "[running] ");
    HAS(line, ", on worker 0");
    free(text);
    atomic_store(&go_on, 1);
}

static void a_line_names_the_task_its_state_and_its_place(void **state)
{
    gt_group group = {0};
    (void)state;
    never = gt_chan_create(8, 0);
    /* However long the dump takes, no spare stands in. */
    assert_int_equal(gt_start(&(gt_config){.workers = 1, .hog_ns = -1}), 0);
    assert_int_equal(gt_group_spawn(&group, look, NULL, NULL), 0);
    assert_int_equal(gt_group_wait(&group), 0);
    gt_stop();
    /* The channel is left to the task that waits on it for ever. */
}

static void call_blocking(void *arg)
{
    int *fds = arg;
    char c;
    atomic_fetch_add(&there, 1);
    CHECK(read(fds[0], &c, 1) == 1);
}

static void blocking_task(void *arg)
{
    CHECK(gt_blocking(call_blocking, arg, GT_NEVER) == 0);
}

static void a_blocking_call_is_called_so(void **state)
{
    int fds[2];
    gt_group group = {0};
    (void)state;
    assert_int_equal(pipe(fds), 0);
    atomic_store(&there, 0);
    assert_int_equal(gt_start(&(gt_config){.workers = 2}), 0);
    assert_int_equal(gt_group_spawn(&group, blocking_task, fds, NULL), 0);
    await(&there, 1);
    char *text = dumped();
    const char *line = line_with(text, "] blocking_task");
    assert_non_null(line);
    assert_non_null(strstr(line, "[running: blocking call]"));
    free(text);
    assert_int_equal(write(fds[1], "", 1), 1);
    assert_int_equal(gt_group_wait(&group), 0);
    assert_int_equal(gt_stop(), 0);
    close(fds[0]);
    close(fds[1]);
}

/* ---- while tasks run ----------------------------------------------------------- */

static atomic_int stop_churning;

/* The name is gone as soon as the task has ended, or sooner. */
static void named_for_a_while(void *arg)
{
    char *name = malloc(32);
    (void)arg;
    CHECK(name);
    snprintf(name, 32, "short-lived");
    gt_set_name(name);
    gt_yield();
    gt_set_name(NULL);
    free(name);
}

static void churn(void *arg)
{
    gt_chan *ch = gt_chan_create(8, 0);
    uint64_t v;
    (void)arg;
    while (!atomic_load(&stop_churning)) {
        gt_group group = {0};
        for (int i = 0; i < 20; i++)
            CHECK(gt_group_spawn(&group, named_for_a_while, NULL, NULL) == 0);
        CHECK(gt_group_wait(&group) == 0);
        CHECK(gt_chan_recv_until(ch, &v, gt_now() + 1000) == -ETIMEDOUT);
    }
    gt_chan_destroy(ch);
}

static void dump_in_task(void *arg)
{
    for (int i = 0; i < 20; i++) {
        CHECK(gt_dump(*(int *)arg) == 0);
        gt_yield();
    }
}

static void dump_beside_running_tasks(void *arg)
{
    gt_group group = {0};
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)arg;
    CHECK(fd >= 0);
    atomic_store(&stop_churning, 0);
    CHECK(gt_start(&(gt_config){.workers = 4}) == 0);
    for (int i = 0; i < 8; i++)
        CHECK(gt_group_spawn(&group, churn, NULL, NULL) == 0);
    CHECK(gt_group_spawn(&group, dump_in_task, &fd, NULL) == 0);
    for (int i = 0; i < 100; i++)
        CHECK(gt_dump(fd) == 0);
    atomic_store(&stop_churning, 1);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(gt_stop() == 0);
    close(fd);
}

static void a_dump_beside_running_tasks_is_harmless(void **state)
{
    (void)state;
    dump_beside_running_tasks(NULL);
}

/* ---- memory that may not be there ----------------------------------------------- */

/* Two pages of which the second cannot be read. */
static void peek_at_an_edge(void *arg)
{
    size_t page = gti_os_page_size();
    char buf[64];
    (void)arg;
    char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(map != MAP_FAILED);
    memset(map, 'x', 2 * page);
    memcpy(map + page - 10, "0123456789abcdef", 16);
    CHECK(gti_os_peek(buf, map + page - 10, 16) == 16 && memcmp(buf, "0123456789abcdef", 16) == 0);
    CHECK(mprotect(map + page, page, PROT_NONE) == 0);
    memset(buf, '-', sizeof buf);
    CHECK(gti_os_peek(buf, map + page - 10, sizeof buf) == 10);
    CHECK(memcmp(buf, "0123456789-", 11) == 0);
    CHECK(gti_os_peek(buf, map + page, 1) == 0);
    CHECK(gti_os_peek(buf, NULL, sizeof buf) == 0);
    CHECK(strcmp(gti_peek_string(map + page - 3, buf, sizeof buf), "789") == 0);
    munmap(map, 2 * page);
}

static void a_peek_ends_where_memory_does(void **state)
{
    (void)state;
    peek_at_an_edge(NULL);
}

/* Without the system call that looks into memory, which an emulator has not
 * and so need not be denied. */
static void deny_process_vm_readv(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {COUNT_OF(code), code};
    struct iovec none = {NULL, 0};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    if (process_vm_readv(getpid(), &none, 1, &none, 1, 0) == 0)
        _exit(77); /* nor can it be denied */
}

static void look_without_the_call(void *arg)
{
    deny_process_vm_readv();
    peek_at_an_edge(arg);
    dump_beside_running_tasks(arg);
}

static void a_dump_needs_no_call_that_a_sandbox_forbids(void **state)
{
    (void)state;
    struct outcome o = in_child(look_without_the_call, NULL);
    if (o.exited && o.code == 77)
        skip();
    if (!o.exited || o.code != 0)
        fail_msg("status %d: %s", o.code, o.text);
}

/* ---- arguments ------------------------------------------------------------------ */

static void bad_arguments_are_named(void **state)
{
    (void)state;
    assert_int_equal(gt_dump(2), -EINVAL); /* not running */
    assert_int_equal(gt_start(&(gt_config){.workers = 1}), 0);
    assert_int_equal(gt_dump(-1), -EBADF);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_int_equal(gt_dump(full), -ENOSPC);
    close(full);
    gt_set_name("outside a task"); /* does nothing */
    assert_int_equal(gt_stop(), 0);
}

/* ---- without symbols -------------------------------------------------------------- */

/* In a copy of this program that was stripped. */
static int print_nameless(void)
{
    char buf[128], place[128];
    gti_symbol((void *)(uintptr_t)fresh, buf, sizeof buf);
    printf("%s\n", buf);
    return strcmp(buf, place_of(fresh, place, sizeof place)) == 0 ? 0 : 1;
}

static void a_stripped_program_is_told_by_file_and_offset(void **state)
{
    char command[256];
    (void)state;
    if (gti_os_thread_count() < 1)
        skip(); /* an emulator, whose own program /proc shows */
    snprintf(command, sizeof command,
             "strip -o /tmp/gt-stripped-%d /proc/%d/exe 2>/dev/null || exit 77; "
             "/tmp/gt-stripped-%d nameless; s=$?; rm -f /tmp/gt-stripped-%d; exit $s",
             getpid(), getpid(), getpid(), getpid());
    int status = system(command);
    if (WEXITSTATUS(status) == 77)
        skip(); /* there is no strip */
    assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "nameless") == 0)
        return print_nameless();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_names_the_task_its_state_and_its_place),
        cmocka_unit_test(a_blocking_call_is_called_so),
        cmocka_unit_test(a_dump_beside_running_tasks_is_harmless),
        cmocka_unit_test(a_peek_ends_where_memory_does),
        cmocka_unit_test(a_dump_needs_no_call_that_a_sandbox_forbids),
        cmocka_unit_test(bad_arguments_are_named),
        cmocka_unit_test(a_stripped_program_is_told_by_file_and_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
