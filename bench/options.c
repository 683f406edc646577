/* The command line; see options.h. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"

enum {
    OPT_CELL = 256,
    OPT_ROUNDS,
    OPT_SPIN,
    OPT_MEM,
    OPT_TIME,
    OPT_PIDS,
    OPT_FULL_LOAD,
    OPT_DEBUG,
    OPT_PILOT,
    OPT_TARGET,
    OPT_LIST,
    OPT_MACHINE,
    OPT_TOPOLOGY,
    OPT_CALIBRATE,
    OPT_CPUS,
    OPT_HELP
};

static const struct option long_options[] = {
    {"cell", required_argument, NULL, OPT_CELL},
    {"rounds", required_argument, NULL, OPT_ROUNDS},
    {"spin-ns", required_argument, NULL, OPT_SPIN},
    {"mem-budget", required_argument, NULL, OPT_MEM},
    {"time-budget", required_argument, NULL, OPT_TIME},
    {"pids-reserve", required_argument, NULL, OPT_PIDS},
    {"full-load", required_argument, NULL, OPT_FULL_LOAD},
    {"allow-debug", no_argument, NULL, OPT_DEBUG},
    {"pilot", no_argument, NULL, OPT_PILOT},
    {"target-ms", required_argument, NULL, OPT_TARGET},
    {"list", no_argument, NULL, OPT_LIST},
    {"machine", no_argument, NULL, OPT_MACHINE},
    {"topology", required_argument, NULL, OPT_TOPOLOGY},
    {"calibrate", no_argument, NULL, OPT_CALIBRATE},
    {"cpus", required_argument, NULL, OPT_CPUS},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

/* The value is somebody's: it may hold what a terminal would obey, or a line break. */
static int usage(const char *what, const char *value)
{
    fprintf(stderr, "bench_%s: %s%s", backend_name, what, value ? " " : "");
    for (; value && *value; value++)
        fputc(*value >= ' ' && *value <= '~' ? *value : '?', stderr);
    fprintf(stderr, " (see --help)\n");
    return EXIT_USAGE;
}

/* Among letters after one dash getopt stands still: it says which letter, but not
 * in which argument. */
static int unknown(char **argv)
{
    const char letter[] = {'-', (char)optopt, '\0'};
    const bool is_letter = optopt != 0 && optopt < OPT_CELL;

    return usage("unknown option, or one without its value:",
                 is_letter ? letter : argv[optind - 1]);
}

static bool parse_count(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
    unsigned long long value;
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    value = strtoull(text, &end, 10);
    *ret_value = value;
    return errno == 0 && *end == '\0' && value >= min && value <= max;
}

static int number(const char *option, uint64_t min, uint64_t max, uint64_t *ret_value)
{
    char what[128];

    if (parse_count(optarg, min, max, ret_value))
        return 0;
    snprintf(what, sizeof what, "--%s wants a whole number from %llu to %llu, not", option,
             (unsigned long long)min, (unsigned long long)max);
    return usage(what, optarg);
}

static int set_mode(struct options *o, enum mode mode)
{
    if (o->mode != MODE_MEASURE && o->mode != mode)
        return usage(
            "only one of --pilot --list --machine --topology --calibrate --help can be given",
            NULL);
    o->mode = mode;
    return 0;
}

static int apply_number(struct options *o, int option)
{
    uint64_t value = 0;
    int rc;

    switch (option) {
    case OPT_ROUNDS:
        return number("rounds", 1, UINT64_C(1000000000), &o->rounds);
    case OPT_SPIN:
        rc = number("spin-ns", 0, UINT64_C(1000000000), &value);
        o->spin_ns = (int64_t)value;
        return rc;
    case OPT_MEM:
        return number("mem-budget", 1 << 20, UINT64_C(1) << 50, &o->mem_budget);
    case OPT_FULL_LOAD:
        return number("full-load", 1, UINT64_C(1000000000), &o->full_load);
    case OPT_TIME:
        rc = number("time-budget", 1, 86400, &value);
        o->time_budget = (double)value;
        return rc;
    case OPT_PIDS:
        return number("pids-reserve", 0, UINT64_C(1) << 22, &o->pids_reserve);
    default:
        return number("target-ms", 1, 10000, &o->target_ms);
    }
}

