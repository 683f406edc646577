/* Rows of yields that have their turns again: when, and what others wait. */
#include "common.h"

#include <string.h>
#include <unistd.h>

#include "cohort.h"
#include "runq_memory.h"
#include "worker.h"

/* ---- a clock of our own ------------------------------------------------------- */

/* What an OS thread with `has_clock` sees as the time; it goes on by `clock_step`
 * with every look. */
static _Thread_local bool has_clock;
static int64_t clock_ns = 1000000000, clock_step;

int64_t __real_gti_os_now(void);
int64_t __wrap_gti_os_now(void);
int64_t __wrap_gti_os_now(void)
{
    return has_clock ? (clock_ns += clock_step) : __real_gti_os_now();
}

/* ---- the decision ----------------------------------------------------------- */

enum { ROW = GTI_HOUSEKEEPING, READY = 3000 };

static struct gti_worker worker;

static void begin(uint32_t ready)
{
    memset(&worker, 0, sizeof worker);
    assert_true(gti_runq_init(&worker.runq));
    worker.alone = worker.in_turn = true;
    for (uint32_t i = 0; i < ready; i++)
        while (!gti_runq_push(&worker.runq, &worker.sched))
            assert_true(gti_runq_grow(&worker.runq));
}

static void end(void)
{
    gti_runq_destroy(&worker.runq);
}

/* A row of `turns` turns of `ns` each, during which `pushed` tasks came into the
 * ring. */
static void have_row(uint32_t turns, uint32_t pushed, int64_t ns)
{
    clock_ns += (int64_t)turns * ns;
    for (uint32_t i = 0; i < turns; i++)
        assert_non_null(gti_runq_pop(&worker.runq));
    for (uint32_t i = 0; i < pushed; i++)
        while (!gti_runq_push(&worker.runq, &worker.sched))
            assert_true(gti_runq_grow(&worker.runq));
    GTI_STORE(worker.count.switches, GTI_LOAD(worker.count.switches, relaxed) + turns, relaxed);
    gti_cohort_look(&worker);
}

static void a_row_of_quick_yields_has_its_turns_again(void **state)
{
    (void)state;
    begin(READY);
    gti_cohort_look(&worker);
    assert_true(worker.in_turn); /* nothing is known of what was before */
    have_row(ROW, ROW, 50);
    assert_false(worker.in_turn);
    assert_int_equal(worker.cohort.first, READY);
    assert_int_equal(worker.cohort.at, READY);
    assert_int_equal(worker.cohort.end, READY + ROW);
    assert_int_equal(worker.cohort.left, ROW + 1);
    end();
}

static void a_row_with_anything_but_quick_yields_has_not(void **state)
{
    (void)state;
    static const struct {
        uint32_t ready, turns, pushed;
        int64_t ns;
    } row[] = {
        {READY, ROW, ROW, GTI_COHORT_TURN_NS + 1}, /* the work counts */
        {READY, ROW, ROW - 1, 50},                 /* one has ended */
        {READY, ROW, ROW + 1, 50},                 /* one has woken */
        {READY, ROW / 2 - 1, ROW / 2 - 1, 50},     /* not worth it */
        {READY, ROW + 1, ROW + 1, 50},             /* not only the last of the ring */
        {GTI_COHORT_LEAST - 1, ROW, ROW, 50},      /* warm anyway */
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        begin(row[i].ready);
        gti_cohort_look(&worker);
        have_row(row[i].turns, row[i].pushed, row[i].ns);
        assert_true(worker.in_turn);
        end();
    }
}

/* A repeat ends after so many ns. */
static void finish_repeat(int64_t ns)
{
    GTI_STORE(worker.count.switches, GTI_LOAD(worker.count.switches, relaxed) + worker.cohort.left,
              relaxed);
    worker.cohort.left = 0;
    clock_ns += ns;
    gti_cohort_look(&worker);
}

enum { ROW_NS = ROW * 50 };

static void begin_with_repeat(void)
{
    begin(READY);
    gti_cohort_look(&worker);
    have_row(ROW, ROW, 50);
    assert_false(worker.in_turn);
}

static void repeats_end_when_they_took_their_share(void **state)
{
    (void)state;
    begin_with_repeat();
    for (int i = 1; i < 2 * GTI_COHORT_SHARE; i++) {
        finish_repeat(ROW_NS / 2);
        assert_false(worker.in_turn);
    }
    finish_repeat(ROW_NS / 2); /* that was all of it */
    assert_true(worker.in_turn);
    assert_int_equal(worker.cohort.owed, 0);
    end();
}

