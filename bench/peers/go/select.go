package main

import "sync"

const messagesPerSender = 1024 // and round

// channelSelect is written for the numbers of channels that checkSelect lists:
// a select statement has as many cases as are written down. reflect.Select
// takes any number, and is several times slower.
var channelSelect = workload{
	name: "channel/select", axes: "k P place", flags: needsBlocking | voidLimit,
	check: checkSelect, unit: unitSelect, run: runSelect,
	expected: func(rounds uint64, p *params) uint64 { return mixSum(rounds * unitSelect(p)) },
}

var receivers = map[uint64]func(in []chan uint64, r *receiver){2: receive2, 4: receive4, 8: receive8}

func checkSelect(p *params) string {
	if receivers[p.k] == nil {
		return "channel/select is written in Go for k:2, k:4 and k:8"
	}
	return ""
}

func unitSelect(p *params) uint64 { return p.k * messagesPerSender }

// receiver counts down what is still to come. next is the number that each
// channel must bring next: a message out of turn is not counted.
type receiver struct {
	left, received, sum uint64
	next                [8]uint64
}

func (r *receiver) take(channel int, message uint64) {
	r.left--
	if message == r.next[channel] && !(loseMessage && message == messagesPerSender/2) {
		r.next[channel]++
		r.received++
		r.sum += mix(message)
	}
}

func receive2(in []chan uint64, r *receiver) {
	a, b := in[0], in[1]
	for r.left > 0 {
		select {
		case m := <-a:
			r.take(0, m)
		case m := <-b:
			r.take(1, m)
		}
	}
}

func receive4(in []chan uint64, r *receiver) {
	a, b, c, d := in[0], in[1], in[2], in[3]
	for r.left > 0 {
		select {
		case m := <-a:
			r.take(0, m)
		case m := <-b:
			r.take(1, m)
		case m := <-c:
			r.take(2, m)
		case m := <-d:
			r.take(3, m)
		}
	}
}

func receive8(in []chan uint64, r *receiver) {
	a, b, c, d, e, f, g, h := in[0], in[1], in[2], in[3], in[4], in[5], in[6], in[7]
	for r.left > 0 {
		select {
		case m := <-a:
			r.take(0, m)
		case m := <-b:
			r.take(1, m)
		case m := <-c:
			r.take(2, m)
		case m := <-d:
			r.take(3, m)
		case m := <-e:
			r.take(4, m)
		case m := <-f:
			r.take(5, m)
		case m := <-g:
			r.take(6, m)
		case m := <-h:
			r.take(7, m)
		}
	}
}

// sender is on a cache line of its own.
type sender struct {
	sent, ended uint64
	_           [6]uint64
}

func (s *sender) send(out chan<- uint64, first, count uint64, ready *latch, open <-chan struct{}, group *sync.WaitGroup) {
	ready.arrive()
	<-open
	for i := uint64(0); i < count; i++ {
		out <- first + i
		s.sent++
	}
	s.ended = 1
	group.Done()
}

func runSelect(rounds uint64, p *params, b *bench) uint64 {
	senders, in := make([]sender, p.k), make([]chan uint64, p.k)
	each := rounds * messagesPerSender
	ready, open := newLatch(p.k), make(chan struct{})
	r := &receiver{left: p.k * each}
	var group sync.WaitGroup
	group.Add(len(senders))
	for i := range senders {
		in[i] = make(chan uint64)
		r.next[i] = uint64(i) * each
		go senders[i].send(in[i], r.next[i], each, ready, open, &group)
	}
	ready.wait(0)
	b.start()
	close(open)
	receivers[p.k](in, r)
	b.stop()
	group.Wait()
	b.ledger.Created, b.ledger.Delivered = p.k, r.received
	for i := range senders {
		b.ledger.Done += senders[i].ended
		b.ledger.Sent += senders[i].sent
	}
	return r.sum
}
