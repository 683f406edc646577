/* The recursion of the stack workloads; see workload_deep() in workload.h.
 *
 * In a file of its own, compiled once: every backend runs the very same code,
 * and no compiler sees a caller into which it could unroll the recursion.
 */
#include "workload.h"

enum {
    FRAME = 1024,
    LINES = FRAME / 64,
    WORDS_PER_LINE = 8,
    /* What gcc and clang add on x86-64: return address, one saved register,
     * canary, alignment. A test measures the depth that results. */
    OVERHEAD = 32,
    WORDS = (FRAME - OVERHEAD) / 8
};

static inline uint64_t word(uint64_t seed, uint64_t frame, uint64_t line)
{
    return seed * UINT64_C(0x9e3779b97f4a7c15) + frame * LINES + line;
}

/* The frame is read after the call, so that it must outlive it: neither a
 * loop nor a tail call can replace the recursion. */
static __attribute__((noinline)) uint64_t descend(uint64_t frames, uint64_t seed)
{
    volatile uint64_t room[WORDS];
    uint64_t below = 0;

    for (uint64_t line = 0; line < LINES; line++)
        room[line * WORDS_PER_LINE] = word(seed, frames, line);
    if (frames > 1)
        below = descend(frames - 1, seed);
    return below + room[frames % LINES * WORDS_PER_LINE];
}

uint64_t workload_deep(uint64_t bytes, uint64_t seed)
{
    return descend(bytes / FRAME, seed);
}

uint64_t workload_deep_sum(uint64_t bytes, uint64_t seed)
{
    uint64_t sum = 0;

    for (uint64_t frame = bytes / FRAME; frame > 0; frame--)
        sum += word(seed, frame, frame % LINES);
    return sum;
}
