/* Blocking calls; see blocking.c. */
#ifndef GTI_BLOCKING_H
#define GTI_BLOCKING_H

#include "worker.h"

/* The worker that the calling OS thread has left for a blocking call, or NULL. */
struct gti_worker *gti_blocking_worker(void);
/* In a forked child: there is no worker to come back to. */
void gti_blocking_forked(void);

#endif
