/* Bound tasks that answer each other across workers, after waits as long as a
 * waiting task polls, give or take: a wake-up then comes while it polls, while it
 * leaves its stack, or once it has parked. None may be lost or come twice.
 *
 * Rings of tasks, each on a worker of its own choice, pass a number around by
 * channels of elements of 8, 24 and 40 bytes, buffered and not, and by
 * semaphores. Some share a worker, so that it has something else to run. */
#include "stress.h"

#include <stdlib.h>
#include <string.h>

#define MOST 6 /* tasks in a ring */

enum by { WORD, WORDS, BYTES, BUFFERED, SEM, WAYS };

static const char *const names[] = {"words", "24 bytes", "40 bytes", "a buffered channel",
                                    "semaphores"};

struct place {
    gt_chan *in;
    gt_sem sem;
    int worker;
    uint64_t random;
    struct place *next;
};

struct ring {
    struct place place[MOST];
    int tasks;
    enum by by;
    uint64_t rounds;
    uint64_t token; /* passed by the semaphores */
};

struct member {
    struct ring *ring;
    struct place *place;
    bool first;
};

static size_t size_of(enum by by)
{
    return by == WORDS ? 24 : by == BYTES ? 40 : 8;
}

/* 0 to about 4 us: polling takes one or two. */
static void pause_a_little(uint64_t *random)
{
    uint64_t r = next_random(random);
    int64_t until = gt_now() + (int64_t)((r >> 8) % 4000);
    while (r % 4 != 0 && gt_now() < until)
        continue;
}

static void pass(struct member *m, uint64_t value)
{
    uint64_t elem[5] = {value, value + 1, value + 2, value + 3, value + 4};
    if (m->ring->by != SEM) {
        CHECK(gt_chan_send(m->place->next->in, elem) == 0);
        return;
    }
    m->ring->token = value;
    gt_sem_post(&m->place->next->sem);
}

static uint64_t receive(struct member *m)
{
    uint64_t elem[5] = {0};
    if (m->ring->by == SEM) {
        gt_sem_wait(&m->place->sem);
        return m->ring->token;
    }
    CHECK(gt_chan_recv(m->place->in, elem) == 0);
    for (size_t i = 1; i < size_of(m->ring->by) / sizeof elem[0]; i++)
        CHECK(elem[i] == elem[0] + i);
    return elem[0];
}

static void run_member(void *arg)
{
    struct member *m = arg;
    for (uint64_t i = 0; i < m->ring->rounds; i++) {
        if (m->first)
            pass(m, i * MOST);
        uint64_t value = receive(m);
        CHECK(value / MOST == i && value % MOST < (uint64_t)m->ring->tasks);
        CHECK(gt_worker() == m->place->worker);
        pause_a_little(&m->place->random);
        if (!m->first)
            pass(m, value + 1);
        else
            CHECK(value % MOST == (uint64_t)m->ring->tasks - 1);
    }
}

static void make(struct ring *r, enum by by, int workers, uint64_t *random)
{
    memset(r, 0, sizeof *r);
    r->by = by;
    r->tasks = 2 + (int)(next_random(random) % (MOST - 1));
    r->rounds = stress_amount(1500, 200);
    for (int i = 0; i < r->tasks; i++) {
        struct place *p = &r->place[i];
        p->worker = (int)(next_random(random) % (uint64_t)workers);
        p->random = next_random(random);
        p->next = &r->place[(i + 1) % r->tasks];
        p->in = gt_chan_create(size_of(by), by == BUFFERED ? 1 + next_random(random) % 3 : 0);
        CHECK(p->in != NULL);
        gt_sem_init(&p->sem, 0);
    }
}

static void run_rings(int workers, enum by by, uint64_t *random)
{
    struct ring ring[2];
    struct member member[2][MOST];
    gt_group group = {0};
    start(workers, 50000);
    for (int k = 0; k < 2; k++) {
        make(&ring[k], by, workers, random);
        for (int i = 0; i < ring[k].tasks; i++) {
            gt_attr attr = {.flags = GT_BOUND, .worker = ring[k].place[i].worker};
            member[k][i] = (struct member){&ring[k], &ring[k].place[i], i == 0};
            CHECK(gt_group_spawn(&group, run_member, &member[k][i], &attr) == 0);
        }
    }
    CHECK(gt_group_wait(&group) == 0);
    stop();
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < ring[k].tasks; i++)
            gt_chan_destroy(ring[k].place[i].in);
}

int main(void)
{
    uint64_t random;
    stress_begin("poll");
    random = random_stream(1);
    for (uint64_t i = 0; i < 3; i++)
        for (int workers = 2; workers <= 4; workers += 2)
            for (int by = 0; by < WAYS; by++) {
                stress_phase("rings by %s, workers %d", names[by], workers);
                run_rings(workers, (enum by)by, &random);
            }
    return stress_end();
}
