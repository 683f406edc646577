package main

import (
	"sort"
	"time"
)

// latency are quantiles by nearest rank, in ns.
type latency struct {
	P50   int64 `json:"p50"`
	P90   int64 `json:"p90"`
	P99   int64 `json:"p99"`
	P999  int64 `json:"p999"`
	Max   int64 `json:"max"`
	Count int   `json:"count"`
}

// fairness is how many operations the most and the least favoured task made.
type fairness struct {
	Tasks uint64 `json:"tasks"`
	Min   uint64 `json:"min"`
	Max   uint64 `json:"max"`
}

var clockBase = time.Now()

// now is a monotonic clock in ns.
func now() int64 { return int64(time.Since(clockBase)) }

// record keeps latencies, counted from when the thing was due; a negative one
// counts as 0.
func (b *bench) record(values []int64) {
	for _, value := range values {
		if value < 0 {
			value = 0
		}
		b.latencies = append(b.latencies, value)
	}
}

// quantiles are exact, where the C harness has buckets of 1/128.
func quantiles(values []int64) *latency {
	count := len(values)
	if count == 0 {
		return nil
	}
	sort.Slice(values, func(i, j int) bool { return values[i] < values[j] })
	rank := func(permille int) int64 { return values[(count*permille+999)/1000-1] }
	return &latency{rank(500), rank(900), rank(990), rank(999), values[count-1], count}
}
