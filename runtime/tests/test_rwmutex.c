/* Reader-writer mutex. Its deadlines race in test_deadline.c. */
#include "common.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define TASKS  12
#define ROUNDS (UNDER_ASAN ? 300 : 3000)

static gt_rwmutex rw;

/* ---- exclusion --------------------------------------------------------------- */

static atomic_int readers, writers, most_readers;
static long counter; /* plain: writers alone change it */

static void read_it(bool pause)
{
    gt_rwmutex_rdlock(&rw);
    int now = atomic_fetch_add(&readers, 1) + 1, seen = atomic_load(&most_readers);
    CHECK(atomic_load(&writers) == 0);
    while (now > seen && !atomic_compare_exchange_weak(&most_readers, &seen, now))
        continue;
    long before = counter;
    if (pause)
        gt_yield();
    CHECK(counter == before);
    atomic_fetch_sub(&readers, 1);
    gt_rwmutex_rdunlock(&rw);
}

static void write_it(bool pause)
{
    gt_rwmutex_wrlock(&rw);
    CHECK(atomic_fetch_add(&writers, 1) == 0);
    CHECK(atomic_load(&readers) == 0);
    counter++;
    if (pause)
        gt_yield();
    CHECK(atomic_fetch_sub(&writers, 1) == 1);
    gt_rwmutex_wrunlock(&rw);
}

static void read_and_write(void *arg)
{
    uint64_t random = (uint64_t)(uintptr_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t r = next_random(&random);
        if (i % 4 == 0)
            write_it(r % 8 == 0);
        else
            read_it(r % 8 == 0);
    }
}

static void *read_and_write_outside(void *arg)
{
    read_and_write(arg);
    return NULL;
}

static void contend(void *arg)
{
    gt_group group = {0};
    (void)arg;
    counter = 0;
    atomic_store(&most_readers, 0);
    for (uintptr_t i = 0; i < TASKS; i++)
        spawn(&group, read_and_write, (void *)i);
    pthread_t threads[2] = {outside(read_and_write_outside, (void *)100),
                            outside(read_and_write_outside, (void *)101)};
    CHECK(gt_group_wait(&group) == 0);
    for (int i = 0; i < 2; i++)
        join(threads[i]);
    CHECK(counter == (TASKS + 2) * (long)(ROUNDS / 4));
    CHECK(atomic_load(&most_readers) > 1);
}

static void writers_exclude_all_and_readers_share(void **state)
{
    (void)state;
    on_one_two_and_four_workers(contend);
}

/* ---- order -------------------------------------------------------------------- */

/* No two run at once: who was spawned and has had a turn, waits. `log_of` is who got in;
 * readers that are let in together run in any order. */
static char log_of[64];
static int logged;
static gt_sem leave;

static void note(char c)
{
    log_of[logged++] = c;
    log_of[logged] = '\0';
}

static void read_as(void *arg)
{
    gt_rwmutex_rdlock(&rw);
    note((char)(intptr_t)arg);
    gt_sem_wait(&leave);
    gt_rwmutex_rdunlock(&rw);
}

static void write_as(void *arg)
{
    gt_rwmutex_wrlock(&rw);
    note((char)(intptr_t)arg);
    gt_sem_wait(&leave);
    gt_rwmutex_wrunlock(&rw);
}

static void begin_order(void)
{
    memset(&rw, 0, sizeof rw);
    gt_sem_init(&leave, 0);
    logged = 0;
    log_of[0] = '\0';
}

static void queue_up(gt_group *group, gt_fn *fn, char name)
{
    spawn(group, fn, (void *)(intptr_t)name);
    gt_yield();
}

static void everybody_has_a_turn(void)
{
    for (int i = 0; i < 10; i++)
        gt_yield();
}

static void let_out(int n)
{
    for (int i = 0; i < n; i++)
        gt_sem_post(&leave);
    everybody_has_a_turn();
}