static void repeats_are_no_more_than_their_limit(void **state)
{
    (void)state;
    begin_with_repeat();
    for (unsigned i = 1; i < GTI_COHORT_REPEATS; i++) {
        finish_repeat(1);
        assert_false(worker.in_turn);
    }
    finish_repeat(1);
    assert_true(worker.in_turn);
    end();
}

/* The tasks have begun to do more between two yields. */
static void what_repeats_take_too_long_later_rows_go_without(void **state)
{
    (void)state;
    begin_with_repeat();
    finish_repeat(6 * GTI_COHORT_SHARE * ROW_NS); /* five shares too much */
    for (int i = 0; i < 5; i++) {
        assert_true(worker.in_turn);
        have_row(ROW, ROW, 50);
    }
    assert_true(worker.in_turn);
    have_row(ROW, ROW, 50);
    assert_false(worker.in_turn);
    end();
}

/* Tasks are only moved about here, so numbers stand for them. */
static struct gti_task *task(uint32_t n)
{
    return (struct gti_task *)(uintptr_t)(n + 1);
}

/* One repeat of the row, from the task that yields last; returns who does then. */
static struct gti_task *repeat(struct gti_task *current)
{
    struct gti_cohort *c = &worker.cohort;
    while (c->left > 0) {
        const struct gti_runq_ends ring = gti_runq_ends(&worker.runq);
        assert_true(gti_cohort_goes_on(c, &ring));
        struct gti_task *next = gti_runq_at(&ring, c->at - ring.head);
        gti_cohort_turn(c, &ring, current);
        GTI_STORE(worker.count.switches, GTI_LOAD(worker.count.switches, relaxed) + 1u, relaxed);
        current = next;
    }
    return current;
}

static void after_repeats_tasks_stand_as_they_would_have(void **state)
{
    (void)state;
    for (int repeats = 1; repeats <= 3; repeats++) {
        begin(0);
        for (uint32_t i = 0; i < READY; i++)
            while (!gti_runq_push(&worker.runq, task(i)))
                assert_true(gti_runq_grow(&worker.runq));
        gti_cohort_look(&worker);
        uint32_t tail = GTI_LOAD(worker.runq.tail, relaxed);
        struct gti_task *current = task(READY); /* has the first turn of the row */
        for (uint32_t i = 0; i < ROW; i++) {
            while (!gti_runq_push(&worker.runq, current))
                assert_true(gti_runq_grow(&worker.runq));
            current = gti_runq_pop(&worker.runq);
        }
        assert_int_equal(GTI_LOAD(worker.runq.tail, relaxed), tail + ROW);
        GTI_STORE(worker.count.switches, ROW, relaxed);
        clock_ns += ROW_NS;
        assert_true(gti_cohort_look(&worker));
        for (int i = 1; i <= repeats; i++) {
            current = repeat(current);
            assert_ptr_equal(current, task(ROW - 1));
            finish_repeat(i == repeats ? 9 * ROW_NS : 1);
        }
        assert_true(worker.in_turn);
        for (uint32_t i = ROW; i <= READY; i++)
            assert_ptr_equal(gti_runq_pop(&worker.runq), task(i));
        for (uint32_t i = 0; i < ROW - 1; i++)
            assert_ptr_equal(gti_runq_pop(&worker.runq), task(i));
        assert_null(gti_runq_pop(&worker.runq));
        end();
    }
}

static void a_repeat_that_something_interrupts_is_the_last(void **state)
{
    (void)state;
    begin_with_repeat();
    worker.cohort.left = 1; /* somebody's yield is none of the plain ones */
    gti_cohort_look(&worker);
    assert_true(worker.in_turn);
    end();
    begin_with_repeat();
    GTI_STORE(worker.count.switches, GTI_LOAD(worker.count.switches, relaxed) + 1u, relaxed);
    finish_repeat(1); /* somebody has waited meanwhile */
    assert_true(worker.in_turn);
    end();
}

/* The monitor has taken the lock's bias away. */
static void there_are_no_repeats_while_others_may_take_tasks(void **state)
{
    (void)state;
    begin(READY);
    GTI_STORE(worker.next.shared, 1u, relaxed);
    gti_cohort_look(&worker);
    have_row(ROW, ROW, 50);
    assert_true(worker.in_turn);
    end();
}

static void a_place_that_tasks_have_left_is_not_one_of_the_row(void **state)
{
    (void)state;
    begin_with_repeat();
    struct gti_runq_ends ring = gti_runq_ends(&worker.runq);
    assert_true(gti_cohort_goes_on(&worker.cohort, &ring));
    for (int i = 0; i < READY - ROW; i++)
        assert_non_null(gti_runq_pop(&worker.runq));
    ring = gti_runq_ends(&worker.runq);
    assert_true(gti_cohort_goes_on(&worker.cohort, &ring));
    assert_non_null(gti_runq_pop(&worker.runq));
    ring = gti_runq_ends(&worker.runq);
    assert_false(gti_cohort_goes_on(&worker.cohort, &ring));
    end();
}

