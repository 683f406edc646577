package main

import "sync"

// switch/handoff. A semaphore of Go's standard library is a channel with room
// for its permits; there is one at most, as the two take turns.

const handoffUnit = 1000 // even: an operation is half a round trip

var switchHandoff = workload{
	name: "switch/handoff", axes: "P place", flags: needsBlocking | pair,
	check: atMostTwo("switch/handoff"), unit: func(p *params) uint64 { return handoffUnit },
	run: runHandoff, expected: expectHandoff,
}

func turn(token, side uint64) uint64 { return token*6364136223846793005 + side }

func expectHandoff(rounds uint64, p *params) uint64 {
	token := uint64(0)
	for i := uint64(0); i <= rounds*handoffUnit/2; i++ {
		token = turn(turn(token, 0), 1)
	}
	return token
}

// runner is one of the two that pass the token on.
type runner struct {
	mine, other         chan struct{}
	token               *uint64
	trips, posts, waits uint64
	bench               *bench // of the one that keeps the clock
	group               *sync.WaitGroup
}

func (r *runner) pass(side uint64) {
	if !loseMessage || r.posts != handoffUnit/4 {
		*r.token = turn(*r.token, side)
	}
	r.other <- struct{}{}
	r.posts++
}

func (r *runner) take() {
	<-r.mine
	r.waits++
}

func (r *runner) serve() {
	r.pass(0)
	r.take()
	r.bench.start()
	for i := uint64(0); i < r.trips; i++ {
		r.pass(0)
		r.take()
	}
	r.bench.stop()
	r.group.Done()
}

func (r *runner) reply() {
	for i := uint64(0); i <= r.trips; i++ {
		r.take()
		r.pass(1)
	}
	r.group.Done()
}

func runHandoff(rounds uint64, p *params, b *bench) uint64 {
	token, trips := uint64(0), rounds*handoffUnit/2
	a, z := make(chan struct{}, 1), make(chan struct{}, 1)
	var group sync.WaitGroup
	server := &runner{mine: a, other: z, token: &token, trips: trips, bench: b, group: &group}
	replier := &runner{mine: z, other: a, token: &token, trips: trips, group: &group}
	group.Add(2)
	go replier.reply()
	go server.serve()
	group.Wait()
	l := &b.ledger
	l.Created, l.Sent, l.Delivered = 2, server.posts+replier.posts, server.waits+replier.waits
	for _, r := range []*runner{server, replier} {
		if r.waits == trips+1 {
			l.Done++
		}
	}
	return token
}
