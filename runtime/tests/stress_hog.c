/* Everything at once: channels, select, timers, deadlines, descriptors,
 * blocking calls, threads outside, and hogs of all lengths among them, which
 * the monitor finds at any point of what they do. With a large GT_STRESS_SCALE
 * it is a soak test: each phase starts a runtime, and what a phase holds does
 * not grow with the scale. */
#include "stress.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint64_t rounds, repetition;
static atomic_llong done;
static atomic_int over;
static gt_chan *ring[4];
static gt_mutex mutex;
static long long guarded;
static int ends[4][2];

static void hog_for(int64_t ns)
{
    int64_t until = gt_now() + ns;
    while (gt_now() < until)
        continue;
}

static void count(void *arg)
{
    (void)arg;
    atomic_fetch_add(&done, 1);
}

static void count_bound(void *arg)
{
    CHECK(gt_worker() == (int)(intptr_t)arg);
    atomic_fetch_add(&done, 1);
}

static void nap_in_the_kernel(void *arg)
{
    struct timespec ts = {0, *(long *)arg};
    nanosleep(&ts, NULL);
}

static void use_select(uint64_t r)
{
    uint64_t out = r, in;
    gt_case cases[] = {{.chan = ring[r % 4], .op = GT_SEND, .elem = &out},
                       {.chan = ring[(r + 1) % 4], .op = GT_RECV, .elem = &in},
                       {.chan = ring[(r + 2) % 4], .op = GT_RECV, .elem = &in}};
    int which = gt_select(cases, 3, gt_now() + (int64_t)((r >> 8) % 100000));
    CHECK(which == -ETIMEDOUT || (which >= 0 && which < 3 && cases[which].result == 0));
}

static void use_descriptor(uint64_t r)
{
    char c = 'h';
    int *pair = ends[r % 4];
    int64_t deadline = gt_now() + (int64_t)((r >> 8) % 100000), n;
    n = r & 16 ? gt_write(pair[0], &c, 1, deadline) : gt_read(pair[1], &c, 1, deadline);
    CHECK(n == 1 || n == -ETIMEDOUT);
}

static void use_lock(uint64_t r)
{
    if (gt_mutex_lock_until(&mutex, gt_now() + (int64_t)((r >> 8) % 1000000)) == 0) {
        guarded++;
        if (r & 16)
            gt_yield();
        gt_mutex_unlock(&mutex);
    }
}

/* One of everything; what it spawns is counted in *ret_spawned. */
static void act(uint64_t r, gt_group *group, long long *ret_spawned)
{
    gt_attr bound = {.flags = GT_BOUND, .worker = (int)((r >> 8) % (unsigned)gt_workers())};
    long nap = (long)((r >> 8) % 100000);
    switch (r % 10) {
    case 0:
        hog_for((int64_t)((r >> 8) % (r & 1024 ? 3000000 : 50000)));
        break;
    case 1:
        CHECK(gt_blocking(nap_in_the_kernel, &nap, GT_NEVER) == 0);
        break;
    case 2:
        gt_sleep_until(gt_now() + nap);
        break;
    case 3:
        use_select(r >> 4);
        break;
    case 4:
        use_descriptor(r >> 4);
        break;
    case 5:
        use_lock(r >> 4);
        break;
    case 6:
    case 7:
        spawn(group, count, NULL);
        ++*ret_spawned;
        break;
    case 8:
        /* With one worker a task bound to it runs on its spares too. */
        if (gt_workers() > 1) {
            void *worker = (void *)(intptr_t)bound.worker;
            CHECK(gt_group_spawn(group, count_bound, worker, &bound) == 0);
            ++*ret_spawned;
        }
        break;
    default:
        gt_yield();
    }
}

static void player(void *arg)
{
    uint64_t random = random_stream(10000 * repetition + (uint64_t)(uintptr_t)arg);
    long long spawned = 0;
    gt_group group = {0};
    for (uint64_t i = 0; i < rounds; i++)
        act(next_random(&random), &group, &spawned);
    CHECK(gt_group_wait(&group) == 0);
    atomic_fetch_sub(&done, spawned);
}

static void *player_outside(void *arg)
{
    uint64_t random = random_stream(10000 * repetition + (uint64_t)(uintptr_t)arg);
    long long spawned = 0;
    gt_group group = {0};
    for (uint64_t i = 0; i < rounds; i++) {
        act(next_random(&random), &group, &spawned);
        struct timespec ts = {0, (long)(next_random(&random) % 50000)};
        nanosleep(&ts, NULL);
    }
    CHECK(gt_group_wait(&group) == 0);
    atomic_fetch_sub(&done, spawned);
    return NULL;
}

