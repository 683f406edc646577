/* What the stress programs share.
 *
 * Each prints its seed first (GT_SEED in the environment sets it) and says
 * what it is doing when it fails. A run that hangs ends after a time limit
 * with the seed, the phase it was in, and exit status 1. GT_STRESS_SCALE in
 * the environment multiplies the amount of work. */
#ifndef GT_TESTS_STRESS_H
#define GT_TESTS_STRESS_H

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gt/gt.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Built with a sanitizer (set by Meson): everything is much slower. */
#ifndef SANITIZED
#define SANITIZED 0
#endif

extern uint64_t stress_seed; /* the run's; next_random() on copies of it */

/* Print the seed, arm the time limit. */
void stress_begin(const char *program);
/* What is done from now on, for reports; the time limit starts again. */
void stress_phase(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Print a summary line; returns the exit status 0. */
int stress_end(void);

/* `full` when not sanitized, else `sanitized`; times GT_STRESS_SCALE. */
uint64_t stress_amount(uint64_t full, uint64_t sanitized);

/* Deterministic random numbers (splitmix64). */
uint64_t next_random(uint64_t *state);
/* A state of its own for the n-th user. */
uint64_t random_stream(uint64_t n);

/* Report and exit with status 1. */
#define CHECK(cond) ((cond) ? (void)0 : stress_failed(#cond, __FILE__, __LINE__))
void stress_failed(const char *what, const char *file, int line) __attribute__((noreturn));

/* Start a runtime of `workers`; stop it and check that no task is left. */
void start(int workers, int64_t spin_ns);
void stop(void);
void spawn(gt_group *group, gt_fn *fn, void *arg);

pthread_t outside(void *(*fn)(void *), void *arg);
void join(pthread_t thread);

#endif
