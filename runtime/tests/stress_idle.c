/* Workers that sleep and wake all the time: no wake-up is lost.
 *
 * Work comes in bursts from every direction (tasks, threads outside, bound
 * tasks, timers), with gaps as long as a worker takes to fall asleep, give or
 * take. A lost wake-up would often be made good by the worker that lost it,
 * when it next looks at its queue; so some phases keep it busy: a task that
 * publishes another spins until that one has run elsewhere. */
#include "stress.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_WORKERS 8

static void pause_for(int64_t ns)
{
    int64_t until = gt_now() + ns;
    while (gt_now() < until)
        continue;
}

/* 0 to about 150 us, most often near the time that workers spin. */
static void gap(uint64_t *random, int64_t spin_ns)
{
    uint64_t r = next_random(random);
    int64_t around = spin_ns > 0 ? spin_ns : 2000;
    switch (r % 4) {
    case 0:
        break;
    case 1:
        pause_for((int64_t)((r >> 8) % 150000));
        break;
    case 2:
        pause_for(around + (int64_t)((r >> 8) % 8000) - 2000);
        break;
    default: { /* give the CPU away */
        struct timespec ts = {0, (long)((r >> 8) % 100000)};
        nanosleep(&ts, NULL);
    }
    }
}

static atomic_int flag;

static void set_flag(void *arg)
{
    (void)arg;
    atomic_store(&flag, 1);
}

static void nothing(void *arg)
{
    (void)arg;
}

/* Spins without giving up the worker: somebody else must run the other. */
static void spin_for_flag(void)
{
    while (!atomic_load_explicit(&flag, memory_order_acquire))
        continue;
}

struct config {
    int workers;
    int64_t spin_ns;
    uint64_t random;
    uint64_t rounds;
};

/* ---- a task publishes, and stays busy ------------------------------------- */

static void publish_and_spin(void *arg)
{
    struct config *c = arg;
    for (uint64_t i = 0; i < c->rounds; i++) {
        gt_group group = {0};
        atomic_store(&flag, 0);
        gap(&c->random, c->spin_ns);
        /* The second takes the run-next slot, and the first goes to the queue
         * that others may steal from. */
        spawn(&group, set_flag, NULL);
        spawn(&group, nothing, NULL);
        spin_for_flag();
        CHECK(gt_group_wait(&group) == 0);
    }
}

static void publish_bound_and_spin(void *arg)
{
    struct config *c = arg;
    for (uint64_t i = 0; i < c->rounds; i++) {
        gt_group group = {0};
        atomic_store(&flag, 0);
        gap(&c->random, c->spin_ns);
        gt_attr attr = {.flags = GT_BOUND};
        attr.worker =
            (gt_worker() + 1 + (int)(next_random(&c->random) % (uint64_t)(c->workers - 1))) %
            c->workers;
        CHECK(gt_group_spawn(&group, set_flag, NULL, &attr) == 0);
        spin_for_flag();
        CHECK(gt_group_wait(&group) == 0);
    }
}

static void run_task(struct config *c, gt_fn *fn, const char *what)
{
    gt_group group = {0};
    stress_phase("%s, workers %d, spin %d ns", what, c->workers, (int)c->spin_ns);
    start(c->workers, c->spin_ns);
    spawn(&group, fn, c);
    CHECK(gt_group_wait(&group) == 0);
    stop();
}

/* ---- a thread outside publishes, and all workers but one are busy --------- */

static atomic_int hogs;

static void hog(void *arg)
{
    (void)arg;
    atomic_fetch_add(&hogs, 1);
    spin_for_flag();
}

static void inject_beside_hogs(struct config *c)
{
    stress_phase("injection beside hogs, workers %d, spin %d ns", c->workers, (int)c->spin_ns);
    start(c->workers, c->spin_ns);
    for (uint64_t i = 0; i < c->rounds; i++) {
        gt_group group = {0};
        int busy = (int)(next_random(&c->random) % (uint64_t)c->workers);
        atomic_store(&flag, 0);
        atomic_store(&hogs, 0);
        for (int k = 0; k < busy; k++)
            spawn(&group, hog, NULL);
        while (atomic_load(&hogs) < busy) /* each on a worker of its own */
            continue;
        gap(&c->random, c->spin_ns);
        spawn(&group, set_flag, NULL);
        CHECK(gt_group_wait(&group) == 0);
    }
    stop();
}

