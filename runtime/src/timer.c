/* See timer.h. */
#include "timer.h"

#include <string.h>

#include "task.h"

/* So many tasks of a slot are looked at to find the earliest. */
#define SCAN_MOST 16u

#define DIGIT(tick, level)                                                                         \
    ((unsigned)((tick) >> (GTI_TIMER_BITS * (level))) & (GTI_TIMER_SLOTS - 1u))

static uint64_t tick_at_or_before(int64_t ns)
{
    return ns <= 0 ? 0 : (uint64_t)ns >> GTI_TIMER_TICK_SHIFT;
}

static uint64_t tick_at_or_after(int64_t ns)
{
    uint64_t tick = tick_at_or_before(ns);
    return ns > 0 && ns & ((1 << GTI_TIMER_TICK_SHIFT) - 1) ? tick + 1 : tick;
}

void gti_timers_init(struct gti_timers *timers, int64_t now)
{
    memset(timers, 0, sizeof *timers);
    timers->now = tick_at_or_before(now);
}

/* The lock is held; the store is atomic for those who look without it. */
static void count_add(struct gti_timers *timers, uint32_t n)
{
    GTI_STORE(timers->count, GTI_LOAD(timers->count, relaxed) + n, relaxed);
}

static unsigned level_of(const struct gti_timers *timers, uint64_t tick)
{
    uint64_t differs = tick ^ timers->now;
    return differs ? (63u - (unsigned)__builtin_clzll(differs)) / GTI_TIMER_BITS : 0;
}

/* tick is later than now. */
static void insert(struct gti_timers *timers, struct gti_task *t, uint64_t tick)
{
    unsigned level = level_of(timers, tick), digit = DIGIT(tick, level);
    struct gti_task **head = &timers->slot[level][digit];
    t->deadline = (int64_t)tick;
    t->prev = NULL;
    t->next = *head;
    if (t->next)
        t->next->prev = t;
    *head = t;
    timers->occupied[level] |= UINT64_C(1) << digit;
}

void gti_timers_add(struct gti_timers *timers, struct gti_task *t, int64_t deadline)
{
    uint64_t tick = tick_at_or_after(deadline);
    if (tick <= timers->now)
        tick = timers->now + 1;
    insert(timers, t, tick);
    count_add(timers, 1);
}

void gti_timers_remove(struct gti_timers *timers, struct gti_task *t)
{
    uint64_t tick = (uint64_t)t->deadline;
    unsigned level = level_of(timers, tick), digit = DIGIT(tick, level);
    if (t->next)
        t->next->prev = t->prev;
    if (t->prev)
        t->prev->next = t->next;
    else if (!(timers->slot[level][digit] = t->next))
        timers->occupied[level] &= ~(UINT64_C(1) << digit);
    t->on_wheel = GTI_OFF_WHEEL;
    count_add(timers, (uint32_t)-1);
}

/* The tick at which the earliest occupied slot begins. */
static bool earliest(const struct gti_timers *timers, unsigned *ret_level, unsigned *ret_digit,
                     uint64_t *ret_tick)
{
    for (unsigned level = 0; level < GTI_TIMER_LEVELS; level++)
        if (timers->occupied[level]) {
            unsigned digit = (unsigned)__builtin_ctzll(timers->occupied[level]);
            unsigned shift = GTI_TIMER_BITS * level;
            uint64_t higher = timers->now >> shift >> GTI_TIMER_BITS << GTI_TIMER_BITS << shift;
            *ret_level = level;
            *ret_digit = digit;
            *ret_tick = higher | (uint64_t)digit << shift;
            return true;
        }
    return false;
}

struct gti_task *gti_timers_advance(struct gti_timers *timers, int64_t now)
{
    uint64_t until = tick_at_or_before(now), tick;
    struct gti_task *due = NULL, **tail = &due;
    unsigned level, digit;
    while (earliest(timers, &level, &digit, &tick) && tick <= until) {
        struct gti_task *t = timers->slot[level][digit], *next;
        timers->slot[level][digit] = NULL;
        timers->occupied[level] &= ~(UINT64_C(1) << digit);
        timers->now = tick;
        for (; t; t = next) {
            next = t->next;
            if (next) { /* both lines of it */
                __builtin_prefetch(next, 1);
                __builtin_prefetch(&next->deadline, 1);
            }
            if ((uint64_t)t->deadline > tick) {
                insert(timers, t, (uint64_t)t->deadline);
                continue;
            }
            bool contested = t->on_wheel == GTI_WAITS_UNTIL;
            t->on_wheel = GTI_OFF_WHEEL;
            count_add(timers, (uint32_t)-1);
            if (contested && !gti_task_claim(t))
                continue; /* its waker waits for our lock, to find it off */
            t->next = NULL;
            *tail = t;
            tail = &t->next;
        }
    }
    if (until > timers->now)
        timers->now = until;
    return due;
}

/* The earliest of a list, if it is not long; else `tick`, which is before. */
static uint64_t earliest_of(const struct gti_task *t, uint64_t tick)
{
    uint64_t first = UINT64_MAX;
    for (unsigned seen = 0; t; t = t->next) {
        if (++seen > SCAN_MOST)
            return tick;
        first = (uint64_t)t->deadline < first ? (uint64_t)t->deadline : first;
    }
    return first;
}

int64_t gti_timers_next(const struct gti_timers *timers)
{
    unsigned level, digit;
    uint64_t tick;
    if (!earliest(timers, &level, &digit, &tick))
        return INT64_MAX;
    if (level > 0)
        tick = earliest_of(timers->slot[level][digit], tick);
    return tick > (uint64_t)INT64_MAX >> GTI_TIMER_TICK_SHIFT
               ? INT64_MAX
               : (int64_t)(tick << GTI_TIMER_TICK_SHIFT);
}
