/* By how much idle stacks may be deeper than anybody knows.
 *
 * A page of a stack becomes resident by a page fault. So stacks that keep their
 * memory on the strength of depths found at count S of the process's page
 * faults, and are given back at count F, have all together grown by at most
 * F - S pages. A span is such a range of counts, and the hull of the spans of
 * this turn and the last one, in which whatever is idle was given back, bounds
 * the growth of all.
 *
 * Counts are modulo 2^32. The spans are hints, read and written without order:
 * two workers that give stacks back at once may overlook each other's. */
#ifndef GTI_STACK_GROWTH_H
#define GTI_STACK_GROWTH_H

#include "stack_slab.h"

struct gti_span {
    uint32_t since, until;
};

GTI_INLINE uint32_t gti_growth_pages(struct gti_span s)
{
    return s.until - s.since;
}

/* The shortest that holds both. */
GTI_INLINE struct gti_span gti_growth_hull(struct gti_span a, struct gti_span b)
{
    if (gti_growth_pages(a) == 0 || gti_growth_pages(b) == 0)
        return gti_growth_pages(a) == 0 ? b : a;
    return (struct gti_span){(int32_t)(a.since - b.since) < 0 ? a.since : b.since,
                             (int32_t)(a.until - b.until) > 0 ? a.until : b.until};
}

GTI_INLINE struct gti_span gti_growth_unpack(uint64_t packed)
{
    return (struct gti_span){(uint32_t)(packed >> 32), (uint32_t)packed};
}

/* Of all that is idle now. */
GTI_INLINE struct gti_span gti_growth_unsure(void)
{
    return gti_growth_hull(gti_growth_unpack(GTI_LOAD(gti_stacks.unsure, relaxed)),
                           gti_growth_unpack(GTI_LOAD(gti_stacks.unsure_old, relaxed)));
}

/* Stacks with this span keep their memory. */
GTI_INLINE void gti_growth_note(struct gti_span s)
{
    uint64_t seen = GTI_LOAD(gti_stacks.unsure, relaxed), packed;
    do {
        struct gti_span all = gti_growth_hull(gti_growth_unpack(seen), s);
        packed = (uint64_t)all.since << 32 | all.until;
    } while (packed != seen && !GTI_CAS(gti_stacks.unsure, seen, packed, relaxed));
}

GTI_INLINE void gti_growth_next_turn(void)
{
    GTI_STORE(gti_stacks.unsure_old, GTI_XCHG(gti_stacks.unsure, 0u, relaxed), relaxed);
}

#endif
