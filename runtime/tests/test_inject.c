/* The shared queue: order, count, and that nothing is lost or doubled while
 * threads push and pop. */
#include "common.h"

#include <stdlib.h>

#include "inject.h"
#include "task.h"

#define SOME       1000
#define THREADS    3
#define PER_EACH   (UNDER_ASAN ? 20000 : 200000)
#define EVERYTHING (THREADS * PER_EACH)

static int clear(void **state)
{
    (void)state;
    gti_inject_clear();
    return 0;
}

static void pop_of_an_empty_queue_is_null(void **state)
{
    (void)state;
    assert_true(gti_inject_is_empty());
    assert_null(gti_inject_pop());
}

static void tasks_come_out_in_the_order_they_went_in(void **state)
{
    (void)state;
    static struct gti_task tasks[SOME];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SOME; i++) {
            gti_inject_push(&tasks[i]);
            assert_false(gti_inject_is_empty());
        }
        for (int i = 0; i < SOME; i++)
            assert_ptr_equal(gti_inject_pop(), &tasks[i]);
        assert_true(gti_inject_is_empty());
        assert_null(gti_inject_pop());
    }
}

static void clear_forgets_what_is_inside(void **state)
{
    (void)state;
    static struct gti_task one, two;
    gti_inject_push(&one);
    gti_inject_push(&two);
    gti_inject_clear();
    assert_true(gti_inject_is_empty());
    assert_null(gti_inject_pop());
    gti_inject_push(&two);
    assert_ptr_equal(gti_inject_pop(), &two);
    assert_null(gti_inject_pop());
}

static struct gti_task *many;
static atomic_int taken;

/* Each task's `bound` is who pushed it, its `deadline` the number. */
static void *pusher(void *arg)
{
    struct gti_task *first = arg;
    for (int i = 0; i < PER_EACH; i++)
        gti_inject_push(&first[i]);
    return NULL;
}

static void *popper(void *arg)
{
    int64_t last[THREADS] = {-1, -1, -1};
    (void)arg;
    while (atomic_load(&taken) < EVERYTHING) {
        struct gti_task *t = gti_inject_pop();
        if (!t)
            continue;
        CHECK(t->flags == 0); /* not taken before */
        t->flags = 1;
        /* Of one pusher, each popper sees ascending numbers. */
        CHECK(t->deadline > last[t->bound]);
        last[t->bound] = t->deadline;
        atomic_fetch_add(&taken, 1);
    }
    return NULL;
}

static void threads_lose_and_double_nothing(void **state)
{
    (void)state;
    pthread_t push[THREADS], pop[THREADS];
    many = aligned_alloc(GTI_CACHE_LINE, EVERYTHING * sizeof *many);
    assert_non_null(many);
    for (int i = 0; i < EVERYTHING; i++)
        many[i] = (struct gti_task){.bound = (uint16_t)(i / PER_EACH), .deadline = i};
    for (int i = 0; i < THREADS; i++) {
        push[i] = outside(pusher, many + i * PER_EACH);
        pop[i] = outside(popper, NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        join(push[i]);
        join(pop[i]);
    }
    assert_int_equal(atomic_load(&taken), EVERYTHING);
    assert_true(gti_inject_is_empty());
    for (int i = 0; i < EVERYTHING; i++)
        assert_int_equal(many[i].flags, 1);
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pop_of_an_empty_queue_is_null, clear),
        cmocka_unit_test_setup(tasks_come_out_in_the_order_they_went_in, clear),
        cmocka_unit_test_setup(clear_forgets_what_is_inside, clear),
        cmocka_unit_test_setup(threads_lose_and_double_nothing, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
