/* Seeded stress of both flavours' mutexes and wait groups, with random yields
 * between the calls and, by perturb.c, inside them; with and without polling.
 *
 * Mutex: a plain counter, and a mark that says who is inside.
 *
 * Wait group: rounds with workers that live on. In each the wait group stands
 * on the waiter's stack; after the wait its bytes are overwritten and must
 * then stay as they are. A done that touches it after its wake-up changes them
 * or, reading them, breaks; one that touches it right after the last decrement
 * is nearly always in time, but the thread sanitizer reports it all the same.
 */
#include "common.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#define THREADS 3
#define MOST    8 /* jobs in a round */
#define GONE    0x5a
#define FREE    (-1)

#ifdef SANITIZED
#define LOCKS  3000
#define ROUNDS 1000
#else
#define LOCKS  30000
#define ROUNDS 5000
#endif

static uint64_t seed;

static bool one_in(uint64_t n, uint64_t *random)
{
    return next_random(random) % n == 0;
}

struct shared {
    const struct flavour *f;
    union any_mutex mutex;
    int inside; /* mutex, as all below */
    uint64_t plain, errors;
};

struct locker {
    struct shared *s;
    int id;
};

static void lock_somehow(struct shared *s, uint64_t *random)
{
    while (one_in(2, random)) {
        if (s->f->mutex_try_lock(&s->mutex) == 0)
            return;
        sched_yield();
    }
    s->f->mutex_lock(&s->mutex);
}

static void increment(void *arg)
{
    struct locker *l = arg;
    struct shared *s = l->s;
    uint64_t random = seed + (uint64_t)l->id;

    for (int k = 0; k < LOCKS; k++) {
        lock_somehow(s, &random);
        s->errors += s->inside != FREE;
        s->inside = l->id;
        s->plain++;
        if (one_in(64, &random))
            sched_yield();
        s->errors += s->inside != l->id;
        s->inside = FREE;
        s->f->mutex_unlock(&s->mutex);
        if (one_in(16, &random))
            sched_yield();
    }
}

static void stress_mutex(void *arg)
{
    struct shared s = {.f = arg, .inside = FREE};
    struct locker locker[THREADS];
    struct tb_group group;

    s.f->mutex_init(&s.mutex);
    s.f->group_init(&group);
    for (int k = 0; k < THREADS; k++) {
        locker[k] = (struct locker){&s, k};
        assert_int_equal(tb_group_spawn(&group, increment, &locker[k], NULL), 0);
    }
    tb_group_wait(&group);
    s.f->mutex_destroy(&s.mutex);
    assert_int_equal(s.plain, (uint64_t)THREADS * LOCKS);
    assert_int_equal(s.errors, 0);
}

struct job {
    union any_waitgroup *wg;
    int *slot; /* written before the done */
    int value;
};

struct crew {
    const struct flavour *f;
    void *jobs;
    atomic_int next_id;
};

static void work(void *arg)
{
    struct crew *crew = arg;
    uint64_t random = seed + 100 + (uint64_t)atomic_fetch_add(&crew->next_id, 1);
    struct job job;

    while (crew->f->chan_recv(crew->jobs, &job) == 0) {
        bool twice = one_in(4, &random);

        if (twice)
            crew->f->waitgroup_add(job.wg, 1);
        *job.slot = job.value;
        if (one_in(8, &random))
            sched_yield();
        crew->f->waitgroup_done(job.wg);
        if (twice)
            crew->f->waitgroup_done(job.wg);
    }
}

/* Does memory that was given back still hold what its new owner wrote? */
static bool stays_gone(const union any_waitgroup *wg)
{
    unsigned char gone[sizeof *wg];

    memset(gone, GONE, sizeof gone);
    sched_yield();
    return memcmp(wg, gone, sizeof gone) == 0;
}

/* Twice on one wait group: it may be used again once the wait has returned. */
static int run_round(struct crew *crew, uint64_t *random, int value)
{
    union any_waitgroup wg;
    int slot[MOST], errors = 0;

    crew->f->waitgroup_init(&wg);
    for (int use = 0; use < 2; use++) {
        int jobs = 1 + (int)(next_random(random) % MOST);

        memset(slot, 0, sizeof slot);
        crew->f->waitgroup_add(&wg, (uint32_t)jobs);
        for (int k = 0; k < jobs; k++) {
            struct job job = {&wg, &slot[k], value + k};

            errors += crew->f->chan_send(crew->jobs, &job) != 0;
        }
        if (one_in(4, random))
            sched_yield();
        crew->f->waitgroup_wait(&wg);
        for (int k = 0; k < MOST; k++)
            errors += slot[k] != (k < jobs ? value + k : 0);
    }
    crew->f->waitgroup_destroy(&wg);
    memset(&wg, GONE, sizeof wg);
    return errors + !stays_gone(&wg);
}

static void stress_waitgroup(void *arg)
{
    struct crew crew = {.f = arg};
    uint64_t random = seed + 200;
    struct tb_group group;
    int errors = 0;

    crew.jobs = crew.f->chan_create(sizeof(struct job), MOST);
    assert_non_null(crew.jobs);
    crew.f->group_init(&group);
    for (int k = 0; k < THREADS; k++)
        assert_int_equal(tb_group_spawn(&group, work, &crew, NULL), 0);
    for (int k = 0; k < ROUNDS; k++)
        errors += run_round(&crew, &random, k + 1);
    crew.f->chan_close(crew.jobs);
    tb_group_wait(&group);
    crew.f->chan_destroy(crew.jobs);
    assert_int_equal(errors, 0);
}

static void run_with(tb_fn stress, void **state, struct tb_config config)
{
    assert_int_equal(tb_run(&config, stress, *state), 0);
}

static void a_counter_under_the_mutex_loses_no_increment(void **state)
{
    run_with(stress_mutex, state, (struct tb_config){.ncpu = 1});
}

static void a_counter_under_the_mutex_loses_no_increment_while_waiters_poll(void **state)
{
    run_with(stress_mutex, state, (struct tb_config){.ncpu = 2, .spin_ns = 5000});
}

static void no_done_is_lost_or_touches_a_wait_group_that_is_gone(void **state)
{
    run_with(stress_waitgroup, state, (struct tb_config){.ncpu = 1});
}

static void no_done_is_lost_or_late_while_waiters_poll(void **state)
{
    run_with(stress_waitgroup, state, (struct tb_config){.ncpu = 2, .spin_ns = 5000});
}

int main(void)
{
    /* The plain flavour never polls: once is enough. */
    const struct CMUnitTest tests[] = {
        FOR_EACH_FLAVOUR(a_counter_under_the_mutex_loses_no_increment),
        FOR_EACH_FLAVOUR(no_done_is_lost_or_touches_a_wait_group_that_is_gone),
        {"a_counter_under_the_mutex_loses_no_increment_while_waiters_poll (pthread-futex)",
         a_counter_under_the_mutex_loses_no_increment_while_waiters_poll, NULL, NULL,
         (void *)(uintptr_t)&flavour_futex},
        {"no_done_is_lost_or_late_while_waiters_poll (pthread-futex)",
         no_done_is_lost_or_late_while_waiters_poll, NULL, NULL, (void *)(uintptr_t)&flavour_futex},
    };

    seed = test_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
