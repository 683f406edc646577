package main

import "sync"

const largestFib = 40

var parallelFib = workload{
	name: "parallel/fib", axes: "n P place", flags: needsBlocking | voidLimit,
	check: checkFib, unit: func(p *params) uint64 { return fib(p.n+1) - 1 }, run: runFib,
	expected: func(rounds uint64, p *params) uint64 { return rounds * mix(fib(p.n)) },
}

func checkFib(p *params) string {
	switch {
	case p.n < 2:
		return "parallel/fib needs n:2 or more, below there is nothing to spawn"
	case p.n > largestFib:
		return "parallel/fib takes at most n:40"
	}
	return ""
}

func fib(n uint64) uint64 {
	a, b := uint64(0), uint64(1)
	for ; n > 0; n-- {
		a, b = b, a+b
	}
	return a
}

// fibCall is one call, and what it counted in the tree below.
type fibCall struct {
	value            uint64
	n, created, done uint32
}

func (c *fibCall) body(group *sync.WaitGroup) {
	c.compute()
	c.done++
	group.Done()
}

func (c *fibCall) compute() {
	if c.n < 2 {
		c.value = uint64(c.n)
	} else {
		c.forkAndJoin()
	}
}

func (c *fibCall) forkAndJoin() {
	left, right := fibCall{n: c.n - 1}, fibCall{n: c.n - 2}
	var group sync.WaitGroup
	group.Add(1)
	go left.body(&group)
	right.compute()
	group.Wait()
	c.created = 1
	c.add(&left)
	c.add(&right)
}

func (c *fibCall) add(part *fibCall) {
	c.value += part.value
	c.created += part.created
	c.done += part.done
}

func runFib(rounds uint64, p *params, b *bench) uint64 {
	sum := uint64(0)
	b.start()
	for i := uint64(0); i < rounds; i++ {
		c := fibCall{n: uint32(p.n)}
		c.compute()
		sum += mix(c.value)
		b.ledger.Created += uint64(c.created)
		b.ledger.Done += uint64(c.done)
	}
	b.stop()
	return sum
}
