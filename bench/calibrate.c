/* See calibrate.h.
 *
 * Every figure comes from many short stretches, tens of microseconds each.
 * Whatever takes the CPU away (an interrupt, another process, the host) spoils
 * the stretch it falls into. The median does not notice, unless that happens
 * to every second one. A minimum would find the one moment at which the clock
 * was fastest, which is not what the results are made with.
 *
 * chain and empty are slopes: the same loop in two lengths, and the difference
 * divided by the difference. What a stretch costs beside its turns (reading
 * the clock, entering and leaving the loop) is in both and falls out. The two
 * are measured in turn, spread over the whole time.
 *
 * empty is from the shortest stretch of each length all the same. It is a
 * bound that nothing may be quicker than, and another hardware thread of the
 * core halves the rate of its branches, which leaves the chain as it is.
 *
 * The inline assembly is empty. It tells the compiler that the variable may
 * have changed, so that it can neither count the turns, nor merge or unroll
 * them, at any level of optimisation.
 */
#include "calibrate.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "bench.h"
#include "json.h"
#include "options.h"
#include "placement.h"

enum {
    STRETCHES = 1001,     /* odd: the median is one of them */
    SHORT_TURNS = 2000,   /* 1 to 3 us */
    LONG_TURNS = 18000,   /* 5 to 25 us */
    CLOCK_READINGS = 500, /* a stretch of the clock, 10 to 30 us */
    LINE_TRIPS = 100,     /* a stretch of round trips, 5 to 50 us */
    LINE = 128            /* two lines: neighbours are fetched in pairs */
};

static const int64_t warmup_ns = 20000000;
static const int64_t part_ns = 110000000; /* how long a part may take */

/* The latency in cycles of a 64-bit multiplication is 3 on x86-64 processors
 * since 2006, and at most 5 on 64-bit ARM ones. */
#ifdef __x86_64__
enum { MULTIPLY_CYCLES = 3 };
#else
enum { MULTIPLY_CYCLES = 5 };
#endif

#define UNKNOWN_TO_COMPILER(variable) __asm__ volatile("" : "+r"(variable))

/* --- loops ------------------------------------------------------------------ */

__attribute__((noinline)) static uint64_t multiply(uint64_t turns)
{
    uint64_t x = 3, factor = UINT64_C(6364136223846793005);

    UNKNOWN_TO_COMPILER(factor);
    for (uint64_t i = 0; i < turns; i += 8) {
        x *= factor;
        UNKNOWN_TO_COMPILER(x);
        x *= factor;
        UNKNOWN_TO_COMPILER(x);
        x *= factor;
        UNKNOWN_TO_COMPILER(x);
        x *= factor;
        UNKNOWN_TO_COMPILER(x);
        x *= factor;
        UNKNOWN_TO_COMPILER(x);
        x *= factor;
        UNKNOWN_TO_COMPILER(x);
        x *= factor;
        UNKNOWN_TO_COMPILER(x);
        x *= factor;
        UNKNOWN_TO_COMPILER(x);
    }
    return x;
}

__attribute__((noinline)) static uint64_t do_nothing(uint64_t turns)
{
    while (turns > 0) {
        UNKNOWN_TO_COMPILER(turns);
        turns--;
    }
    return turns;
}

static int64_t time_of(uint64_t (*loop)(uint64_t), uint64_t turns)
{
    int64_t start = bench_clock_ns();
    uint64_t result = loop(turns);

    UNKNOWN_TO_COMPILER(result);
    return bench_clock_ns() - start;
}

struct lengths {
    int64_t brief, full;
};

static struct lengths both_lengths(uint64_t (*loop)(uint64_t))
{
    struct lengths took;

    took.brief = time_of(loop, SHORT_TURNS);
    took.full = time_of(loop, LONG_TURNS);
    return took;
}

static double slope(struct lengths took)
{
    return (double)(took.full - took.brief) / (LONG_TURNS - SHORT_TURNS);
}

