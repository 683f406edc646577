package main

import (
	"sync"
	"time"
)

// stack/retained. Go shrinks the stack of a waiting goroutine by half in each
// garbage collection, if it uses less than a quarter of it; nothing here asks
// for one.

const (
	retainedSleep    = 200 * time.Millisecond
	retainedMax      = 16
	retainedTogether = 16 << 20
)

var stackRetained = workload{
	name: "stack/retained", axes: "bytes P place", flags: needsBlocking | noWarmup | oneRound | voidLimit,
	unit: unitRetained, run: runRetained,
	expected: func(rounds uint64, p *params) uint64 { return deepSums(unitRetained(p), p) },
}

func unitRetained(p *params) uint64 {
	fit := retainedTogether / p.bytes
	switch {
	case fit < 1:
		return 1
	case fit > retainedMax:
		return retainedMax
	}
	return fit
}

func runRetained(rounds uint64, p *params, b *bench) uint64 {
	n := unitRetained(p)
	sums, ended, gate := table[uint64](b, n), table[uint64](b, n), make(chan struct{})
	deepEnough, slept := newLatch(n), newLatch(n)
	var group sync.WaitGroup
	body := func(id uint64) {
		sums[id] = deep(p.bytes, id)
		deepEnough.arrive()
		time.Sleep(retainedSleep)
		slept.arrive()
		<-gate
		ended[id] = 1
		group.Done()
	}
	b.baseline()
	b.start()
	group.Add(int(n))
	for id := uint64(0); id < n; id++ {
		go body(id)
	}
	deepEnough.wait(0)
	b.stop()
	slept.wait(0)
	b.probeMemory(n)
	close(gate)
	group.Wait()
	b.ledger.Created = n
	sum := uint64(0)
	for id := range sums {
		sum += sums[id]
		b.ledger.Done += ended[id]
	}
	return sum
}
