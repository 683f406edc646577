/* Blocking calls of all lengths, beside sleepers, channels and threads outside:
 * spares come, stand down and come back, and nothing is lost in between. */
#include "stress.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

static uint64_t rounds;
static atomic_llong done;
static atomic_int over;
static gt_chan *chan;

/* 0 to about 20 ms: shorter than the monitor's look, as long, and longer than
 * spares linger. */
static void block_for_a_while(void *arg)
{
    uint64_t r = *(uint64_t *)arg;
    uint64_t most = r % 16 == 0 ? 20000000 : r % 4 == 0 ? 200000 : 30000;
    struct timespec ts = {0, (long)((r >> 8) % most)};
    if (r % 8)
        nanosleep(&ts, NULL);
    if (r % 5 == 0) { /* between begin and end it is a thread outside */
        CHECK(gt_worker() == -1);
        CHECK(gt_chan_send(chan, &r) == 0);
    }
}

static void blocker(void *arg)
{
    uint64_t random = random_stream((uint64_t)(uintptr_t)arg);
    for (uint64_t i = 0; i < rounds; i++) {
        uint64_t r = next_random(&random);
        int64_t deadline = r % 3 ? GT_NEVER : gt_now() + (int64_t)((r >> 16) % 300000);
        int err = gt_blocking(block_for_a_while, &r, deadline);
        CHECK(err == 0 || (err == -ETIMEDOUT && deadline != GT_NEVER));
        CHECK(gt_worker() >= 0);
        if (next_random(&random) % 4 == 0)
            gt_sleep_until(gt_now() + (int64_t)(next_random(&random) % 500000));
        else if (next_random(&random) % 2)
            gt_yield();
        atomic_fetch_add(&done, 1);
    }
}

static void napper(void *arg)
{
    uint64_t random = random_stream(100 + (uint64_t)(uintptr_t)arg);
    while (!atomic_load(&over)) {
        int64_t deadline = gt_now() + (int64_t)(next_random(&random) % 1000000);
        gt_sleep_until(deadline);
        CHECK(gt_now() >= deadline);
    }
}

static void drain(void *arg)
{
    uint64_t v;
    (void)arg;
    while (gt_chan_recv(chan, &v) == 0)
        continue;
}

static void bound_napper(void *arg)
{
    int worker = (int)(intptr_t)arg;
    while (!atomic_load(&over)) {
        CHECK(gt_worker() == worker);
        gt_sleep_until(gt_now() + 300000);
        CHECK(gt_worker() == worker);
        gt_yield();
    }
}

static void run(int workers, int spares, int blockers)
{
    gt_group group = {0}, others = {0};
    gt_config config = {.workers = workers, .spares = spares};
    stress_phase("workers %d, spares %d, %d blockers", workers, spares, blockers);
    atomic_store(&done, 0);
    atomic_store(&over, 0);
    chan = gt_chan_create(sizeof(uint64_t), 2);
    CHECK(chan);
    CHECK(gt_start(&config) == 0);
    spawn(&others, drain, NULL);
    for (uintptr_t i = 0; i < 3; i++)
        spawn(&others, napper, (void *)i);
    for (int i = 0; i < workers; i++) {
        gt_attr attr = {.flags = GT_BOUND, .worker = i};
        if (workers > 1) /* with one, every task is at home on its spares too */
            CHECK(gt_group_spawn(&others, bound_napper, (void *)(intptr_t)i, &attr) == 0);
    }
    for (int i = 0; i < blockers; i++)
        spawn(&group, blocker, (void *)(uintptr_t)(unsigned)i);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(atomic_load(&done) == (long long)(rounds * (uint64_t)blockers));
    atomic_store(&over, 1);
    gt_chan_close(chan);
    CHECK(gt_group_wait(&others) == 0);
    gt_stats s;
    gt_get_stats(&s);
    CHECK(s.spares <= spares);
    stop();
    gt_chan_destroy(chan);
}

int main(void)
{
    static const int workers[] = {1, 2, 4};
    static const int spares[] = {1, 3, 64};
    stress_begin("stress_blocking");
    for (size_t w = 0; w < COUNT_OF(workers); w++)
        for (size_t s = 0; s < COUNT_OF(spares); s++) {
            rounds = stress_amount(40, 10);
            run(workers[w], spares[s], 1);
            run(workers[w], spares[s], 12);
        }
    return stress_end();
}
