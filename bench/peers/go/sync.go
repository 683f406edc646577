package main

import (
	"runtime"
	"sync"
	"sync/atomic"
)

const (
	operationsPerTask   = 64
	calibrationSteps    = 1 << 20
	roundsOfCalibration = 3
	patienceNs          = 20000000
	seenCPUs            = 1024
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
	waiting int64  // tasks that have not yet arrived
	goOn    uint32
	cpus    int64 // to be seen
	seen    int64 // CPUs that have run a waiting task
	cpu     [seenCPUs]uint32
	begin   chan struct{}
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

func (s *contended) beSeen() {
	if atomic.SwapUint32(&s.cpu[currentCPU()%seenCPUs], 1) == 0 {
		atomic.AddInt64(&s.seen, 1)
	}
}

// awaitCPUs waits until tasks have run on as many CPUs as there can be, or have
// not for a while: else a thread that still sleeps may find nothing left.
func (s *contended) awaitCPUs() {
	until := now() + patienceNs
	for s.beSeen(); atomic.LoadInt64(&s.seen) < s.cpus && now() < until; s.beSeen() {
		runtime.Gosched()
	}
}

// enter waits for everybody; the last to arrive opens the region.
func (s *contended) enter() {
	if atomic.AddInt64(&s.waiting, -1) == 0 {
		close(s.begin)
		s.awaitCPUs()
		s.bench.start()
		atomic.StoreUint32(&s.goOn, 1)
		return
	}
	<-s.begin
	for atomic.LoadUint32(&s.goOn) == 0 {
		s.beSeen()
		runtime.Gosched()
	}
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
	s.enter()
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
	s := &contended{goal: rounds * unitMutex(p), steps: stepsOf(p.section), waiting: int64(p.n),
		cpus: int64(p.ncpu), begin: make(chan struct{}), bench: b}
	if p.n < p.ncpu {
		s.cpus = int64(p.n)
	}
	s.group.Add(len(tasks))
	for i := range tasks {
		tasks[i].shared = s
		go tasks[i].body()
	}
	s.group.Wait()
	b.ledger.Created = p.n
	b.fairness = &fairness{Tasks: p.n, Min: ^uint64(0)}
	sum := uint64(0)
	for i := range tasks {
		made := tasks[i].operations
		sum += made
		b.ledger.Done += tasks[i].ended
		if made < b.fairness.Min {
			b.fairness.Min = made
		}
		if made > b.fairness.Max {
			b.fairness.Max = made
		}
	}
	return mix(s.total) + sum
}
