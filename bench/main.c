/* A bench executable: one cell, once, in this process; see --help.
 *
 * Everything that a cell needs from its process is arranged here or in run.c:
 * a fresh address space, the affinity mask before any thread exists, and the
 * first place in the queue of the OOM killer, so that a cell that takes too
 * much memory dies before anything of the user's does.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "backend.h"
#include "calibrate.h"
#include "cell.h"
#include "machine.h"
#include "options.h"
#include "registry.h"
#include "run.h"
#include "sample.h"

/* Static: tasks on any OS thread refer to it, and give_up() has no argument
 * through which to receive it. */
static struct run run;
static enum mode mode;

/* Whoever runs us under a watchdog gives its number in GREENBENCH_RUNNER: when
 * it is killed nobody is left to end us, and what goes on measuring disturbs
 * whatever is measured next. False: it has ended already. */
static bool end_with_runner(void)
{
    const char *runner = getenv("GREENBENCH_RUNNER");

    if (!runner)
        return true;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == (pid_t)strtol(runner, NULL, 10))
        return true;
    fprintf(stderr, "bench_%s: GREENBENCH_RUNNER=%s is not the process that started this one\n",
            backend_name, runner);
    return false;
}

static void volunteer_for_oom(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    if (write(fd, "1000", 4) != 4)
        fprintf(stderr, "bench_%s: cannot raise oom_score_adj\n", backend_name);
    close(fd);
}

static int print(void)
{
    int rc = mode == MODE_PILOT ? sample_print_pilot(&run) : sample_print(&run);

    if (rc == 0)
        return status_exit(run.status);
    fprintf(stderr, "bench_%s: cannot write to standard output: %s\n", backend_name, strerror(-rc));
    return EXIT_CANNOT_WRITE;
}

/* Called from a task, while others may be running: no destructors. */
static void give_up(const char *reason)
{
    snprintf(run.reason, sizeof run.reason, "%s", reason);
    run.status = STATUS_SKIPPED;
    _exit(print());
}

static int measure(const struct options *o)
{
    char error[CELL_ERROR_MAX];

    if (cell_parse(o->cell, registry, registry_count, &run.cell, error) != 0) {
        fprintf(stderr, "bench_%s: --cell: %s\n", backend_name, error);
        return EXIT_USAGE;
    }
    if (!machine_optimized && !o->allow_debug) {
        fprintf(stderr,
                "bench_%s: built without optimisation, which measures the wrong thing: configure "
                "with --buildtype=release, or pass --allow-debug\n",
                backend_name);
        return EXIT_UNSUPPORTED;
    }
    run.bench.give_up = give_up;
    volunteer_for_oom();
    if (run_prepare(&run, o)) {
        if (mode == MODE_PILOT)
            run_pilot(&run, o->target_ms);
        else
            run_measure(&run);
    }
    return print();
}

int main(int argc, char **argv)
{
    struct options o;
    int rc;

    if (!end_with_runner())
        return EXIT_INTERRUPTED;
    rc = options_parse(argc, argv, &o);
    if (rc)
        return rc;
    mode = o.mode;
    switch (o.mode) {
    case MODE_HELP:
        options_help(argv[0]);
        return EXIT_OK;
    case MODE_LIST:
        return machine_list();
    case MODE_MACHINE:
        return machine_describe();
    case MODE_TOPOLOGY:
        return machine_topology(o.topology_file);
    case MODE_CALIBRATE:
        return calibrate_main(o.cpus);
    case MODE_MEASURE:
    case MODE_PILOT:
        break;
    }
    rc = measure(&o);
    free(run.measured.json);
    return rc;
}
