/* The bridge from the harness, compiled once, to the backend of this
 * executable. */
#include "backend.h"
#include "task.h"

const char backend_name[] = TASK_BACKEND_NAME;
const bool backend_can_block = TASK_CAN_BLOCK;

int backend_main(int ncpu, const int *cpu, bool pinned, int64_t spin_ns, void (*root)(void *),
                 void *arg)
{
    const struct task_config config = {
        .ncpu = ncpu, .cpu = cpu, .pinned = pinned, .spin_ns = spin_ns};

    return task_main(&config, root, arg);
}
