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
    WORDS = (FRAME - OVERHEAD) / 8,
    /* workload_deep_alone(): what is timed at once, and how often. */
    MANY_BYTES = 1 << 20,
    BATCHES = 8
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

/* The first batch is on fresh memory, and the fastest of all counts. */
double workload_deep_alone(uint64_t bytes)
{
    const uint64_t often = bytes < MANY_BYTES ? MANY_BYTES / bytes : 1;
    int64_t best = INT64_MAX;
    volatile uint64_t sum = 0;

    for (uint64_t batch = 0; batch < BATCHES; batch++) {
        const int64_t start = workload_now();
        int64_t took;

        for (uint64_t i = 0; i < often; i++)
            sum += workload_deep(bytes, i);
        took = workload_now() - start;
        best = took < best ? took : best;
    }
    (void)sum;
    return (double)best / (double)often;
}

uint64_t workload_deep_sum(uint64_t bytes, uint64_t seed)
{
    uint64_t sum = 0;

    for (uint64_t frame = bytes / FRAME; frame > 0; frame--)
        sum += word(seed, frame, frame % LINES);
    return sum;
}
