/* Misuse that would corrupt, and that no other test has: each ends the process
 * with a line that names the call. */
#include "common.h"

#include <string.h>

static gt_mutex mutex;
static gt_group group;
static gt_sem go;

static void lock_twice(void *arg)
{
    (void)arg;
    gt_mutex_lock(&mutex);
    gt_mutex_lock(&mutex);
}

static void lock_twice_until(void *arg)
{
    (void)arg;
    gt_mutex_lock(&mutex);
    gt_mutex_lock_until(&mutex, gt_now() + 3600 * INT64_C(1000000000));
}

static void in_task(void *arg)
{
    run_on(1, *(gt_fn **)arg, NULL);
}

static void locking_a_mutex_twice_is_fatal(void **state)
{
    gt_fn *const ways[] = {lock_twice, lock_twice_until};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        gt_fn *fn = ways[i];
        assert_fatal(in_task, &fn, "gt_mutex_lock");
        assert_fatal(fn, NULL, "gt_mutex_lock"); /* a thread outside */
    }
}

static void wait_to_go(void *arg)
{
    (void)arg;
    gt_sem_wait(&go);
}

static void overwrite_group(void *arg)
{
    CHECK(gt_start(&(gt_config){.workers = *(int *)arg}) == 0);
    CHECK(gt_group_spawn(&group, wait_to_go, NULL, NULL) == 0);
    memset(&group, 0, sizeof group);
    gt_sem_post(&go);
    gt_stats s;
    do
        gt_get_stats(&s);
    while (s.live > 0);
    gt_stop();
}

static void overwriting_a_group_in_use_is_fatal(void **state)
{
    (void)state;
    for (int workers = 1; workers <= 2; workers++)
        assert_fatal(overwrite_group, &workers, "a group's count fell below 0");
}

/* ---- channels that were destroyed ------------------------------------------------- */

static gt_chan *gone;

static void lose_channel(void)
{
    gone = gt_chan_create(8, 0);
    CHECK(gone);
    gt_chan_destroy(gone);
}

static void destroy_again(void *arg)
{
    (void)arg;
    lose_channel();
    gt_chan_destroy(gone);
}

static void destroy_again_later(void *arg)
{
    gt_chan *other = gt_chan_create(8, 0);
    (void)arg;
    lose_channel();
    gt_chan_destroy(other);
    gt_chan_destroy(gone);
}

static void send_to_gone(void *arg)
{
    uint64_t v = 1;
    (void)arg;
    lose_channel();
    gt_chan_send(gone, &v);
}

static void receive_from_gone(void *arg)
{
    uint64_t v;
    (void)arg;
    lose_channel();
    gt_chan_recv(gone, &v);
}

static void try_to_send_to_gone(void *arg)
{
    uint64_t v = 1;
    (void)arg;
    lose_channel();
    gt_chan_try_send(gone, &v);
}

static void try_to_receive_from_gone(void *arg)
{
    uint64_t v;
    (void)arg;
    lose_channel();
    gt_chan_try_recv(gone, &v);
}

static void send_to_gone_until(void *arg)
{
    uint64_t v = 1;
    (void)arg;
    lose_channel();
    gt_chan_send_until(gone, &v, GT_NEVER);
}

static void receive_from_gone_until(void *arg)
{
    uint64_t v;
    (void)arg;
    lose_channel();
    gt_chan_recv_until(gone, &v, GT_NEVER);
}

static void close_gone(void *arg)
{
    (void)arg;
    lose_channel();
    gt_chan_close(gone);
}

static void select_from_gone(void *arg)
{
    uint64_t v;
    (void)arg;
    lose_channel();
    gt_select(&(gt_case){.chan = gone, .op = GT_RECV, .elem = &v}, 1, GT_NEVER);
}

/* A sanitizer sees it first. */
static void assert_gone_is_noticed(gt_fn *fn, const char *text)
{
    if (!UNDER_ASAN && !UNDER_TSAN) {
        assert_fatal(in_task, &fn, text);
        return;
    }
    struct outcome o = in_child(in_task, &fn);
    if (!strstr(o.text, "heap-use-after-free"))
        fail_msg("%s: %s %d: %s", text, o.exited ? "exit" : "signal", o.code, o.text);
}

static void using_a_channel_that_was_destroyed_is_fatal(void **state)
{
    static const struct {
        gt_fn *fn;
        const char *text;
    } ways[] = {{destroy_again, "gt_chan_destroy: the channel is destroyed already"},
                {destroy_again_later, "gt_chan_destroy: the channel is destroyed already"},
                {send_to_gone, "gt_chan_send: the channel is destroyed"},
                {receive_from_gone, "gt_chan_recv: the channel is destroyed"},
                {try_to_send_to_gone, "gt_chan_try_send: the channel is destroyed"},
                {try_to_receive_from_gone, "gt_chan_try_recv: the channel is destroyed"},
                {send_to_gone_until, "gt_chan_send_until: the channel is destroyed"},
                {receive_from_gone_until, "gt_chan_recv_until: the channel is destroyed"},
                {close_gone, "gt_chan_close: the channel is destroyed"},
                {select_from_gone, "gt_select: the channel is destroyed"}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ways); i++)
        assert_gone_is_noticed(ways[i].fn, ways[i].text);
}

static void return_from_a_blocking_call(void *arg)
{
    (void)arg;
    CHECK(gt_blocking_begin(GT_NEVER) == 0);
}

static void leave_such_a_local(void *arg)
{
    gt_local key;
    (void)arg;
    CHECK(gt_local_create(&key, return_from_a_blocking_call) == 0);
    CHECK(gt_local_set(key, &group) == 0);
}

static void a_task_that_returns_from_within_a_blocking_call_is_fatal(void **state)
{
    gt_fn *const ways[] = {return_from_a_blocking_call, leave_such_a_local};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        gt_fn *fn = ways[i];
        assert_fatal(in_task, &fn, "gt_blocking_end()");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(locking_a_mutex_twice_is_fatal),
        cmocka_unit_test(overwriting_a_group_in_use_is_fatal),
        cmocka_unit_test(using_a_channel_that_was_destroyed_is_fatal),
        cmocka_unit_test(a_task_that_returns_from_within_a_blocking_call_is_fatal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
