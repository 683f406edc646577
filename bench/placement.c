/* Placements on top of hwloc; see placement.h.
 *
 * The topology is restricted to the CPUs that may be used as soon as it is
 * loaded, so that every search below sees only those. CPU numbers are OS
 * numbers, hwloc's os_index.
 */
#include "placement.h"

#include <errno.h>
#include <hwloc.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct topology {
    hwloc_topology_t hwloc;
    char synthetic[1024];
};

static const char *const pair_names[] = {"free",      "same-pu",    "smt",          "same-llc",
                                         "cross-llc", "cross-numa", "cross-package"};
static const char *const pool_names[] = {"none", "compact", "scatter"};

enum {
    PAIR_COUNT = sizeof pair_names / sizeof pair_names[0],
    POOL_COUNT = sizeof pool_names / sizeof pool_names[0]
};

const char *placement_name(const char *name, bool pair)
{
    const char *const *names = pair ? pair_names : pool_names;
    const size_t count = pair ? PAIR_COUNT : POOL_COUNT;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return names[i];
    }
    return NULL;
}

const char *placement_names(bool pair)
{
    return pair ? "free same-pu smt same-llc cross-llc cross-numa cross-package"
                : "none compact scatter";
}

static bool is_pool(const char *place)
{
    return placement_name(place, false) != NULL;
}

const char *placement_check(const char *place, int ncpu)
{
    if (is_pool(place) || strcmp(place, "free") == 0)
        return NULL;
    if (strcmp(place, "same-pu") == 0)
        return ncpu == 1 ? NULL : "place:same-pu needs P:1";
    return ncpu == 2 ? NULL : "a placement on two CPUs needs P:2";
}

/* --- the topology --------------------------------------------------------- */

static int keep_only(struct topology *t, hwloc_const_bitmap_t allowed)
{
    hwloc_bitmap_t set = hwloc_bitmap_dup(allowed);
    int rc = -1;

    if (set) {
        hwloc_bitmap_and(set, set, hwloc_topology_get_topology_cpuset(t->hwloc));
        /* An empty set cannot be kept: hwloc refuses it. */
        rc = hwloc_topology_restrict(t->hwloc, set, 0);
    }
    hwloc_bitmap_free(set);
    return rc;
}

static struct topology *topology_load(const char *synthetic)
{
    struct topology *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    if (hwloc_topology_init(&t->hwloc) != 0) {
        free(t);
        return NULL;
    }
    if ((synthetic && hwloc_topology_set_synthetic(t->hwloc, synthetic) != 0) ||
        hwloc_topology_load(t->hwloc) != 0) {
        topology_close(t);
        return NULL;
    }
    if (hwloc_topology_export_synthetic(t->hwloc, t->synthetic, sizeof t->synthetic, 0) < 0)
        strcpy(t->synthetic, "unknown");
    return t;
}

struct topology *topology_open_synthetic(const char *description, const char *allowed)
{
    struct topology *t = topology_load(description);
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    int rc = t && set ? 0 : -1;

    if (rc == 0 && allowed) {
        rc = hwloc_bitmap_list_sscanf(set, allowed);
        if (rc == 0)
            rc = keep_only(t, set);
    }
    hwloc_bitmap_free(set);
    if (rc != 0) {
        topology_close(t);
        t = NULL;
    }
    return t;
}

/* The mask may be wider than the kernel's idea of this machine; a machine of
 * more CPUs than the buffer has bits is refused by the call, so it grows. */
static hwloc_bitmap_t affinity_mask(void)
{
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    cpu_set_t *mask = CPU_ALLOC(PLACEMENT_CPUS_MAX);
    const size_t size = CPU_ALLOC_SIZE(PLACEMENT_CPUS_MAX);

    if (set && mask && sched_getaffinity(0, size, mask) == 0) {
        for (int cpu = 0; cpu < PLACEMENT_CPUS_MAX; cpu++) {
            if (CPU_ISSET_S((size_t)cpu, size, mask))
                hwloc_bitmap_set(set, (unsigned)cpu);
        }
    }
    CPU_FREE(mask);
    return set;
}

struct topology *topology_open(void)
{
    struct topology *t = topology_load(NULL);
    hwloc_bitmap_t set;

    if (!t)
        return NULL;
    set = affinity_mask();
    if (!set || keep_only(t, set) != 0) {
        topology_close(t);
        t = NULL;
    }
    hwloc_bitmap_free(set);
    return t;
}

void topology_close(struct topology *t)
{
    if (t)
        hwloc_topology_destroy(t->hwloc);
    free(t);
}

