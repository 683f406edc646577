/* The dump on SIGQUIT, and whose handler it is. */
#include "common.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static gt_sem never_posted;
static atomic_int there;
static int quit_pipe[2];

static void parked_by_name(void *arg)
{
    (void)arg;
    gt_set_name("parked-by-name");
    atomic_store(&there, 1);
    gt_sem_wait(&never_posted);
}

/* Until the dump has come: stderr is the pipe. */
static void raise_sigquit(void *arg)
{
    char text[4096];
    size_t got = 0;
    (void)arg;
    signal(SIGQUIT, SIG_DFL);
    gt_sem_init(&never_posted, 0);
    CHECK(pipe(quit_pipe) == 0);
    int old = dup(STDERR_FILENO);
    CHECK(dup2(quit_pipe[1], STDERR_FILENO) == STDERR_FILENO);
    atomic_store(&there, 0);
    CHECK(gt_start(&(gt_config){.workers = 2}) == 0);
    CHECK(gt_spawn(parked_by_name, NULL, NULL) == 0);
    await(&there, 1); /* or any number of dumps may be without the name */
    for (;;) {
        CHECK(raise(SIGQUIT) == 0);
        ssize_t n = read(quit_pipe[0], text + got, sizeof text - 1 - got);
        CHECK(n > 0);
        got += (size_t)n;
        text[got] = '\0';
        if (strstr(text, "parked-by-name"))
            break;
    }
    CHECK(gt_stop() == 1);
    struct sigaction now;
    CHECK(sigaction(SIGQUIT, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
    dup2(old, STDERR_FILENO);
}

static void sigquit_writes_a_dump_to_stderr(void **state)
{
    (void)state;
    assert_fine(raise_sigquit, NULL);
}

static volatile sig_atomic_t users_quits;

static void users_quit(int sig)
{
    (void)sig;
    users_quits++;
}

static void start_with(void (*before)(int), void (*during)(int))
{
    struct sigaction now;
    signal(SIGQUIT, before);
    CHECK(gt_start(&(gt_config){.workers = 1}) == 0);
    if (during != SIG_DFL)
        signal(SIGQUIT, during);
    raise(SIGQUIT);
    CHECK(gt_stop() == 0);
    CHECK(sigaction(SIGQUIT, NULL, &now) == 0);
    CHECK(now.sa_handler == (during != SIG_DFL ? during : before));
}

static void keep_the_users_quit(void *arg)
{
    (void)arg;
    start_with(users_quit, SIG_DFL);
    CHECK(users_quits == 1);
    start_with(SIG_DFL, users_quit); /* installed while the runtime runs */
    CHECK(users_quits == 2);
    start_with(SIG_IGN, SIG_DFL);
    CHECK(users_quits == 2);
}

static void a_sigquit_handler_of_the_program_stays(void **state)
{
    (void)state;
    assert_fine(keep_the_users_quit, NULL);
}

static void default_after_stop(void *arg)
{
    (void)arg;
    signal(SIGQUIT, SIG_DFL);
    for (int i = 0; i < 2; i++) {
        CHECK(gt_start(&(gt_config){.workers = 1}) == 0);
        CHECK(gt_stop() == 0);
    }
    raise(SIGQUIT);
}

static void sigquit_kills_again_after_stop(void **state)
{
    (void)state;
    struct outcome o = in_child(default_after_stop, NULL);
    assert_true(!o.exited && o.code == SIGQUIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sigquit_writes_a_dump_to_stderr),
        cmocka_unit_test(a_sigquit_handler_of_the_program_stays),
        cmocka_unit_test(sigquit_kills_again_after_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
