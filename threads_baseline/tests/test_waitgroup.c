/* Wait groups of both flavours. */
#include "common.h"
#include "count_futex.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAITERS 3
#define MEMBERS 3

#ifdef SANITIZED
#define ROUNDS 50
#else
#define ROUNDS 300
#endif

struct actor {
    const struct flavour *f;
    union any_waitgroup *wg;
    int plain; /* written before the done, read after the wait */
    int *watch;
    _Atomic pid_t tid;
    atomic_bool returned;
};

static void wait_once(void *arg)
{
    struct actor *a = arg;

    publish_tid(&a->tid);
    a->f->waitgroup_wait(a->wg);
    a->plain = *a->watch;
    atomic_store(&a->returned, true);
}

static void be_done(void *arg)
{
    struct actor *a = arg;

    a->plain = 1;
    a->f->waitgroup_done(a->wg);
}

/* As be_done(), of two things, the second of which it adds itself. */
static void add_and_be_done_twice(void *arg)
{
    struct actor *a = arg;

    a->f->waitgroup_add(a->wg, 1);
    a->f->waitgroup_done(a->wg);
    be_done(a);
}

static void a_wait_for_nothing_returns_at_once(void **state)
{
    const struct flavour *f = *state;
    union any_waitgroup wg;

    f->waitgroup_init(&wg);
    f->waitgroup_wait(&wg);
    f->waitgroup_add(&wg, 0);
    f->waitgroup_wait(&wg);
    f->waitgroup_add(&wg, 2);
    f->waitgroup_done(&wg);
    f->waitgroup_done(&wg);
    f->waitgroup_wait(&wg);
    f->waitgroup_destroy(&wg);
}

static void keep_waiters_until_the_last_done(const struct flavour *f)
{
    struct actor waiter[WAITERS];
    union any_waitgroup wg;
    struct tb_group group;
    int written = 0;

    f->waitgroup_init(&wg);
    f->waitgroup_add(&wg, MEMBERS);
    f->group_init(&group);
    for (int k = 0; k < WAITERS; k++) {
        waiter[k] = (struct actor){.f = f, .wg = &wg, .watch = &written};
        assert_int_equal(tb_group_spawn(&group, wait_once, &waiter[k], NULL), 0);
        await_asleep(&waiter[k].tid);
    }
    for (int k = 0; k < MEMBERS; k++) {
        for (int w = 0; w < WAITERS; w++) {
            await_asleep(&waiter[w].tid);
            assert_false(atomic_load(&waiter[w].returned));
        }
        written = k + 1;
        f->waitgroup_done(&wg);
    }
    tb_group_wait(&group);
    for (int w = 0; w < WAITERS; w++)
        assert_int_equal(waiter[w].plain, MEMBERS);
    f->waitgroup_destroy(&wg);
}

static void every_waiter_sleeps_until_the_last_done_and_then_goes(void **state)
{
    keep_waiters_until_the_last_done(*state);
}

static void keep_waiters_in_a_run(void *arg)
{
    keep_waiters_until_the_last_done(arg);
}

static void waiters_whose_polling_is_over_sleep_until_the_last_done(void **state)
{
    struct tb_config config = {.ncpu = 2, .spin_ns = 50000};

    assert_int_equal(tb_run(&config, keep_waiters_in_a_run, *state), 0);
}

/* The wait group is freed as soon as the wait has returned: the thread sanitizer
 * reports a done that touches it after the last decrement. */
static void wait_for_members(const struct flavour *f, tb_fn member)
{
    for (int round = 0; round < ROUNDS; round++) {
        union any_waitgroup *wg = malloc(sizeof *wg);
        struct actor actor[MEMBERS];
        struct tb_group group;

        assert_non_null(wg);
        f->waitgroup_init(wg);
        f->waitgroup_add(wg, MEMBERS);
        f->group_init(&group);
        for (int k = 0; k < MEMBERS; k++) {
            actor[k] = (struct actor){.f = f, .wg = wg};
            assert_int_equal(tb_group_spawn(&group, member, &actor[k], NULL), 0);
        }
        f->waitgroup_wait(wg);
        for (int k = 0; k < MEMBERS; k++)
            assert_int_equal(actor[k].plain, 1);
        f->waitgroup_destroy(wg);
        free(wg);
        tb_group_wait(&group);
    }
}

