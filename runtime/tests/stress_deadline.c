/* Waits whose deadlines pass at about the time of the wake-up: what is
 * counted stays counted, what is exclusive stays exclusive, nobody is left
 * behind. Hogs are found after a few microseconds in some runs, so that others
 * look after a worker's clock at any moment. */
#include "stress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PARTIES 40
#define TOKENS  3
#define ROOM    2

static struct {
    uint64_t steps;
    gt_sem tokens;
    atomic_int holders;
    gt_mutex mutex;
    bool held;
    gt_rwmutex rw;
    atomic_int readers, writers;
    gt_mutex buffer_lock;
    gt_cond not_empty, not_full;
    uint64_t in_buffer, put, taken; /* under buffer_lock */
    atomic_ullong timeouts, successes;
} all;

/* Now and then none; else 0 to 60 us from now, so that it often passes. */
static int64_t random_deadline(uint64_t r)
{
    return r % 16 == 0 ? GT_NEVER : r % 16 == 1 ? 0 : gt_now() + (int64_t)(r >> 8) % 60000;
}

static bool came(int result)
{
    CHECK(result == 0 || result == -ETIMEDOUT);
    atomic_fetch_add_explicit(result ? &all.timeouts : &all.successes, 1, memory_order_relaxed);
    return result == 0;
}

static void linger(uint64_t r)
{
    if (r % 8 == 0)
        gt_yield();
    if (r % 64 == 1)
        gt_sleep_until(gt_now() + 20000);
}

static void use_token(uint64_t r)
{
    if (!came(gt_sem_wait_until(&all.tokens, random_deadline(r))))
        return;
    CHECK(atomic_fetch_add(&all.holders, 1) < TOKENS);
    linger(r >> 32);
    atomic_fetch_sub(&all.holders, 1);
    gt_sem_post(&all.tokens);
}

static void use_mutex(uint64_t r)
{
    if (!came(gt_mutex_lock_until(&all.mutex, random_deadline(r))))
        return;
    CHECK(!all.held);
    all.held = true;
    linger(r >> 32);
    all.held = false;
    gt_mutex_unlock(&all.mutex);
}

static void read_it(uint64_t r)
{
    if (!came(gt_rwmutex_rdlock_until(&all.rw, random_deadline(r))))
        return;
    atomic_fetch_add(&all.readers, 1);
    CHECK(atomic_load(&all.writers) == 0);
    linger(r >> 32);
    atomic_fetch_sub(&all.readers, 1);
    gt_rwmutex_rdunlock(&all.rw);
}

static void write_it(uint64_t r)
{
    if (!came(gt_rwmutex_wrlock_until(&all.rw, random_deadline(r))))
        return;
    CHECK(atomic_fetch_add(&all.writers, 1) == 0 && atomic_load(&all.readers) == 0);
    linger(r >> 32);
    atomic_fetch_sub(&all.writers, 1);
    gt_rwmutex_wrunlock(&all.rw);
}

/* Puts one in or takes one out; without a deadline it would wait for ever when
 * all want the same. */
static void use_buffer(uint64_t r)
{
    bool put = r >> 40 & 1;
    int64_t deadline = gt_now() + (int64_t)(r >> 8) % 60000;
    int result = 0;
    gt_mutex_lock(&all.buffer_lock);
    while (result == 0 && all.in_buffer == (put ? ROOM : 0))
        result =
            gt_cond_wait_until(put ? &all.not_full : &all.not_empty, &all.buffer_lock, deadline);
    if (came(all.in_buffer == (put ? ROOM : 0) ? result : 0)) {
        all.in_buffer += put ? 1 : (uint64_t)-1;
        put ? all.put++ : all.taken++;
        if (r >> 41 & 1)
            gt_cond_broadcast(put ? &all.not_empty : &all.not_full);
        else
            gt_cond_signal(put ? &all.not_empty : &all.not_full);
    }
    gt_mutex_unlock(&all.buffer_lock);
}

static void short_member(void *arg)
{
    linger((uint64_t)(uintptr_t)arg);
}