static struct lengths least(struct lengths a, struct lengths b)
{
    return (struct lengths){.brief = a.brief < b.brief ? a.brief : b.brief,
                            .full = a.full < b.full ? a.full : b.full};
}

static double time_of_clock(void)
{
    int64_t start = bench_clock_ns(), now = start;

    for (int i = 0; i < CLOCK_READINGS; i++)
        now = bench_clock_ns();
    return (double)(now - start) / CLOCK_READINGS;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, ascending);
    return count ? values[count / 2] : 0;
}

/* The clock speed of an idle CPU takes milliseconds to rise. */
static void warm_up(void)
{
    const int64_t end = bench_clock_ns() + warmup_ns;

    while (bench_clock_ns() < end)
        time_of(multiply, LONG_TURNS);
}

static void measure_loops(struct calibration *c)
{
    static double clock[STRETCHES], chain[STRETCHES];
    struct lengths empty = {INT64_MAX, INT64_MAX};
    const int64_t end = bench_clock_ns() + part_ns;
    int count = 0;

    warm_up();
    while (count < STRETCHES && (count < 3 || bench_clock_ns() < end)) {
        clock[count] = time_of_clock();
        chain[count] = slope(both_lengths(multiply));
        empty = least(empty, both_lengths(do_nothing));
        count++;
    }
    c->clock_ns = median(clock, count);
    c->chain_ns = median(chain, count);
    c->empty_ns = slope(empty);
    c->cycle_ns = c->chain_ns / MULTIPLY_CYCLES;
}

/* --- between two CPUs ------------------------------------------------------- */

/* `there` goes to the other CPU, `back` returns; all ones end it. */
static struct {
    _Alignas(LINE) uint64_t there;
    _Alignas(LINE) uint64_t back;
} line;

static bool go_to(int cpu)
{
    struct placement one = {.ncpu = 1, .cpu = {cpu}};
    char reason[PLACEMENT_REASON_MAX];

    return placement_apply(&one, reason) == 0;
}

