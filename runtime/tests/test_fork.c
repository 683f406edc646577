/* fork() while the runtime runs: in the child whatever needs the workers is
 * refused or ends the process by name, the rest works, and the parent goes on.
 * Each case runs in a process of its own, which forks the child that is looked
 * at; that one's end becomes its own. */
#include "common.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static gt_chan *chan;      /* of 4 elements, with one in it */
static gt_chan *waited_on; /* a task waits for an element */
static gt_sem sem;
static gt_mutex mutex;
static gt_waitgroup one_to_go;

/* The child's end is ours. */
static void end_as(pid_t pid)
{
    int status;
    CHECK(pid > 0);
    while (waitpid(pid, &status, 0) < 0)
        CHECK(errno == EINTR);
    if (WIFSIGNALED(status)) {
        signal(WTERMSIG(status), SIG_DFL);
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, WTERMSIG(status));
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
        kill(getpid(), WTERMSIG(status));
        for (;;)
            pause();
    }
    _exit(WEXITSTATUS(status));
}

static void receive_for_ever(void *arg)
{
    uint64_t v;
    (void)arg;
    gt_chan_recv(waited_on, &v);
}

static void start(void)
{
    uint64_t v = 7;
    chan = gt_chan_create(8, 4);
    waited_on = gt_chan_create(8, 0);
    CHECK(gt_chan_send(chan, &v) == 0);
    CHECK(gt_waitgroup_add(&one_to_go, 1) == 0);
    CHECK(gt_start(&(gt_config){.workers = 2, .flags = GT_NO_DEADLOCK_EXIT}) == 0);
    CHECK(gt_spawn(receive_for_ever, NULL, NULL) == 0);
    /* Nobody is in the middle of something when the fork comes. */
    gt_stats s;
    do
        gt_get_stats(&s);
    while (s.sum.switches == 0 || s.sum.sleeps < 2);
}

/* ---- from an OS thread outside, and from a task ------------------------------------- */

static gt_fn *in_child_of_task;

static void fork_and_call(void *arg)
{
    pid_t pid = fork();
    if (pid == 0) {
        in_child_of_task(arg);
        _exit(0);
    }
    end_as(pid);
}

static void from_outside(void *arg)
{
    in_child_of_task = *(gt_fn **)arg;
    start();
    fork_and_call(NULL);
}

static void from_task(void *arg)
{
    in_child_of_task = *(gt_fn **)arg;
    start();
    gt_group group = {0};
    CHECK(gt_group_spawn(&group, fork_and_call, NULL, NULL) == 0);
    gt_group_wait(&group);
}

static void fork_blocking(void *arg)
{
    CHECK(gt_blocking(fork_and_call, arg, GT_NEVER) == 0);
}

static void from_blocking_call(void *arg)
{
    in_child_of_task = *(gt_fn **)arg;
    start();
    gt_group group = {0};
    CHECK(gt_group_spawn(&group, fork_blocking, NULL, NULL) == 0);
    gt_group_wait(&group);
}

static void (*const origins[])(void *) = {from_outside, from_task, from_blocking_call};

static void assert_all_fine(gt_fn *fn)
{
    for (size_t i = 0; i < COUNT_OF(origins); i++)
        assert_fine(origins[i], &fn);
}

static void assert_all_fatal(gt_fn *fn)
{
    for (size_t i = 0; i < COUNT_OF(origins); i++)
        assert_fatal(origins[i], &fn, "fork()");
}

/* ---- what the child is told ------------------------------------------------------------- */

static void try_to_use(void *arg)
{
    gt_group group = {0};
    gt_stats s;
    (void)arg;
    CHECK(gt_start(NULL) == -ENOTSUP);
    CHECK(strstr(gt_start_error(), "forked"));
    CHECK(gt_run(NULL, nothing, NULL) == -ENOTSUP);
    CHECK(gt_spawn(nothing, NULL, NULL) == -ENOTSUP);
    CHECK(gt_group_spawn(&group, nothing, NULL, NULL) == -ENOTSUP);
    CHECK(gt_stop() == -ENOTSUP);
    CHECK(gt_workers() == 0 && gt_worker() == -1);
    CHECK(gt_dump(STDERR_FILENO) == -EINVAL);
    gt_get_stats(&s);
    CHECK(s.workers == 0);
}

static void the_child_cannot_start_spawn_or_stop(void **state)
{
    (void)state;
    assert_all_fine(try_to_use);
}

