/* Counts of latencies in buckets whose width grows with the value: exact below
 * 256 ns, from there on 128 buckets to each power of two. A quantile is the
 * middle of its bucket, at most 1/256 off; the largest value is kept exactly.
 *
 * Written by one task at a time.
 */
#ifndef GREENBENCH_HISTOGRAM_H
#define GREENBENCH_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

enum {
    HISTOGRAM_EXACT = 256,
    HISTOGRAM_PER_OCTAVE = 128,
    HISTOGRAM_OCTAVES = 36, /* up to 2^44 ns, five hours; what is above counts as that */
    HISTOGRAM_BUCKETS = HISTOGRAM_EXACT + HISTOGRAM_OCTAVES * HISTOGRAM_PER_OCTAVE
};

struct histogram {
    uint64_t count;
    int64_t max; /* 0 while empty */
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_clear(struct histogram *h);

/* A negative value counts as 0. */
void histogram_add(struct histogram *h, int64_t value);

/* The smallest value that at least `permille` of the values do not exceed
 * (nearest rank); 0 while empty. */
int64_t histogram_quantile(const struct histogram *h, unsigned permille);

/* The counts as a JSON array "[bucket,count,bucket,count,...]" of the buckets
 * that are not empty, in order, so that whoever has the sample has every
 * quantile. */
void histogram_put(FILE *out, const struct histogram *h);

#endif
