/* Whatever stands on a command line, and whatever is given as the name of a cell.
 * For libFuzzer (`ninja fuzz-options`); not a test that passes or fails by itself.
 *
 * The input is read as both: as one name, and as words with a blank between
 * them. Beside what the sanitizers see, a name that is accepted must be the one
 * name of what it was read as, values must be within their limits, and what is
 * refused must be refused in one line that a terminal can show.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../cell.h"
#include "../options.h"
#include "../placement.h"

const char backend_name[] = "fuzz";

enum { INPUT_MAX = 4096, WORDS_MAX = 64 };

static const char program[] = "the program itself";

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    dprintf(STDERR_FILENO, "fuzz_options: not so: %s\n", what);
    abort();
}

static bool is_printable(const char *text)
{
    for (; *text; text++) {
        if (*text < ' ' || *text > '~')
            return false;
    }
    return true;
}

static bool within(uint64_t value, uint64_t min, uint64_t max)
{
    return value >= min && value <= max;
}

/* --- names of cells --- */

static const char *even(const struct params *p)
{
    return p->n % 2 ? "n must be even" : NULL;
}

/* All axes there are, each of which stands in one of them at least. */
static const struct workload one = {.name = "spawn/one", .axes = "P"};
static const struct workload storm = {
    .name = "spawn/storm", .axes = "n temp P place", .check = even};
static const struct workload pair = {
    .name = "switch/pair", .axes = "cap P place", .flags = WORKLOAD_PAIR};
static const struct workload all = {
    .name = "x/all", .axes = "n k kib bytes p c cap cs h by delay load remedy stack temp P place"};
static const struct workload *const table[] = {&one, &storm, &pair, &all};

struct writer {
    const char *axes;
    char *at;
};

static bool has(const struct writer *w, const char *key)
{
    const char *found = w->axes;
    const size_t size = strlen(key);

    while ((found = strstr(found, key))) {
        if ((found == w->axes || found[-1] == ' ') && (found[size] == ' ' || found[size] == '\0'))
            return true;
        found += size;
    }
    return false;
}

static void number(struct writer *w, const char *key, uint64_t value)
{
    if (has(w, key))
        w->at += sprintf(w->at, "/%s:%" PRIu64, key, value);
}

static void word(struct writer *w, const char *key, const char *value)
{
    if (has(w, key) && value)
        w->at += sprintf(w->at, "/%s:%s", key, value);
}

/* The name of what was read, from its values alone. */
static void write_name(const struct cell *cell, char *text)
{
    const struct params *p = &cell->params;
    const char *usual = cell->workload->flags & WORKLOAD_PAIR ? "free" : "none";
    struct writer w = {cell->workload->axes, text + sprintf(text, "%s", cell->workload->name)};

    number(&w, "n", p->n);
    number(&w, "k", p->k);
    number(&w, "kib", p->kib);
    number(&w, "bytes", p->bytes);
    number(&w, "p", p->p);
    number(&w, "c", p->c);
    number(&w, "cap", p->cap);
    number(&w, "cs", p->cs);
    number(&w, "h", p->h);
    word(&w, "by", p->by);
    number(&w, "delay", p->delay);
    word(&w, "load", p->load);
    word(&w, "remedy", p->no_remedy ? "off" : "on");
    word(&w, "stack", p->stack);
    word(&w, "temp", p->cold ? "cold" : "warm");
    number(&w, "P", (uint64_t)p->ncpu);
    word(&w, "place", strcmp(p->place, usual) == 0 ? NULL : p->place);
}

static void read_name(const char *name)
{
    static struct cell cell;
    char error[CELL_ERROR_MAX], again[2 * CELL_NAME_MAX];

    if (cell_parse(name, table, sizeof table / sizeof table[0], &cell, error) != 0) {
        require(*error && is_printable(error), "a name is refused in one line");
        return;
    }
    require(*error == '\0', "nothing is said of a name that is accepted");
    require(strcmp(cell.name, name) == 0, "the name is kept");
    write_name(&cell, again);
    require(strcmp(again, name) == 0, "it is the only name of these values");
    require(within((uint64_t)cell.params.ncpu, 1, PLACEMENT_CPUS_MAX) &&
                !placement_check(cell.params.place, cell.params.ncpu),
            "its placement can be had");
    require(cell.params.pinned ==
                (cell.workload == &pair && strcmp(cell.params.place, "free") != 0),
            "a pair with a placement is pinned, and nothing else is");
}

/* --- command lines --- */

static void check_options(const struct options *o)
{
    const bool measures = o->mode == MODE_MEASURE || o->mode == MODE_PILOT;

    require(measures == (o->cell != NULL), "a cell is named where one is measured");
    require(o->mode != MODE_MEASURE || o->rounds, "and rounds are given");
    require((o->mode == MODE_TOPOLOGY) == (o->topology_file != NULL), "a file for the topology");
    require(!o->cpus || o->mode == MODE_CALIBRATE, "CPUs for a calibration only");
    require(within(o->rounds, 0, 1000000000) && within(o->full_load, 0, 1000000000) &&
                within((uint64_t)(o->spin_ns + 1), 0, 1000000001),
            "rounds, load and spin are within limits");
    require(o->mem_budget == 0 || within(o->mem_budget, 1 << 20, UINT64_C(1) << 50),
            "the memory budget is within limits");
    require(o->time_budget >= 1 && o->time_budget <= 86400 && within(o->target_ms, 1, 10000) &&
                within(o->pids_reserve, 0, 1 << 22),
            "times and processes are within limits");
}

/* What is said goes to a text in memory; the sanitizers write to the descriptor. */
static int parse(int argc, char **argv, struct options *ret_options, char **ret_said)
{
    FILE *const before = stderr;
    size_t size;
    int rc;

    stderr = open_memstream(ret_said, &size);
    require(stderr != NULL, "there is memory");
    optind = 0; /* glibc: begin anew */
    rc = options_parse(argc, argv, ret_options);
    fclose(stderr);
    stderr = before;
    return rc;
}

static void check_refusal(char *said, int argc, char **argv)
{
    char *end = strchr(said, '\n');
    bool given = false;

    require(end && end[1] == '\0', "a command line is refused in one line");
    *end = '\0';
    require(is_printable(said) && strncmp(said, "bench_fuzz: ", 12) == 0,
            "which a terminal can show, and which says whose it is");
    for (int i = 1; i < argc; i++)
        given = given || strstr(argv[i], program);
    require(given || !strstr(said, program), "it blames what was given, not the program's name");
}

static void read_words(char *text)
{
    char *argv[WORDS_MAX + 2] = {(char *)program};
    struct options o;
    int argc = 1;
    char *said;

    for (char *at = text; at && argc <= WORDS_MAX; argc++)
        argv[argc] = strsep(&at, " ");
    if (parse(argc, argv, &o, &said) == 0) {
        require(*said == '\0', "nothing is said of a command line that is accepted");
        check_options(&o);
        if (o.cell)
            read_name(o.cell);
    } else {
        check_refusal(said, argc, argv);
    }
    free(said);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static char text[INPUT_MAX + 1];
    const size_t used = size < INPUT_MAX ? size : INPUT_MAX;

    memcpy(text, input, used);
    text[used] = '\0';
    read_name(text);
    read_words(text);
    return 0;
}
