/* The bridge from the harness, compiled once, to the backend of this
 * executable. */
#include "backend.h"
#include "task.h"

const char backend_name[] = TASK_BACKEND_NAME;
const bool backend_can_block = TASK_CAN_BLOCK;
const bool backend_remedy_optional = TASK_REMEDY_OPTIONAL;
const bool backend_blocking_calls = TASK_BLOCKING_CALLS;
const char backend_stack_policy[] = TASK_STACK_POLICY;
const size_t backend_stack_bytes = TASK_STACK_BYTES;

#ifndef TASK_ONLY
#define TASK_ONLY ""
#endif
const char backend_only[] = TASK_ONLY;

int backend_main(const struct backend_config *config, void (*root)(void *), void *arg)
{
    const struct task_config task = {.ncpu = config->ncpu,
                                     .cpu = config->cpu,
                                     .pinned = config->pinned,
                                     .no_remedy = config->no_remedy,
                                     .spin_ns = config->spin_ns};

    return task_main(&task, root, arg);
}
