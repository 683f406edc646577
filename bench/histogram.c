/* Log-linear buckets; see histogram.h. */
#include "histogram.h"

#include <inttypes.h>
#include <string.h>

enum {
    EXACT_BITS = 8, /* HISTOGRAM_EXACT is 2 to this */
    TOP_BIT = EXACT_BITS + HISTOGRAM_OCTAVES
};

void histogram_clear(struct histogram *h)
{
    memset(h, 0, sizeof *h);
}

/* A value keeps its eight leading bits; the highest of them is implied. */
static unsigned bucket_of(uint64_t value)
{
    unsigned bit;

    if (value < HISTOGRAM_EXACT)
        return (unsigned)value;
    if (value >> TOP_BIT)
        return HISTOGRAM_BUCKETS - 1;
    bit = 63 - (unsigned)__builtin_clzll(value);
    return HISTOGRAM_EXACT + (bit - EXACT_BITS) * HISTOGRAM_PER_OCTAVE +
           (unsigned)(value >> (bit - EXACT_BITS + 1)) - HISTOGRAM_PER_OCTAVE;
}

static int64_t middle_of(unsigned bucket)
{
    unsigned octave;
    uint64_t lead;

    if (bucket < HISTOGRAM_EXACT)
        return bucket;
    octave = (bucket - HISTOGRAM_EXACT) / HISTOGRAM_PER_OCTAVE;
    lead = HISTOGRAM_PER_OCTAVE + (bucket - HISTOGRAM_EXACT) % HISTOGRAM_PER_OCTAVE;
    return (int64_t)((lead << (octave + 1)) + ((UINT64_C(1) << octave)));
}

void histogram_add(struct histogram *h, int64_t value)
{
    if (value < 0)
        value = 0;
    h->buckets[bucket_of((uint64_t)value)]++;
    h->count++;
    if (value > h->max)
        h->max = value;
}

int64_t histogram_quantile(const struct histogram *h, unsigned permille)
{
    const uint64_t rank = (h->count * permille + 999) / 1000;
    uint64_t seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS && h->count; i++) {
        seen += h->buckets[i];
        if (seen >= rank && seen > 0)
            return middle_of(i) < h->max ? middle_of(i) : h->max;
    }
    return 0;
}

void histogram_put(FILE *out, const struct histogram *h)
{
    const char *separator = "";

    fputc('[', out);
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (h->buckets[i] == 0)
            continue;
        fprintf(out, "%s%u,%" PRIu64, separator, i, h->buckets[i]);
        separator = ",";
    }
    fputc(']', out);
}
