/* GT_TRACE: the file is a trace that says what happened, whatever ends the
 * program; a place that cannot be written is refused. check_trace.py parses the
 * files. Each case that starts a runtime is a child. */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os_linux.h"
#include "sanitizer.h"

static char path[64];

static int make_path(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/gt-trace-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    (void)state;
    unsetenv("GT_TRACE");
    unsetenv("GT_TRACE_EVENTS");
    return unlink(path);
}

/* The file as a string, to be freed. */
static char *read_trace(void)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    char *text = calloc(1, (size_t)st.st_size + 1);
    assert_non_null(text);
    assert_int_equal(read(fd, text, (size_t)st.st_size), st.st_size);
    close(fd);
    return text;
}

static void assert_trace(const char *kinds)
{
    char command[512];
    snprintf(command, sizeof command, "'%s' -B '%s' '%s' %s", PYTHON, CHECK_TRACE, path, kinds);
    int status = system(command);
    if (status != 0)
        fail_msg("%s: exit %d", command, WEXITSTATUS(status));
}

static void assert_in_trace(const char *what)
{
    char *text = read_trace();
    if (!strstr(text, what))
        fail_msg("the trace has no %s:\n%.2000s", what, text);
    free(text);
}

/* ---- what is in it ----------------------------------------------------------------- */

static gt_chan *chan;

static void answer(void *arg)
{
    uint64_t v;
    (void)arg;
    while (gt_chan_recv(chan, &v) == 0)
        gt_yield();
}

static void call_blocking(void *arg)
{
    (void)arg;
    usleep(1000);
}

static void ends_at_once(void *arg)
{
    (void)arg;
}

static void everything(void *arg)
{
    gt_group group = {0};
    gt_attr odd = {.name = "a \"quoted\\name\" \xc3\xa9 \xff\n"};
    (void)arg;
    CHECK(gt_group_spawn(&group, answer, NULL, &odd) == 0);
    for (uint64_t i = 0; i < 50; i++)
        CHECK(gt_chan_send(chan, &i) == 0);
    for (int i = 0; i < 100; i++)
        CHECK(gt_group_spawn(&group, ends_at_once, NULL, NULL) == 0);
    gt_sleep_until(gt_now() + 1000000);
    CHECK(gt_blocking(call_blocking, NULL, GT_NEVER) == 0);
    gt_chan_close(chan);
    CHECK(gt_group_wait(&group) == 0);
}

static void run_everything(void *arg)
{
    setenv("GT_TRACE", path, 1);
    chan = gt_chan_create(8, 0);
    run_on(*(int *)arg, everything, NULL);
    gt_chan_destroy(chan);
}

static void a_trace_says_what_happened(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 4; workers *= 2) {
        assert_fine(run_everything, &workers);
        assert_trace("task sleep blocking spawn ready park");
        assert_in_trace("\"name\":\"a \\\"quoted\\\\name\\\" \xc3\xa9 ??\"");
        assert_in_trace("\"name\":\"ends_at_once\"");
        static const char *const until[] = {"\"until\":\"return\"", "\"until\":\"sleep\"",
                                            "\"until\":\"chan receive\"", "\"overwritten\":\"0\""};
        for (size_t i = 0; i < COUNT_OF(until); i++)
            assert_in_trace(until[i]);
    }
}

/* Each of the tasks that end at once has one slice, also those that follow one
 * another on one stack. */
static void every_run_to_completion_is_a_slice(void **state)
{
    int workers = 1, slices = 0;
    char what[160];
    (void)state;
    assert_fine(run_everything, &workers);
    snprintf(what, sizeof what, "{\"ph\":\"X\",\"name\":\"%s\"", "ends_at_once");
    char *text = read_trace();
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        slices++;
    free(text);
    assert_int_equal(slices, 100);
}

static atomic_int hogged;

static void hog(void *arg)
{
    (void)arg;
    gt_counters c;
    while (!atomic_load(&hogged)) {
        CHECK(gt_get_counters(0, &c) == 0);
        atomic_store(&hogged, c.hogs > 0);
    }
}

static void run_hog(void *arg)
{
    (void)arg;
    setenv("GT_TRACE", path, 1);
    run_on(1, hog, NULL);
}

static void a_hog_is_in_the_trace(void **state)
{
    (void)state;
    assert_fine(run_hog, NULL);
    assert_trace("task hog");
}

/* ---- the ring ------------------------------------------------------------------------ */

static void yield_much(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5000; i++)
        gt_yield();
}

