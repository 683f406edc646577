/* Descriptors that are closed, or reused, while tasks wait for them. */
#include "net.h"

#include <sched.h>
#include <sys/eventfd.h>

#include "netpoll.h"

static int shared_fds[2];
static atomic_int received;

static void poll_in_vain(void *arg)
{
    CHECK(gt_poll(shared_fds[0], GT_READABLE, gt_now() + (int64_t)(intptr_t)arg) == -ETIMEDOUT);
}

static void wait_for_closed(void *arg)
{
    const unsigned events[] = {GT_READABLE, GT_READABLE | GT_WRITABLE, GT_READABLE};
    size_t i = (size_t)(uintptr_t)arg;
    /* The pipe's read end is never writable and nobody writes. */
    CHECK(gt_poll(shared_fds[0], events[i % 3], i % 2 ? GT_NEVER : gt_now() + 3600000 * MS) ==
          -EBADF);
    atomic_fetch_add(&received, 1);
}

static void close_under_waiters(void *arg)
{
    (void)arg;
    make_pipe(shared_fds);
    poll_in_vain((void *)(intptr_t)100000); /* what the runtime opens is open now */
    close_both(shared_fds);
    for (int round = 0; round < 100; round++) {
        gt_group group = {0};
        atomic_store(&received, 0);
        make_pipe(shared_fds);
        for (uintptr_t i = 0; i < 6; i++)
            spawn(&group, wait_for_closed, (void *)i);
        for (int i = 0; i < round % 4; i++)
            gt_yield();
        CHECK(gt_close(shared_fds[0]) == 0);
        CHECK(gt_group_wait(&group) == 0);
        CHECK(atomic_load(&received) == 6);
        close(shared_fds[1]);
    }
}

static void gt_close_wakes_those_who_wait(void **state)
{
    (void)state;
    on_one_and_two_workers(close_under_waiters);
    for (int round = 0; round < 20; round++)
        run_on(4, close_under_waiters, NULL);
}

/* The first wait of all comes between the look of gt_close() for those who wait
 * and the close. It must not succeed: nobody would end it. */
#define TURNS_TO_PARK 2000

static void let_the_first_wait(int fd)
{
    if (fd != shared_fds[0])
        return;
    atomic_store(&received, 1);
    for (int i = 0; i < TURNS_TO_PARK; i++) {
        CHECK(GTI_LOAD(gti_netpoll.waiters, relaxed) == 0);
        sched_yield();
    }
}

static void *close_the_first(void *arg)
{
    (void)arg;
    CHECK(gt_close(shared_fds[0]) == 0);
    return NULL;
}

static void wait_beside_the_close(void *arg)
{
    (void)arg;
    make_pipe(shared_fds);
    atomic_store(&received, 0);
    wrap_before_close(let_the_first_wait);
    pthread_t thread = outside(close_the_first, NULL);
    await(&received, 1);
    CHECK(gt_poll(shared_fds[0], GT_READABLE, GT_NEVER) == -EBADF);
    join(thread);
    wrap_before_close(NULL);
    close(shared_fds[1]);
}

static void the_first_wait_may_come_beside_the_close(void **state)
{
    (void)state;
    on_one_and_two_workers(wait_beside_the_close);
}

/* The program closes a descriptor, and its number goes to what the runtime opens
 * at the first wait: who waits for it nevertheless hears that it is closed. */
static void wait_for_the_runtimes_own(void *arg)
{
    int fds[2], own[2];
    (void)arg;
    make_pipe(fds);
    make_pipe(own);
    close_both(own);
    CHECK(gt_poll(fds[1], GT_WRITABLE, GT_NEVER) == GT_WRITABLE);
    for (int i = 0; i < 2; i++) {
        CHECK(fcntl(own[i], F_GETFD) >= 0); /* it was opened there */
        for (unsigned events = GT_READABLE; events <= (GT_READABLE | GT_WRITABLE); events++)
            CHECK(gt_poll(own[i], events, GT_NEVER) == -EBADF);
    }
    close_both(fds);
}

static void a_number_that_became_the_runtimes_own_is_closed(void **state)
{
    (void)state;
    on_one_and_two_workers(wait_for_the_runtimes_own);
}

/* A descriptor is armed, closed by close() and reused for another file, while
 * the file it was has news: once the file is gone, once it lives on under
 * another number. Nothing of that reaches who waits for the new file. */
static void reuse_a_number(void *arg)
{
    (void)arg;
    for (int round = 0; round < 40; round++) {
        int old[2], fresh[2];
        make_pipe(old);
        shared_fds[0] = old[0];
        poll_in_vain((void *)(intptr_t)(100000)); /* armed, and nobody waits */
        int duplicate = round % 2 ? dup(old[0]) : -1;
        make_pipe(fresh);
        if (round % 4 < 2)
            CHECK(write(old[1], "x", 1) == 1); /* reported before, or ... */
        CHECK(dup2(fresh[0], old[0]) == old[0]);
        gt_group group = {0};
        spawn(&group, poll_in_vain, (void *)(intptr_t)(2 * MS));
        gt_yield();
        if (round % 4 >= 2 && round % 2)
            CHECK(write(old[1], "x", 1) == 1); /* ... after it is waited for again */
        CHECK(gt_group_wait(&group) == 0);
        CHECK(write(fresh[1], "y", 1) == 1);
        CHECK(gt_poll(old[0], GT_READABLE, GT_NEVER) == GT_READABLE);
        close_both(old);
        close_both(fresh);
        if (duplicate >= 0)
            close(duplicate);
    }
}

static void no_stale_event_after_reuse_go_59545(void **state)
{
    (void)state;
    on_one_and_two_workers(reuse_a_number);
}

/* A file comes back under the number at which the kernel knows it still. */
static void come_back_to_a_number(void *arg)
{
    int fds[2];
    (void)arg;
    make_pipe(fds);
    shared_fds[0] = fds[0];
    poll_in_vain((void *)(intptr_t)100000);
    int duplicate = dup(fds[0]), file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    CHECK(dup2(file, fds[0]) == fds[0]);
    CHECK(gt_poll(fds[0], GT_READABLE, GT_NEVER) == -EPERM);
    CHECK(dup2(duplicate, fds[0]) == fds[0]);
    poll_in_vain((void *)(intptr_t)100000);
    CHECK(write(fds[1], "x", 1) == 1);
    CHECK(gt_poll(fds[0], GT_READABLE, GT_NEVER) == GT_READABLE);
    close_both(fds);
    close(duplicate);
    close(file);
}

static void a_file_may_return_to_its_number(void **state)
{
    (void)state;
    on_one_and_two_workers(come_back_to_a_number);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gt_close_wakes_those_who_wait),
        cmocka_unit_test(the_first_wait_may_come_beside_the_close),
        cmocka_unit_test(a_number_that_became_the_runtimes_own_is_closed),
        cmocka_unit_test(no_stale_event_after_reuse_go_59545),
        cmocka_unit_test(a_file_may_return_to_its_number),
    };
    alarm(240); /* what hangs ends with SIGALRM */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
