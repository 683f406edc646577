/* Sleepers: none wakes early, none is forgotten, whatever else goes on. */
#include "stress.h"

#include <stdlib.h>

static uint64_t naps;
static atomic_llong slept;
static atomic_int stop_others;

/* Mostly short, sometimes 0, past or several milliseconds. */
static int64_t random_nap(uint64_t *random)
{
    uint64_t r = next_random(random);
    switch (r % 16) {
    case 0:
        return 0;
    case 1:
        return -(int64_t)(r >> 8) % 1000000;
    case 2:
        return (int64_t)((r >> 8) % 5000000);
    default:
        return (int64_t)((r >> 8) % 200000);
    }
}

static void napper(void *arg)
{
    uint64_t random = random_stream((uint64_t)(uintptr_t)arg);
    for (uint64_t i = 0; i < naps; i++) {
        int64_t deadline = gt_now() + random_nap(&random);
        gt_sleep_until(deadline);
        CHECK(gt_now() >= deadline);
        atomic_fetch_add(&slept, 1);
        if (next_random(&random) % 4 == 0)
            gt_yield();
    }
}

static void *napper_outside(void *arg)
{
    napper(arg);
    return NULL;
}

static void yielder(void *arg)
{
    (void)arg;
    while (!atomic_load(&stop_others))
        gt_yield();
}

static gt_sem ball[2];

static void player(void *arg)
{
    size_t me = (size_t)(uintptr_t)arg;
    while (!atomic_load(&stop_others)) {
        gt_sem_post(&ball[1 - me]);
        gt_sem_wait(&ball[me]);
    }
    gt_sem_post(&ball[1 - me]);
}

static void run(int workers, int nappers, int yielders, bool players)
{
    gt_group sleeping = {0}, others = {0};
    stress_phase("workers %d, %d nappers, %d yielders, players %d", workers, nappers, yielders,
                 players);
    atomic_store(&slept, 0);
    atomic_store(&stop_others, 0);
    gt_sem_init(&ball[0], 0);
    gt_sem_init(&ball[1], 0);
    start(workers, workers % 2 ? -1 : 0);
    pthread_t thread = outside(napper_outside, (void *)(uintptr_t)9999);
    for (int i = 0; i < nappers; i++)
        spawn(&sleeping, napper, (void *)(uintptr_t)i);
    for (int i = 0; i < yielders; i++)
        spawn(&others, yielder, NULL);
    for (int i = 0; players && i < 2; i++)
        spawn(&others, player, (void *)(uintptr_t)i);
    CHECK(gt_group_wait(&sleeping) == 0);
    join(thread);
    atomic_store(&stop_others, 1);
    CHECK(gt_group_wait(&others) == 0);
    CHECK(atomic_load(&slept) == (long long)((uint64_t)(nappers + 1) * naps));
    stop();
}

int main(void)
{
    static const int workers[] = {1, 2, 4};
    stress_begin("stress_timer");
    for (size_t w = 0; w < COUNT_OF(workers); w++) {
        naps = stress_amount(300, 30);
        run(workers[w], 1, 0, false);
        run(workers[w], 1, 2, false);
        run(workers[w], 5, 0, true);
        run(workers[w], 500, 0, false);
        run(workers[w], 500, 3, true);
    }
    return stress_end();
}