/* ---- bursts from everywhere ----------------------------------------------- */

static gt_chan *pipe_chan;
static atomic_llong done;

static void count(void *arg)
{
    (void)arg;
    atomic_fetch_add(&done, 1);
}

static void echo(void *arg)
{
    uint64_t v;
    (void)arg;
    while (gt_chan_recv(pipe_chan, &v) == 0)
        atomic_fetch_add(&done, 1);
}

static void sleep_and_count(void *arg)
{
    gt_sleep_until(gt_now() + (int64_t)(uintptr_t)arg);
    atomic_fetch_add(&done, 1);
}

static void spawn_more(void *arg)
{
    gt_group *group = arg;
    for (int i = 0; i < 3; i++)
        spawn(group, count, NULL);
}

/* One burst; returns how many counts it will make. */
static long long burst(struct config *c, gt_group *group)
{
    uint64_t r = next_random(&c->random), v = r;
    int n = 1 + (int)((r >> 8) % 6);
    for (int i = 0; i < n; i++) {
        gt_attr bound = {.flags = GT_BOUND,
                         .worker = (int)(((r >> 16) + (uint64_t)i) % (uint64_t)c->workers)};
        switch ((r >> 32) % 5) {
        case 0:
            spawn(group, count, NULL);
            break;
        case 1:
            CHECK(gt_group_spawn(group, count, NULL, &bound) == 0);
            break;
        case 2:
            CHECK(gt_chan_send(pipe_chan, &v) == 0);
            break;
        case 3:
            spawn(group, sleep_and_count, (void *)(uintptr_t)((r >> 40) % 100000));
            break;
        default:
            spawn(group, spawn_more, group);
        }
    }
    return (r >> 32) % 5 == 4 ? 3 * n : n;
}

static void *bursts(void *arg)
{
    struct config *c = arg;
    for (uint64_t i = 0; i < c->rounds; i++) {
        gt_group group = {0};
        gap(&c->random, c->spin_ns);
        long long n = burst(c, &group);
        CHECK(gt_group_wait(&group) == 0);
        /* What went through the channel is not in the group. */
        atomic_fetch_sub(&done, n);
    }
    return NULL;
}

static void bursts_from_everywhere(struct config *c, int threads)
{
    struct config configs[4];
    pthread_t thread[4];
    gt_group echoes = {0};
    stress_phase("bursts from %d threads, workers %d, spin %d ns", threads, c->workers,
                 (int)c->spin_ns);
    pipe_chan = gt_chan_create(8, c->random % 3);
    CHECK(pipe_chan);
    atomic_store(&done, 0);
    start(c->workers, c->spin_ns);
    for (int i = 0; i < 3; i++)
        spawn(&echoes, echo, NULL);
    for (int i = 0; i < threads; i++) {
        configs[i] = *c;
        configs[i].random = next_random(&c->random);
        thread[i] = outside(bursts, &configs[i]);
    }
    for (int i = 0; i < threads; i++)
        join(thread[i]);
    gt_chan_close(pipe_chan);
    CHECK(gt_group_wait(&echoes) == 0);
    CHECK(atomic_load(&done) == 0);
    stop();
    gt_chan_destroy(pipe_chan);
}

int main(void)
{
    static const int workers[] = {1, 2, 3, 4, MAX_WORKERS};
    static const int64_t spins[] = {-1, 2000, 50000};
    stress_begin("stress_idle");
    for (size_t w = 0; w < COUNT_OF(workers); w++)
        for (size_t s = 0; s < COUNT_OF(spins); s++) {
            struct config c = {workers[w], spins[s], random_stream(w * 10 + s), 0};
            c.rounds = stress_amount(1000, 100);
            if (c.workers > 1) {
                run_task(&c, publish_and_spin, "publish and spin");
                run_task(&c, publish_bound_and_spin, "publish bound and spin");
                /* Hogs on more workers than CPUs make each round slow. */
                c.rounds = stress_amount(c.workers <= 2 ? 1000 : 100, 30);
                inject_beside_hogs(&c);
            }
            c.rounds = stress_amount(1000, 100);
            bursts_from_everywhere(&c, 1);
            bursts_from_everywhere(&c, 3);
        }
    return stress_end();
}
