/* What the harness needs to know of the backend it is linked with. backend.c
 * supplies it and is, beside the workloads, the only file compiled once per
 * backend. */
#ifndef GREENBENCH_BACKEND_H
#define GREENBENCH_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

extern const char backend_name[];
extern const bool backend_can_block;

/* task_main() of task.h. */
int backend_main(int ncpu, const int *cpu, bool pinned, int64_t spin_ns, void (*root)(void *),
                 void *arg);

#endif
