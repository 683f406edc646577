/* The command line of a bench executable. */
#ifndef GREENBENCH_OPTIONS_H
#define GREENBENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Exit statuses, the same for every command of the project. */
enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 64,
    EXIT_UNSUPPORTED = 69,
    EXIT_CANNOT_WRITE = 73,
    EXIT_SKIPPED = 77,
    EXIT_INTERRUPTED = 130
};

enum mode {
    MODE_MEASURE,
    MODE_PILOT,
    MODE_LIST,
    MODE_MACHINE,
    MODE_TOPOLOGY,
    MODE_CALIBRATE,
    MODE_HELP
};

struct options {
    enum mode mode;
    const char *cell;
    const char *topology_file;
    const char *cpus; /* of a calibration; NULL: chosen */
    uint64_t rounds;
    int64_t spin_ns;     /* -1: the default */
    uint64_t mem_budget; /* bytes; 0: the default */
    double time_budget;  /* seconds */
    uint64_t pids_reserve;
    uint64_t target_ms; /* of a pilot */
    uint64_t full_load; /* requests a second; 0: not given */
    bool allow_debug;
};

/* 0, or EXIT_USAGE after one line on stderr. */
int options_parse(int argc, char **argv, struct options *ret_options);

void options_help(const char *program);

#endif
