/* Descriptions of the workloads, the machine and the build; see machine.h. */
#include "machine.h"

#include <stdio.h>
#include <string.h>

#include "backend.h"
#include "gbench/gbench.h"
#include "json.h"
#include "options.h"
#include "placement.h"
#include "registry.h"
#include "run.h"
#include "workload.h"

#ifdef __OPTIMIZE__
const int machine_optimized = 1;
#else
const int machine_optimized = 0;
#endif

static const char *boolean(int value)
{
    return value ? "true" : "false";
}

static int finish(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_OK;
    fprintf(stderr, "bench_%s: cannot write to standard output\n", backend_name);
    return EXIT_CANNOT_WRITE;
}

int machine_list(void)
{
    for (size_t i = 0; i < registry_count; i++) {
        const struct workload *w = registry[i];
        const unsigned needs = WORKLOAD_NEEDS_BLOCKING | WORKLOAD_OWN_STACK;

        printf("{\"workload\":\"%s\",\"axes\":\"%s\",\"needs_blocking\":%s,\"pair\":%s,"
               "\"one_round\":%s,\"offered\":%s}\n",
               w->name, w->axes, boolean(w->flags & WORKLOAD_NEEDS_BLOCKING),
               boolean(w->flags & WORKLOAD_PAIR), boolean(w->flags & WORKLOAD_ONE_ROUND),
               boolean(run_is_offered(w) && (backend_can_block || !(w->flags & needs))));
    }
    return finish();
}

/* For each placement either true or the reason why not. */
static void put_placements(const struct topology *t, bool pair, const char *separator)
{
    static struct placement chosen;
    char reason[PLACEMENT_REASON_MAX];
    char name[32];
    size_t length;

    for (const char *at = placement_names(pair); *at; at += length, at += strspn(at, " ")) {
        length = strcspn(at, " ");
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        printf("%s\"%s\":", separator, name);
        separator = ",";
        if (placement_choose(t, name, placement_check(name, 1) ? 2 : 1, &chosen, reason) == 0)
            fputs("true", stdout);
        else
            json_string(stdout, reason);
    }
}

int machine_describe(void)
{
    static int cpu[PLACEMENT_CPUS_MAX];
    struct topology *t = topology_open();
    int count;

    if (!t) {
        fprintf(stderr, "bench_%s: hwloc cannot read this machine's topology\n", backend_name);
        return EXIT_UNSUPPORTED;
    }
    fputs("{\"hwloc_synthetic\":", stdout);
    json_string(stdout, topology_synthetic(t));
    fputs(",\"cpus\":[", stdout);
    count = topology_cpus(t, cpu);
    for (int i = 0; i < count; i++)
        printf("%s%d", i ? "," : "", cpu[i]);
    fputs("],\"placements\":{", stdout);
    put_placements(t, true, "");
    put_placements(t, false, ",");
    fputs("},\"backend\":", stdout);
    json_string(stdout, backend_name);
    fputs(",\"compiler\":", stdout);
    json_string(stdout, GREENBENCH_COMPILER);
    fputs(",\"flags\":", stdout);
    json_string(stdout, GREENBENCH_FLAGS);
    fputs(",\"gbench_version\":", stdout);
    json_string(stdout, gbench_version());
    fputs(",\"hwloc_version\":", stdout);
    json_string(stdout, placement_library_version());
    printf(",\"optimized\":%s}\n", boolean(machine_optimized));
    topology_close(t);
    return finish();
}

int machine_topology(const char *file)
{
    int rc = topology_export(file);

    if (rc == 0)
        return EXIT_OK;
    fprintf(stderr, "bench_%s: cannot write %s: %s\n", backend_name, file, strerror(-rc));
    return EXIT_CANNOT_WRITE;
}
