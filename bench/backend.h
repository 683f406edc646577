/* What the harness needs to know of the backend it is linked with. backend.c
 * supplies it and is, beside the workloads, the only file compiled once per
 * backend. */
#ifndef GREENBENCH_BACKEND_H
#define GREENBENCH_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const char backend_name[];
extern const bool backend_can_block;

extern const bool backend_remedy_optional;
extern const bool backend_blocking_calls;

/* The stack policy that it offers beside its default, "" if none, and the
 * task_attr.stack_bytes that asks for it. */
extern const char backend_stack_policy[];
extern const size_t backend_stack_bytes;

/* The workloads that it runs, blanks between them; "" if it may run all. */
extern const char backend_only[];

/* As struct task_config. */
struct backend_config {
    int ncpu;
    const int *cpu;
    bool pinned;
    bool no_remedy;
    int64_t spin_ns;
};

/* task_main() of task.h. */
int backend_main(const struct backend_config *config, void (*root)(void *), void *arg);

#endif
