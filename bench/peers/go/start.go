package main

import (
	"runtime"
	"sync/atomic"
)

// start is struct task_start of bench/task.h: tasks start together, once all
// have arrived and have been seen on as many CPUs as there can be.

const (
	startPatienceNs = 20000000
	startCPUs       = 1024
)

type start struct {
	waiting int64 // tasks that have not yet arrived
	goOn    uint32
	cpus    int64 // to be seen
	seen    int64 // CPUs that have run a waiting task
	cpu     [startCPUs]uint32
	begin   chan struct{}
}

func newStart(tasks, ncpu uint64) *start {
	s := &start{waiting: int64(tasks), cpus: int64(ncpu), begin: make(chan struct{})}
	if tasks < ncpu {
		s.cpus = int64(tasks)
	}
	return s
}

func (s *start) beSeen() {
	cpu := &s.cpu[currentCPU()%startCPUs]
	if atomic.LoadUint32(cpu) == 0 && atomic.SwapUint32(cpu, 1) == 0 {
		atomic.AddInt64(&s.seen, 1)
	}
}

// awaitCPUs does not wait long for a scheduler that keeps its tasks together.
func (s *start) awaitCPUs() {
	until := now() + startPatienceNs
	for s.beSeen(); atomic.LoadInt64(&s.seen) < s.cpus && now() < until; s.beSeen() {
		runtime.Gosched()
	}
}

// wait waits for everybody; the last to arrive calls open before the others go on.
func (s *start) wait(open func()) {
	if atomic.AddInt64(&s.waiting, -1) == 0 {
		close(s.begin)
		s.awaitCPUs()
		open()
		atomic.StoreUint32(&s.goOn, 1)
		return
	}
	<-s.begin
	for atomic.LoadUint32(&s.goOn) == 0 {
		s.beSeen()
		runtime.Gosched()
	}
}
