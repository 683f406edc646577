/* Descriptors with everything else: readers and writers that come and go,
 * deadlines that pass just when bytes arrive, descriptors closed under their
 * waiters and reused at once, workers that sleep in the poller while others
 * wake them. Every byte arrives once, and nobody waits for ever. */
#include "stress.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAIRS 16

static uint64_t rounds;
static int ends[PAIRS][2];
static atomic_llong sent, got;

static void make_pair(int fds[2])
{
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
}

/* ---- many at one descriptor, with deadlines ------------------------------------- */

static int64_t random_deadline(uint64_t *random)
{
    uint64_t r = next_random(random);
    return r % 4 == 0 ? GT_NEVER : r % 4 == 1 ? 0 : gt_now() + (int64_t)((r >> 8) % 100000);
}

static void sender(void *arg)
{
    uint64_t random = random_stream(1000 + (uint64_t)(uintptr_t)arg);
    for (uint64_t i = 0; i < rounds; i++) {
        int fd = ends[next_random(&random) % PAIRS][0];
        char c = 'x';
        int64_t n = gt_write(fd, &c, 1, random_deadline(&random));
        CHECK(n == 1 || n == -ETIMEDOUT);
        atomic_fetch_add(&sent, n == 1);
        if (next_random(&random) % 8 == 0)
            gt_sleep_until(gt_now() + (int64_t)(next_random(&random) % 30000));
    }
}

static void receiver(void *arg)
{
    uint64_t n = (uint64_t)(uintptr_t)arg, random = random_stream(2000 + n);
    int fd = ends[n % PAIRS][1];
    for (;;) {
        char part[3];
        int64_t length = gt_read(fd, part, 1 + next_random(&random) % 3, random_deadline(&random));
        CHECK(length >= 0 || length == -ETIMEDOUT);
        if (length == 0)
            return;
        if (length > 0)
            atomic_fetch_add(&got, length);
        else if (next_random(&random) % 4 == 0)
            gt_yield();
    }
}

static void *receiver_outside(void *arg)
{
    receiver(arg);
    return NULL;
}

static void bytes_and_deadlines(int workers, int64_t spin_ns)
{
    gt_group senders = {0}, receivers = {0};
    stress_phase("bytes and deadlines, workers %d, spin %d ns", workers, (int)spin_ns);
    atomic_store(&sent, 0);
    atomic_store(&got, 0);
    for (int i = 0; i < PAIRS; i++)
        make_pair(ends[i]);
    start(workers, spin_ns);
    pthread_t thread = outside(receiver_outside, (void *)(uintptr_t)(3 * PAIRS));
    for (uintptr_t i = 0; i < 3 * PAIRS; i++)
        spawn(&receivers, receiver, (void *)i);
    for (uintptr_t i = 0; i < 20; i++)
        spawn(&senders, sender, (void *)i);
    CHECK(gt_group_wait(&senders) == 0);
    for (int i = 0; i < PAIRS; i++)
        CHECK(gt_close(ends[i][0]) == 0);
    CHECK(gt_group_wait(&receivers) == 0);
    join(thread);
    CHECK(atomic_load(&sent) == atomic_load(&got));
    stop();
    for (int i = 0; i < PAIRS; i++)
        close(ends[i][1]);
}

/* ---- closed under the waiters ------------------------------------------------------ */

static void wait_until_closed(void *arg)
{
    int fd = *(int *)arg, result;
    while ((result = gt_poll(fd, GT_READABLE, GT_NEVER)) == GT_READABLE)
        gt_yield();
    CHECK(result == -EBADF);
    atomic_fetch_add(&got, 1);
}

static void closer(void *arg)
{
    uint64_t random = random_stream(3000 + (uint64_t)(uintptr_t)arg);
    for (uint64_t i = 0; i < rounds; i++) {
        gt_group group = {0};
        int fds[2];
        make_pair(fds);
        int waiters = 1 + (int)(next_random(&random) % 3);
        for (int k = 0; k < waiters; k++)
            spawn(&group, wait_until_closed, &fds[0]);
        for (uint64_t k = next_random(&random) % 4; k > 0; k--)
            gt_yield();
        if (next_random(&random) % 3 == 0)
            gt_sleep_until(gt_now() + (int64_t)(next_random(&random) % 50000));
        if (next_random(&random) % 3 == 0)
            CHECK(write(fds[1], "x", 1) == 1);
        CHECK(gt_close(fds[0]) == 0);
        CHECK(gt_group_wait(&group) == 0);
        CHECK(gt_close(fds[1]) == 0);
    }
}

