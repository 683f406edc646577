package main

import "time"

// wake/idle: the CPU time that the process burns in a second of nothing.

const (
	idleSettle = 100 * time.Millisecond
	idleTime   = time.Second
)

var wakeIdle = workload{
	name: "wake/idle", axes: "n P place", flags: needsBlocking | noWarmup | oneRound, unit: unitOne,
	run: runIdle, expected: func(rounds uint64, p *params) uint64 { return mixSum(p.n) },
}

func runIdle(rounds uint64, p *params, b *bench) uint64 {
	slots := newSlots(b, p.n)
	s := &storm{slots: slots, gate: make(chan uint64), parked: newLatch(p.n)}
	alive, stopped := s.spawnParked(b)
	b.ledger.Created = alive
	s.parked.wait(p.n - alive)
	if stopped != "" {
		b.reachLimit(alive, stopped)
	} else {
		time.Sleep(idleSettle)
		b.start()
		for i := uint64(0); i < rounds; i++ {
			time.Sleep(idleTime)
		}
		b.stop()
	}
	close(s.gate)
	s.group.Wait()
	return collect(slots, &b.ledger)
}
