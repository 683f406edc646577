package main

import (
	"testing"
	"time"
)

// The first deadlines of wake/hog are over when its region begins. A lower
// bound, which no load on the machine can miss.
func TestHogRegionBeginsAfterTheFirstDeadlines(t *testing.T) {
	const first = hogSettle * hogPeriodNs * time.Nanosecond
	p := &params{}
	b := &bench{memBudget: 1 << 30}
	begin := time.Now()
	if found := runHog(1, p, b); found != wakeHog.expected(1, p) {
		t.Errorf("checksum %#x", found)
	}
	if waited := b.begin.real.Sub(begin); waited < first {
		t.Errorf("the region began after %v, not %v", waited, first)
	}
	if b.starts != 1 || b.stops != 1 || b.latencies.count != hogSleeps {
		t.Errorf("%d starts, %d stops, %d latencies", b.starts, b.stops, b.latencies.count)
	}
}
