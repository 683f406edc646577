/* The trace: what each worker did, for GT_TRACE=file.
 *
 * Every worker writes its events into a ring of its own, of GT_TRACE_EVENTS
 * places, the oldest overwritten; the monitor and threads that are no workers
 * share one more. gt_stop() turns them into a file that ui.perfetto.dev and
 * chrome://tracing load (trace_write.c). So does the end of the process by
 * exit(), a fatal report or a deadlock; then workers may still be running, and
 * the last event of each may be missing.
 *
 * It costs nothing when it is off: tasks carry GTI_TASK_SLOW when it is on, and
 * the hooks below are in the slow paths that this flag leads to.
 */
#ifndef GTI_TRACE_H
#define GTI_TRACE_H

#include "worker.h"

enum gti_trace_kind {
    GTI_TRACE_SPAWN,   /* task; arg unused */
    GTI_TRACE_RUN,     /* task: a slice begins */
    GTI_TRACE_PARK,    /* it ends, the task waits; arg: enum gti_wait_kind */
    GTI_TRACE_YIELD,   /* it ends, the task is ready */
    GTI_TRACE_RETURN,  /* it ends, and so does the task */
    GTI_TRACE_READY,   /* task */
    GTI_TRACE_STEAL,   /* arg: how many tasks */
    GTI_TRACE_SLEEP,   /* the worker goes to sleep */
    GTI_TRACE_AWAKE,   /* and is back */
    GTI_TRACE_WAKE,    /* arg: the worker that is woken */
    GTI_TRACE_HOG,     /* arg: the worker that is hogged */
    GTI_TRACE_BLOCK,   /* a blocking call begins */
    GTI_TRACE_UNBLOCK, /* and ends */
    GTI_TRACE_KINDS
};

struct gti_trace_event {
    int64_t ns;
    const struct gti_task *task;
    const void *label; /* the task's name if `is_name`, else its entry function */
    uint32_t arg;
    uint8_t kind; /* enum gti_trace_kind */
    bool is_name;
};

struct gti_trace_ring {
    GTI_ATOMIC(uint64_t) head; /* events ever written */
    char apart_[120];
};

struct gti_trace {
    GTI_ATOMIC(uint32_t) is_on;
    GTI_ATOMIC(uint32_t) lock; /* writers of the last ring */
    int fd;
    int rings; /* workers, spares, all others */
    uint64_t size;
    int64_t began;
    size_t bytes;
    struct gti_trace_ring *ring;
    struct gti_trace_event *event; /* `size` of each ring */
    char path[128];                /* for the report when the file is full */
};

extern struct gti_trace gti_trace;

/* Open the file that GT_TRACE names, if it does; gti_rt.worker[] is there, its
 * threads are not. 0 or -errno with one line in why[size]. */
int gti_trace_init(char *why, size_t size);
/* Write the file; the first call does it. */
void gti_trace_finish(void);
/* In a forked child: the file is the parent's. */
void gti_trace_forked(void);
void gti_trace_destroy(void);

/* trace_write.c */
int gti_trace_write(void);

GTI_INLINE bool gti_trace_is_on(void)
{
    return gti_unlikely(gti_rt.task_flags & GTI_TASK_SLOW);
}

/* `w` is the calling OS thread's worker, or NULL; `t` may be NULL. */
void gti_trace_record(struct gti_worker *w, enum gti_trace_kind kind, const struct gti_task *t,
                      uint32_t arg);

#endif
