package main

import "sync"

// switch/working_set. The semaphores of the ring are channels with room for
// the token, as in switch/handoff.

const (
	roomWords  = 8 // of a line of 64 bytes
	laps       = 8 // in a round
	aloneLaps  = 8
	touchTimes = 5
)

var switchWorkingSet = workload{
	name: "switch/working_set", axes: "n kib P place", flags: needsBlocking | voidLimit, check: checkWorkingSet,
	unit: func(p *params) uint64 { return p.n * laps }, run: runWorkingSet, expected: expectWorkingSet,
}

func checkWorkingSet(p *params) string {
	switch {
	case p.ncpu != 1:
		return "switch/working_set is measured on one CPU: P:1"
	case p.n < 2:
		return "switch/working_set needs two tasks: n:2 or more"
	}
	return ""
}

func ringTurn(token, id, found uint64) uint64 { return token*6364136223846793005 + found + id }

// expectWorkingSet: every line of a room holds the number of times that it was
// touched.
func expectWorkingSet(rounds uint64, p *params) uint64 {
	token, lines := uint64(0), p.kib*1024/64
	for lap := uint64(0); lap < rounds*laps+1; lap++ {
		for id := uint64(0); id < p.n; id++ {
			token = ringTurn(token, id, (aloneLaps*touchTimes+lap)*lines)
		}
	}
	return token
}

// touch adds one to a word of every line; the sum of those it found.
//
//go:noinline
func touch(room []uint64) uint64 {
	sum := uint64(0)
	for i := 0; i < len(room); i += roomWords {
		sum += room[i]
		room[i]++
	}
	return sum
}

type ring struct {
	members []member
	laps    uint64 // with the one that is not measured
	token   uint64
	group   sync.WaitGroup
	bench   *bench
}

type member struct {
	ring      *ring
	id, ended uint64
	room      []uint64
	turn      chan struct{}
}

func (me *member) body() {
	r := me.ring
	next := r.members[(me.id+1)%uint64(len(r.members))].turn
	<-me.turn
	for i := uint64(0); i < r.laps; i++ {
		if i == 1 && me.id == 0 {
			r.bench.start()
		}
		if !loseMessage || i != 1 || me.id != 1 { // else it is passed over
			r.token = ringTurn(r.token, me.id, touch(me.room))
		}
		next <- struct{}{}
		if i+1 < r.laps || me.id == 0 {
			<-me.turn
		}
	}
	if me.id == 0 {
		r.bench.stop()
	}
	me.ended = 1
	r.group.Done()
}

// touchAlone is ns of one touch in laps over all rooms, the fastest of a few.
func (r *ring) touchAlone() float64 {
	best := int64(1) << 62
	for i := 0; i < touchTimes; i++ {
		begin := now()
		for lap := 0; lap < aloneLaps; lap++ {
			for id := range r.members {
				touch(r.members[id].room)
			}
		}
		if took := now() - begin; took < best {
			best = took
		}
	}
	return float64(best) / float64(aloneLaps*len(r.members))
}

func runWorkingSet(rounds uint64, p *params, b *bench) uint64 {
	words := p.kib * 1024 / 8
	rooms := table[uint64](b, p.n*words)
	r := &ring{members: table[member](b, p.n), laps: rounds*laps + 1, bench: b}
	for i := range r.members {
		id := uint64(i)
		r.members[i] = member{ring: r, id: id, room: rooms[id*words:][:words], turn: make(chan struct{}, 1)}
	}
	b.aloneNs = r.touchAlone()
	r.group.Add(len(r.members))
	for i := range r.members {
		go r.members[i].body()
	}
	r.members[0].turn <- struct{}{}
	r.group.Wait()
	b.ledger.Created = p.n
	for i := range r.members {
		b.ledger.Done += r.members[i].ended
	}
	return r.token
}
