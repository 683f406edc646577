/* Fatal reports, and the signal handler that tells a stack overflow from
 * other faults. */
#ifndef GTI_DEBUG_H
#define GTI_DEBUG_H

#include "worker.h"

/* Install and remove the SIGSEGV and SIGBUS handlers. Faults that are not in
 * the guard of a running task go to the handlers that were there before. */
int gti_debug_init(void);
void gti_debug_destroy(void);

/* A signal stack for the calling worker's OS thread: the overflow report needs
 * a stack that is not the one that ended. 0 or -errno. */
int gti_debug_thread_init(struct gti_worker *w);
void gti_debug_thread_destroy(struct gti_worker *w);

#endif
