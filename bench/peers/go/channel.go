package main

import (
	"sync"
	"sync/atomic"
)

// --- channel/ping_pong --------------------------------------------------------

const pingPongUnit = 1000 // even: an operation is half a round trip

var channelPingPong = workload{
	name: "channel/ping_pong", axes: "cap P place", flags: needsBlocking | pair,
	check: atMostTwo("channel/ping_pong"), unit: func(p *params) uint64 { return pingPongUnit },
	run:      runPingPong,
	expected: func(rounds uint64, p *params) uint64 { return mixSum(rounds*pingPongUnit + 2) },
}

// side is one of the two tasks.
type side struct {
	out, in             chan uint64
	trips               uint64
	sent, received, sum uint64
	ended               uint64
	bench               *bench // of the side that keeps the clock
	group               *sync.WaitGroup
}

func (s *side) send(sequence uint64) {
	s.out <- sequence
	s.sent++
}

func (s *side) receive(sequence uint64) {
	if <-s.in == sequence {
		s.received++
		s.sum += mix(sequence)
	}
}

// serve sends the even numbers and receives the odd ones.
func (s *side) serve() {
	s.send(0)
	s.receive(1)
	s.bench.start()
	for i := uint64(1); i <= s.trips; i++ {
		s.send(2 * i)
		s.receive(2*i + 1)
	}
	s.bench.stop()
	s.ended = 1
	s.group.Done()
}

func (s *side) reply() {
	for i := uint64(0); i <= s.trips; i++ {
		s.receive(2 * i)
		s.send(2*i + 1)
	}
	s.ended = 1
	s.group.Done()
}

func runPingPong(rounds uint64, p *params, b *bench) uint64 {
	there, back := make(chan uint64, p.capacity), make(chan uint64, p.capacity)
	trips := rounds * pingPongUnit / 2
	var group sync.WaitGroup
	server := &side{out: there, in: back, trips: trips, bench: b, group: &group}
	replier := &side{out: back, in: there, trips: trips, group: &group}
	group.Add(2)
	go replier.reply()
	go server.serve()
	group.Wait()
	b.ledger = ledger{Created: 2, Done: server.ended + replier.ended,
		Sent: server.sent + replier.sent, Delivered: server.received + replier.received}
	return server.sum + replier.sum
}

// --- channel/prod_cons --------------------------------------------------------

const messagesPerProducer = 1024 // and round

var channelProdCons = workload{
	name: "channel/prod_cons", axes: "p c cap P place", flags: needsBlocking,
	unit: unitProdCons, run: runProdCons,
	expected: func(rounds uint64, p *params) uint64 { return mixSum(rounds * unitProdCons(p)) },
}

func unitProdCons(p *params) uint64 { return p.producers * messagesPerProducer }

type pipe struct {
	channel              chan uint64
	ready                *latch
	open                 chan struct{}
	producing, consuming int64 // tasks that have not yet finished
	group                sync.WaitGroup
	bench                *bench
}

// partner is a producer or a consumer, on cache lines of its own.
type partner struct {
	shared                      *pipe
	first, messages, count, sum uint64
	ended                       uint64
	_                           [2]uint64
}

func (w *partner) produce() {
	s := w.shared
	s.ready.arrive()
	<-s.open
	for i := uint64(0); i < w.messages; i++ {
		s.channel <- w.first + i
		w.count++
	}
	w.ended = 1
	if atomic.AddInt64(&s.producing, -1) == 0 {
		close(s.channel)
	}
	s.group.Done()
}

func (w *partner) consume() {
	s := w.shared
	s.ready.arrive()
	<-s.open
	for message := range s.channel {
		w.count++
		w.sum += mix(message)
	}
	w.ended = 1
	if atomic.AddInt64(&s.consuming, -1) == 0 {
		s.bench.stop()
	}
	s.group.Done()
}

func runProdCons(rounds uint64, p *params, b *bench) uint64 {
	all := p.producers + p.consumers
	partners := make([]partner, all)
	s := &pipe{channel: make(chan uint64, p.capacity), ready: newLatch(all), open: make(chan struct{}),
		producing: int64(p.producers), consuming: int64(p.consumers), bench: b}
	each := rounds * messagesPerProducer
	s.group.Add(len(partners))
	for i := range partners {
		w := &partners[i]
		*w = partner{shared: s, first: uint64(i) * each, messages: each}
		if uint64(i) < p.producers {
			go w.produce()
		} else {
			go w.consume()
		}
	}
	s.ready.wait(0)
	b.start()
	close(s.open)
	s.group.Wait()
	return settlePartners(partners, p, &b.ledger)
}

func settlePartners(partners []partner, p *params, l *ledger) uint64 {
	sum := uint64(0)
	for i := range partners {
		w := &partners[i]
		l.Created++
		l.Done += w.ended
		if uint64(i) < p.producers {
			l.Sent += w.count
		} else {
			l.Delivered += w.count
		}
		sum += w.sum
	}
	return sum
}
