/* A cgroup of our own, whose memory.stat counts this process alone.
 *
 * Only cgroup v2 offers it: memory.stat of v1 has neither kernel_stack nor
 * slab. Only a child of our own cgroup is made, never a sibling, so that the
 * process stays under the limits it was started with, and no controller is
 * switched on for anybody else. Where that does not suffice the caller falls
 * back to /proc/meminfo.
 */
#ifndef GREENBENCH_MEMCG_H
#define GREENBENCH_MEMCG_H

#include <stdbool.h>
#include <stdint.h>

struct memcg {
    bool active;
    char parent[512];
    char child[576];
};

/* Moves this process into a new child of the cgroup in directory `own`, NULL
 * for that of this process. False, with nothing left behind, when it cannot. */
bool memcg_enter(struct memcg *m, const char *own);

/* Moves back and removes the child. */
void memcg_leave(struct memcg *m);

bool memcg_read(const struct memcg *m, uint64_t *ret_kernel_stack, uint64_t *ret_slab);

/* The two figures of a v2 memory.stat; false when one is missing. */
bool memcg_parse(const char *stat, uint64_t *ret_kernel_stack, uint64_t *ret_slab);

#endif
