/* The table of all workloads. */
#ifndef GREENBENCH_REGISTRY_H
#define GREENBENCH_REGISTRY_H

#include <stddef.h>

struct workload;

extern const struct workload *const registry[];
extern const size_t registry_count;

#endif
