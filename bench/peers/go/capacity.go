package main

import "sync"

// memory/capacity. Nothing refuses a goroutine: where memory ends the runtime
// ends the process, so that one of the two budgets is the limit.

const (
	capacityChunk = 16384
	capacityBatch = 64
)

var memoryCapacity = workload{
	name: "memory/capacity", axes: "P", flags: needsBlocking | noWarmup | oneRound | noRegion,
	unit: unitOne, run: runCapacity, expected: func(rounds uint64, p *params) uint64 { return mixSum(p.n) },
}

type parkedSlot struct{ id, sum uint64 }

// crowd is all that is parked; slots are in chunks, since nobody knows how
// many there will be.
type crowd struct {
	gate    chan uint64
	arrived chan struct{}
	group   sync.WaitGroup
	chunks  [][]parkedSlot
	alive   uint64
}

func (c *crowd) park(slot *parkedSlot) {
	c.arrived <- struct{}{}
	if _, open := <-c.gate; !open {
		slot.sum = mix(slot.id)
	}
	c.group.Done()
}

// fillBatch spawns a batch and waits until all of it has run.
func (c *crowd) fillBatch() {
	for i := 0; i < capacityBatch; i++ {
		if c.alive%capacityChunk == 0 {
			c.chunks = append(c.chunks, make([]parkedSlot, capacityChunk))
		}
		slot := &c.chunks[c.alive/capacityChunk][c.alive%capacityChunk]
		slot.id = c.alive
		c.alive++
		c.group.Add(1)
		go c.park(slot)
	}
	for i := 0; i < capacityBatch; i++ {
		<-c.arrived
	}
}

func runCapacity(rounds uint64, p *params, b *bench) uint64 {
	c := &crowd{gate: make(chan uint64), arrived: make(chan struct{}, capacityBatch)}
	stopped := b.budget()
	for ; stopped == ""; stopped = b.budget() {
		c.fillBatch()
	}
	b.reachLimit(c.alive, stopped)
	close(c.gate)
	c.group.Wait()
	b.ledger.Created = c.alive
	sum := uint64(0)
	for _, chunk := range c.chunks {
		for i := range chunk {
			sum += chunk[i].sum
			if chunk[i].sum != 0 {
				b.ledger.Done++
			}
		}
	}
	return sum
}
