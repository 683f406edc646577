/* Make allocations and system calls of the runtime fail on purpose, and count
 * what it holds. For executables linked with
 *   -Wl,--wrap=malloc,--wrap=calloc,--wrap=aligned_alloc,--wrap=free,
 *   --wrap=mmap64,--wrap=munmap,--wrap=madvise,--wrap=mprotect,
 *   --wrap=pthread_create,--wrap=syscall,--wrap=epoll_create1,--wrap=eventfd,
 *   --wrap=close
 * Calls inside shared libraries are neither counted nor failed. */
#ifndef GT_TESTS_WRAP_H
#define GT_TESTS_WRAP_H

#include <stdbool.h>

enum wrap_what {
    WRAP_MALLOC = 1, /* malloc, calloc, aligned_alloc */
    WRAP_MMAP = 2,
    WRAP_MADVISE = 4, /* and process_madvise, pidfd_open */
    WRAP_MPROTECT = 8,
    WRAP_THREAD = 16,
    WRAP_ALL = 31,
    WRAP_MEMBARRIER = 32,
    WRAP_EPOLL = 64 /* epoll_create1, eventfd */
};

/* From now on fail call number `at` (from 1) to any of `what`, and all later
 * ones too if for_ever. at 0: none. */
void wrap_arm(unsigned what, int at, bool for_ever);
/* Did a call fail since wrap_arm()? */
bool wrap_fired(void);
/* Called before each close(), with the descriptor; NULL: nothing is. */
void wrap_before_close(void (*fn)(int fd));
/* Blocks on the heap; bytes mapped. */
long wrap_blocks(void);
long wrap_mapped(void);

#endif