static void close_under_waiters(int workers, int64_t spin_ns)
{
    gt_group group = {0};
    stress_phase("close under waiters, workers %d, spin %d ns", workers, (int)spin_ns);
    start(workers, spin_ns);
    spawn(&group, closer, NULL);
    CHECK(gt_group_wait(&group) == 0);
    stop();
}

/* What the runtime makes and opens at the first wait it makes while another
 * worker closes that descriptor; and the number may become its own. */
static void first_close(void *arg)
{
    uint64_t random = *(uint64_t *)arg;
    gt_group group = {0};
    int fds[2];
    make_pair(fds);
    int waiters = 1 + (int)(next_random(&random) % 3);
    for (int k = 0; k < waiters; k++)
        spawn(&group, wait_until_closed, &fds[0]);
    int64_t until = gt_now() + (int64_t)(next_random(&random) % 30000);
    while (gt_now() < until)
        ;
    CHECK(gt_close(fds[0]) == 0);
    CHECK(gt_group_wait(&group) == 0);
    CHECK(gt_close(fds[1]) == 0);
}

static void close_under_the_first(int workers, int64_t spin_ns)
{
    uint64_t random = random_stream(4000 + (uint64_t)workers);
    stress_phase("close under the first waiters, workers %d, spin %d ns", workers, (int)spin_ns);
    for (uint64_t i = stress_amount(100, 20); i > 0; i--) {
        uint64_t seed = next_random(&random);
        gt_group group = {0};
        start(workers, spin_ns);
        spawn(&group, first_close, &seed);
        CHECK(gt_group_wait(&group) == 0);
        stop();
    }
}

/* ---- the poller is woken for other work ---------------------------------------------- */

static atomic_int done;

static void count(void *arg)
{
    (void)arg;
    atomic_fetch_add(&done, 1);
}

static void echo(void *arg)
{
    char c;
    int fd = (int)(intptr_t)arg;
    while (gt_read(fd, &c, 1, GT_NEVER) == 1)
        CHECK(gt_write(fd, &c, 1, GT_NEVER) == 1);
}

/* Somebody waits for a descriptor at all times, so one sleeper is the poller. */
static void wake_the_poller(int workers, int64_t spin_ns)
{
    uint64_t random = random_stream((uint64_t)workers);
    gt_group waiters = {0};
    stress_phase("waking the poller, workers %d, spin %d ns", workers, (int)spin_ns);
    for (int i = 0; i < 4; i++)
        make_pair(ends[i]);
    start(workers, spin_ns);
    for (int i = 0; i < 4; i++)
        spawn(&waiters, echo, (void *)(intptr_t)ends[i][1]);
    for (uint64_t i = 0; i < rounds; i++) {
        gt_group group = {0};
        int n = 1 + (int)(next_random(&random) % 4);
        char c = 'y';
        struct timespec ts = {0, (long)(next_random(&random) % 80000)};
        if (next_random(&random) % 2)
            nanosleep(&ts, NULL);
        int fd = ends[next_random(&random) % 4][0];
        bool talk = next_random(&random) % 2;
        if (talk)
            CHECK(write(fd, &c, 1) == 1);
        for (int k = 0; k < n; k++)
            spawn(&group, count, NULL);
        if (talk)
            CHECK(gt_read(fd, &c, 1, GT_NEVER) == 1);
        CHECK(gt_group_wait(&group) == 0);
    }
    for (int i = 0; i < 4; i++)
        close(ends[i][0]);
    CHECK(gt_group_wait(&waiters) == 0);
    stop();
    for (int i = 0; i < 4; i++)
        close(ends[i][1]);
}

int main(void)
{
    static const int workers[] = {1, 2, 4, 8};
    static const int64_t spins[] = {-1, 2000, 50000};
    stress_begin("stress_net");
    for (size_t w = 0; w < COUNT_OF(workers); w++)
        for (size_t s = 0; s < COUNT_OF(spins); s++) {
            rounds = stress_amount(500, 50);
            bytes_and_deadlines(workers[w], spins[s]);
            close_under_waiters(workers[w], spins[s]);
            close_under_the_first(workers[w], spins[s]);
            rounds = stress_amount(1000, 100);
            wake_the_poller(workers[w], spins[s]);
        }
    return stress_end();
}
