/* The report of a deadlock: it comes whatever the tasks wait for, names each of
 * them, and does not come while anything can still wake one. */
#include "common.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "os_linux.h"
#include "sanitizer.h"

/* ThreadSanitizer's own thread counts as one that might wake a task, and an
 * emulator may not say how many there are: then there is no report. */
static bool cannot_report(void)
{
#ifdef GTI_TSAN
    return true;
#else
    return gti_os_thread_count() < 1;
#endif
}

#define MS 1000000
/* Longer than the monitor takes to be sure. */
#define WHILE (300 * (int64_t)MS)

static const int worker_counts[] = {1, 2, 4};

static int64_t later(void)
{
    return gt_now() + WHILE;
}

/* ---- it comes -------------------------------------------------------------------- */

static gt_chan *chan;
static gt_mutex mutex;
static gt_cond cond;
static gt_sem sem;
static gt_waitgroup waitgroup;
static gt_rwmutex rwmutex;

static void wait_receive(void *arg)
{
    uint64_t v;
    (void)arg;
    gt_chan_recv(chan, &v);
}

static void wait_send(void *arg)
{
    uint64_t v = 1;
    (void)arg;
    gt_chan_send(chan, &v);
}

static void wait_mutex(void *arg)
{
    (void)arg;
    gt_mutex_lock(&mutex); /* whoever comes first keeps it */
    gt_sem_wait(&sem);
}

static void wait_select(void *arg)
{
    uint64_t v;
    gt_case cases[] = {{.chan = chan, .op = GT_RECV, .elem = &v},
                       {.chan = chan, .op = GT_RECV, .elem = &v}};
    (void)arg;
    gt_select(cases, 2, GT_NEVER);
}

static void wait_cond(void *arg)
{
    static gt_mutex m;
    (void)arg;
    gt_mutex_lock(&m);
    gt_cond_wait(&cond, &m);
}

static void wait_waitgroup(void *arg)
{
    (void)arg;
    gt_waitgroup_add(&waitgroup, 1);
    gt_waitgroup_wait(&waitgroup);
}

static void wait_rwmutex(void *arg)
{
    (void)arg;
    gt_rwmutex_wrlock(&rwmutex); /* whoever comes first keeps it */
    gt_sem_wait(&sem);
}

static void sleep_for_ever(void *arg)
{
    (void)arg;
    gt_sleep_until(GT_NEVER);
}

static void wait_group(void *arg)
{
    gt_group group = {0};
    (void)arg;
    gt_group_spawn(&group, wait_receive, NULL, NULL);
    gt_group_wait(&group);
}

struct plan {
    gt_fn *fn;
    const char *waits; /* as the dump has it */
    int workers, tasks, expected;
    unsigned flags;
};

/* The first task: it waits for the others. */
static void spawn_waiters(void *arg)
{
    const struct plan *p = arg;
    gt_group group = {0};
    gt_attr attr = {.name = "stuck"};
    for (int i = 0; i < p->tasks; i++)
        CHECK(gt_group_spawn(&group, p->fn, NULL, &attr) == 0);
    gt_group_wait(&group);
}

static void run_plan(void *arg)
{
    const struct plan *p = arg;
    gt_config config = {.workers = p->workers, .flags = p->flags};
    chan = gt_chan_create(8, 0);
    CHECK(chan);
    gt_run(&config, spawn_waiters, arg);
}

static int count(const char *text, const char *what)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

static void assert_reported(const struct plan *p)
{
    char line[160], waits[64];
    struct outcome o = in_child(run_plan, (void *)(uintptr_t)p);
    snprintf(line, sizeof line,
             "gt: fatal: deadlock: all %d tasks wait and nothing can wake one; "
             "1 thread outside waits for them\n",
             p->expected);
    snprintf(waits, sizeof waits, "[waiting: %s] stuck", p->waits);
    if (!o.exited || o.code != 2 || strncmp(o.text, line, strlen(line)) != 0)
        fail_msg("%s: %s %d: %s", p->waits, o.exited ? "exit" : "signal", o.code, o.text);
    assert_int_equal(count(o.text, "\ntask "), p->expected);
    assert_int_equal(count(o.text, "[waiting: "), p->expected);
    assert_non_null(strstr(o.text, waits));
}

