/* Rows of tasks that only yield have more turns while they are warm.
 *
 * With 100,000 tasks in turn, each turn waits for a descriptor, a stack and its
 * page tables to come from memory, for ten times what a turn costs otherwise.
 * A worker that is alone looks at its ring after each row of up to
 * GTI_HOUSEKEEPING turns. If as many tasks came into the ring as had a turn, and
 * quickly, which is what yields do, then the tasks of the row, which are the last
 * of the ring and warm, have their turns again, and several times, before the
 * next row comes from memory.
 *
 * What this may cost the tasks behind them is bounded:
 *   - there are GTI_COHORT_REPEATS of them at most, and none but the first begins
 *     that, if it takes as long as the one before, makes all take more than
 *     GTI_COHORT_SHARE times as long as the row took at first;
 *   - time that they take beyond that, because what tasks do between two yields
 *     has become more, is taken off what later rows would have: in the long run a
 *     wait in the queue becomes at most six times as long. (Where the ring falls
 *     below GTI_COHORT_LEAST meanwhile, that is forgotten);
 *   - none for a row whose turns took more than GTI_COHORT_TURN_NS on average:
 *     there the work counts and not the way to it;
 *   - none in a ring of less than GTI_COHORT_LEAST tasks: its turns are cheap;
 *   - the housekeeping comes before each of them, as before each row.
 * When a task of the row waits or ends, the next is the oldest of the ring, as
 * always; if that yields, it takes a place in the row, and this repeat is the last.
 *
 * A turn of a repeat is an exchange: the task at `at` leaves its place in the
 * ring, and the one that yields gets it. Round and round, each task of the row
 * comes before the same one as ever; what has moved when it is over is where in
 * the row the oldest stands, and that is put right (gti_runq_rotate()): tasks
 * that take turns in the order of their memory cost less than in any other.
 *
 * Invariant: places are exchanged only between head and tail, by the worker, in
 * the biased section (next_slot.h): there are then no thieves, and the monitor
 * sees the ring only when the context of the task that was put there is saved.
 *
 * The idea is that of J. Larus and M. Parkes, "Using Cohort Scheduling to
 * Enhance Server Performance" (USENIX 2002): run what shares a cache's contents
 * together, within bounds on the wait of the rest.
 */
#ifndef GTI_COHORT_H
#define GTI_COHORT_H

#include "runq.h"

#define GTI_COHORT_LEAST   2048u
#define GTI_COHORT_REPEATS 31u
#define GTI_COHORT_SHARE   5
#define GTI_COHORT_TURN_NS 400

struct gti_worker;

/* Owner only. */
struct gti_cohort {
    uint32_t first, end; /* the row that is repeated: places in the ring */
    uint32_t at;         /* ... whose turn is next */
    uint32_t left;       /* turns until the repeat is over; 0: none */
    uint32_t repeats;    /* of this row, so far */
    uint32_t tail;       /* the ring's, when the row began */
    uint64_t switches;   /* the worker's, when the row or its repeat began */
    int64_t began;       /* when that was */
    int64_t took;        /* the row, before its repeats */
    int64_t ended;       /* when that was over */
    int64_t owed;        /* by how much repeats took more than their share */
};

/* Is a task at `at`? Tasks that leave the ring may have overtaken it. */
GTI_INLINE bool gti_cohort_goes_on(const struct gti_cohort *c, const struct gti_runq_ends *ring)
{
    return c->left != 0u && c->at - ring->head < ring->tail - ring->head;
}

/* The task that yields gets the place of the one whose turn it is. */
GTI_INLINE void gti_cohort_turn(struct gti_cohort *c, const struct gti_runq_ends *ring,
                                struct gti_task *t)
{
    gti_runq_exchange(ring, c->at, t);
    c->at = gti_unlikely(c->at + 1u == c->end) ? c->first : c->at + 1u;
    c->left--;
}

/* After a row or a repeat: do the next turns repeat it? Sets w->in_turn. */
bool gti_cohort_look(struct gti_worker *w);

#endif
