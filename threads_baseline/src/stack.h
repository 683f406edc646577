/* Sizes of thread stacks, and giving their pages back. */
#ifndef TBI_STACK_H
#define TBI_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The pthread_attr_setstacksize value that leaves `usable` bytes to the
 * thread's function: a multiple of the page size, at least
 * PTHREAD_STACK_MIN; 0 when no size_t can hold it. */
size_t tbi_stack_size_for(size_t usable);

/* True once tb_stack_trim() was called. */
bool tbi_stack_trimming(void);

/* Give back the pages of the calling thread's stack between `low` and the
 * frame of the caller. Nothing below the caller's frame may be in use. */
void tbi_stack_release(uintptr_t low);

/* For the function pthread_create was given, `frame` being its frame and
 * `stack_size` what its attributes asked for (0 for the default): an address
 * at or above the lowest usable one of its stack. */
uintptr_t tbi_stack_low(void *frame, size_t stack_size);

/* The lowest usable address of the calling thread's stack, from the C
 * library; costs microseconds. UINTPTR_MAX if it cannot be told. */
uintptr_t tbi_stack_query_low(void);

#endif
