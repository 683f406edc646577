package main

import (
	"sync"
	"time"
)

// The memory probe of the C harness (bench/memory.c) without a cgroup of its
// own: kernel stacks and slab are the change of the whole machine's figures.
// Goroutines have neither; the sockets of io/held, of both ends, are in the slab.

type memoryTotals struct {
	user, pageTable, kernelStack, slab, anonHuge uint64
}

type memorySample struct {
	N           uint64 `json:"n"`
	User        int64  `json:"user_bytes"`
	PageTable   int64  `json:"page_table_bytes"`
	KernelStack int64  `json:"kernel_stack_bytes"`
	Slab        int64  `json:"slab_bytes"`
	AnonHuge    int64  `json:"anon_huge_bytes"`
	Noise       uint64 `json:"noise_bytes"`
	Source      string `json:"source"`
}

type memoryProbe struct {
	baseline memoryTotals
	noise    uint64
}

const (
	stillBytes  = 64 << 10
	stillFor    = 200 * time.Millisecond
	patience    = 2 * time.Second
	step        = 20 * time.Millisecond
	emptyProbes = 3
)

func (t *memoryTotals) sum() uint64 { return t.user + t.pageTable + t.kernelStack + t.slab }

func distance(a, b uint64) uint64 {
	if a > b {
		return a - b
	}
	return b - a
}

func readMemory() memoryTotals {
	rollup, status, machine := procFields("/proc/self/smaps_rollup"), procFields("/proc/self/status"), procFields("/proc/meminfo")
	return memoryTotals{rollup["Pss"], status["VmPTE"], machine["KernelStack"], machine["Slab"], rollup["AnonHugePages"]}
}

// settle waits until slab and kernel stacks have stood still, when precise.
func (b *bench) settle() {
	if !b.precise {
		return
	}
	anchor := readMemory()
	for waited, still := time.Duration(0), time.Duration(0); still < stillFor && waited < patience; waited += step {
		time.Sleep(step)
		still += step
		now := readMemory()
		if distance(now.slab, anchor.slab) > stillBytes || distance(now.kernelStack, anchor.kernelStack) > stillBytes {
			anchor, still = now, 0
		}
	}
}

// baseline reads memory before the first task; the largest change between
// readings with nothing in between is the noise.
func (b *bench) baseline() {
	if !b.wantsMemory {
		return
	}
	readMemory() // the maps that parsing itself needs are then there
	var before memoryTotals
	for i := 0; i < emptyProbes; i++ {
		b.settle()
		now := readMemory()
		if change := distance(now.sum(), before.sum()); i > 0 && change > b.probe.noise {
			b.probe.noise = change
		}
		before = now
	}
	b.probe.baseline = before
}

// probeMemory takes the difference to the baseline while n tasks are alive.
func (b *bench) probeMemory(n uint64) {
	if !b.wantsMemory {
		return
	}
	b.settle()
	now, base := readMemory(), &b.probe.baseline
	b.memory = &memorySample{
		N: n, User: int64(now.user - base.user), PageTable: int64(now.pageTable - base.pageTable),
		KernelStack: int64(now.kernelStack - base.kernelStack), Slab: int64(now.slab - base.slab),
		AnonHuge: int64(now.anonHuge - base.anonHuge), Noise: b.probe.noise, Source: "meminfo",
	}
}

// --- memory/parked --------------------------------------------------------------

var memoryParked = workload{
	name: "memory/parked", axes: "n stack P place", flags: needsBlocking | noWarmup | oneRound,
	unit: unitN, run: runMemoryParked, expected: scaled,
}

func runMemoryParked(rounds uint64, p *params, b *bench) uint64 {
	slots := newSlots(b, p.n)
	s := &storm{slots: slots, gate: make(chan uint64), parked: newLatch(p.n)}
	b.baseline()
	b.start()
	alive, stopped := s.spawnParked(b)
	s.parked.wait(p.n - alive)
	b.stop()
	if stopped != "" {
		b.reachLimit(alive, stopped)
	}
	if alive > 0 {
		b.probeMemory(alive)
	}
	b.ledger.Created = alive
	close(s.gate)
	s.group.Wait()
	return collect(slots, &b.ledger)
}

// storm is a set of goroutines that a group waits for.
type storm struct {
	slots  []slot
	group  sync.WaitGroup
	gate   chan uint64
	parked *latch
}