int topology_cpus(const struct topology *t, int cpu[PLACEMENT_CPUS_MAX])
{
    hwloc_const_bitmap_t set = hwloc_topology_get_topology_cpuset(t->hwloc);
    int count = 0;

    for (int i = hwloc_bitmap_first(set); i >= 0 && count < PLACEMENT_CPUS_MAX;
         i = hwloc_bitmap_next(set, i))
        cpu[count++] = i;
    return count;
}

const char *topology_synthetic(const struct topology *t)
{
    return t->synthetic;
}

int topology_export(const char *file)
{
    struct topology *t = topology_load(NULL);
    int rc;

    if (!t)
        return -EIO;
    errno = EIO;
    rc = hwloc_topology_export_xml(t->hwloc, file, 0) == 0 ? 0 : -errno;
    topology_close(t);
    return rc;
}

const char *placement_library_version(void)
{
    return GREENBENCH_HWLOC_VERSION;
}

/* --- pairs ---------------------------------------------------------------- */

/* The widest cache that serves a CPU; NULL when the topology shows none. */
static hwloc_obj_t last_level_cache(hwloc_obj_t pu)
{
    hwloc_obj_t found = NULL;

    for (hwloc_obj_t o = pu->parent; o; o = o->parent) {
        if (hwloc_obj_type_is_dcache(o->type))
            found = o;
    }
    return found;
}

static hwloc_obj_t ancestor(hwloc_topology_t h, hwloc_obj_t pu, hwloc_obj_type_t type)
{
    return hwloc_get_ancestor_obj_by_type(h, type, pu);
}

/* How far apart two different CPUs are, as the index of the pair's name. The
 * widest boundary between them decides, so that each pair has one name. */
static const char *relation(hwloc_topology_t h, hwloc_obj_t a, hwloc_obj_t b)
{
    const hwloc_obj_t core = ancestor(h, a, HWLOC_OBJ_CORE);
    const hwloc_obj_t cache = last_level_cache(a);

    if (core && core == ancestor(h, b, HWLOC_OBJ_CORE))
        return "smt";
    if (ancestor(h, a, HWLOC_OBJ_PACKAGE) != ancestor(h, b, HWLOC_OBJ_PACKAGE))
        return "cross-package";
    if (!hwloc_bitmap_isequal(a->nodeset, b->nodeset))
        return "cross-numa";
    if (!cache || !last_level_cache(b))
        return "unknown";
    return cache == last_level_cache(b) ? "same-llc" : "cross-llc";
}

static const char *why_no_pair(const char *place)
{
    if (strcmp(place, "smt") == 0)
        return "no two hardware threads of one core";
    if (strcmp(place, "same-llc") == 0)
        return "no two cores that share a last-level cache";
    if (strcmp(place, "cross-llc") == 0)
        return "no two last-level caches within one NUMA node";
    if (strcmp(place, "cross-numa") == 0)
        return "no two NUMA nodes within one package";
    return "no two packages";
}

static int choose_pair(const struct topology *t, const char *place, struct placement *out,
                       char reason[PLACEMENT_REASON_MAX])
{
    hwloc_obj_t a = NULL;
    hwloc_obj_t b;

    while ((a = hwloc_get_next_obj_by_type(t->hwloc, HWLOC_OBJ_PU, a))) {
        for (b = a->next_cousin; b; b = b->next_cousin) {
            if (strcmp(relation(t->hwloc, a, b), place) == 0) {
                out->cpu[0] = (int)a->os_index;
                out->cpu[1] = (int)b->os_index;
                out->ncpu = 2;
                return 0;
            }
        }
    }
    snprintf(reason, PLACEMENT_REASON_MAX,
             "place:%s: the CPUs this process may use have %s (as far as hwloc can see)", place,
             why_no_pair(place));
    return -ENODEV;
}

/* --- pools ---------------------------------------------------------------- */

/* Neighbours first: hwloc's logical order keeps hardware threads of a core,
 * then cores of a cache, then caches of a package together. */
static void choose_compact(const struct topology *t, int ncpu, struct placement *out)
{
    hwloc_obj_t pu = NULL;

    for (out->ncpu = 0; out->ncpu < ncpu; out->ncpu++) {
        pu = hwloc_get_next_obj_by_type(t->hwloc, HWLOC_OBJ_PU, pu);
        out->cpu[out->ncpu] = (int)pu->os_index;
    }
}

/* How close two CPUs are: the deeper their common ancestor, the closer, and
 * one neighbour at a depth outweighs a thousand at the depth above. */
static double closeness(hwloc_topology_t h, hwloc_obj_t a, hwloc_obj_t b)
{
    return ldexp(1, 10 * hwloc_get_common_ancestor_obj(h, a, b)->depth);
}