static void what_members_wrote_is_visible_and_the_group_may_be_freed(void **state)
{
    wait_for_members(*state, be_done);
}

static void a_member_may_add_while_its_own_done_is_to_come(void **state)
{
    wait_for_members(*state, add_and_be_done_twice);
}

/* Run misuse(f) in a process of its own: it must abort, with one line that
 * names the call. */
static void assert_aborts(void (*misuse)(const struct flavour *f), const struct flavour *f,
                          const char *expected)
{
    char line[200] = "";
    int end[2], status;

    assert_int_equal(pipe(end), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGABRT, SIG_DFL);
        dup2(end[1], STDERR_FILENO);
        misuse(f);
        _exit(0);
    }
    close(end[1]);
    for (size_t length = 0; length < sizeof line - 1;) {
        ssize_t got = read(end[0], &line[length], sizeof line - 1 - length);

        if (got <= 0)
            break;
        length += (size_t)got;
    }
    close(end[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(line, expected));
}

static void fall_below_zero(const struct flavour *f)
{
    union any_waitgroup wg;

    f->waitgroup_init(&wg);
    f->waitgroup_add(&wg, 1);
    f->waitgroup_done(&wg);
    f->waitgroup_done(&wg);
}

static void a_count_below_zero_ends_the_process(void **state)
{
    assert_aborts(fall_below_zero, *state, "waitgroup_done: the count would fall below 0");
}

static void count_too_far(const struct flavour *f)
{
    union any_waitgroup wg;

    f->waitgroup_init(&wg);
    f->waitgroup_add(&wg, UINT32_MAX);
    f->waitgroup_add(&wg, 1);
}

static void a_futex_count_of_2_to_the_32_ends_the_process(void **state)
{
    (void)state;
    assert_aborts(count_too_far, &flavour_futex, "tb_futex_waitgroup_add");
}

static void a_futex_wait_group_nobody_waits_for_makes_no_system_call(void **state)
{
    struct tb_futex_waitgroup wg;

    (void)state;
    tb_futex_waitgroup_init(&wg);
    futex_calls_reset();
    tb_futex_waitgroup_add(&wg, 3);
    for (int k = 0; k < 3; k++)
        tb_futex_waitgroup_done(&wg);
    tb_futex_waitgroup_wait(&wg);
    assert_int_equal(futex_waits() + futex_wakes(), 0);
}

/* Exactly one wake, by the last done, though all waiters sleep. */
static void a_futex_wait_group_makes_one_system_call_to_wake_all(void **state)
{
    (void)state;
    futex_calls_reset();
    keep_waiters_until_the_last_done(&flavour_futex);
    assert_in_range(futex_waits(), WAITERS, INT32_MAX);
    assert_int_equal(futex_wakes(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOR_EACH_FLAVOUR(a_wait_for_nothing_returns_at_once),
        FOR_EACH_FLAVOUR(every_waiter_sleeps_until_the_last_done_and_then_goes),
        FOR_EACH_FLAVOUR(waiters_whose_polling_is_over_sleep_until_the_last_done),
        FOR_EACH_FLAVOUR(what_members_wrote_is_visible_and_the_group_may_be_freed),
        FOR_EACH_FLAVOUR(a_member_may_add_while_its_own_done_is_to_come),
        FOR_EACH_FLAVOUR(a_count_below_zero_ends_the_process),
        cmocka_unit_test(a_futex_count_of_2_to_the_32_ends_the_process),
        cmocka_unit_test(a_futex_wait_group_nobody_waits_for_makes_no_system_call),
        cmocka_unit_test(a_futex_wait_group_makes_one_system_call_to_wake_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
