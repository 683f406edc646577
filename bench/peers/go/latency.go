package main

import "time"

// latency are quantiles by nearest rank, in ns.
type latency struct {
	P50    int64    `json:"p50"`
	P90    int64    `json:"p90"`
	P99    int64    `json:"p99"`
	P999   int64    `json:"p999"`
	Max    int64    `json:"max"`
	Count  uint64   `json:"count"`
	Counts []uint64 `json:"counts"`
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

// record keeps latencies, counted from when the thing was due.
func (b *bench) record(values []int64) {
	for _, value := range values {
		b.latencies.add(value)
	}
}

// latency is nil where nothing was recorded.
func (h *histogram) latency() *latency {
	if h.count == 0 {
		return nil
	}
	return &latency{h.quantile(500), h.quantile(900), h.quantile(990), h.quantile(999), h.largest, h.count, h.counts()}
}
