package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// --- wake/timer -------------------------------------------------------------------

const timerSleepNs = 10000000

var wakeTimer = workload{
	name: "wake/timer", axes: "n P place", flags: needsBlocking | voidLimit, unit: unitN, run: runTimer,
	expected: func(rounds uint64, p *params) uint64 { return mix(rounds * p.n) },
}

type sleepers struct {
	ready  *latch
	open   chan struct{}
	sleeps uint64 // of each; 0 if they are to end at once
	group  sync.WaitGroup
}

type sleeper struct {
	shared   *sleepers
	late     []int64
	punctual uint64
	ended    uint64
}

func (me *sleeper) body() {
	s := me.shared
	s.ready.arrive()
	<-s.open
	for i := uint64(0); i < s.sleeps; i++ {
		deadline := now() + timerSleepNs
		time.Sleep(timerSleepNs)
		me.late[i] = now() - deadline
		if me.late[i] >= 0 {
			me.punctual++
		}
	}
	me.ended = 1
	s.group.Done()
}

// spawnSleepers spawns until all or a budget; how many, and which budget.
func spawnSleepers(s *sleepers, tasks []sleeper, b *bench) (uint64, string) {
	for i := range tasks {
		if i%64 == 0 {
			if stopped := b.budget(); stopped != "" {
				return uint64(i), stopped
			}
		}
		s.group.Add(1)
		go tasks[i].body()
	}
	return uint64(len(tasks)), ""
}

func runTimer(rounds uint64, p *params, b *bench) uint64 {
	tasks, late := table[sleeper](b, p.n), table[int64](b, p.n*rounds)
	s := &sleepers{ready: newLatch(p.n), open: make(chan struct{}), sleeps: rounds}
	for i := range tasks {
		tasks[i].shared, tasks[i].late = s, late[uint64(i)*rounds:][:rounds]
	}
	alive, stopped := spawnSleepers(s, tasks, b)
	b.ledger.Created = alive
	s.ready.wait(p.n - alive)
	if stopped != "" {
		b.reachLimit(alive, stopped)
		s.sleeps = 0
	}
	b.start()
	close(s.open)
	s.group.Wait()
	b.stop()
	punctual := uint64(0)
	for i := range tasks {
		punctual += tasks[i].punctual
		b.ledger.Done += tasks[i].ended
	}
	if stopped != "" {
		return 0
	}
	b.record(late)
	return mix(punctual)
}

// --- wake/hog ---------------------------------------------------------------------

const (
	hogPeriodNs = 1000000
	hogSleeps   = 250
	hogSettle   = 100
	hogGrace    = 100
	hogSteps    = 10000
)

var wakeHog = workload{
	name: "wake/hog", axes: "h remedy P place", flags: needsBlocking | noWarmup | voidLimit,
	unit: func(p *params) uint64 { return hogSleeps }, run: runHog,
	expected: func(rounds uint64, p *params) uint64 { return mix(rounds*hogSleeps + hogSettle) },
}

type hogs struct {
	until int64
	stop  uint32
	group sync.WaitGroup
}

// hogTask is on a cache line of its own.
type hogTask struct {
	work, ended uint64
	_           [6]uint64
}

func (h *hogTask) body(s *hogs) {
	x := uint64(1)
	for atomic.LoadUint32(&s.stop) == 0 && now() < s.until {
		x = work(x, hogSteps)
	}
	h.work, h.ended = x, 1
	s.group.Done()
}

// sleepOnTheGrid sleeps until each millisecond after start, which is number
// first; how many sleeps did not end early.
func sleepOnTheGrid(start int64, first int, late []int64) uint64 {
	punctual := uint64(0)
	for i := range late {
		due := start + int64(first+i+1)*hogPeriodNs
		time.Sleep(time.Duration(due - now()))
		late[i] = now() - due
		if late[i] >= 0 {
			punctual++
		}
	}
	return punctual
}

func runHog(rounds uint64, p *params, b *bench) uint64 {
	count := hogSettle + rounds*hogSleeps
	tasks, late := table[hogTask](b, p.hogs), table[int64](b, count)
	s := &hogs{}
	start := now()
	s.until = start + int64(count+hogGrace)*hogPeriodNs
	s.group.Add(len(tasks))
	for i := range tasks {
		go tasks[i].body(s)
	}
	punctual := sleepOnTheGrid(start, 0, late[:hogSettle])
	b.start()
	punctual += sleepOnTheGrid(start, hogSettle, late[hogSettle:])
	b.stop()
	atomic.StoreUint32(&s.stop, 1)
	s.group.Wait()
	b.ledger.Created = p.hogs
	for i := range tasks {
		b.ledger.Done += tasks[i].ended
	}
	b.record(late[hogSettle:])
	return mix(punctual)
}
