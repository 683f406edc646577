/* Which limit of the system stopped a cell, and the budgets that stop it
 * before the machine suffers.
 *
 * EAGAIN from a spawn does not say why. The limits are compared with what the
 * system holds at that moment: those whose use the kernel counts exactly
 * first, then the nearest.
 */
#ifndef GREENBENCH_LIMIT_H
#define GREENBENCH_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define LIMIT_NONE UINT64_MAX /* there is no such limit, or it cannot be read */

/* Limits and their use. LIMIT_NONE in a limit switches the comparison off. */
struct limit_facts {
    uint64_t threads;      /* of the whole system */
    uint64_t user_threads; /* that RLIMIT_NPROC counts: at least our own */
    uint64_t maps;         /* lines of /proc/self/maps */
    uint64_t as_bytes;     /* address space in use */
    uint64_t pids_current; /* of the cgroup that comes nearest to its limit */
    uint64_t pids_max;
    uint64_t pid_max;
    uint64_t threads_max;
    uint64_t rlimit_nproc; /* LIMIT_NONE for a privileged process */
    uint64_t rlimit_as;
    uint64_t max_map_count;
    uint64_t overcommit; /* vm.overcommit_memory */
};

struct limit_budget {
    uint64_t memory_bytes;
    double seconds;
    uint64_t
        pids_reserve; /* so many must stay free below pids.max of a cgroup; 0: all may be taken */
};

struct limit {
    uint64_t reached;
    int error;        /* errno, or E2BIG, ETIME, EDQUOT for the budgets */
    const char *name; /* of the limit; "unknown" */
    uint64_t value;   /* LIMIT_NONE when unknown */
};

/* Reads the facts of this process and system. */
void limit_facts_read(struct limit_facts *ret_facts);

/* Which limit `error` was, given the facts at that moment. */
struct limit limit_classify(uint64_t reached, int error, const struct limit_facts *facts,
                            const struct limit_budget *budget);

/* "EAGAIN", "ENOMEM"; NULL for the budgets, which are no errors. */
const char *limit_errno_name(int error);

/* Bytes that a cell may use by default: half of what is available, where a
 * cgroup may allow less than the machine has. */
uint64_t limit_default_memory(void);

/* How many processes and threads the cgroup and its parents still allow;
 * LIMIT_NONE where no pids.max is set. */
uint64_t limit_pids_room(void);

/* Bytes of memory that the machine could still give. */
uint64_t limit_memory_available(void);

/* Bytes that this process takes, kernel stacks included by an estimate per
 * thread: resident size shows less than half of a parked thread. */
uint64_t limit_memory_used(void);

#endif
