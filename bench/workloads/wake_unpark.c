/* wake/unpark: one operation is one wake-up of a task that has waited for
 * `delay` us, by a task on another CPU; what counts is how long after the
 * start of the post it runs.
 *
 * The one that wakes keeps its CPU all the time, as a program does that
 * computes: it looks at the clock until the delay is over, posts, and looks at
 * a word until the other has answered. So nobody but a worker that has been
 * idle for the delay can run the sleeper, and the delay is exact, which a sleep
 * would not be. In a delay it yields once in 100 us: with nothing else to run a
 * yield costs next to nothing, and who does that is no hog.
 *
 * Process CPU per wake-up leaves out what the waking task spends on waiting:
 * it is the CPU time of the process without that of the waking thread, plus the
 * length of the posts. The waking task never waits for the scheduler, so that
 * its thread is one and the same; if it is not, the figure is left out.
 */
#include "../task.h"
#include "../workload.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    UNIT = 25, /* as few as that, since with tasks left free one may take 10 ms */
    LINE = 64,
    YIELD_EVERY_NS = 100000
};

struct shared {
    task_sem wake;
    uint64_t wakeups;  /* 0: end at once */
    uint64_t delay;    /* ns */
    int64_t posted_at; /* by the one that wakes, before its post */
    int64_t posting;   /* ns in all posts */
    double cpu_ns;     /* per wake-up; 0: unknown */
    bool waker_ended;
    struct bench *bench;
    char apart[LINE];
    _Alignas(LINE) uint64_t answered; /* atomic: wake-ups */
    int64_t *late;
    uint64_t sum;
    bool sleeper_ended;
};

static int64_t cpu_time(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Keeps the CPU, but for a yield now and then. */
static void pass_time(int64_t from, int64_t until)
{
    int64_t next = from, now;

    while ((now = workload_now()) < until) {
        if (now < next)
            continue;
        task_yield();
        next = now + YIELD_EVERY_NS;
    }
}

static void wake_often(struct shared *s)
{
    int64_t posting = 0;

    for (uint64_t i = 0; i < s->wakeups; i++) {
        const int64_t from = workload_now();

        pass_time(from, from + (int64_t)s->delay);
        s->posted_at = workload_now();
        task_sem_post(&s->wake);
        posting += workload_now() - s->posted_at;
        while (__atomic_load_n(&s->answered, __ATOMIC_ACQUIRE) != i + 1)
            continue;
    }
    s->posting = posting;
}

static void waker(void *arg)
{
    struct shared *s = arg;
    const pid_t thread = gettid();
    int64_t process_ns, thread_ns;

    bench_start(s->bench);
    thread_ns = cpu_time(CLOCK_THREAD_CPUTIME_ID);
    process_ns = cpu_time(CLOCK_PROCESS_CPUTIME_ID);
    wake_often(s);
    process_ns = cpu_time(CLOCK_PROCESS_CPUTIME_ID) - process_ns;
    thread_ns = cpu_time(CLOCK_THREAD_CPUTIME_ID) - thread_ns;
    bench_stop(s->bench);
    if (gettid() == thread)
        s->cpu_ns = (double)(process_ns - thread_ns + s->posting) / (double)s->wakeups;
    s->waker_ended = true;
}

static void sleeper(void *arg)
{
    struct shared *s = arg;

    for (uint64_t i = 0; i < s->wakeups; i++) {
        task_sem_wait(&s->wake);
        s->late[i] = workload_now() - s->posted_at;
        if (s->late[i] >= 0 && (!WORKLOAD_LOSES || i != UNIT / 2))
            s->sum += workload_mix(i);
        __atomic_store_n(&s->answered, i + 1, __ATOMIC_RELEASE);
    }
    s->sleeper_ended = true;
}

static uint64_t unit(const struct params *p)
{
    return UNIT;
}

static uint64_t expected(uint64_t rounds, const struct params *p)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; p->n && i < rounds * UNIT; i++)
        sum += workload_mix(i);
    return sum;
}

static const char *check(const struct params *p)
{
    return p->ncpu == 2 ? NULL : "wake/unpark has two tasks, each with a CPU to itself: P:2";
}

/* The sleeper first: without the other it is woken for nothing. */
static int play(struct shared *s, const struct params *p)
{
    const struct task_attr wakes = {.slot = params_pair_slot(p, 0)};
    const struct task_attr sleeps = {.slot = params_pair_slot(p, 1)};
    struct ledger *l = bench_ledger(s->bench);
    const uint64_t wakeups = s->wakeups;
    task_group group;
    int rc;

    task_group_init(&group);
    rc = task_group_spawn(&group, sleeper, s, &sleeps);
    l->created += rc == 0;
    if (rc == 0) {
        rc = task_group_spawn(&group, waker, s, &wakes);
        l->created += rc == 0;
        for (uint64_t i = 0; rc && i < wakeups; i++)
            task_sem_post(&s->wake);
    }
    if (rc)
        bench_limit(s->bench, 0, -rc);
    task_group_wait(&group);
    return rc;
}

static uint64_t run(uint64_t rounds, const struct params *p, struct bench *b)
{
    const uint64_t wakeups = rounds * UNIT;
    struct shared *s = bench_alloc(b, 1, sizeof *s);
    uint64_t sum;
    int rc;

    s->wakeups = wakeups;
    s->delay = p->delay * 1000;
    s->bench = b;
    s->late = bench_alloc(b, wakeups, sizeof *s->late);
    task_sem_init(&s->wake, 0);
    rc = play(s, p);
    for (uint64_t i = 0; rc == 0 && i < wakeups; i++)
        bench_record(b, s->late[i]);
    bench_wakeup_cpu(b, s->cpu_ns);
    bench_ledger(b)->done = (uint64_t)s->waker_ended + s->sleeper_ended;
    sum = s->sum;
    task_sem_destroy(&s->wake);
    free(s->late);
    free(s);
    return rc ? 0 : sum;
}

const struct workload workload_wake_unpark = {
    .name = "wake/unpark",
    .axes = "delay P place",
    .flags = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_PAIR | WORKLOAD_VOID_LIMIT,
    .check = check,
    .unit = unit,
    .run = run,
    .expected = expected,
};
