/* The run queue of a worker: order, growth, stealing, and that nothing is lost
 * or taken twice while an owner and thieves race. Tasks are only compared, so
 * numbers stand for them; but no zero. */
#include "common.h"

#include <stdlib.h>
#include <string.h>

#include "runq_memory.h"

static struct gti_task *task(uint32_t n)
{
    return (struct gti_task *)(uintptr_t)(n + 1);
}

static uint32_t number(const struct gti_task *t)
{
    return (uint32_t)(uintptr_t)t - 1;
}

static struct gti_runq *make_queue(void)
{
    struct gti_runq *q = calloc(1, sizeof *q);
    CHECK(q && gti_runq_init(q));
    return q;
}

static void free_queue(struct gti_runq *q)
{
    gti_runq_destroy(q);
    free(q);
}

static void push(struct gti_runq *q, struct gti_task *t)
{
    while (!gti_runq_push(q, t))
        CHECK(gti_runq_grow(q));
}

static void pop_of_an_empty_queue_is_null(void **state)
{
    (void)state;
    struct gti_runq *q = make_queue();
    assert_true(gti_runq_is_empty(q));
    assert_null(gti_runq_pop(q));
    assert_null(gti_runq_pop_alone(q));
    free_queue(q);
}

static void tasks_come_out_in_the_order_they_went_in(void **state)
{
    (void)state;
    struct gti_runq *q = make_queue();
    for (uint32_t i = 0; i < 200; i++)
        push(q, task(i));
    assert_false(gti_runq_is_empty(q));
    for (uint32_t i = 0; i < 200; i++)
        assert_ptr_equal(i % 2 ? gti_runq_pop(q) : gti_runq_pop_alone(q), task(i));
    assert_true(gti_runq_is_empty(q));
    free_queue(q);
}

static void a_full_queue_refuses_and_keeps_order_when_it_grows(void **state)
{
    (void)state;
    const uint32_t n = 10 * GTI_RUNQ_FIRST;
    struct gti_runq *q = make_queue();
    uint32_t in = 0, out = 0;
    while (gti_runq_push(q, task(in)))
        in++;
    assert_int_equal(in, GTI_RUNQ_FIRST);
    /* Grow with the oldest element at every kind of place in the ring. */
    while (in < n) {
        push(q, task(in++));
        if (in % 3 == 0)
            assert_ptr_equal(gti_runq_pop(q), task(out++));
    }
    while (out < n)
        assert_ptr_equal(gti_runq_pop(q), task(out++));
    assert_null(gti_runq_pop(q));
    free_queue(q);
}

static void counters_may_wrap_around(void **state)
{
    (void)state;
    struct gti_runq *q = make_queue(), *mine = make_queue();
    GTI_STORE(q->head, UINT32_MAX - 50u, relaxed);
    GTI_STORE(q->tail, UINT32_MAX - 50u, relaxed);
    for (uint32_t i = 0; i < 2 * GTI_RUNQ_FIRST; i++)
        push(q, task(i));
    uint32_t count = 0, next = 0;
    struct gti_task *last = gti_runq_steal(q, mine, &count);
    assert_non_null(last);
    for (; next < count - 1; next++)
        assert_ptr_equal(gti_runq_pop(mine), task(next));
    assert_ptr_equal(last, task(next++));
    for (; next < 2 * GTI_RUNQ_FIRST; next++)
        assert_ptr_equal(gti_runq_pop(q), task(next));
    assert_null(gti_runq_pop(q));
    free_queue(q);
    free_queue(mine);
}

