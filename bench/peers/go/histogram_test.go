package main

import (
	"math/rand"
	"sort"
	"testing"
)

// Quantiles of many values of very different sizes are within 1/256 of those
// that a sorted list has.
func TestQuantilesAreClose(t *testing.T) {
	var h histogram
	random := rand.New(rand.NewSource(1))
	values := make([]int64, 10000)
	for i := range values {
		values[i] = random.Int63() >> (20 + random.Intn(43))
		h.add(values[i])
	}
	sort.Slice(values, func(i, j int) bool { return values[i] < values[j] })
	for _, permille := range []int{1, 100, 500, 900, 990, 999, 1000} {
		want := values[(len(values)*permille+999)/1000-1]
		got := h.quantile(uint64(permille))
		if off := got - want; off*256 > want || -off*256 > want {
			t.Errorf("%d permille: %d, of a sorted list %d", permille, got, want)
		}
	}
	if h.count != uint64(len(values)) || h.largest != values[len(values)-1] {
		t.Errorf("%d values, the largest %d", h.count, h.largest)
	}
}

// Each bucket holds the middle that it stands for, and they ascend.
func TestBucketsHoldTheirMiddle(t *testing.T) {
	for i := uint64(0); i < buckets; i++ {
		if got := bucketOf(uint64(middleOf(i))); got != i {
			t.Fatalf("the middle of bucket %d, %d, is in bucket %d", i, middleOf(i), got)
		}
		if i > 0 && middleOf(i) <= middleOf(i-1) {
			t.Fatalf("bucket %d is not above the one before", i)
		}
	}
}

func TestEnds(t *testing.T) {
	var h histogram
	if h.latency() != nil {
		t.Error("an empty histogram has quantiles")
	}
	h.add(-5)
	if h.quantile(1000) != 0 || h.count != 1 {
		t.Error("a negative value does not count as 0")
	}
	h.add(1 << 50)
	if got := h.latency(); got.Max != 1<<50 || got.P50 != 0 || len(got.Counts) != 4 || got.Counts[2] != buckets-1 || got.Counts[3] != 1 {
		t.Errorf("%+v", got)
	}
}
