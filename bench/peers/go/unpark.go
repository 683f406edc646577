package main

import (
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// wake/unpark. A semaphore is a channel with room for its permit. The one that
// wakes never yields: Go preempts it, should it take too long. Its own CPU time
// is taken wake-up by wake-up, since a goroutine may go on on another thread;
// where it did, the length of that wake-up stands in.

const (
	clockThreadCPU = 3 // CLOCK_THREAD_CPUTIME_ID of Linux
	delayUnit      = 1000
	unparkUnit     = 25
)

var wakeUnpark = workload{
	name: "wake/unpark", axes: "delay P place", flags: needsBlocking | pair | voidLimit, check: checkUnpark,
	unit: func(p *params) uint64 { return unparkUnit }, run: runUnpark,
	expected: func(rounds uint64, p *params) uint64 { return mixSum(rounds * unparkUnit) },
}

func checkUnpark(p *params) string {
	if p.ncpu != 2 {
		return "wake/unpark has two tasks, each with a CPU to itself: P:2"
	}
	return ""
}

// ownCPU is the CPU time of this thread, and which one it is.
func ownCPU() (int64, int) {
	var time syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockThreadCPU, uintptr(unsafe.Pointer(&time)), 0)
	return time.Nano(), syscall.Gettid()
}

type pairOfWakers struct {
	wake           chan struct{}
	delay          int64
	postedAt       int64 // before the post
	posting, own   int64 // ns in all posts; CPU time of the one that wakes
	waker, sleeper uint64
	sum            uint64
	late           []int64
	_              [8]uint64
	answered       uint64 // atomic: wake-ups
	_              [7]uint64
	group          sync.WaitGroup
	bench          *bench
}

// wakeOnce: looks at the clock until the delay is over, posts, and looks at a
// word until the other has answered.
func (s *pairOfWakers) wakeOnce(answer uint64) {
	from := now()
	cpu, thread := ownCPU()
	for until := now() + s.delay; now() < until; {
	}
	s.postedAt = now()
	s.wake <- struct{}{}
	s.posting += now() - s.postedAt
	for atomic.LoadUint64(&s.answered) != answer {
	}
	if after, same := ownCPU(); same == thread {
		s.own += after - cpu
	} else {
		s.own += now() - from
	}
}

func (s *pairOfWakers) wakeOften() {
	s.bench.start()
	process := processCPU()
	for i := range s.late {
		s.wakeOnce(uint64(i) + 1)
	}
	process = processCPU() - process
	s.bench.stop()
	s.bench.wakeupCPUNs = float64(process-s.own+s.posting) / float64(len(s.late))
	s.waker = 1
	s.group.Done()
}

func (s *pairOfWakers) sleep() {
	for i := range s.late {
		<-s.wake
		s.late[i] = now() - s.postedAt
		if s.late[i] >= 0 && !(loseMessage && i == unparkUnit/2) {
			s.sum += mix(uint64(i))
		}
		atomic.StoreUint64(&s.answered, uint64(i)+1)
	}
	s.sleeper = 1
	s.group.Done()
}

func runUnpark(rounds uint64, p *params, b *bench) uint64 {
	s := &pairOfWakers{wake: make(chan struct{}, 1), delay: int64(p.delay * delayUnit),
		late: table[int64](b, rounds*unparkUnit), bench: b}
	s.group.Add(2)
	go s.sleep()
	go s.wakeOften()
	s.group.Wait()
	b.record(s.late)
	b.ledger.Created, b.ledger.Done = 2, s.waker+s.sleeper
	return s.sum
}
