/* One cell from its name to its result. */
#ifndef GREENBENCH_RUN_H
#define GREENBENCH_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "bench.h"
#include "cell.h"
#include "gbench/gbench.h"
#include "options.h"
#include "placement.h"

enum status { STATUS_OK, STATUS_LIMIT, STATUS_SKIPPED, STATUS_INVALID, STATUS_FAILED };

struct run {
    struct cell cell;
    struct placement placement;
    int64_t spin_ns;
    uint64_t rounds, unit;
    struct bench bench;
    struct histogram latency; /* what bench.latency points to */
    uint64_t checksum, expected;
    struct gbench_result measured; /* json NULL when there is no measurement */
    enum status status;
    char reason[CELL_ERROR_MAX]; /* one line for every status but ok */
    double ns_per_round;         /* of a pilot; 0 when it did not run */
};

const char *status_name(enum status status);
int status_exit(enum status status);

/* Whether this backend runs the workload at all; false for most on `null`. */
bool run_is_offered(const struct workload *w);

/* Settles what the options leave open, chooses CPUs and binds to them. False
 * with status and reason set when the cell is not offered here. */
bool run_prepare(struct run *r, const struct options *o);

/* Measures; the result is in *r. Once per process. */
void run_measure(struct run *r);

/* Finds `rounds` for a region of about target_ms. Once per process. */
void run_pilot(struct run *r, uint64_t target_ms);

#endif