static void run_yielders(void *arg)
{
    gt_group group = {0};
    (void)arg;
    setenv("GT_TRACE", path, 1);
    setenv("GT_TRACE_EVENTS", "100", 1);
    /* A spare would have events of its own. */
    CHECK(gt_start(&(gt_config){.workers = 2, .hog_ns = -1}) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(gt_group_spawn(&group, yield_much, NULL, NULL) == 0);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(gt_stop() == 0);
}

static void the_oldest_events_are_overwritten(void **state)
{
    int lines = 0;
    (void)state;
    assert_fine(run_yielders, NULL);
    assert_trace("task");
    char *text = read_trace();
    assert_null(strstr(text, "\"overwritten\":\"0\""));
    for (const char *at = text; *at; at++)
        lines += *at == '\n';
    assert_in_range(lines, 20, 3 * 100 + 16);
    free(text);
}

/* ---- ends of the program -------------------------------------------------------------- */

static void park_for_ever(void *arg)
{
    uint64_t v;
    (void)arg;
    gt_chan_recv(chan, &v);
}

static void deadlock(void *arg)
{
    (void)arg;
    setenv("GT_TRACE", path, 1);
    chan = gt_chan_create(8, 0);
    gt_run(&(gt_config){.workers = 2}, park_for_ever, NULL);
}

/* As in test_deadlock.c. */
static bool is_reported(void)
{
#ifdef GTI_TSAN
    return false;
#else
    return gti_os_thread_count() >= 1;
#endif
}

static void die(void *arg)
{
    (void)arg;
    gt_chan_close(chan);
    gt_chan_close(chan);
}

static void fatal(void *arg)
{
    (void)arg;
    setenv("GT_TRACE", path, 1);
    chan = gt_chan_create(8, 0);
    gt_run(&(gt_config){.workers = 2}, die, NULL);
}

static void leave(void *arg)
{
    (void)arg;
    exit(3);
}

static void exit_in_task(void *arg)
{
    (void)arg;
    setenv("GT_TRACE", path, 1);
    gt_run(&(gt_config){.workers = 2}, leave, NULL);
}

static void abandon(void *arg)
{
    (void)arg;
    setenv("GT_TRACE", path, 1);
    chan = gt_chan_create(8, 0);
    CHECK(gt_start(&(gt_config){.workers = 2}) == 0);
    CHECK(gt_spawn(park_for_ever, NULL, NULL) == 0);
    gt_stats s;
    do
        gt_get_stats(&s);
    while (s.sum.switches == 0);
    CHECK(gt_stop() == 1);
}

static void the_trace_is_written_whatever_ends_the_program(void **state)
{
    void (*const ends[])(void *) = {fatal, exit_in_task, abandon};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        in_child(ends[i], NULL);
        assert_trace("task spawn");
    }
    if (!is_reported())
        return;
    struct outcome o = in_child(deadlock, NULL);
    assert_true(o.exited && o.code == 2);
    assert_trace("task park");
}

/* ---- refusals --------------------------------------------------------------------------- */

static void assert_refused(const char *name, const char *value, int err, const char *named)
{
    setenv("GT_TRACE", path, 1);
    setenv(name, value, 1);
    assert_int_equal(gt_start(&(gt_config){.workers = 1}), err);
    assert_non_null(strstr(gt_start_error(), named));
    assert_null(strchr(gt_start_error(), '\n'));
    assert_int_equal(gt_workers(), 0);
    unsetenv(name);
}

static void what_cannot_be_written_is_refused_by_name(void **state)
{
    (void)state;
    assert_refused("GT_TRACE", "/tmp", -EISDIR, "GT_TRACE=/tmp: Is a directory");
    assert_refused("GT_TRACE", "/nowhere/x", -ENOENT, "GT_TRACE=/nowhere/x: No such file");
    assert_refused("GT_TRACE_EVENTS", "15", -EINVAL, "GT_TRACE_EVENTS");
    assert_refused("GT_TRACE_EVENTS", "many", -EINVAL, "GT_TRACE_EVENTS");
    assert_refused("GT_TRACE_EVENTS", "99999999", -EINVAL, "GT_TRACE_EVENTS");
    unsetenv("GT_TRACE");
    assert_int_equal(gt_start(&(gt_config){.workers = 1}), 0);
    assert_int_equal(gt_stop(), 0);
}

static void trace_to_full_device(void *arg)
{
    (void)arg;
    setenv("GT_TRACE", "/dev/full", 1);
    run_on(1, ends_at_once, NULL);
}

static void a_full_disk_is_reported_at_the_end(void **state)
{
    (void)state;
    struct outcome o = in_child(trace_to_full_device, NULL);
    assert_true(o.exited && o.code == 0);
    assert_string_equal(o.text, "gt: GT_TRACE=/dev/full: No space left on device\n");
}

static void an_empty_variable_means_no_trace(void **state)
{
    (void)state;
    setenv("GT_TRACE", "", 1);
    assert_int_equal(gt_start(&(gt_config){.workers = 1}), 0);
    assert_int_equal(gt_stop(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_trace_says_what_happened, make_path, remove_path),
        cmocka_unit_test_setup_teardown(every_run_to_completion_is_a_slice, make_path, remove_path),
        cmocka_unit_test_setup_teardown(a_hog_is_in_the_trace, make_path, remove_path),
        cmocka_unit_test_setup_teardown(the_oldest_events_are_overwritten, make_path, remove_path),
        cmocka_unit_test_setup_teardown(the_trace_is_written_whatever_ends_the_program, make_path,
                                        remove_path),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_is_refused_by_name, make_path,
                                        remove_path),
        cmocka_unit_test_setup_teardown(a_full_disk_is_reported_at_the_end, make_path, remove_path),
        cmocka_unit_test_setup_teardown(an_empty_variable_means_no_trace, make_path, remove_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
