package main

import (
	"sync"
	"sync/atomic"
)

// sync/counter. In Go a receiver does not close a channel: the owner says that
// it has all increments, and receives, without counting them, those that are on
// their way. A message names its sender, so that they are not counted there
// either. A select between sending and a channel that the owner closes would
// cost twice as much.

var syncCounter = workload{
	name: "sync/counter", axes: "n by P place", flags: needsBlocking | voidLimit, check: checkCounter,
	unit: unitMutex, run: runCounter, expected: syncMutex.expected,
}

func checkCounter(p *params) string {
	if p.n > 100000 {
		return "sync/counter takes at most n:100000"
	}
	return ""
}

// counter is on a cache line of its own, with the mutex that may protect it.
type counter struct {
	mutex      sync.Mutex
	total      uint64 // mutex, atomic, or the owner's
	stopped    bool   // mutex
	goal       uint64
	_          [4]uint64
	increments chan uint64 // each is its sender's number
	enough     uint32      // atomic: the owner has all
	ended      uint64      // the owner
	tooLate    []uint64    // messages of each task that the owner did not count
	start      *start
	group      sync.WaitGroup // the tasks but for the owner
	owner      sync.WaitGroup
	bench      *bench
}

// incrementer is a task, on a cache line of its own.
type incrementer struct {
	operations, ended uint64
	_                 [6]uint64
}

func (c *counter) byMutex(uint64) uint64 {
	operations := uint64(0)
	for {
		c.mutex.Lock()
		if c.total >= c.goal {
			break
		}
		c.total++
		c.mutex.Unlock()
		operations++
	}
	if !c.stopped {
		c.bench.stop()
	}
	c.stopped = true
	c.mutex.Unlock()
	return operations
}

// byAtomic: the one that makes the last increment closes the region.
func (c *counter) byAtomic(uint64) uint64 {
	operations, goal := uint64(0), c.goal
	for {
		total := atomic.AddUint64(&c.total, 1)
		if total > goal {
			return operations
		}
		operations++
		if total == goal {
			c.bench.stop()
		}
	}
}

func (c *counter) byOwner(me uint64) uint64 {
	operations := uint64(0)
	for atomic.LoadUint32(&c.enough) == 0 {
		c.increments <- me
		operations++
	}
	return operations
}

func (c *counter) own() {
	c.start.wait(c.bench.start)
	total := uint64(0)
	for total < c.goal {
		<-c.increments
		total++
	}
	if loseMessage {
		total--
	}
	c.bench.stop()
	atomic.StoreUint32(&c.enough, 1)
	go func() {
		c.group.Wait()
		close(c.increments)
	}()
	for sender := range c.increments {
		c.tooLate[sender]++
	}
	c.total, c.ended = total, 1
	c.owner.Done()
}

func (c *counter) spawn(tasks []incrementer, count func(me uint64) uint64) {
	c.group.Add(len(tasks))
	for i := range tasks {
		me, task := uint64(i), &tasks[i]
		go func() {
			c.start.wait(c.bench.start)
			task.operations = count(me)
			task.ended = 1
			c.group.Done()
		}()
	}
}

func runCounter(rounds uint64, p *params, b *bench) uint64 {
	tasks, owners := table[incrementer](b, p.n), uint64(0)
	c := &counter{goal: rounds * unitMutex(p), increments: make(chan uint64), tooLate: make([]uint64, p.n), bench: b}
	if p.by == "owner" {
		owners = 1
	}
	c.start = newStart(p.n+owners, p.ncpu)
	c.spawn(tasks, map[string]func(uint64) uint64{"mutex": c.byMutex, "atomic": c.byAtomic, "owner": c.byOwner}[p.by])
	if owners > 0 {
		c.owner.Add(1)
		go c.own()
	}
	c.group.Wait()
	c.owner.Wait()
	b.ledger.Created, b.ledger.Done = p.n+owners, c.ended
	sum := shares(b, len(tasks), func(i int) uint64 {
		b.ledger.Done += tasks[i].ended
		return tasks[i].operations - c.tooLate[i]
	})
	switch p.by {
	case "atomic":
		c.total -= p.n // each task found out by one too many
	case "owner":
		b.ledger.Sent, b.ledger.Delivered = sum, c.total
	}
	return mix(c.total) + sum
}
