/* When a row of tasks has its turns again; see cohort.h. */
#include "cohort.h"

#include "os_linux.h"
#include "worker.h"

/* The time of a look at a ring of too few tasks, in place of the clock's: the row
 * that begins then takes too long, whatever the ring grows to meanwhile, and pays
 * all that is owed. GTI_COHORT_SHARE times as long ago is within an int64_t. */
#define LONG_AGO (INT64_MIN / 16)
static_assert(GTI_COHORT_SHARE < 8, "what is paid since LONG_AGO is an int64_t");

/* Time that earlier repeats took beyond their share is taken off what this row
 * would have. False: there is none. */
static bool pay_back(struct gti_cohort *c, int64_t now)
{
    if (gti_likely(c->owed <= 0))
        return false;
    int64_t paid = GTI_COHORT_SHARE * (now - c->began);
    c->owed -= paid < c->owed ? paid : c->owed;
    return true;
}

/* The row that ends now was of quick yields, and is the last of the ring. */
static bool is_to_repeat(const struct gti_worker *w, const struct gti_runq_ends *ring, int64_t now)
{
    const struct gti_cohort *c = &w->cohort;
    uint32_t turns = ring->tail - c->tail;
    /* Shorter ones are not worth the looks. */
    return turns >= GTI_HOUSEKEEPING / 2u && turns <= GTI_HOUSEKEEPING &&
           GTI_LOAD(w->count.switches, relaxed) - c->switches == turns &&
           now - c->began <= (int64_t)turns * GTI_COHORT_TURN_NS &&
           GTI_LOAD(w->next.shared, relaxed) == 0u;
}

/* A repeat has ended, it was of yields as well, and another as long still fits. */
static bool is_to_go_on(const struct gti_worker *w, int64_t now)
{
    const struct gti_cohort *c = &w->cohort;
    return c->left == 0u && c->repeats < GTI_COHORT_REPEATS &&
           GTI_LOAD(w->count.switches, relaxed) - c->switches == c->end - c->first + 1u &&
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

static void begin_repeat(struct gti_worker *w, int64_t now)
{
    struct gti_cohort *c = &w->cohort;
    w->in_turn = false;
    c->left = c->end - c->first + 1u; /* the task that yields now is one more */
    c->repeats++;
    c->switches = GTI_LOAD(w->count.switches, relaxed);
    c->began = now;
}

/* Each repeat has moved the row's oldest by one place. */
static void put_right(struct gti_worker *w)
{
    const struct gti_cohort *c = &w->cohort;
    if (gti_next_touch(&w->next)) {
        const struct gti_runq_ends ring = gti_runq_ends(&w->runq);
        if (c->left == 0u && c->first - ring.head < ring.tail - ring.head &&
            c->end - ring.head <= ring.tail - ring.head)
            gti_runq_rotate(&ring, c->first, c->end, c->at);
    }
    gti_next_untouch(&w->next);
}

static void end_repeats(struct gti_worker *w, int64_t now)
{
    struct gti_cohort *c = &w->cohort;
    int64_t beyond = now - c->ended - GTI_COHORT_SHARE * c->took;
    if (beyond > 0)
        c->owed += beyond;
    put_right(w);
    w->in_turn = true;
}

static void begin_row(struct gti_worker *w, uint32_t tail, int64_t now)
{
    struct gti_cohort *c = &w->cohort;
    c->left = 0;
    c->tail = tail;
    c->switches = GTI_LOAD(w->count.switches, relaxed);
    c->began = now;
}

static bool look_closely(struct gti_worker *w, const struct gti_runq_ends *ring, int64_t now)
{
    if (!w->in_turn)
        return is_to_go_on(w, now);
    if (pay_back(&w->cohort, now) || !is_to_repeat(w, ring, now))
        return false;
    note_row(&w->cohort, ring->tail, now);
    return true;
}

bool gti_cohort_look(struct gti_worker *w)
{
    const struct gti_runq_ends ring = gti_runq_ends(&w->runq);
    bool few = ring.tail - ring.head < GTI_COHORT_LEAST;
    int64_t now = few ? LONG_AGO : gti_os_now();
    if (gti_unlikely(!few && look_closely(w, &ring, now))) {
        begin_repeat(w, now);
        return true;
    }
    if (gti_unlikely(!w->in_turn))
        end_repeats(w, now);
    begin_row(w, ring.tail, now);
    return false;
}