static void arrive_in_order(void *arg)
{
    gt_group group = {0};
    (void)arg;
    begin_order();
    queue_up(&group, read_as, 'r');
    queue_up(&group, read_as, 'r');
    queue_up(&group, write_as, 'W');
    queue_up(&group, read_as, 'r'); /* behind the writer, although readers hold it */
    queue_up(&group, read_as, 'r');
    queue_up(&group, write_as, 'X');
    queue_up(&group, write_as, 'Y');
    queue_up(&group, read_as, 'r');
    CHECK(strcmp(log_of, "rr") == 0);
    let_out(1);
    CHECK(strcmp(log_of, "rr") == 0); /* one reader is still there */
    let_out(1);
    CHECK(strcmp(log_of, "rrW") == 0);
    let_out(1);
    CHECK(strcmp(log_of, "rrWrr") == 0);
    let_out(2);
    CHECK(strcmp(log_of, "rrWrrX") == 0);
    let_out(1);
    CHECK(strcmp(log_of, "rrWrrXY") == 0);
    let_out(1);
    CHECK(strcmp(log_of, "rrWrrXYr") == 0);
    let_out(1);
    CHECK(gt_group_wait(&group) == 0);
}

static void all_are_served_in_order_of_arrival(void **state)
{
    (void)state;
    run_alone(arrive_in_order, NULL);
}

static int64_t patience, gives_up_at;

static void time_out_as_writer(void *arg)
{
    gives_up_at = gt_now() + patience;
    CHECK(gt_rwmutex_wrlock_until(&rw, gives_up_at) == -ETIMEDOUT);
    note((char)(intptr_t)arg);
}

static void time_out_as_reader(void *arg)
{
    CHECK(gt_rwmutex_rdlock_until(&rw, gt_now() + patience) == -ETIMEDOUT);
    note((char)(intptr_t)arg);
}

static void await_log(const char *text)
{
    while (logged < (int)strlen(text))
        gt_yield();
    CHECK(strcmp(log_of, text) == 0);
}

/* False if the writer gave up before all stood in the queue. */
static bool queue_behind_one_that_gives_up(gt_group *group)
{
    begin_order();
    queue_up(group, read_as, 'r');
    queue_up(group, time_out_as_writer, '!');
    queue_up(group, read_as, 'r');
    queue_up(group, read_as, 'r');
    queue_up(group, write_as, 'W');
    queue_up(group, read_as, 'r');
    if (gt_now() < gives_up_at)
        return true;
    let_out(5);
    CHECK(gt_group_wait(group) == 0);
    return false;
}

/* A reader is inside, and a writer that waits ahead of other readers gives up. */
static void writer_gives_up(void *arg)
{
    gt_group group = {0};
    (void)arg;
    for (patience = 1000000; !queue_behind_one_that_gives_up(&group);)
        patience *= 2;
    CHECK(strcmp(log_of, "r") == 0);
    await_log("r!rr");
    everybody_has_a_turn();
    CHECK(strcmp(log_of, "r!rr") == 0);
    let_out(3);
    CHECK(strcmp(log_of, "r!rrW") == 0);
    let_out(1);
    CHECK(strcmp(log_of, "r!rrWr") == 0);
    let_out(1);
    CHECK(gt_group_wait(&group) == 0);
}

static void a_writer_that_gives_up_lets_in_the_readers_behind_it(void **state)
{
    (void)state;
    run_alone(writer_gives_up, NULL);
}

/* In the middle of the queue, and as the last of it. */
static void others_give_up(void *arg)
{
    gt_group group = {0};
    (void)arg;
    patience = 1000000;
    begin_order();
    queue_up(&group, write_as, 'W');
    queue_up(&group, read_as, 'r');
    queue_up(&group, time_out_as_writer, '!');
    queue_up(&group, read_as, 'r');
    queue_up(&group, time_out_as_reader, '?');
    await_log("W!?");
    let_out(1);
    CHECK(strcmp(log_of, "W!?rr") == 0); /* no writer stands between them now */
    let_out(2);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(gt_rwmutex_wrlock_until(&rw, 0) == 0);
    gt_rwmutex_wrunlock(&rw);
}

static void who_gives_up_leaves_the_order_of_the_others(void **state)
{
    (void)state;
    run_alone(others_give_up, NULL);
}

/* ---- without waiting ------------------------------------------------------------ */

