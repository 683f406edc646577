/* See things.h. */
#include "things.h"

#include <errno.h>
#include <string.h>

static gt_group group, members;
static gt_chan *chan, *full;
static gt_mutex mutex;
static gt_rwmutex rw;
static gt_sem sem, gate;
static gt_waitgroup wg;
static gt_cond cond;
static gt_once once;
static bool flag;
static uint64_t sent, got;
static atomic_int started;

/* ---- channels and select -------------------------------------------------- */

static void make_chan(void)
{
    chan = gt_chan_create(sizeof sent, 1);
    CHECK(chan);
}

static void block_send(void)
{
    make_chan();
    CHECK(gt_chan_send(chan, &sent) == 0);
    sent++;
}

/* The number is used up if it was sent, and only then. */
static int wait_send(int64_t deadline)
{
    int result = gt_chan_send_until(chan, &sent, deadline);
    sent += result == 0;
    return result;
}

static void receive_next(void)
{
    uint64_t n;
    CHECK(gt_chan_try_recv(chan, &n) == 0);
    CHECK(n == got++);
}

static int wait_recv(int64_t deadline)
{
    uint64_t n = UINT64_MAX;
    int result = gt_chan_recv_until(chan, &n, deadline);
    CHECK(n == (result == 0 ? got++ : UINT64_MAX));
    return result;
}

static void send_next(void)
{
    uint64_t n = sent++;
    CHECK(gt_chan_try_send(chan, &n) == 0);
}

static void block_select(void)
{
    make_chan();
    full = gt_chan_create(1, 0);
}

static int wait_select(int64_t deadline)
{
    uint64_t n = UINT64_MAX;
    char c = 0;
    gt_case cases[] = {{.chan = full, .op = GT_SEND, .elem = &c},
                       {.op = GT_OFF},
                       {.chan = chan, .op = GT_RECV, .elem = &n}};
    int result = gt_select(cases, 3, deadline);
    CHECK(result == 2 || result == -ETIMEDOUT);
    CHECK(n == (result == 2 ? got++ : UINT64_MAX));
    return result == 2 ? cases[2].result : result;
}

/* ---- locks ------------------------------------------------------------------ */

static void block_mutex(void)
{
    gt_mutex_lock(&mutex);
}

static int wait_mutex(int64_t deadline)
{
    int result = gt_mutex_lock_until(&mutex, deadline);
    if (result == 0)
        gt_mutex_unlock(&mutex);
    return result;
}

static void wake_mutex(void)
{
    gt_mutex_unlock(&mutex);
}

static void block_reader(void)
{
    gt_rwmutex_wrlock(&rw);
}

static int wait_reader(int64_t deadline)
{
    int result = gt_rwmutex_rdlock_until(&rw, deadline);
    if (result == 0)
        gt_rwmutex_rdunlock(&rw);
    return result;
}

static void wake_reader(void)
{
    gt_rwmutex_wrunlock(&rw);
}

static void block_writer(void)
{
    gt_rwmutex_rdlock(&rw);
}

static int wait_writer(int64_t deadline)
{
    int result = gt_rwmutex_wrlock_until(&rw, deadline);
    if (result == 0)
        gt_rwmutex_wrunlock(&rw);
    return result;
}

static void wake_writer(void)
{
    gt_rwmutex_rdunlock(&rw);
}

/* ---- counters, conditions, once, groups ------------------------------------- */

static void block_sem(void)
{
    gt_sem_init(&sem, 0);
}

static int wait_sem(int64_t deadline)
{
    return gt_sem_wait_until(&sem, deadline);
}

static void wake_sem(void)
{
    gt_sem_post(&sem);
}

static void block_waitgroup(void)
{
    gt_waitgroup_add(&wg, 1);
}

static int wait_waitgroup(int64_t deadline)
{
    return gt_waitgroup_wait_until(&wg, deadline);
}

static void wake_waitgroup(void)
{
    gt_waitgroup_done(&wg);
}

static void block_cond(void)
{
    flag = false;
}

static int wait_cond(int64_t deadline)
{
    int result = 0;
    gt_mutex_lock(&mutex);
    while (!flag && result == 0)
        result = gt_cond_wait_until(&cond, &mutex, deadline);
    if (flag)
        result = 0;
    flag = false;
    gt_mutex_unlock(&mutex);
    return result;
}

static void wake_cond(void)
{
    gt_mutex_lock(&mutex);
    flag = true;
    gt_cond_signal(&cond);
    gt_mutex_unlock(&mutex);
}

static void wait_at_gate(void *arg)
{
    (void)arg;
    atomic_fetch_add(&started, 1);
    gt_sem_wait(&gate);
}

static void run_once(void *arg)
{
    gt_once_run(&once, wait_at_gate, arg);
}

static void block_once(void)
{
    memset(&once, 0, sizeof once);
    atomic_store(&started, 0);
    CHECK(gt_group_spawn(&members, run_once, NULL, NULL) == 0);
    await(&started, 1);
}

static int wait_once(int64_t deadline)
{
    return gt_once_run_until(&once, wait_at_gate, NULL, deadline);
}

static void block_group(void)
{
    CHECK(gt_group_spawn(&group, wait_at_gate, NULL, NULL) == 0);
    gt_yield();
}

static int wait_group(int64_t deadline)
{
    return gt_group_wait_until(&group, deadline);
}

static void wake_gate(void)
{
    gt_sem_post(&gate);
}

const struct thing things[THINGS] = {
    {"send", block_send, wait_send, receive_next, false},
    {"receive", make_chan, wait_recv, send_next, false},
    {"select", block_select, wait_select, send_next, false},
    {"mutex", block_mutex, wait_mutex, wake_mutex, true},
    {"reader", block_reader, wait_reader, wake_reader, true},
    {"writer", block_writer, wait_writer, wake_writer, true},
    {"semaphore", block_sem, wait_sem, wake_sem, false},
    {"wait group", block_waitgroup, wait_waitgroup, wake_waitgroup, true},
    {"condition", block_cond, wait_cond, wake_cond, false},
    {"once", block_once, wait_once, wake_gate, true},
    {"group", block_group, wait_group, wake_gate, true},
};

void things_begin(void)
{
    sent = got = 0;
}

void things_end(void)
{
    CHECK(gt_group_wait(&members) == 0);
    gt_chan_destroy(chan);
    gt_chan_destroy(full);
    chan = full = NULL;
}

bool is_group(const struct thing *thing)
{
    return thing->wait == wait_group;
}

bool is_cond(const struct thing *thing)
{
    return thing->wait == wait_cond;
}