static void need_no_waiting(void *arg)
{
    uint64_t v = 0;
    int fds[2];
    gt_case c = {.chan = chan, .op = GT_RECV, .elem = &v};
    (void)arg;
    CHECK(gt_chan_recv(chan, &v) == 0 && v == 7);
    CHECK(gt_chan_send(chan, &v) == 0);
    CHECK(gt_try_select(&c, 1) == 0 && v == 7);
    CHECK(gt_chan_try_recv(chan, &v) == -EAGAIN);
    gt_chan_close(chan);
    gt_mutex_unlock((gt_mutex_lock(&mutex), &mutex));
    gt_sem_post(&sem);
    gt_sem_wait(&sem);
    gt_yield();
    gt_sleep_until(gt_now() + 1000);
    CHECK(gt_blocking(nothing, NULL, GT_NEVER) == 0);
    CHECK(pipe(fds) == 0);
    CHECK(gt_write(fds[1], "x", 1, GT_NEVER) == 1);
    CHECK(gt_poll(fds[0], GT_READABLE, GT_NEVER) == (int)GT_READABLE);
}

static void what_needs_no_task_works_in_the_child(void **state)
{
    (void)state;
    assert_all_fine(need_no_waiting);
}

/* ---- what ends it -------------------------------------------------------------------------- */

static void wait_on_channel(void *arg)
{
    uint64_t v;
    (void)arg;
    gt_chan_recv(chan, &v);
    gt_chan_recv(chan, &v);
}

static void wake_a_task(void *arg)
{
    uint64_t v = 1;
    (void)arg;
    gt_chan_send(waited_on, &v);
}

static void wait_on_sem(void *arg)
{
    (void)arg;
    gt_sem_wait(&sem);
}

static void wait_on_waitgroup(void *arg)
{
    (void)arg;
    gt_waitgroup_wait(&one_to_go);
}

static void waiting_and_waking_in_the_child_is_fatal(void **state)
{
    gt_fn *const calls[] = {wait_on_channel, wake_a_task, wait_on_sem, wait_on_waitgroup};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(calls); i++)
        assert_all_fatal(calls[i]);
}

static void fork_and_return(void *arg)
{
    pid_t pid = fork();
    (void)arg;
    if (pid != 0)
        end_as(pid);
}

static void run_fork_and_return(void *arg)
{
    (void)arg;
    run_on(2, fork_and_return, NULL);
}

static void fork_in_blocking_and_return(void *arg)
{
    (void)arg;
    CHECK(gt_blocking(fork_and_return, NULL, GT_NEVER) == 0);
}

static void run_fork_in_blocking_and_return(void *arg)
{
    (void)arg;
    run_on(2, fork_in_blocking_and_return, NULL);
}

static void a_task_that_returns_in_the_child_is_fatal(void **state)
{
    (void)state;
    assert_fatal(run_fork_and_return, NULL, "fork()");
    assert_fatal(run_fork_in_blocking_and_return, NULL, "fork()");
}

/* ---- the parent, exec, signals ----------------------------------------------------------------
 */

static void fork_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0)
            _exit(i);
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == i);
        gt_yield();
    }
}

static void the_parent_goes_on(void **state)
{
    gt_group group = {0};
    (void)state;
    assert_int_equal(gt_start(&(gt_config){.workers = 4}), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(gt_group_spawn(&group, fork_many, NULL, NULL), 0);
    assert_int_equal(gt_group_wait(&group), 0);
    assert_int_equal(gt_stop(), 0);
}

/* The shell is killed by a signal that workers block: so it does not block it. */
static void exec_shell(void *arg)
{
    (void)arg;
    execl("/bin/sh", "sh", "-c", "kill -TERM $$; exit 3", (char *)NULL);
    _exit(4);
}

static void fork_and_exec_works_and_passes_no_blocked_signals_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(origins); i++) {
        gt_fn *fn = exec_shell;
        struct outcome o = in_child(origins[i], &fn);
        assert_true(!o.exited && o.code == SIGTERM);
    }
}

static void quit(void *arg)
{
    (void)arg;
    raise(SIGQUIT);
}

static void from_task_with_default_quit(void *arg)
{
    signal(SIGQUIT, SIG_DFL);
    from_task(arg);
}

static void sigquit_kills_the_child(void **state)
{
    gt_fn *fn = quit;
    (void)state;
    struct outcome o = in_child(from_task_with_default_quit, &fn);
    assert_true(!o.exited && o.code == SIGQUIT);
}

/* Forked before it starts: a process like any other. */
static void start_here(void *arg)
{
    (void)arg;
    run_on(2, nothing, NULL);
}

static void a_child_of_a_process_where_it_does_not_run_may_start_it(void **state)
{
    (void)state;
    run_on(2, nothing, NULL);
    assert_fine(start_here, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_child_cannot_start_spawn_or_stop),
        cmocka_unit_test(what_needs_no_task_works_in_the_child),
        cmocka_unit_test(waiting_and_waking_in_the_child_is_fatal),
        cmocka_unit_test(a_task_that_returns_in_the_child_is_fatal),
        cmocka_unit_test(the_parent_goes_on),
        cmocka_unit_test(fork_and_exec_works_and_passes_no_blocked_signals_on),
        cmocka_unit_test(sigquit_kills_the_child),
        cmocka_unit_test(a_child_of_a_process_where_it_does_not_run_may_start_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
