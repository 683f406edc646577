/* Fatal reports, and the signal handler that tells a stack overflow from
 * other faults. */
#ifndef GTI_DEBUG_H
#define GTI_DEBUG_H

#include "worker.h"

/* Every task waits and nothing can wake one: a dump, and exit(2). */
void gti_debug_deadlock(void) __attribute__((noreturn));
void gti_debug_dump_to_stderr(void);

/* Install and remove the SIGSEGV and SIGBUS handlers. Faults that are not in
 * the guard of a running task go to the handlers that were there before. */
int gti_debug_init(void);
void gti_debug_destroy(void);

/* Memory for a worker's signal stack: the overflow report needs a stack that is
 * not the one that ended. Made before the thread, so that gt_start() can say
 * that there is none. False when memory is short. */
bool gti_debug_worker_init(struct gti_worker *w);
void gti_debug_worker_destroy(struct gti_worker *w);

/* On the worker's OS thread: use it, and stop using it. 0 or -errno. */
int gti_debug_thread_init(struct gti_worker *w);
void gti_debug_thread_destroy(void);

#endif
