/* Mutexes, semaphores and wait groups under contention, by tasks and by
 * threads outside. */
#include "stress.h"

#include <stdlib.h>
#include <string.h>

#define PARTIES 64
#define LOCKS   3
#define TOKENS  5

static struct {
    gt_mutex mutex[LOCKS];
    uint64_t counter[LOCKS]; /* plain: the mutex alone protects it */
    bool held[LOCKS];
    gt_sem tokens;
    gt_mutex bag_lock;
    int bag[TOKENS], in_bag;
    atomic_int owner[TOKENS];
    gt_waitgroup rounds;
    atomic_int left;
    uint64_t steps;
    bool yields;
} all;

static void maybe_yield(uint64_t r)
{
    if (all.yields && r % 16 == 0)
        gt_yield();
}

static void count_under_mutex(uint64_t r)
{
    size_t i = (r >> 8) % LOCKS;
    if ((r >> 16) % 4 || gt_mutex_try_lock(&all.mutex[i]) != 0)
        gt_mutex_lock(&all.mutex[i]);
    CHECK(!all.held[i]);
    all.held[i] = true;
    all.counter[i]++;
    maybe_yield(r >> 24);
    all.held[i] = false;
    gt_mutex_unlock(&all.mutex[i]);
}

/* The semaphore lets in as many as there are tokens; each then takes one. */
static void use_token(uint64_t r, int self)
{
    if ((r >> 16) % 4 || gt_sem_try_wait(&all.tokens) != 0)
        gt_sem_wait(&all.tokens);
    gt_mutex_lock(&all.bag_lock);
    CHECK(all.in_bag > 0);
    int token = all.bag[--all.in_bag];
    gt_mutex_unlock(&all.bag_lock);
    CHECK(atomic_exchange(&all.owner[token], self + 1) == 0);
    maybe_yield(r >> 24);
    CHECK(atomic_exchange(&all.owner[token], 0) == self + 1);
    gt_mutex_lock(&all.bag_lock);
    all.bag[all.in_bag++] = token;
    gt_mutex_unlock(&all.bag_lock);
    gt_sem_post(&all.tokens);
}

static void party(void *arg)
{
    int self = (int)(intptr_t)arg;
    uint64_t random = random_stream((uint64_t)self);
    for (uint64_t i = 0; i < all.steps; i++) {
        uint64_t r = next_random(&random);
        count_under_mutex(r);
        use_token(r >> 3, self);
        maybe_yield(r >> 5);
    }
    atomic_fetch_sub(&all.left, 1);
    gt_waitgroup_done(&all.rounds);
    gt_waitgroup_wait(&all.rounds);
    CHECK(atomic_load(&all.left) == 0);
}

static void *party_outside(void *arg)
{
    party(arg);
    return NULL;
}

static void run(int workers, int tasks, int threads, uint64_t steps, bool yields)
{
    pthread_t thread[PARTIES];
    gt_group group = {0};
    memset(&all, 0, sizeof all);
    all.steps = steps;
    all.yields = yields;
    for (int i = 0; i < TOKENS; i++)
        all.bag[all.in_bag++] = i;
    gt_sem_init(&all.tokens, TOKENS);
    gt_waitgroup_add(&all.rounds, (uint32_t)(tasks + threads));
    atomic_store(&all.left, tasks + threads);
    stress_phase("workers %d, %d tasks, %d threads, %llu steps, yields %d", workers, tasks, threads,
                 (unsigned long long)steps, yields);
    start(workers, 0);
    for (int i = 0; i < threads; i++)
        thread[i] = outside(party_outside, (void *)(intptr_t)(tasks + i));
    for (int i = 0; i < tasks; i++)
        spawn(&group, party, (void *)(intptr_t)i);
    CHECK(gt_group_wait(&group) == 0);
    for (int i = 0; i < threads; i++)
        join(thread[i]);
    stop();
    uint64_t sum = 0;
    for (int i = 0; i < LOCKS; i++)
        sum += all.counter[i];
    CHECK(sum == steps * (uint64_t)(tasks + threads));
    CHECK(all.in_bag == TOKENS && all.tokens.count_ == TOKENS);
}

int main(void)
{
    static const int workers[] = {1, 2, 4};
    stress_begin("stress_sync");
    for (size_t w = 0; w < COUNT_OF(workers); w++)
        for (int yields = 0; yields < 2; yields++) {
            run(workers[w], 3, 0, stress_amount(200000, 3000), yields);
            run(workers[w], PARTIES, 0, stress_amount(20000, 300), yields);
            run(workers[w], 4, 3, stress_amount(10000, 300), yields);
            for (int i = 0; i < (int)stress_amount(100, 10); i++)
                run(workers[w], 20, i % 2, 20, yields);
        }
    return stress_end();
}
