/* Nobody runs, again and again, and yet something will wake a task: a timer, a
 * descriptor, a blocking call. The report of a deadlock, which would end the
 * program with status 2, must not come. The main thread waits for the tasks
 * without a deadline, as it must for the monitor to look further.
 *
 * With GT_STRESS_SCALE=20 a million times. */
#include "stress.h"

#include <time.h>
#include <unistd.h>

#define LONG_NS 25000000 /* so long that the monitor looks more than once */

static gt_chan *request, *answer;
static int fds[2];

struct config {
    uint64_t random, rounds;
};

static void block(void *arg)
{
    struct timespec ts = {0, LONG_NS};
    (void)arg;
    nanosleep(&ts, NULL);
}

/* While it sleeps the others wait for it, in a channel and on a descriptor. */
static void sleeper(void *arg)
{
    struct config *c = arg;
    uint64_t v = 0;
    for (uint64_t i = 0; i < c->rounds; i++) {
        uint64_t r = next_random(&c->random);
        bool is_long = r % 1000 == 0;
        if (is_long && r & 1024)
            CHECK(gt_blocking(block, NULL, GT_NEVER) == 0);
        else
            gt_sleep_until(gt_now() + (is_long ? LONG_NS : 20000 + (int64_t)((r >> 16) % 50000)));
        CHECK(gt_chan_send(request, &i) == 0);
        CHECK(gt_chan_recv(answer, &v) == 0 && v == i);
    }
    gt_chan_close(request);
}

static void relay(void *arg)
{
    uint64_t v;
    (void)arg;
    while (gt_chan_recv(request, &v) == 0)
        CHECK(gt_write(fds[1], &v, sizeof v, GT_NEVER) == (int64_t)sizeof v);
    close(fds[1]);
}

static void reader(void *arg)
{
    uint64_t v;
    (void)arg;
    while (gt_read(fds[0], &v, sizeof v, GT_NEVER) == (int64_t)sizeof v)
        CHECK(gt_chan_send(answer, &v) == 0);
}

static void idle_often(int workers)
{
    gt_group group = {0};
    gt_stats s;
    struct config c = {random_stream((uint64_t)workers), stress_amount(17000, 300)};
    stress_phase("idle %d times, workers %d", (int)c.rounds, workers);
    CHECK(pipe(fds) == 0);
    request = gt_chan_create(8, 0);
    answer = gt_chan_create(8, 1);
    CHECK(request && answer);
    start(workers, -1);
    spawn(&group, sleeper, &c);
    spawn(&group, relay, NULL);
    spawn(&group, reader, NULL);
    CHECK(gt_group_wait(&group) == 0);
    gt_get_stats(&s);
    CHECK(s.sum.sleeps >= c.rounds / 2); /* else this has tested nothing */
    stop();
    close(fds[0]);
    gt_chan_destroy(request);
    gt_chan_destroy(answer);
}

int main(void)
{
    static const int workers[] = {1, 2, 4};
    stress_begin("stress_deadlock");
    for (size_t w = 0; w < COUNT_OF(workers); w++)
        idle_often(workers[w]);
    return stress_end();
}
