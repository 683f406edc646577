package main

import "math/bits"

// The buckets of bench/histogram.c, so that quantiles and exported histograms
// have the same resolution on every backend: exact below 256 ns, from there on
// 128 to each power of two. A quantile is the middle of its bucket, at most
// 1/256 off; the largest value is kept exactly.

const (
	exactBits = 8
	exact     = 1 << exactBits
	perOctave = 128
	octaves   = 36 // up to 2^44 ns, five hours; what is above counts as that
	buckets   = exact + octaves*perOctave
)

type histogram struct {
	count   uint64
	largest int64
	buckets [buckets]uint64
}

// bucketOf: a value keeps its eight leading bits, the highest of which is implied.
func bucketOf(value uint64) uint64 {
	if value < exact {
		return value
	}
	if value>>(exactBits+octaves) != 0 {
		return buckets - 1
	}
	octave := uint64(bits.Len64(value)) - 1 - exactBits
	return exact + octave*perOctave + value>>(octave+1) - perOctave
}

func middleOf(bucket uint64) int64 {
	if bucket < exact {
		return int64(bucket)
	}
	octave := (bucket - exact) / perOctave
	lead := perOctave + (bucket-exact)%perOctave
	return int64(lead<<(octave+1) + 1<<octave)
}

// add counts a negative value as 0.
func (h *histogram) add(value int64) {
	if value < 0 {
		value = 0
	}
	h.buckets[bucketOf(uint64(value))]++
	h.count++
	if value > h.largest {
		h.largest = value
	}
}

// counts are bucket, count, bucket, count... of those that are not empty.
func (h *histogram) counts() []uint64 {
	var list []uint64
	for i, count := range h.buckets {
		if count != 0 {
			list = append(list, uint64(i), count)
		}
	}
	return list
}

// quantile is by nearest rank; 0 while empty.
func (h *histogram) quantile(permille uint64) int64 {
	rank, seen := (h.count*permille+999)/1000, uint64(0)
	for i := range h.buckets {
		seen += h.buckets[i]
		if seen >= rank && seen > 0 {
			if middle := middleOf(uint64(i)); middle < h.largest {
				return middle
			}
			return h.largest
		}
	}
	return 0
}
