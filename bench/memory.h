/* The memory probe: what tasks cost, the kernel's share included.
 *
 * User memory is Pss, page tables are VmPTE, both of this process. Kernel
 * stacks and slab are those of a cgroup of our own where one can be made, else
 * the change of the whole machine's /proc/meminfo, which is why a baseline
 * also measures how much these figures move while nothing happens.
 */
#ifndef GREENBENCH_MEMORY_H
#define GREENBENCH_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "memcg.h"

struct memory_totals {
    uint64_t user, page_table, kernel_stack, slab, anon_huge;
};

/* Changes since the baseline, over n tasks. */
struct memory_sample {
    uint64_t n;
    int64_t user, page_table, kernel_stack, slab, anon_huge;
    uint64_t noise;     /* largest change of the sum between two empty probes */
    const char *source; /* of kernel stack and slab: "memcg" or "meminfo" */
};

struct memory_probe {
    bool precise;
    bool has_baseline;
    struct memcg memcg;
    struct memory_totals baseline;
    uint64_t noise;
};

/* precise: wait until the kernel's figures stand still, about a second in
 * all. Without it kernel memory is read as it comes: enough for user memory,
 * and for task counts too small to quote kernel memory from. 0 or -errno. */
int memory_baseline(struct memory_probe *p, bool precise);
int memory_measure(struct memory_probe *p, uint64_t n, struct memory_sample *ret_sample);
void memory_close(struct memory_probe *p);

/* One reading without a cgroup; for tests. */
int memory_read(struct memory_totals *ret_totals);

#endif
