/* Deadlines of sleeping and waiting tasks: a hierarchical timer wheel, one per
 * worker.
 *
 * A task is put on the wheel of the worker that runs it, and only by that
 * worker. It is taken off by whoever wakes it first, and a wheel whose worker
 * is in a blocking call or hogged is advanced by others (worker_idle.c): so
 * everything but `count` is protected by `lock`, which every function below
 * but gti_timers_init() expects to be held. `count` may be read without it,
 * as a hint.
 *
 * Time is counted in ticks of 1024 ns. Level L has 64 slots of 64^L ticks. A
 * task that fires at tick T is on the level of the highest 6-bit digit in
 * which T differs from `now`, in the slot of T's digit there. So every task
 * on a level has the same higher digits as `now`; the first occupied slot of
 * the lowest occupied level is the earliest; and when time enters a slot of a
 * higher level, its tasks move down at least one level. Insertion and removal
 * take constant time and allocate nothing.
 *
 * The scheme is that of G. Varghese and T. Lauck, "Hashed and Hierarchical
 * Timing Wheels" (1987), scheme 7, without its migration of empty slots.
 */
#ifndef GTI_TIMER_H
#define GTI_TIMER_H

#include "atomics.h"
#include "base.h"

#define GTI_TIMER_TICK_SHIFT 10
#define GTI_TIMER_BITS       6
#define GTI_TIMER_SLOTS      (1 << GTI_TIMER_BITS)
#define GTI_TIMER_LEVELS     9 /* 54 bits of ticks: all of int64_t nanoseconds */

struct gti_task;

struct gti_timers {
    GTI_ATOMIC(uint32_t) lock;
    GTI_ATOMIC(uint32_t) count;
    uint64_t now;                        /* tick up to which the wheel has advanced */
    uint64_t occupied[GTI_TIMER_LEVELS]; /* bit per slot */
    struct gti_task *slot[GTI_TIMER_LEVELS][GTI_TIMER_SLOTS];
};

void gti_timers_init(struct gti_timers *timers, int64_t now);
/* Fire at `deadline` (ns) or up to one tick later, never earlier. */
void gti_timers_add(struct gti_timers *timers, struct gti_task *t, int64_t deadline);
void gti_timers_remove(struct gti_timers *timers, struct gti_task *t);
/* Take all tasks due at `now` off the wheel; a list linked by next. Those that
 * somebody else has claimed meanwhile are left to him. */
struct gti_task *gti_timers_advance(struct gti_timers *timers, int64_t now);
/* A time (ns) at which to advance next: the earliest deadline, or before it
 * when very many are near; INT64_MAX when there is none. */
int64_t gti_timers_next(const struct gti_timers *timers);

#endif
