/* What the selects of both flavours share: the order in which they look at
 * their cases, and that in which they lock their channels. */
#ifndef TBI_SELECT_H
#define TBI_SELECT_H

#include "tb/tb.h"

/* A number below n, each equally likely; cheap, one sequence per thread. */
unsigned tbi_random_below(unsigned n);

/* Fills order with the indices of the n channels, by address. A lock order for
 * all threads: two selects over the same channels cannot wait for each other. */
void tbi_lock_order(void *const *chan, int n, unsigned char *order);

/* Whether a deadline has passed; TB_NEVER does not. */
bool tbi_passed(int64_t deadline);

#endif