static void it_works_without_a_runtime(void **state)
{
    (void)state;
    gt_rwmutex m;
    memset(&m, 0, sizeof m);
    gt_rwmutex_rdlock(&m);
    gt_rwmutex_rdlock(&m);
    assert_int_equal(gt_rwmutex_rdlock_until(&m, 0), 0);
    assert_int_equal(gt_rwmutex_wrlock_until(&m, 0), -ETIMEDOUT);
    assert_int_equal(gt_rwmutex_wrlock_until(&m, gt_now() + 100000), -ETIMEDOUT);
    assert_int_equal(gt_rwmutex_rdlock_until(&m, 0), 0); /* nobody is left in the queue */
    for (int i = 0; i < 4; i++)
        gt_rwmutex_rdunlock(&m);
    gt_rwmutex_wrlock(&m);
    gt_rwmutex_wrunlock(&m);
}

static atomic_int tid;

static void *write_outside(void *arg)
{
    (void)arg;
    atomic_store(&tid, gettid());
    gt_rwmutex_wrlock(&rw);
    gt_rwmutex_wrunlock(&rw);
    return NULL;
}

static void an_outside_thread_waits_asleep_for_another(void **state)
{
    (void)state;
    memset(&rw, 0, sizeof rw);
    gt_rwmutex_rdlock(&rw);
    pthread_t thread = outside(write_outside, NULL);
    await_asleep(&tid);
    gt_rwmutex_rdunlock(&rw);
    join(thread);
}

/* ---- misuse ----------------------------------------------------------------------- */

static void wrunlock(void *arg)
{
    (void)arg;
    gt_rwmutex_wrunlock(&rw);
}

static void rdunlock(void *arg)
{
    (void)arg;
    gt_rwmutex_rdunlock(&rw);
}

static void rdunlock_what_is_written(void *arg)
{
    gt_rwmutex_wrlock(&rw);
    rdunlock(arg);
}

static void wrunlock_what_is_read(void *arg)
{
    gt_rwmutex_rdlock(&rw);
    wrunlock(arg);
}

static void lock_and_let_another_unlock(void *arg)
{
    (void)arg;
    gt_rwmutex_wrlock(&rw);
    CHECK(gt_spawn(wrunlock, NULL, NULL) == 0);
    gt_sleep_until(GT_NEVER);
}

static void unlock_by_another(void *arg)
{
    (void)arg;
    run_on(1, lock_and_let_another_unlock, NULL);
}

static void unlocking_what_one_does_not_hold_is_fatal(void **state)
{
    (void)state;
    memset(&rw, 0, sizeof rw);
    assert_fatal(wrunlock, NULL, "gt_rwmutex_wrunlock: the caller does not hold");
    assert_fatal(rdunlock, NULL, "gt_rwmutex_rdunlock: nobody holds");
    assert_fatal(rdunlock_what_is_written, NULL, "gt_rwmutex_rdunlock: nobody holds");
    assert_fatal(wrunlock_what_is_read, NULL, "gt_rwmutex_wrunlock: the caller does not hold");
    assert_fatal(unlock_by_another, NULL, "gt_rwmutex_wrunlock: the caller does not hold");
}

static void lock_again(void *arg)
{
    const char *call = arg;
    gt_rwmutex_wrlock(&rw);
    if (call[0] == 'w')
        gt_rwmutex_wrlock(&rw);
    else if (call[0] == 'r')
        gt_rwmutex_rdlock(&rw);
    else
        gt_rwmutex_wrlock_until(&rw, gt_now() + 1000);
}

static void a_writer_that_locks_again_is_fatal(void **state)
{
    (void)state;
    memset(&rw, 0, sizeof rw);
    assert_fatal(lock_again, "w", "gt_rwmutex_wrlock: the caller holds");
    assert_fatal(lock_again, "r", "gt_rwmutex_rdlock: the caller holds");
    assert_fatal(lock_again, "u", "gt_rwmutex_wrlock_until: the caller holds");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writers_exclude_all_and_readers_share),
        cmocka_unit_test(all_are_served_in_order_of_arrival),
        cmocka_unit_test(a_writer_that_gives_up_lets_in_the_readers_behind_it),
        cmocka_unit_test(who_gives_up_leaves_the_order_of_the_others),
        cmocka_unit_test(it_works_without_a_runtime),
        cmocka_unit_test(an_outside_thread_waits_asleep_for_another),
        cmocka_unit_test(unlocking_what_one_does_not_hold_is_fatal),
        cmocka_unit_test(a_writer_that_locks_again_is_fatal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