static void *reply(void *arg)
{
    uint64_t seen = 0, word;

    while (seen != UINT64_MAX) {
        while ((word = __atomic_load_n(&line.there, __ATOMIC_ACQUIRE)) == seen)
            continue;
        seen = word;
        __atomic_store_n(&line.back, seen, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void send_line(uint64_t word)
{
    __atomic_store_n(&line.there, word, __ATOMIC_RELEASE);
    while (__atomic_load_n(&line.back, __ATOMIC_ACQUIRE) != word)
        continue;
}

static double median_of_trips(void)
{
    static double trips[STRETCHES];
    const int64_t end = bench_clock_ns() + part_ns;
    uint64_t word = 0;
    int count = 0;

    send_line(++word); /* the other side is up */
    while (count < STRETCHES && (count < 3 || bench_clock_ns() < end)) {
        int64_t start = bench_clock_ns();

        for (int i = 0; i < LINE_TRIPS; i++)
            send_line(++word);
        trips[count++] = (double)(bench_clock_ns() - start) / LINE_TRIPS;
    }
    return median(trips, count);
}

/* The replier inherits the mask of its creator: that moves there and back. */
static void measure_line(struct calibration *c)
{
    pthread_t replier;
    bool started, returned;

    if (!go_to(c->cpu[1])) {
        c->no_line = "the second CPU cannot be bound to";
        return;
    }
    started = pthread_create(&replier, NULL, reply, NULL) == 0;
    returned = go_to(c->cpu[0]);
    if (started) {
        if (returned)
            c->line_ns = median_of_trips();
        send_line(UINT64_MAX);
        pthread_join(replier, NULL);
    }
    if (!started || !returned)
        c->no_line = "a thread on the second CPU was refused";
}

/* --- which CPUs ------------------------------------------------------------- */

static bool parse_cpus(const char *list, struct calibration *c)
{
    char *end;

    for (c->ncpu = 0; c->ncpu < 2; list = end + 1) {
        errno = 0;
        c->cpu[c->ncpu++] = (int)strtoul(list, &end, 10);
        if (*list < '0' || *list > '9' || errno || end - list > 6)
            return false;
        if (*end != ',')
            break;
    }
    return *end == '\0' && (c->ncpu == 1 || c->cpu[0] != c->cpu[1]);
}

static bool choose_cpus(struct calibration *c)
{
    static const char *const nearest_first[] = {"same-llc", "cross-llc", "cross-numa",
                                                "cross-package", "smt"};
    static struct placement chosen;
    static int all[PLACEMENT_CPUS_MAX];
    char reason[PLACEMENT_REASON_MAX];
    struct topology *t = topology_open();

    c->ncpu = 0;
    if (!t)
        return false;
    for (size_t i = 0; i < sizeof nearest_first / sizeof *nearest_first && !c->ncpu; i++) {
        if (placement_choose(t, nearest_first[i], 2, &chosen, reason) == 0) {
            memcpy(c->cpu, chosen.cpu, sizeof c->cpu);
            c->ncpu = 2;
        }
    }
    if (!c->ncpu && topology_cpus(t, all) > 0) {
        c->cpu[0] = all[0];
        c->ncpu = 1;
    }
    topology_close(t);
    return c->ncpu > 0;
}

int calibrate(const char *list, struct calibration *ret_calibration)
{
    struct calibration c = {0};

    if (list && !parse_cpus(list, &c)) {
        fprintf(stderr,
                "bench_%s: --cpus wants one CPU's number, or two with a comma (see --help)\n",
                backend_name);
        return EXIT_USAGE;
    }
    if (!list && !choose_cpus(&c)) {
        fprintf(stderr, "bench_%s: hwloc cannot read this machine's topology\n", backend_name);
        return EXIT_UNSUPPORTED;
    }
    if (!go_to(c.cpu[0])) {
        fprintf(stderr, "bench_%s: --calibrate cannot be bound to CPU %d (--cpus names others)\n",
                backend_name, c.cpu[0]);
        return EXIT_UNSUPPORTED;
    }
    measure_loops(&c);
    if (c.ncpu == 2)
        measure_line(&c);
    *ret_calibration = c;
    return EXIT_OK;
}

const char *calibration_fault(const struct calibration *c)
{
    if (c->clock_ns <= 0 || c->chain_ns <= 0 || c->empty_ns <= 0)
        return "a loop took no time: this machine's clock is too coarse";
    if (c->empty_ns < 0.9 * c->cycle_ns)
        return "an empty loop took less than a cycle a turn: it was not executed as written";
    return NULL;
}

static void put(const char *name, double value)
{
    printf("\"%s\":", name);
    if (value > 0)
        json_number(stdout, value);
    else
        fputs("null", stdout);
    putchar(',');
}

int calibrate_main(const char *list)
{
    struct calibration c;
    const char *fault;
    int rc = calibrate(list, &c);

    if (rc)
        return rc;
    fault = calibration_fault(&c);
    printf("{\"schema\":\"greenbench.calibration/1\",\"cpus\":[%d", c.cpu[0]);
    printf(c.ncpu == 2 ? ",%d]," : "],", c.cpu[1]);
    put("clock_ns", c.clock_ns);
    put("chain_ns", c.chain_ns);
    put("empty_ns", c.empty_ns);
    put("cycle_ns", c.cycle_ns);
    put("line_ns", c.line_ns);
    printf("\"status\":\"%s\",\"reason\":", fault ? "invalid" : "ok");
    json_string(stdout, fault ? fault : c.no_line);
    puts("}");
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_OK;
    fprintf(stderr, "bench_%s: cannot write to standard output\n", backend_name);
    return EXIT_CANNOT_WRITE;
}
