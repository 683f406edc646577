/* The load generator: one thread, one epoll, the same for every server. See
 * README.md for its command line and for what it says to whom.
 */
#include "loadgen.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_USAGE = 64 };

int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void die(const char *format, ...)
{
    char text[240];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "greenbench-loadgen: %s\n", text);
    printf("the load generator says: %s\n", text);
    exit(1);
}

/* --- the command line ------------------------------------------------------ */

static void usage(FILE *to)
{
    fputs("Usage: greenbench-loadgen --port N --connections N --count N [options]\n\n"
          "Opens connections to 127.0.0.1, says \"ready\", waits for \"go\", sends requests and\n"
          "reports; bench/io/README.md describes the lines.\n\n"
          "  --port N          of the server\n"
          "  --connections N   how many to open, each with one request at a time\n"
          "  --count N         requests in all\n"
          "  --rate R          so many a second, when they are due (default: as many as the\n"
          "                    server can do, each connection's next after its last)\n"
          "  --echo            64-byte messages that come back, instead of HTTP\n"
          "  --path PATH       GET this and nothing else, instead of the items of io/rest\n"
          "  --cpu N           run there, and look for answers without ever sleeping\n"
          "  --seed N          of the schedule (1)\n"
          "  --help\n",
          to);
}

static __attribute__((noreturn)) void refuse(const char *what)
{
    fprintf(stderr, "greenbench-loadgen: %s (see --help)\n", what);
    exit(EXIT_USAGE);
}

static uint64_t number(const char *what, uint64_t min, uint64_t max)
{
    char *end;
    unsigned long long value;

    errno = 0;
    value = strtoull(optarg, &end, 10);
    if (*optarg < '0' || *optarg > '9' || *end || errno || value < min || value > max)
        refuse(what);
    return value;
}

static double rate(void)
{
    char *end;
    const double value = strtod(optarg, &end);

    if (*optarg < '0' || *optarg > '9' || *end || !(value >= 0.001 && value <= 1e9))
        refuse("--rate wants requests a second, from 0.001 to 1e9");
    return value;
}

static void apply(struct settings *s, int option)
{
    switch (option) {
    case 'p':
        s->port = (unsigned)number("--port wants a number from 1 to 65535", 1, 65535);
        return;
    case 'c':
        s->connections = number("--connections wants a number from 1 to 1000000", 1, 1000000);
        return;
    case 'n':
        s->count = number("--count wants a number from 1 to 1e9", 1, 1000000000);
        return;
    case 'r':
        s->rate = rate();
        return;
    case 'e':
        s->echo = true;
        return;
    case 'g':
        if (*optarg != '/' || strlen(optarg) > WIRE_REQUEST_MAX / 2)
            refuse("--path wants a short path that begins with /");
        s->path = optarg;
        return;
    case 'u':
        s->cpu = (int)number("--cpu wants a CPU's number", 0, CPU_SETSIZE - 1);
        return;
    case 's':
        s->seed = number("--seed wants a number that is not 0", 1, UINT64_MAX);
        return;
    case 'h':
        usage(stdout);
        exit(0);
    default:
        refuse("unknown option, or one without its value");
    }
}

static struct settings parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"port", required_argument, NULL, 'p'},  {"connections", required_argument, NULL, 'c'},
        {"count", required_argument, NULL, 'n'}, {"rate", required_argument, NULL, 'r'},
        {"echo", no_argument, NULL, 'e'},        {"path", required_argument, NULL, 'g'},
        {"cpu", required_argument, NULL, 'u'},   {"seed", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0},
    };
    struct settings s = {.cpu = -1, .seed = 1};
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        apply(&s, option);
    if (optind < argc)
        refuse("unexpected argument");
    if (!s.port || !s.connections || !s.count)
        refuse("--port, --connections and --count are needed");
    if (s.echo && s.path)
        refuse("--echo and --path exclude each other");
    return s;
}

/* --- the process ----------------------------------------------------------- */

/* A descriptor for each connection, and some more. */
static void raise_files(uint64_t connections)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_max < connections + 16)
        die("%" PRIu64 " connections need more descriptors than RLIMIT_NOFILE allows: %" PRIu64
            " (ulimit -Hn)",
            connections, (uint64_t)files.rlim_max);
}

static bool bind_to(int cpu)
{
    cpu_set_t set;

    if (cpu < 0)
        return false;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0;
}

/* What somebody said, or the end: then there is nothing to be done. */
static void await(const char *line)
{
    char said[64];

    if (!fgets(said, sizeof said, stdin))
        exit(0);
    if (strcmp(said, line) != 0)
        die("said '%.32s' instead of '%.32s'", said, line);
}

static void report(const struct settings *s, const struct outcome *o, bool own_cpu)
{
    printf("done\nrequests %" PRIu64 "\nprimed %" PRIu64 "\nchecksum %" PRIu64 "\nlate %" PRIu64
           "\nbusy_permille %" PRIu64 "\nshares_cpu %d\nlatencies %" PRIu64 "\n",
           s->count, s->connections, o->checksum, o->late, o->busy_permille, !own_cpu, s->count);
    fwrite(o->latency, sizeof *o->latency, s->count, stdout);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const struct settings s = parse(argc, argv);
    const bool own_cpu = bind_to(s.cpu);
    struct outcome outcome;
    struct peer *peers;

    prctl(PR_SET_TIMERSLACK, 1000);
    raise_files(s.connections);
    peers = peers_open(&s);
    puts("ready");
    fflush(stdout);
    await("go\n");
    run(&s, peers, own_cpu, &outcome);
    report(&s, &outcome, own_cpu);
    /* The connections stay until it is read: a server that is still being
     * measured must not be busy with their end. */
    await("end\n");
    free(outcome.latency);
    peers_close(peers, &s);
    return 0;
}