static int apply(struct options *o, int option)
{
    switch (option) {
    case OPT_CELL:
        o->cell = optarg;
        return 0;
    case OPT_DEBUG:
        o->allow_debug = true;
        return 0;
    case OPT_PILOT:
        return set_mode(o, MODE_PILOT);
    case OPT_LIST:
        return set_mode(o, MODE_LIST);
    case OPT_MACHINE:
        return set_mode(o, MODE_MACHINE);
    case OPT_TOPOLOGY:
        o->topology_file = optarg;
        return set_mode(o, MODE_TOPOLOGY);
    case OPT_CALIBRATE:
        return set_mode(o, MODE_CALIBRATE);
    case OPT_CPUS:
        o->cpus = optarg;
        return 0;
    case OPT_HELP:
        return set_mode(o, MODE_HELP);
    default:
        return apply_number(o, option);
    }
}

static int check(const struct options *o)
{
    const bool needs_cell = o->mode == MODE_MEASURE || o->mode == MODE_PILOT;

    if (needs_cell && !o->cell)
        return usage("--cell NAME is missing", NULL);
    if (!needs_cell && o->cell)
        return usage("--cell does not go with --list, --machine, --topology, --calibrate or --help",
                     NULL);
    if (o->cpus && o->mode != MODE_CALIBRATE)
        return usage("--cpus goes with --calibrate only", NULL);
    if (o->mode == MODE_MEASURE && o->rounds == 0)
        return usage("--rounds N is missing", NULL);
    return 0;
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
    struct options o = {.spin_ns = -1, .time_budget = 20, .target_ms = 60};
    int option, rc = 0;

    opterr = 0;
    while (rc == 0 && (option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == '?')
            rc = unknown(argv);
        else
            rc = apply(&o, option);
    }
    if (rc == 0 && optind < argc)
        rc = usage("unexpected argument", argv[optind]);
    if (rc == 0)
        rc = check(&o);
    *ret_options = o;
    return rc;
}

void options_help(const char *program)
{
    printf("Usage: %s --cell NAME --rounds N [options]\n"
           "       %s --pilot --cell NAME [--target-ms 60]\n"
           "       %s --list | --machine | --topology FILE | --calibrate | --help\n\n"
           "Measures one cell on the backend '%s', once, in this process, and prints one\n"
           "line of JSON. Everything else goes to stderr.\n\n",
           program, program, program, backend_name);
    printf(
        "  --cell NAME        <group>/<case>/<key:value>/..., keys in the order\n"
        "                     n k bytes p c cap cs h remedy temp P place\n"
        "  --rounds N         how often the workload's round is repeated; 1 for cold cells\n"
        "                     and for those that exist once per process, whatever is given\n"
        "  --spin-ns N        how long an idle worker or waiter spins before it sleeps\n"
        "                     (default 50000; always 0 when P is 1)\n"
        "  --mem-budget BYTES stop a cell before it uses more (default: half of what is\n"
        "                     available, the cgroup's limit considered)\n"
        "  --time-budget S    stop memory/capacity and memory/parked after S seconds (20)\n"
        "  --pids-reserve N   leave N processes free below the pids.max of a cgroup (0)\n"
        "  --full-load N      requests a second that load:100 is: io/rest at load:25, 50 and 80\n"
        "                     is offered that share of it\n"
        "  --allow-debug      measure although this build is not optimised\n"
        "  --pilot            find the rounds that make the region about --target-ms long\n"
        "  --list             the workloads and their axes, one JSON line each\n"
        "  --machine          the machine and the build as one JSON object\n"
        "  --topology FILE    write hwloc's XML of this machine\n"
        "  --calibrate        what the clock, a multiplication, an empty loop and a cache line\n"
        "                     take here, as one JSON object; 0.3 s\n"
        "  --cpus A,B         calibrate on these (default: two that are near each other)\n\n");
    printf("Examples:\n"
           "  %s --cell spawn/one/P:1 --rounds 60\n"
           "  %s --pilot --cell spawn/storm/n:1000/temp:warm/P:2\n"
           "  %s --cell channel/ping_pong/cap:0/P:2/place:same-llc --rounds 100\n\n"
           "Exit status: 0 measured (status ok, limit or invalid), 1 checksum or ledger wrong,\n"
           "64 usage or unknown cell, 69 cannot measure, 73 cannot write, 77 not offered here.\n",
           program, program, program);
}
