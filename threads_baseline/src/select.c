/* See select.h. */
#include "select.h"

#include <time.h>

unsigned tbi_random_below(unsigned n)
{
    static _Thread_local uint32_t state;

    if (state == 0)
        state = (uint32_t)((uintptr_t)&state >> 4) | 1;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return (unsigned)(((uint64_t)state * n) >> 32);
}

/* By insertion: a select has few cases, often already in order. */
void tbi_lock_order(void *const *chan, int n, unsigned char *order)
{
    for (int i = 0; i < n; i++) {
        int at = i;

        for (; at > 0 && (uintptr_t)chan[order[at - 1]] > (uintptr_t)chan[i]; at--)
            order[at] = order[at - 1];
        order[at] = (unsigned char)i;
    }
}

bool tbi_passed(int64_t deadline)
{
    struct timespec now;

    if (deadline == TB_NEVER)
        return false;
    if (deadline <= 0)
        return true;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec >= deadline;
}
