/* syscall/blocking: does the rest progress while n tasks are in blocking system
 * calls? One operation is one piece of computing, some tens of microseconds, by
 * P tasks that yield after each; beside them n tasks are each in a read of a
 * pipe of their own, into which somebody slow writes once in 10 ms.
 *
 * How long after a write its reader goes on is the latency; what a piece costs
 * one task with nothing beside it is measured before. The writer is an OS thread
 * on every backend: what writes to a pipe is another program as a rule. It begins
 * when the region does.
 *
 * Readers and writer go on until the computing is done, so that how many reads
 * there were depends on time; each must have arrived.
 */
#include "../task.h"
#include "../workload.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define PERIOD_NS INT64_C(10000000)
#define FACTOR    UINT64_C(6364136223846793005)

enum { UNIT = 200, STEPS = 20000, ALONE = 50, KEPT = 512, LARGEST = 4096, LINE = 64 };

struct shared {
    struct reader *readers;
    uint64_t n;      /* readers with a pipe */
    uint64_t pieces; /* 0: there is nothing to do */
    uint64_t next;   /* atomic: the next piece to be claimed */
    uint64_t finished;
    bool stop; /* atomic: the region is over */
    uint64_t sent;
    sem_t begin; /* the writer's: a sleep that is no task's */
    pthread_t writer;
    struct task_latch reading;
    struct task_start start;
    struct bench *bench;
};

struct reader {
    struct shared *shared;
    int pipe[2];
    int64_t stamp;
    ssize_t got;
    uint64_t received, kept;
    int64_t *late;
    bool ended;
} __attribute__((aligned(LINE)));

struct computer {
    struct shared *shared;
    uint64_t sum;
    bool ended;
} __attribute__((aligned(LINE)));

/* --- readers and their writer --------------------------------------------- */

static void read_one(void *arg)
{
    struct reader *r = arg;

    do
        r->got = read(r->pipe[0], &r->stamp, sizeof r->stamp);
    while (r->got < 0 && errno == EINTR);
}

static void read_all(void *arg)
{
    struct reader *r = arg;

    task_latch_arrive(&r->shared->reading);
    for (;;) {
        task_blocking(read_one, r);
        if (r->got != (ssize_t)sizeof r->stamp)
            break;
        r->received += !WORKLOAD_LOSES || r->kept > 0;
        if (r->kept == 0 ||
            (r->kept < KEPT && !__atomic_load_n(&r->shared->stop, __ATOMIC_RELAXED)))
            r->late[r->kept++] = workload_now() - r->stamp;
    }
    r->ended = true;
}

static void close_ends(struct shared *s, unsigned end)
{
    for (uint64_t i = 0; i < s->n; i++)
        close(s->readers[i].pipe[end]);
}

/* It closes the pipes itself: who waits for it may need a place among the
 * blocking calls, and the readers leave theirs only when their reads end. */
static void *write_slowly(void *arg)
{
    struct shared *s = arg;
    int64_t due;

    while (sem_wait(&s->begin) != 0)
        continue;
    due = workload_now();
    do {
        const struct timespec until = {.tv_sec = due / 1000000000, .tv_nsec = due % 1000000000};

        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
            continue;
        for (uint64_t i = 0; i < s->n; i++) {
            const int64_t now = workload_now();

            s->sent += write(s->readers[i].pipe[1], &now, sizeof now) == (ssize_t)sizeof now;
        }
        due += PERIOD_NS;
    } while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE));
    close_ends(s, 1);
    return NULL;
}

static void join_writer(void *arg)
{
    struct shared *s = arg;

    pthread_join(s->writer, NULL);
}

/* --- computing ------------------------------------------------------------ */

static __attribute__((noinline)) uint64_t compute(uint64_t x)
{
    for (unsigned i = 0; i < STEPS; i++) {
        x = x * FACTOR + 1;
        __asm__ volatile("" : "+r"(x));
    }
    return x;
}

static void compute_pieces(void *arg)
{
    struct computer *me = arg;
    struct shared *s = me->shared;
    uint64_t piece;

    if (task_start_wait(&s->start)) {
        bench_start(s->bench);
        sem_post(&s->begin);
        task_start_go(&s->start);
    }
    while ((piece = __atomic_fetch_add(&s->next, 1, __ATOMIC_RELAXED)) < s->pieces) {
        me->sum += compute(workload_mix(piece));
        if (__atomic_add_fetch(&s->finished, 1, __ATOMIC_ACQ_REL) == s->pieces)
            bench_stop(s->bench);
        task_yield();
    }
    me->ended = true;
}

/* ns of a piece with nothing beside it: the fastest of a few. */
static double alone(void)
{
    int64_t best = INT64_MAX;
    volatile uint64_t result;

    for (uint64_t i = 0; i < ALONE; i++) {
        const int64_t start = workload_now();
        int64_t took;

        result = compute(i);
        took = workload_now() - start;
        best = took < best ? took : best;
    }
    (void)result;
    return (double)best;
}

static uint64_t unit(const struct params *p)
{
    return UNIT;
}