/* ---- what others wait -------------------------------------------------------- */

enum { TASKS = 5000, TURNS = 100 };
static int64_t turns_of_all, longest_wait;
static int arrived;

static void note_turn(int64_t *last)
{
    int64_t waited = turns_of_all++ - *last;
    if (*last >= 0 && waited > longest_wait)
        longest_wait = waited;
    *last = turns_of_all;
}

static void yield_and_note(void *arg)
{
    int64_t last = -1;
    (void)arg;
    arrived++;
    while (arrived < TASKS)
        gt_yield();
    for (int i = 0; i < TURNS; i++) {
        note_turn(&last);
        gt_yield();
    }
}

static void many_yielders(void *arg)
{
    gt_group group = {0};
    (void)arg;
    has_clock = true;
    clock_ns = __real_gti_os_now();
    clock_step = 1;
    turns_of_all = longest_wait = arrived = 0;
    for (int i = 0; i < TASKS; i++)
        CHECK(gt_group_spawn(&group, yield_and_note, NULL, NULL) == 0);
    CHECK(gt_group_wait(&group) == 0);
    has_clock = false;
}

/* Each of the others has its turn and its repeats, and then it is our turn. On a
 * clock on which every row is quick, and on one OS thread, whose clock that is and
 * whose tasks count without atomics: nobody takes the queue of a hog away. */
static void nobody_waits_for_more_than_the_repeats_of_all(void **state)
{
    (void)state;
    has_clock = false;
    run_alone(many_yielders, NULL);
    assert_int_equal(turns_of_all, (int64_t)TASKS * TURNS);
    assert_in_range(longest_wait, GTI_SWITCH_IS_SLOW ? 1 : 2 * (int64_t)TASKS,
                    (int64_t)TASKS * (GTI_COHORT_REPEATS + 2));
}

/* A message goes round among tasks while thousands yield: none is forgotten
 * where a row is repeated. */
static atomic_bool over;
static gt_chan *to, *from;

static void yield_till_over(void *arg)
{
    (void)arg;
    while (!over)
        gt_yield();
}

static void echo(void *arg)
{
    int v;
    (void)arg;
    while (gt_chan_recv(to, &v) == 0)
        CHECK(gt_chan_send(from, &v) == 0);
}

static void messages_beside_yielders(void *arg)
{
    gt_group group = {0};
    int back;
    (void)arg;
    over = false;
    to = gt_chan_create(sizeof(int), 0);
    from = gt_chan_create(sizeof(int), 0);
    CHECK(to && from);
    for (int i = 0; i < TASKS; i++)
        CHECK(gt_group_spawn(&group, yield_till_over, NULL, NULL) == 0);
    CHECK(gt_group_spawn(&group, echo, NULL, NULL) == 0);
    for (int i = 0; i < 200; i++) {
        CHECK(gt_chan_send(to, &i) == 0);
        if (i % 10 == 0)
            gt_sleep_until(gt_now() + 50000);
        gt_yield();
        CHECK(gt_chan_recv(from, &back) == 0 && back == i);
    }
    gt_chan_close(to);
    over = true;
    CHECK(gt_group_wait(&group) == 0);
    gt_chan_destroy(to);
    gt_chan_destroy(from);
}

static void others_go_on_beside_repeats(void **state)
{
    (void)state;
    on_one_and_two_workers(messages_beside_yielders);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_of_quick_yields_has_its_turns_again),
        cmocka_unit_test(a_row_with_anything_but_quick_yields_has_not),
        cmocka_unit_test(repeats_end_when_they_took_their_share),
        cmocka_unit_test(repeats_are_no_more_than_their_limit),
        cmocka_unit_test(what_repeats_take_too_long_later_rows_go_without),
        cmocka_unit_test(after_repeats_tasks_stand_as_they_would_have),
        cmocka_unit_test(a_repeat_that_something_interrupts_is_the_last),
        cmocka_unit_test(there_are_no_repeats_while_others_may_take_tasks),
        cmocka_unit_test(a_place_that_tasks_have_left_is_not_one_of_the_row),
        cmocka_unit_test(nobody_waits_for_more_than_the_repeats_of_all),
        cmocka_unit_test(others_go_on_beside_repeats),
    };
    has_clock = true;
    alarm(240); /* what hangs ends with SIGALRM */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
