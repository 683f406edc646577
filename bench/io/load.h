/* The other end of a connection: a program beside this one, of which the
 * measured process knows a command line and a few lines of text. README.md
 * describes both. It runs on a CPU of its own where there is one.
 *
 * Every function that waits lets the other tasks run meanwhile. Errors are
 * lines: `reason` holds one when a function returns false.
 */
#ifndef GREENBENCH_IO_LOAD_H
#define GREENBENCH_IO_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../task_io.h"

enum { LOAD_REASON_MAX = 300, LOAD_ARGUMENTS_MAX = 24, LOAD_LINE_MAX = 256 };

struct load {
    task_sock control; /* what the program has as its standard input and output */
    pid_t pid;
    size_t at, size;
    char bytes[4096];
    char reason[LOAD_REASON_MAX];
};

/* What the load generator found. */
struct load_report {
    uint64_t requests;      /* sent in the run, and answered as they should be */
    uint64_t primed;        /* and one on each connection before it */
    uint64_t checksum;      /* wire_sum() of the answered ones */
    uint64_t late;          /* sent more than 1 ms after they could have been */
    uint64_t busy_permille; /* of the generator's time in the run */
    bool shares_cpu;        /* it had no CPU of its own */
    uint64_t latencies;     /* how many load_latency() will hand over */
};

/* Starts `program`, which lies beside this executable (or in the directory
 * that GREENBENCH_IO_DIR names), with NULL-terminated arguments and, unless
 * cpu is negative, --cpu CPU. */
bool load_start(struct load *l, const char *program, const char *const *arguments, int cpu);

/* The next line, without its end; false at the end of its output. */
bool load_line(struct load *l, char ret_line[LOAD_LINE_MAX]);

/* Waits for this very line; what comes instead is the reason. */
bool load_expect(struct load *l, const char *line);
bool load_say(struct load *l, const char *line);

/* After "done". Then load_latency() so many times. */
bool load_report(struct load *l, struct load_report *ret_report);
bool load_latency(struct load *l, int64_t *ret_ns);

/* Ends it, if it has not ended, and waits for that. False if it failed. */
bool load_end(struct load *l);

#endif