/* A group that is waited for with deadlines until it is complete; it is on the
 * stack, so that who touches it later is found out. */
static void use_group(uint64_t r)
{
    gt_group group = {0};
    for (uint64_t i = 0; i < 1 + (r >> 32) % 3; i++)
        spawn(&group, short_member, (void *)(uintptr_t)(r >> 40));
    while (!came(gt_group_wait_until(&group, gt_now() + (int64_t)(r >> 8) % 20000)))
        gt_yield(); /* a wait with a deadline in the past lets nobody run */
    memset(&group, 0xff, sizeof group);
}

static void finish(void *arg)
{
    gt_yield();
    gt_waitgroup_done(arg);
}

static void use_waitgroup(uint64_t r)
{
    gt_waitgroup wg;
    gt_group group = {0};
    memset(&wg, 0, sizeof wg);
    gt_waitgroup_add(&wg, 2);
    spawn(&group, finish, &wg);
    spawn(&group, finish, &wg);
    while (!came(gt_waitgroup_wait_until(&wg, gt_now() + (int64_t)(r >> 8) % 20000)))
        gt_yield(); /* a wait with a deadline in the past lets nobody run */
    CHECK(gt_group_wait(&group) == 0);
}

static void party(void *arg)
{
    static void (*const uses[])(uint64_t) = {use_token, use_mutex,  read_it,   read_it,
                                             write_it,  use_buffer, use_group, use_waitgroup};
    uint64_t random = random_stream((uint64_t)(uintptr_t)arg);
    for (uint64_t i = 0; i < all.steps; i++) {
        uint64_t r = next_random(&random);
        uses[r % COUNT_OF(uses)](next_random(&random));
    }
}

static void *party_outside(void *arg)
{
    party(arg);
    return NULL;
}

static void run(int workers, int tasks, int threads, uint64_t steps, int64_t hog_ns)
{
    gt_config config = {.workers = workers, .hog_ns = hog_ns, .spares = 2};
    pthread_t thread[PARTIES];
    gt_group group = {0};
    stress_phase("workers %d, %d tasks, %d threads, %llu steps, hogs after %lld ns", workers, tasks,
                 threads, (unsigned long long)steps, (long long)hog_ns);
    memset(&all, 0, sizeof all);
    all.steps = steps;
    gt_sem_init(&all.tokens, TOKENS);
    CHECK(gt_start(&config) == 0);
    for (int i = 0; i < threads; i++)
        thread[i] = outside(party_outside, (void *)(intptr_t)(tasks + i));
    for (int i = 0; i < tasks; i++)
        spawn(&group, party, (void *)(intptr_t)i);
    CHECK(gt_group_wait(&group) == 0);
    for (int i = 0; i < threads; i++)
        join(thread[i]);
    stop();
    for (int i = 0; i < TOKENS; i++)
        CHECK(gt_sem_try_wait(&all.tokens) == 0);
    CHECK(gt_sem_try_wait(&all.tokens) == -EAGAIN);
    CHECK(gt_mutex_try_lock(&all.mutex) == 0);
    gt_mutex_unlock(&all.mutex);
    CHECK(gt_rwmutex_wrlock_until(&all.rw, 0) == 0);
    gt_rwmutex_wrunlock(&all.rw);
    CHECK(all.put - all.taken == all.in_buffer && all.in_buffer <= ROOM);
    CHECK(atomic_load(&all.timeouts) > 0 && atomic_load(&all.successes) > 0);
}

int main(void)
{
    static const int workers[] = {1, 2, 4};
    stress_begin("stress_deadline");
    for (size_t w = 0; w < COUNT_OF(workers); w++)
        for (int hogs = 0; hogs < 2; hogs++) {
            int64_t hog_ns = hogs ? 20000 : -1;
            run(workers[w], 4, 0, stress_amount(4000, 200), hog_ns);
            run(workers[w], PARTIES, 0, stress_amount(600, 20), hog_ns);
            run(workers[w], 6, 3, stress_amount(1000, 50), hog_ns);
        }
    return stress_end();
}