static void sleeper(void *arg)
{
    (void)arg;
    while (!atomic_load(&over)) {
        int64_t deadline = gt_now() + 500000;
        gt_sleep_until(deadline);
        CHECK(gt_now() >= deadline);
    }
}

static void make_things(void)
{
    for (int i = 0; i < 4; i++) {
        ring[i] = gt_chan_create(sizeof(uint64_t), (size_t)i % 3);
        CHECK(ring[i]);
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends[i]) == 0);
    }
    mutex = (gt_mutex){0}; /* whoever waited for it is gone */
    guarded = 0;
    atomic_store(&done, 0);
    atomic_store(&over, 0);
}

static void destroy_things(void)
{
    for (int i = 0; i < 4; i++) {
        gt_chan_destroy(ring[i]);
        close(ends[i][0]);
        close(ends[i][1]);
    }
}

/* So many of them that rows of them have their turns again (cohort.h). */
static void yielder(void *arg)
{
    (void)arg;
    while (!atomic_load(&over))
        gt_yield();
}

static void run(int workers, int64_t hog_ns, int players, int yielders)
{
    gt_group group = {0}, others = {0};
    gt_config config = {.workers = workers, .hog_ns = hog_ns};
    stress_phase("workers %d, hog_ns %d, %d players, %d yielders", workers, (int)hog_ns, players,
                 yielders);
    make_things();
    CHECK(gt_start(&config) == 0);
    pthread_t thread = outside(player_outside, (void *)(uintptr_t)1000);
    for (int i = 0; i < 3; i++)
        spawn(&others, sleeper, NULL);
    for (int i = 0; i < yielders; i++)
        spawn(&others, yielder, NULL);
    for (int i = 0; i < players; i++)
        spawn(&group, player, (void *)(uintptr_t)(unsigned)i);
    CHECK(gt_group_wait(&group) == 0);
    join(thread);
    atomic_store(&over, 1);
    CHECK(gt_group_wait(&others) == 0);
    CHECK(atomic_load(&done) == 0);
    stop();
    destroy_things();
}

/* ---- stopped in the middle of it ------------------------------------------------ */

static atomic_int born;

static void endless_player(void *arg)
{
    uint64_t random = random_stream(20000 * repetition + (uint64_t)(uintptr_t)arg);
    atomic_fetch_add(&born, 1);
    for (;;) {
        uint64_t r = next_random(&random);
        long nap = (long)((r >> 8) % 100000);
        switch (r % 6) {
        case 0:
            hog_for((int64_t)((r >> 8) % 400000));
            break;
        case 1:
            CHECK(gt_blocking(nap_in_the_kernel, &nap, GT_NEVER) == 0);
            break;
        case 2:
            gt_sleep_until(gt_now() + nap);
            break;
        case 3:
            use_lock(r >> 4);
            break;
        case 4:
            use_descriptor(r >> 4);
            break;
        default:
            gt_yield();
        }
    }
}

static void stop_in_the_middle(int workers)
{
    uint64_t random = random_stream(30000 + repetition);
    for (uint64_t i = 0; i < rounds / 5; i++) {
        gt_config config = {.workers = workers, .hog_ns = 200000};
        int players = 1 + (int)(next_random(&random) % 8);
        stress_phase("stop number %d, workers %d", (int)i, workers);
        make_things();
        atomic_store(&born, 0);
        CHECK(gt_start(&config) == 0);
        for (int k = 0; k < players; k++)
            CHECK(gt_spawn(endless_player, (void *)(uintptr_t)(i * 10 + (unsigned)k), NULL) == 0);
        int64_t until = gt_now() + (int64_t)(next_random(&random) % 15000000);
        while (atomic_load(&born) < players)
            gt_yield();
        if (next_random(&random) % 4)
            gt_sleep_until(until);
        CHECK(gt_stop() == players);
        destroy_things();
    }
}

int main(void)
{
    static const int workers[] = {1, 2, 4};
    static const int64_t hogs[] = {100000, 1000000, -1};
    stress_begin("stress_hog");
    /* Again and again, so that phases stay short however long it runs. */
    for (uint64_t n = stress_amount(1, 1); repetition < n; repetition++) {
        rounds = SANITIZED ? 30 : 100;
        for (size_t w = 0; w < COUNT_OF(workers); w++)
            stop_in_the_middle(workers[w]);
        for (size_t w = 0; w < COUNT_OF(workers); w++)
            for (size_t h = 0; h < COUNT_OF(hogs); h++) {
                run(workers[w], hogs[h], 2, 0);
                run(workers[w], hogs[h], 20, 0);
                run(workers[w], hogs[h], 20, 3000);
            }
    }
    return stress_end();
}