static void a_deadlock_is_reported_whatever_the_tasks_wait_for(void **state)
{
    static const struct {
        gt_fn *fn;
        const char *waits;
        int more; /* tasks beside the three and the first */
    } cases[] = {{wait_receive, "chan receive", 0}, {wait_send, "chan send", 0},
                 {wait_mutex, "mutex", 0},          {wait_select, "select", 0},
                 {wait_cond, "condition", 0},       {wait_waitgroup, "wait group", 0},
                 {wait_rwmutex, "rwmutex", 0},      {sleep_for_ever, "sleep", 0},
                 {wait_group, "group", 3}};
    (void)state;
    if (cannot_report())
        skip();
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_reported(&(struct plan){.fn = cases[i].fn,
                                       .waits = cases[i].waits,
                                       .workers = worker_counts[i % COUNT_OF(worker_counts)],
                                       .tasks = 3,
                                       .expected = 4 + cases[i].more});
}

static void run_one(void *arg)
{
    const struct plan *p = arg;
    chan = gt_chan_create(8, 0);
    gt_run(&(gt_config){.workers = p->workers}, p->fn, NULL);
}

static void a_single_task_that_waits_is_a_deadlock(void **state)
{
    (void)state;
    if (cannot_report())
        skip();
    for (size_t i = 0; i < COUNT_OF(worker_counts); i++) {
        struct plan p = {.fn = wait_receive, .workers = worker_counts[i]};
        struct outcome o = in_child(run_one, &p);
        assert_true(o.exited && o.code == 2);
        assert_non_null(strstr(o.text, "deadlock: all 1 tasks wait"));
    }
}

/* A thread outside that waits for a task without a deadline cannot wake one. */
static void *receive_outside(void *arg)
{
    (void)arg;
    wait_receive(NULL);
    return NULL;
}

static void wait_with_thread_outside(void *arg)
{
    (void)arg;
    chan = gt_chan_create(8, 0);
    gt_chan *other = gt_chan_create(8, 0);
    CHECK(gt_start(&(gt_config){.workers = 2}) == 0);
    outside(receive_outside, NULL);
    CHECK(gt_spawn(wait_mutex, NULL, NULL) == 0);
    uint64_t v;
    gt_chan_recv(other, &v);
}

static void threads_outside_that_wait_for_a_task_do_not_prevent_the_report(void **state)
{
    (void)state;
    if (cannot_report())
        skip();
    struct outcome o = in_child(wait_with_thread_outside, NULL);
    assert_true(o.exited && o.code == 2);
    assert_non_null(strstr(o.text, "2 threads outside wait for them"));
}

/* ---- it does not come --------------------------------------------------------------- */

static void sleep_a_while(void *arg)
{
    (void)arg;
    gt_sleep_until(later());
}

static void receive_until(void *arg)
{
    uint64_t v;
    (void)arg;
    CHECK(gt_chan_recv_until(chan, &v, later()) == -ETIMEDOUT);
}

static int fds[2];

static void poll_descriptor(void *arg)
{
    (void)arg;
    CHECK(gt_poll(fds[0], GT_READABLE, GT_NEVER) == (int)GT_READABLE);
}

static void block_really(void *arg)
{
    struct timespec ts = {0, WHILE};
    (void)arg;
    nanosleep(&ts, NULL);
}

static void block_a_while(void *arg)
{
    (void)arg;
    CHECK(gt_blocking(block_really, NULL, GT_NEVER) == 0);
}

/* `fn` will go on by itself; then so can those that wait on the channel. */
static void others_wait_for(void *arg)
{
    const struct plan *p = arg;
    gt_group group = {0};
    for (int i = 0; i < p->tasks; i++)
        CHECK(gt_group_spawn(&group, wait_receive, NULL, NULL) == 0);
    p->fn(NULL);
    gt_chan_close(chan);
    CHECK(gt_group_wait(&group) == 0);
}

