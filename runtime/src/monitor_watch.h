/* The monitor's look at one worker, on the monitor's thread: it finds out who is
 * stuck, empties what only that worker could reach, takes the bias of its lock
 * and gives it back, and hurries who is slow. Spares are up to monitor.c. */
#ifndef GTI_MONITOR_WATCH_H
#define GTI_MONITOR_WATCH_H

#include "worker.h"

/* While some workers idle and others do not, look so often. */
#define GTI_SHARE_NS 1000000

/* `hog_ns` < 0: hogs are left alone. 0 or -ENOMEM. */
int gti_watch_start(int64_t hog_ns);
void gti_watch_stop(void);

/* Compare what the worker does with what it did; true if it is stuck. Sets
 * *ret_new_blocking if it is in a blocking call that is not long yet. */
bool gti_watch_worker(struct gti_worker *w, int64_t now, bool *ret_new_blocking);

#endif
