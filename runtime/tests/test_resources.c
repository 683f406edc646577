/* Every refusal of the system is met cleanly. The k-th call of a kind fails,
 * once or from then on, for each k that the workload reaches; then either
 * gt_start() or gt_spawn() says so, or the documented fatal message ends the
 * process. Nothing is leaked and nothing hangs. Each case is a child. */
#include "common.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "wrap.h"

#define TASKS 700 /* more than a run queue holds at first, and several carvings */

enum verdict { FINE_AND_FAILED = 0, FINE_NOT_REACHED = 10 };

struct plan {
    unsigned what;
    int at;
    bool for_ever;
    const char *guard;
};

static atomic_int ran;
static gt_sem gate;

static void wait_at_gate(void *arg)
{
    (void)arg;
    gt_sem_wait(&gate);
    atomic_fetch_add(&ran, 1);
}

static void big_stack(void *arg)
{
    volatile char frame[30000];
    (void)arg;
    frame[0] = 1;
    atomic_fetch_add(&ran, frame[0]);
}

/* Counts who could be spawned. */
static void workload(void *arg)
{
    gt_group group = {0};
    int spawned = 0;
    (void)arg;
    atomic_store(&ran, 0);
    gt_sem_init(&gate, 0);
    for (int i = 0; i < TASKS; i++) {
        gt_attr big = {.stack_size = (size_t)1 << (17 + i % 3)};
        gt_attr small = {.stack_size = 4096};
        const gt_attr *attr = i % 50 == 0 ? &big : i % 50 == 1 ? &small : NULL;
        int err = gt_group_spawn(&group, attr == &big ? big_stack : wait_at_gate, NULL, attr);
        CHECK(err == 0 || err == -ENOMEM);
        spawned += err == 0;
    }
    for (int i = 0; i < TASKS; i++)
        gt_sem_post(&gate);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&ran) == spawned);
    gt_stack_trim();
    gt_chan *ch = gt_chan_create(8, 1000);
    gt_chan_destroy(ch);
}

static void start_and_work(void *arg)
{
    const struct plan *p = arg;
    gt_config config = {.workers = 2};
    gt_group group = {0};
    if (p->guard)
        setenv("GT_GUARD", p->guard, 1);
    wrap_arm(p->what, p->at, p->for_ever);
    int err = gt_start(&config);
    if (err == 0) {
        err = gt_group_spawn(&group, workload, NULL, NULL);
        CHECK(err == 0 || err == -ENOMEM);
        CHECK(gt_group_wait(&group) == 0);
        CHECK(gt_stop() == 0);
    } else {
        CHECK(err == -ENOMEM || err == -EAGAIN);
        CHECK(strlen(gt_start_error()) > 0 && !strchr(gt_start_error(), '\n'));
        CHECK(gt_workers() == 0);
        CHECK(gt_stop() == -EINVAL);
    }
    bool reached = wrap_fired();
    wrap_arm(0, 0, false);
    CHECK(wrap_blocks() == 0);
    CHECK(wrap_mapped() == 0);
    /* It was the system's fault: now it works. */
    CHECK(gt_start(&config) == 0);
    CHECK(gt_group_spawn(&group, workload, NULL, NULL) == 0);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(gt_stop() == 0);
    CHECK(wrap_blocks() == 0 && wrap_mapped() == 0);
    _exit(reached ? FINE_AND_FAILED : FINE_NOT_REACHED);
}

static bool documented_fatal(const struct outcome *o)
{
    return !o->exited && o->code == SIGABRT &&
           strstr(o->text, "gt: fatal: no memory for the stack of task");
}

/* Fail call 1, 2, 3, ... until the workload makes fewer. */
static void fail_each(unsigned what, const char *guard)
{
    for (int ever = 0; ever < 2; ever++) {
        int at = 0, fatal = 0;
        for (;;) {
            struct plan p = {what, ++at, ever, guard};
            struct outcome o = in_child(start_and_work, &p);
            if (o.exited && o.code == FINE_NOT_REACHED)
                break;
            fatal += documented_fatal(&o);
            if (!(o.exited && o.code == FINE_AND_FAILED) && !documented_fatal(&o))
                fail_msg("call %d fails%s: %s %d: %s", at, ever ? " and all later ones" : "",
                         o.exited ? "exit" : "signal", o.code, o.text);
            assert_true(at < 5000);
        }
        print_message("%d points%s, %d fatal\n", at - 1, ever ? " for ever" : "", fatal);
    }
}

static void every_failing_allocation_is_met(void **state)
{
    (void)state;
    fail_each(WRAP_MALLOC, NULL);
}

static void every_failing_mmap_is_met(void **state)
{
    (void)state;
    fail_each(WRAP_MMAP, NULL);
    fail_each(WRAP_MMAP, "mprotect");
}

static void every_failing_guard_is_met(void **state)
{
    (void)state;
    fail_each(WRAP_MADVISE, NULL);
    fail_each(WRAP_MADVISE | WRAP_MPROTECT, NULL);
}

static void every_failing_mprotect_is_met(void **state)
{
    (void)state;
    struct plan some = {WRAP_MPROTECT, 1, false, "mprotect"};
    /* One mprotect per stack: a sample of the many points, then the edges. */
    for (int ever = 0; ever < 2; ever++)
        for (some.at = 1; some.at < 900; some.at += some.at < 70 ? 1 : 37) {
            some.for_ever = ever;
            struct outcome o = in_child(start_and_work, &some);
            if (!o.exited || (o.code != FINE_AND_FAILED && o.code != FINE_NOT_REACHED))
                fail_msg("call %d: %s %d: %s", some.at, o.exited ? "exit" : "signal", o.code,
                         o.text);
        }
    struct plan canary = {WRAP_MPROTECT, 1, true, "canary"};
    struct outcome o = in_child(start_and_work, &canary);
    assert_true(o.exited && o.code == FINE_AND_FAILED);
}

static void every_failing_thread_leaves_nothing_behind(void **state)
{
    (void)state;
    fail_each(WRAP_THREAD, NULL);
}

static void start_with_few_threads(void *arg)
{
    int at = *(int *)arg;
    gt_config config = {.workers = 8};
    wrap_arm(WRAP_THREAD, at, false);
    CHECK(gt_start(&config) == -EAGAIN);
    CHECK(strstr(gt_start_error(), "pthread_create"));
    CHECK(wrap_blocks() == 0 && wrap_mapped() == 0);
    CHECK(mapping_count() > 0);
    wrap_arm(0, 0, false);
    CHECK(gt_start(&config) == 0);
    CHECK(gt_stop() == 0);
}

static void pthread_create_eagain_during_start_is_returned_and_named(void **state)
{
    (void)state;
    for (int at = 1; at <= 8; at++)
        assert_fine(start_with_few_threads, &at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failing_allocation_is_met),
        cmocka_unit_test(every_failing_mmap_is_met),
        cmocka_unit_test(every_failing_guard_is_met),
        cmocka_unit_test(every_failing_mprotect_is_met),
        cmocka_unit_test(every_failing_thread_leaves_nothing_behind),
        cmocka_unit_test(pthread_create_eagain_during_start_is_returned_and_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
