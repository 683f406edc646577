package main

import "sync"

// A group of tasks is a sync.WaitGroup: what a Go program waits with.

// slot is a task's own memory.
type slot struct {
	id, runs uint32
	sum      uint64
}

func newSlots(b *bench, n uint64) []slot {
	slots := table[slot](b, n)
	for i := range slots {
		slots[i].id = uint32(i)
	}
	return slots
}

// collect adds the slots up.
func collect(slots []slot, l *ledger) uint64 {
	sum := uint64(0)
	for i := range slots {
		sum += slots[i].sum
		l.Done += uint64(slots[i].runs)
	}
	return sum
}

// --- spawn/one --------------------------------------------------------------------

var spawnOne = workload{
	name: "spawn/one", axes: "P place",
	unit: func(p *params) uint64 { return 1000 }, run: runSpawnOne, expected: expectSpawnOne,
}

type oneSlot struct {
	runs, sum uint64
	group     sync.WaitGroup
}

func (s *oneSlot) body() {
	s.sum += mix(s.runs)
	s.runs++
	s.group.Done()
}

func expectSpawnOne(rounds uint64, p *params) uint64 { return mixSum(rounds * 1000) }

func runSpawnOne(rounds uint64, p *params, b *bench) uint64 {
	s := &oneSlot{}
	b.start()
	for i := uint64(0); i < rounds*1000; i++ {
		s.group.Add(1)
		go s.body()
		s.group.Wait()
	}
	b.stop()
	b.ledger.Created, b.ledger.Done = rounds*1000, s.runs
	return s.sum
}

// --- spawn/storm ------------------------------------------------------------------

var spawnStorm = workload{
	name: "spawn/storm", axes: "n stack temp P place", unit: unitN, run: runSpawnStorm, expected: scaled,
}

func (s *slot) body(group *sync.WaitGroup) {
	s.sum += mix(uint64(s.id))
	s.runs++
	group.Done()
}

func runSpawnStorm(rounds uint64, p *params, b *bench) uint64 {
	slots := newSlots(b, p.n)
	var group sync.WaitGroup
	b.start()
	for round := uint64(0); round < rounds; round++ {
		group.Add(len(slots))
		for i := range slots {
			go slots[i].body(&group)
		}
		group.Wait()
	}
	b.stop()
	b.ledger.Created = rounds * p.n
	return collect(slots, &b.ledger)
}

// --- spawn/parked_storm -----------------------------------------------------------

var spawnParkedStorm = workload{
	name: "spawn/parked_storm", axes: "n stack temp P place", flags: needsBlocking,
	unit: unitN, run: runSpawnParkedStorm, expected: scaled,
}

func (s *storm) parkedBody(me *slot) {
	s.parked.arrive()
	if _, open := <-s.gate; !open {
		me.sum += mix(uint64(me.id))
	}
	me.runs++
	s.group.Done()
}

// spawnParked spawns until all or a budget; how many, and which budget.
func (s *storm) spawnParked(b *bench) (uint64, string) {
	for i := range s.slots {
		if i%64 == 0 {
			if stopped := b.budget(); stopped != "" {
				return uint64(i), stopped
			}
		}
		s.group.Add(1)
		go s.parkedBody(&s.slots[i])
	}
	return uint64(len(s.slots)), ""
}

func (s *storm) parkedRound(b *bench) string {
	n := uint64(len(s.slots))
	s.gate, s.parked = make(chan uint64), newLatch(n)
	alive, stopped := s.spawnParked(b)
	s.parked.wait(n - alive)
	b.ledger.Created += alive
	if stopped != "" {
		b.reachLimit(alive, stopped)
	}
	close(s.gate)
	s.group.Wait()
	return stopped
}

func runSpawnParkedStorm(rounds uint64, p *params, b *bench) uint64 {
	s := &storm{slots: newSlots(b, p.n)}
	finished := uint64(0)
	b.start()
	for finished < rounds && s.parkedRound(b) == "" {
		finished++
	}
	b.stop()
	sum := collect(s.slots, &b.ledger)
	if b.limit != nil {
		sum -= scaled(finished, p)
	}
	return sum
}

// --- spawn/tree -------------------------------------------------------------------

const treeArity = 10

var spawnTree = workload{
	name: "spawn/tree", axes: "n P place", flags: needsBlocking | voidLimit,
	check: checkSpawnTree, unit: unitN, run: runSpawnTree,
	expected: func(rounds uint64, p *params) uint64 { return rounds * mix(p.n*(p.n-1)/2) },
}

func checkSpawnTree(p *params) string {
	n := uint64(treeArity)
	for n < p.n {
		n *= treeArity
	}
	if n != p.n {
		return "spawn/tree is ten children to a node: n is a power of 10, from n:10"
	}
	return ""
}

// below is what a node knows of its subtree. Its message is the last thing that
// a task does, and what counts it as done; so messages are not counted again.
type below struct {
	sum           uint64
	created, done uint32
}

// gather spawns ten children and adds up what they send. Nobody waits for the
// children beyond that: their channel is garbage, not destroyed.
func gather(first, leaves uint64) below {
	channel := make(chan below)
	each := leaves / treeArity
	for i := uint64(0); i < treeArity; i++ {
		go treeBody(channel, first+i*each, each)
	}
	all := below{created: treeArity}
	for i := 0; i < treeArity; i++ {
		part := <-channel
		if loseMessage && leaves == treeArity && first == 0 && i == 0 {
			continue
		}
		all.sum += part.sum
		all.created += part.created
		all.done += part.done + 1
	}
	return all
}

func treeBody(up chan<- below, first, leaves uint64) {
	message := below{sum: first}
	if leaves > 1 {
		message = gather(first, leaves)
	}
	up <- message
}

func runSpawnTree(rounds uint64, p *params, b *bench) uint64 {
	sum, l := uint64(0), &b.ledger
	b.start()
	for i := uint64(0); i < rounds; i++ {
		all := gather(0, p.n)
		sum += mix(all.sum)
		l.Created += uint64(all.created)
		l.Done += uint64(all.done)
	}
	b.stop()
	return sum
}