static hwloc_obj_t loneliest(hwloc_topology_t h, const double *cost)
{
    hwloc_obj_t best = NULL;

    for (hwloc_obj_t pu = NULL; (pu = hwloc_get_next_obj_by_type(h, HWLOC_OBJ_PU, pu));) {
        if (!best || cost[pu->logical_index] < cost[best->logical_index])
            best = pu;
    }
    return best;
}

/* Strangers first: each CPU is the one with the fewest close neighbours among
 * those already chosen. hwloc_distrib() spreads in proportion to the CPUs of
 * each part instead, which fills a package that has most of them. */
static int choose_scatter(const struct topology *t, int ncpu, struct placement *out,
                          char reason[PLACEMENT_REASON_MAX])
{
    double *cost = calloc((size_t)hwloc_get_nbobjs_by_type(t->hwloc, HWLOC_OBJ_PU), sizeof *cost);

    if (!cost) {
        snprintf(reason, PLACEMENT_REASON_MAX, "place:scatter: out of memory");
        return -ENODEV;
    }
    for (out->ncpu = 0; out->ncpu < ncpu; out->ncpu++) {
        hwloc_obj_t chosen = loneliest(t->hwloc, cost);

        out->cpu[out->ncpu] = (int)chosen->os_index;
        for (hwloc_obj_t pu = NULL;
             (pu = hwloc_get_next_obj_by_type(t->hwloc, HWLOC_OBJ_PU, pu));) {
            if (pu != chosen)
                cost[pu->logical_index] += closeness(t->hwloc, pu, chosen);
        }
        cost[chosen->logical_index] = INFINITY;
    }
    free(cost);
    return 0;
}

/* No opinion about closeness: the CPUs with the lowest numbers. */
static void choose_first(const struct topology *t, int ncpu, struct placement *out)
{
    topology_cpus(t, out->cpu);
    out->ncpu = ncpu;
}

int placement_choose(const struct topology *t, const char *place, int ncpu,
                     struct placement *ret_placement, char reason[PLACEMENT_REASON_MAX])
{
    const int available = topology_cpus(t, ret_placement->cpu);

    if (ncpu > available) {
        snprintf(reason, PLACEMENT_REASON_MAX,
                 "P:%d: this process may use %d CPU%s (affinity mask, cgroup cpuset)", ncpu,
                 available, available == 1 ? "" : "s");
        return -ENODEV;
    }
    if (strcmp(place, "compact") == 0) {
        choose_compact(t, ncpu, ret_placement);
        return 0;
    }
    if (strcmp(place, "scatter") == 0)
        return choose_scatter(t, ncpu, ret_placement, reason);
    if (strcmp(place, "free") == 0 || strcmp(place, "none") == 0 || strcmp(place, "same-pu") == 0) {
        choose_first(t, ncpu, ret_placement);
        return 0;
    }
    return choose_pair(t, place, ret_placement, reason);
}

int placement_spare(const struct topology *t, const struct placement *placement)
{
    int *cpu = malloc(PLACEMENT_CPUS_MAX * sizeof *cpu), spare = -1;
    const int count = cpu ? topology_cpus(t, cpu) : 0;

    for (int i = 0; i < count; i++) {
        bool chosen = false;

        for (int k = 0; k < placement->ncpu; k++)
            chosen = chosen || placement->cpu[k] == cpu[i];
        spare = chosen ? spare : cpu[i];
    }
    free(cpu);
    return spare;
}

/* The kernel's call rather than hwloc's: the mask is that of this thread and
 * of the threads it creates, and a sandbox that denies it says so in errno. */
int placement_apply(const struct placement *placement, char reason[PLACEMENT_REASON_MAX])
{
    cpu_set_t *mask = CPU_ALLOC(PLACEMENT_CPUS_MAX);
    const size_t size = CPU_ALLOC_SIZE(PLACEMENT_CPUS_MAX);
    int rc = -ENOMEM;

    if (mask) {
        CPU_ZERO_S(size, mask);
        for (int i = 0; i < placement->ncpu; i++)
            CPU_SET_S((size_t)placement->cpu[i], size, mask);
        rc = sched_setaffinity(0, size, mask) == 0 ? 0 : -errno;
    }
    CPU_FREE(mask);
    if (rc == 0)
        return 0;
    snprintf(reason, PLACEMENT_REASON_MAX,
             "binding to %d CPU%s was denied: %s (a container may forbid sched_setaffinity)",
             placement->ncpu, placement->ncpu == 1 ? "" : "s", strerror(-rc));
    return -ENODEV;
}
