/* Looking at stacks from inside. */
#ifndef TB_TESTS_STACK_PROBE_H
#define TB_TESTS_STACK_PROBE_H

#include <stdbool.h>
#include <stddef.h>

/* Recurse until `depth` bytes below the caller's frame were written. */
void probe_dig(size_t depth);

/* Pages of the calling thread's stack that are resident, leaving out the
 * ones just below the caller's frame (two; more where code is instrumented). */
size_t probe_resident(void);

/* An address in the stack where probe_dig() last dug, and whether an address
 * is mapped. */
void *probe_last_frame(void);
bool probe_mapped(void *address);

#endif