static void run_with_hope(void *arg)
{
    const struct plan *p = arg;
    chan = gt_chan_create(8, 0);
    if (p->fn == poll_descriptor) {
        CHECK(pipe(fds) == 0);
        if (fork() == 0) { /* another process, not a thread of this one */
            block_really(NULL);
            CHECK(write(fds[1], "", 1) == 1);
            _exit(0);
        }
    }
    CHECK(gt_run(&(gt_config){.workers = p->workers}, others_wait_for, arg) == 0);
}

static void no_report_while_something_will_wake_a_task(void **state)
{
    gt_fn *const hopes[] = {sleep_a_while, receive_until, poll_descriptor, block_a_while};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(hopes); i++)
        for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
            struct plan p = {.fn = hopes[i], .workers = worker_counts[w], .tasks = 3};
            assert_fine(run_with_hope, &p);
        }
}

static void *send_later(void *arg)
{
    uint64_t v = 1;
    block_really(arg);
    CHECK(gt_chan_send(chan, &v) == 0);
    return NULL;
}

static void wait_for_thread(void *arg)
{
    const struct plan *p = arg;
    chan = gt_chan_create(8, 0);
    pthread_t thread = outside(send_later, NULL);
    CHECK(gt_run(&(gt_config){.workers = p->workers}, wait_receive, NULL) == 0);
    join(thread);
}

static void no_report_while_a_thread_outside_may_wake_a_task(void **state)
{
    (void)state;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        struct plan p = {.workers = worker_counts[w]};
        assert_fine(wait_for_thread, &p);
    }
}

/* The main thread has a deadline of its own, after which it sends. */
static void wait_outside_until(void *arg)
{
    const struct plan *p = arg;
    gt_group group = {0};
    uint64_t v = 1;
    chan = gt_chan_create(8, 0);
    CHECK(gt_start(&(gt_config){.workers = p->workers}) == 0);
    CHECK(gt_group_spawn(&group, wait_receive, NULL, NULL) == 0);
    CHECK(gt_group_wait_until(&group, later()) == -ETIMEDOUT);
    CHECK(gt_chan_send(chan, &v) == 0);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(gt_stop() == 0);
}

static void no_report_while_a_thread_outside_waits_with_a_deadline(void **state)
{
    (void)state;
    for (size_t w = 0; w < COUNT_OF(worker_counts); w++) {
        struct plan p = {.workers = worker_counts[w]};
        assert_fine(wait_outside_until, &p);
    }
}

static void idle_without_tasks(void *arg)
{
    (void)arg;
    CHECK(gt_start(&(gt_config){.workers = 2}) == 0);
    block_really(NULL);
    CHECK(gt_stop() == 0);
}

static void no_report_when_there_are_no_tasks(void **state)
{
    (void)state;
    assert_fine(idle_without_tasks, NULL);
}

/* ---- the flag ----------------------------------------------------------------------- */

static void alarmed(int sig)
{
    (void)sig;
    _exit(42);
}

static void run_until_alarm(void *arg)
{
    struct itimerval timer = {.it_value = {.tv_usec = 900000}};
    signal(SIGALRM, alarmed);
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    run_plan(arg);
}

static void the_flag_keeps_the_process_waiting(void **state)
{
    struct plan p = {.fn = wait_receive, .workers = 2, .tasks = 3, .flags = GT_NO_DEADLOCK_EXIT};
    (void)state;
    struct outcome o = in_child(run_until_alarm, &p);
    assert_true(o.exited && o.code == 42);
    assert_string_equal(o.text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadlock_is_reported_whatever_the_tasks_wait_for),
        cmocka_unit_test(a_single_task_that_waits_is_a_deadlock),
        cmocka_unit_test(threads_outside_that_wait_for_a_task_do_not_prevent_the_report),
        cmocka_unit_test(no_report_while_something_will_wake_a_task),
        cmocka_unit_test(no_report_while_a_thread_outside_may_wake_a_task),
        cmocka_unit_test(no_report_while_a_thread_outside_waits_with_a_deadline),
        cmocka_unit_test(no_report_when_there_are_no_tasks),
        cmocka_unit_test(the_flag_keeps_the_process_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