/* A piece's steps together are one multiplication and one addition. */
static uint64_t expected(uint64_t rounds, const struct params *p)
{
    uint64_t factor = 1, term = 0, sum = 0;

    for (unsigned i = 0; i < STEPS; i++) {
        factor *= FACTOR;
        term = term * FACTOR + 1;
    }
    for (uint64_t i = 0; p->n && i < rounds * UNIT; i++)
        sum += workload_mix(i) * factor + term;
    return sum;
}

static const char *check(const struct params *p)
{
    return p->n > LARGEST ? "syscall/blocking takes at most n:4096" : NULL;
}

/* --- the run -------------------------------------------------------------- */

/* A pipe is two descriptors, and the soft limit is 1024 as a rule. */
static int open_pipes(struct shared *s, uint64_t n)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    for (s->n = 0; s->n < n; s->n++) {
        if (pipe2(s->readers[s->n].pipe, O_CLOEXEC) != 0)
            return -errno;
    }
    return 0;
}

static int spawn_readers(struct shared *s, task_group *group)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE};
    uint64_t alive = 0;
    int rc = 0;

    while (alive < s->n && (rc = task_group_spawn(group, read_all, &s->readers[alive], &attr)) == 0)
        alive++;
    task_latch_wait(&s->reading, s->n - alive);
    bench_ledger(s->bench)->created = alive;
    return rc;
}

/* Without a full set nobody computes, and the writer is let go. */
static int compute_beside(struct shared *s, struct computer *computers, uint64_t count)
{
    const struct task_attr attr = {.slot = TASK_ANYWHERE};
    task_group group;
    uint64_t alive = 0;
    int rc = 0;

    task_group_init(&group);
    while (alive < count &&
           (rc = task_group_spawn(&group, compute_pieces, &computers[alive], &attr)) == 0)
        alive++;
    if (rc) {
        __atomic_store_n(&s->next, s->pieces, __ATOMIC_RELAXED);
        task_start_fewer(&s->start, alive);
    }
    task_group_wait(&group);
    bench_ledger(s->bench)->created += alive;
    __atomic_store_n(&s->stop, true, __ATOMIC_RELEASE);
    if (rc)
        sem_post(&s->begin);
    task_blocking(join_writer, s);
    return rc;
}

static int play(struct shared *s, struct computer *computers, uint64_t count)
{
    task_group group;
    int rc;

    task_group_init(&group);
    rc = spawn_readers(s, &group);
    if (rc == 0)
        rc = -pthread_create(&s->writer, NULL, write_slowly, s);
    if (rc == 0)
        rc = compute_beside(s, computers, count);
    else
        close_ends(s, 1);
    if (rc)
        bench_limit(s->bench, bench_ledger(s->bench)->created, -rc);
    task_group_wait(&group);
    close_ends(s, 0);
    return rc;
}

static void collect(const struct shared *s, struct bench *b)
{
    struct ledger *l = bench_ledger(b);

    l->sent = s->sent;
    for (uint64_t i = 0; i < s->n; i++) {
        l->delivered += s->readers[i].received;
        l->done += s->readers[i].ended;
        for (uint64_t k = 0; k < s->readers[i].kept; k++)
            bench_record(b, s->readers[i].late[k]);
    }
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    const uint64_t count = (uint64_t)p->ncpu;
    struct computer *computers = bench_alloc(b, count, sizeof *computers);
    struct reader *readers = bench_alloc(b, p->n, sizeof *readers);
    int64_t *late = bench_alloc(b, p->n * KEPT, sizeof *late);
    struct shared s = {.readers = readers, .pieces = rounds * UNIT, .bench = b};
    uint64_t sum = 0;
    int rc;

    for (uint64_t i = 0; i < p->n; i++)
        readers[i] = (struct reader){.shared = &s, .late = &late[i * KEPT]};
    for (uint64_t i = 0; i < count; i++)
        computers[i] = (struct computer){.shared = &s};
    sem_init(&s.begin, 0, 0);
    task_latch_init(&s.reading, p->n);
    task_start_init(&s.start, count, p->ncpu);
    bench_alone(b, alone());
    rc = open_pipes(&s, p->n);
    if (rc == 0) {
        rc = play(&s, computers, count);
    } else {
        bench_limit(b, s.n, -rc);
        close_ends(&s, 0);
        close_ends(&s, 1);
    }
    collect(&s, b);
    for (uint64_t i = 0; i < count; i++) {
        sum += computers[i].sum;
        bench_ledger(b)->done += computers[i].ended;
    }
    task_start_destroy(&s.start);
    task_latch_destroy(&s.reading);
    sem_destroy(&s.begin);
    free(late);
    free(readers);
    free(computers);
    return rc ? 0 : sum;
}

const struct workload workload_syscall_blocking = {
    .name = "syscall/blocking",
    .axes = "n P place",
    .flags = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_BLOCKING_CALLS | WORKLOAD_VOID_LIMIT,
    .check = check,
    .unit = unit,
    .run = run,
    .expected = expected,
};
