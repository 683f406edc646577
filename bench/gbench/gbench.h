/* A C API over Google Benchmark, just wide enough for one cell in one process.
 *
 * One benchmark is registered and run once, for a number of iterations that
 * the caller chose; real time and the CPU time of the whole process are
 * measured between gbench_start() and gbench_stop(). Nothing is printed: the
 * entry that Google Benchmark would have put into the "benchmarks" array of
 * its JSON comes back as one line of text.
 *
 * No exception leaves these functions.
 */
#ifndef GREENBENCH_GBENCH_H
#define GREENBENCH_GBENCH_H

#include <stdint.h>

#ifdef __cplusplus
#define GBENCH_NOTHROW noexcept
extern "C" {
#else
#define GBENCH_NOTHROW
#endif

struct gbench; /* the running benchmark */

struct gbench_result {
    char *json;     /* one line, to be freed; NULL when there was no measurement */
    double real_ns; /* per iteration */
    double cpu_ns;  /* per iteration, of the whole process */
};

/* Runs body(g, arg) on the calling thread as the benchmark `name`. 0, or
 * -EINVAL when iterations < 1, -EIO when Google Benchmark did not run it,
 * -ENOMEM. A body that returns without both gbench_start() and gbench_stop()
 * is no measurement: 0 and json == NULL. */
int gbench_run(const char *name, int64_t iterations, void (*body)(struct gbench *, void *),
               void *arg, struct gbench_result *ret_result) GBENCH_NOTHROW;

/* Open and close the measured region, once each, in this order. They need not
 * be called on one OS thread, but the caller must order stop after start. */
void gbench_start(struct gbench *g) GBENCH_NOTHROW;
void gbench_stop(struct gbench *g) GBENCH_NOTHROW;

/* The version that was found at configure time. */
const char *gbench_version(void) GBENCH_NOTHROW;

#ifdef __cplusplus
}
#endif
#endif
