/* --calibrate: what this machine takes for things that never change, so that
 * results of different minutes and machines can be held against each other. */
#ifndef GREENBENCH_CALIBRATE_H
#define GREENBENCH_CALIBRATE_H

#include <stdbool.h>

struct calibration {
    int ncpu;        /* 1 or 2 of cpu[] are in use */
    int cpu[2];      /* by OS number; the first is where all but line_ns is measured */
    double clock_ns; /* one reading of the clock that the results use */
    double chain_ns; /* one of a chain of dependent 64-bit multiplications */
    double empty_ns; /* one turn of an empty loop */
    double cycle_ns; /* a cycle takes at least this: by the chain, whatever shares the core */
    double line_ns;  /* a cache line to the other CPU and back; 0: not measured */
    const char *no_line;
};

/* Chooses the CPUs named by `list` ("0,1", at most two), or with NULL two that
 * are near each other. Then measures, for at most about 0.3 s of an idle
 * machine. Returns an exit status after one line on stderr. */
int calibrate(const char *list, struct calibration *ret_calibration);

/* Why the figures cannot be true, or NULL. */
const char *calibration_fault(const struct calibration *c);

/* The whole of --calibrate: one line of JSON on stdout. */
int calibrate_main(const char *list);

#endif
