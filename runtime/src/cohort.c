/* When a row of tasks has its turns again; see cohort.h. */
#include "cohort.h"

#include "os_linux.h"
#include "worker.h"

/* Of a row that is not looked at: it took too long. */
#define LONG_AGO (INT64_MIN / 2)

/* The row that ends now was of quick yields, and is the last of the ring. */
static bool is_to_repeat(const struct gti_worker *w, const struct gti_runq_ends *ring, int64_t now)
{
    const struct gti_cohort *c = &w->cohort;
    uint32_t turns = ring->tail - c->tail;
    return turns >= GTI_HOUSEKEEPING / 2u && turns <= GTI_HOUSEKEEPING &&
           GTI_LOAD(w->count.switches, relaxed) - c->switches == turns &&
           now - c->began <= (int64_t)turns * GTI_COHORT_TURN_NS;
}

/* A repeat has ended as it should, and another as long still fits. */
static bool is_to_go_on(const struct gti_cohort *c, int64_t now)
{
    return c->left == 0u && c->repeats < GTI_COHORT_REPEATS &&
           now - c->ended + (now - c->began) <= GTI_COHORT_SHARE * c->took;
}

static void note_row(struct gti_cohort *c, uint32_t tail, int64_t now)
{
    c->first = c->at = c->tail;
    c->end = tail;
    c->repeats = 0;
    c->took = now - c->began;
    c->ended = now;
}

/* The task that yields now has been part of it. */
static void begin_repeat(struct gti_cohort *c, int64_t now)
{
    c->left = c->end - c->first + 1u;
    c->repeats++;
    c->began = now;
}

/* Each repeat has moved the row's oldest by one place. */
static void put_right(struct gti_worker *w, const struct gti_runq_ends *ring)
{
    const struct gti_cohort *c = &w->cohort;
    if (c->left == 0u && c->first - ring->head < ring->tail - ring->head &&
        gti_next_touch(&w->next))
        gti_runq_rotate(ring, c->first, c->end, c->at);
    gti_next_untouch(&w->next);
}

static void begin_row(struct gti_worker *w, uint32_t tail, int64_t now)
{
    struct gti_cohort *c = &w->cohort;
    w->in_turn = true;
    c->left = 0;
    c->tail = tail;
    c->switches = GTI_LOAD(w->count.switches, relaxed);
    c->began = now;
}

static bool look_closely(struct gti_worker *w, const struct gti_runq_ends *ring)
{
    struct gti_cohort *c = &w->cohort;
    int64_t now = gti_os_now();
    if (w->in_turn ? is_to_repeat(w, ring, now) : is_to_go_on(c, now)) {
        if (w->in_turn)
            note_row(c, ring->tail, now);
        w->in_turn = false;
        begin_repeat(c, now);
        return true;
    }
    if (!w->in_turn)
        put_right(w, ring);
    begin_row(w, ring->tail, now);
    return false;
}

bool gti_cohort_look(struct gti_worker *w)
{
    const struct gti_runq_ends ring = gti_runq_ends(&w->runq);
    if (gti_unlikely(ring.tail - ring.head >= GTI_COHORT_LEAST))
        return look_closely(w, &ring);
    begin_row(w, ring.tail, LONG_AGO);
    return false;
}
