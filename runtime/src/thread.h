/* The OS threads of workers and spares.
 *
 * A spare is a worker that the monitor makes when a worker's OS thread is
 * stuck: in a blocking call, or under a task that never gives it up. It takes
 * part in everything, until the monitor retires it: then it hands its tasks to
 * the shared queue and sleeps until it is needed again.
 */
#ifndef GTI_THREAD_H
#define GTI_THREAD_H

#include "worker.h"

/* Prepare worker[id]; false when memory is short. */
bool gti_worker_init(struct gti_worker *w, int id);
void gti_worker_destroy(struct gti_worker *w);

/* The index of the worker whose on_worker_start() the calling thread is in, which
 * is no worker yet; else -1. */
int gti_thread_starting(void);
/* In a child made by fork(). */
void gti_thread_forked(void);

/* 0 or -errno. */
int gti_worker_thread_start(struct gti_worker *w);
/* Wake the first `count` workers and wait until they have ended; stopping is
 * set. */
void gti_worker_threads_join(int count);

/* Monitor only. One more spare takes part; -errno when there can be none. */
int gti_spare_activate(void);
/* Ask an active spare to stand down, once its task lets it. */
void gti_spare_retire(struct gti_worker *w);

#endif
