/* The table of all workloads, generated from workloads.def. */
#include "registry.h"

#include "workload.h"

#define X(group, name) extern const struct workload workload_##group##_##name;
#include "workloads.def"
#undef X

const struct workload *const registry[] = {
#define X(group, name) &workload_##group##_##name,
#include "workloads.def"
#undef X
};

const size_t registry_count = sizeof registry / sizeof registry[0];
