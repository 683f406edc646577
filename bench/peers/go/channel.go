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
	if <-s.in == sequence && !(loseMessage && sequence == pingPongUnit/2) {
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
		if loseMessage && message == messagesPerProducer/2 {
			continue
		}
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

// --- channel/sieve ------------------------------------------------------------

var channelSieve = workload{
	name: "channel/sieve", axes: "k P place", flags: needsBlocking | voidLimit,
	unit: func(p *params) uint64 { return p.k }, run: runSieve, expected: expectSieve,
}

// stage is the generator or a filter, on a cache line of its own.
type stage struct {
	sent, received, ended uint64
	_                     [5]uint64
}

func (s *stage) generate(out chan<- uint64, stop *uint32) {
	for number := uint64(2); atomic.LoadUint32(stop) == 0; number++ {
		out <- number
		s.sent++
	}
	s.ended = 1
	close(out)
}

func (s *stage) filter(in <-chan uint64, out chan<- uint64, prime uint64) {
	for number := range in {
		if loseMessage && prime == 2 && number == 5 {
			continue
		}
		s.received++
		if number%prime != 0 {
			out <- number
			s.sent++
		}
	}
	s.ended = 1
	close(out)
}

// sieveRound finds k primes; their mixed sum. The chain is taken down from its
// head, since in Go the sender closes a channel: the generator stops, each
// filter ends with its input, and the root receives what was still on its way.
func sieveRound(stages []stage, l *ledger) uint64 {
	var stop uint32
	sum, received := uint64(0), uint64(0)
	last := make(chan uint64)
	go stages[0].generate(last, &stop)
	for i := range stages[1:] {
		prime := <-last
		received++
		sum += mix(prime)
		out := make(chan uint64)
		go stages[1+i].filter(last, out, prime)
		last = out
	}
	atomic.StoreUint32(&stop, 1)
	for range last {
		received++
	}
	l.Created += uint64(len(stages))
	l.Delivered += received
	for i := range stages {
		l.Done += stages[i].ended
		l.Sent += stages[i].sent
		l.Delivered += stages[i].received
		stages[i] = stage{}
	}
	return sum
}

func runSieve(rounds uint64, p *params, b *bench) uint64 {
	stages := table[stage](b, p.k+1)
	sum := uint64(0)
	b.start()
	for i := uint64(0); i < rounds; i++ {
		sum += sieveRound(stages, &b.ledger)
	}
	b.stop()
	return sum
}

func expectSieve(rounds uint64, p *params) uint64 {
	sum := uint64(0)
	for number, found := uint64(2), uint64(0); found < p.k; number++ {
		if isPrime(number) {
			sum += mix(number)
			found++
		}
	}
	return sum * rounds
}

func isPrime(number uint64) bool {
	for d := uint64(2); d*d <= number; d++ {
		if number%d == 0 {
			return false
		}
	}
	return true
}