static void a_thief_takes_the_older_half_rounded_up(void **state)
{
    (void)state;
    for (uint32_t n = 0; n <= GTI_RUNQ_FIRST; n++) {
        struct gti_runq *q = make_queue(), *mine = make_queue();
        uint32_t count = 0, half = n - n / 2;
        for (uint32_t i = 0; i < n; i++)
            push(q, task(i));
        struct gti_task *t = gti_runq_steal(q, mine, &count);
        if (n == 0) {
            assert_null(t);
        } else {
            assert_int_equal(count, half);
            for (uint32_t i = 0; i < half - 1; i++)
                assert_ptr_equal(gti_runq_pop(mine), task(i));
            assert_ptr_equal(t, task(half - 1));
        }
        assert_null(gti_runq_pop(mine));
        for (uint32_t i = half; i < n; i++)
            assert_ptr_equal(gti_runq_pop(q), task(i));
        assert_null(gti_runq_pop(q));
        free_queue(q);
        free_queue(mine);
    }
}

static void a_thief_takes_no_more_than_fits(void **state)
{
    (void)state;
    struct gti_runq *q = make_queue(), *mine = make_queue();
    const uint32_t n = 16 * GTI_RUNQ_FIRST;
    uint32_t count = 0, next = 0;
    for (uint32_t i = 0; i < n; i++)
        push(q, task(i));
    struct gti_task *t = gti_runq_steal(q, mine, &count);
    assert_int_equal(count, GTI_RUNQ_STEAL_MAX);
    for (; next < count - 1; next++)
        assert_ptr_equal(gti_runq_pop(mine), task(next));
    assert_ptr_equal(t, task(next++));
    for (; next < n; next++)
        assert_ptr_equal(gti_runq_pop(q), task(next));
    free_queue(q);
    free_queue(mine);
}

/* ---- owner against thieves ------------------------------------------------ */

#define THIEVES 3
#define RACED   (UNDER_ASAN ? 200000u : 3000000u)

static struct {
    struct gti_runq *q;
    _Atomic unsigned char *taken; /* per task */
    atomic_uint left;
    atomic_bool failed;
} race;

static void take(struct gti_task *t)
{
    uint32_t n = number(t);
    if (n >= RACED || atomic_fetch_add(&race.taken[n], 1) != 0)
        atomic_store(&race.failed, true);
    atomic_fetch_sub(&race.left, 1);
}

static void *thief(void *arg)
{
    (void)arg;
    struct gti_runq *mine = make_queue();
    while (atomic_load(&race.left) != 0 && !atomic_load(&race.failed)) {
        uint32_t count = 0;
        struct gti_task *t = gti_runq_steal(race.q, mine, &count);
        for (; t; t = gti_runq_pop(mine))
            take(t);
    }
    free_queue(mine);
    return NULL;
}

static void owner_and_thieves_take_each_task_once(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    pthread_t threads[THIEVES];
    race.q = make_queue();
    race.taken = calloc(RACED, 1);
    assert_non_null(race.taken);
    atomic_store(&race.left, RACED);
    for (int i = 0; i < THIEVES; i++)
        threads[i] = outside(thief, NULL);
    for (uint32_t i = 0; i < RACED;) {
        /* Bursts, some longer than the ring, so that it also grows. */
        uint64_t r = next_random(&seed);
        uint32_t burst = (uint32_t)(r % (r & 1 << 20 ? 16 : 1000)), pops = (uint32_t)(r >> 32) % 64;
        for (; burst && i < RACED; burst--)
            push(race.q, task(i++));
        for (struct gti_task *t; pops && (t = gti_runq_pop(race.q)); pops--)
            take(t);
    }
    for (struct gti_task *t; (t = gti_runq_pop(race.q));)
        take(t);
    for (int i = 0; i < THIEVES; i++)
        join(threads[i]);
    assert_false(atomic_load(&race.failed));
    assert_int_equal(atomic_load(&race.left), 0);
    free_queue(race.q);
    free((void *)race.taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pop_of_an_empty_queue_is_null),
        cmocka_unit_test(tasks_come_out_in_the_order_they_went_in),
        cmocka_unit_test(a_full_queue_refuses_and_keeps_order_when_it_grows),
        cmocka_unit_test(counters_may_wrap_around),
        cmocka_unit_test(a_thief_takes_the_older_half_rounded_up),
        cmocka_unit_test(a_thief_takes_no_more_than_fits),
        cmocka_unit_test(owner_and_thieves_take_each_task_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
