/* Which CPUs a cell runs on. The only module that knows hwloc.
 *
 * A pair's placement names how close its two CPUs are; a pool's how its CPUs
 * are spread. All choices are made among the CPUs that this process may use:
 * its affinity mask, which the kernel keeps within the cgroup's cpuset.
 */
#ifndef GREENBENCH_PLACEMENT_H
#define GREENBENCH_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>

enum { PLACEMENT_CPUS_MAX = 4096, PLACEMENT_REASON_MAX = 200 };

struct placement {
    int ncpu;
    int cpu[PLACEMENT_CPUS_MAX]; /* OS numbers; slot k is cpu[k] */
};

struct topology;

/* The name as a constant that lives for ever, or NULL if there is none such. */
const char *placement_name(const char *name, bool pair);

/* All names, separated by spaces. */
const char *placement_names(bool pair);

/* What is wrong with `place` on `ncpu` CPUs on any machine, or NULL. */
const char *placement_check(const char *place, int ncpu);

/* This machine. NULL when hwloc cannot read it. */
struct topology *topology_open(void);

/* A machine described in hwloc's synthetic notation, of which only the CPUs
 * of `allowed` (a list such as "0-3,6", NULL for all) may be used. */
struct topology *topology_open_synthetic(const char *description, const char *allowed);

void topology_close(struct topology *t);

/* CPUs that may be used, by OS number, ascending; returns how many. */
int topology_cpus(const struct topology *t, int cpu[PLACEMENT_CPUS_MAX]);

/* hwloc's one-line description of the whole machine; "unknown" if hwloc has none. */
const char *topology_synthetic(const struct topology *t);

/* Writes hwloc's XML of the whole machine. 0 or -errno. */
int topology_export(const char *file);

/* Chooses CPUs. 0, or -ENODEV with one line in `reason`: this machine cannot
 * offer it. */
int placement_choose(const struct topology *t, const char *place, int ncpu,
                     struct placement *ret_placement, char reason[PLACEMENT_REASON_MAX]);

/* A CPU that may be used and was not chosen, the one with the highest number;
 * -1 if there is none. */
int placement_spare(const struct topology *t, const struct placement *placement);

/* Makes the chosen CPUs the affinity mask of the calling thread, and so of
 * every thread it creates. 0, or -ENODEV with a reason when binding is denied. */
int placement_apply(const struct placement *placement, char reason[PLACEMENT_REASON_MAX]);

/* The version of hwloc found at configure time; what the library reports is
 * that of its interface. */
const char *placement_library_version(void);

#endif
