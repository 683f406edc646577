/* The monitor: a thread that looks every now and then at what the workers do.
 *
 *   - A worker whose task is in a blocking call, or has run for too long (a
 *     hog), is stuck. What only it can reach is emptied into the shared queue,
 *     its wheel becomes everybody's, and a spare takes part for as long as it is
 *     stuck. So at any time as many workers are not stuck as gt_start() made.
 *   - When every worker sleeps and nothing can wake one, it reports that.
 *   - It writes the dump that SIGQUIT asked for.
 *
 * It alone decides about spares, and about the bias of the workers' locks.
 * While everybody sleeps, it sleeps too, until a worker that wakes sees that.
 */
#ifndef GTI_MONITOR_H
#define GTI_MONITOR_H

#include "worker.h"

/* `hog_ns` < 0: hogs are left alone. 0 or -errno. */
int gti_monitor_start(int64_t hog_ns, bool report_deadlock);
void gti_monitor_stop(void);

/* From a signal handler: write a dump soon. */
void gti_monitor_ask_for_dump(void);

#endif
