/* Making and destroying run queues; apart from runq.h, which the model checker
 * compiles. */
#ifndef GTI_RUNQ_MEMORY_H
#define GTI_RUNQ_MEMORY_H

#include "runq.h"

/* Of a zeroed queue; false when memory is short. */
bool gti_runq_init(struct gti_runq *q);
/* Also of a zeroed one. Nobody may use it any more. */
void gti_runq_destroy(struct gti_runq *q);

#endif
