package main

import "sync"

const (
	operationsPerTask   = 64
	calibrationSteps    = 1 << 20
	roundsOfCalibration = 3
)

var syncMutex = workload{
	name: "sync/mutex", axes: "n cs P place", flags: needsBlocking | voidLimit,
	check: checkMutex, unit: unitMutex, run: runMutex,
	expected: func(rounds uint64, p *params) uint64 { return mix(rounds*unitMutex(p)) + rounds*unitMutex(p) },
}

func checkMutex(p *params) string {
	if p.n > 100000 {
		return "sync/mutex takes at most n:100000"
	}
	return ""
}

func unitMutex(p *params) uint64 { return p.n * operationsPerTask }

// contended is one mutex and what it protects, on one cache line as there.
type contended struct {
	mutex   sync.Mutex
	total   uint64 // mutex
	stopped bool   // mutex
	goal    uint64
	steps   uint64 // of work in a section
	start   *start
	group   sync.WaitGroup
	bench   *bench
}

// contender is a task, on a cache line of its own.
type contender struct {
	shared                  *contended
	operations, work, ended uint64
	_                       [4]uint64
}

// work is a chain of multiplications that no compiler shortens.
//
//go:noinline
func work(x, steps uint64) uint64 {
	for ; steps > 0; steps-- {
		x = x*6364136223846793005 + 1
	}
	return x
}

// stepsOf is how many steps take ns here: the fastest of a few rounds.
func stepsOf(ns uint64) uint64 {
	if ns == 0 {
		return 0
	}
	best := int64(1) << 62
	for i := uint64(0); i < roundsOfCalibration; i++ {
		start := now()
		work(i, calibrationSteps)
		if took := now() - start; took < best {
			best = took
		}
	}
	return uint64(float64(ns) * calibrationSteps / float64(best))
}

// enough: the first to find all done closes the region, inside the mutex.
func (s *contended) enough() bool {
	if s.total < s.goal {
		return false
	}
	if !s.stopped {
		s.bench.stop()
	}
	s.stopped = true
	return true
}

func (w *contender) body() {
	s := w.shared
	operations, x := uint64(0), uint64(0)
	s.start.wait(s.bench.start)
	for {
		s.mutex.Lock()
		if s.enough() {
			break
		}
		s.total++
		if s.steps > 0 {
			x = work(x, s.steps)
		}
		s.mutex.Unlock()
		operations++
	}
	s.mutex.Unlock()
	w.operations, w.work, w.ended = operations, x, 1
	s.group.Done()
}

func runMutex(rounds uint64, p *params, b *bench) uint64 {
	tasks := table[contender](b, p.n)
	s := &contended{goal: rounds * unitMutex(p), steps: stepsOf(p.section),
		start: newStart(p.n, p.ncpu), bench: b}
	s.group.Add(len(tasks))
	for i := range tasks {
		tasks[i].shared = s
		go tasks[i].body()
	}
	s.group.Wait()
	b.ledger.Created = p.n
	sum := shares(b, len(tasks), func(i int) uint64 {
		b.ledger.Done += tasks[i].ended
		return tasks[i].operations
	})
	return mix(s.total) + sum
}

// shares adds up what each of count tasks made, and keeps the extremes.
func shares(b *bench, count int, made func(i int) uint64) uint64 {
	sum, f := uint64(0), &fairness{Tasks: uint64(count), Min: ^uint64(0)}
	for i := 0; i < count; i++ {
		share := made(i)
		sum += share
		if share < f.Min {
			f.Min = share
		}
		if share > f.Max {
			f.Max = share
		}
	}
	b.fairness = f
	return sum
}
