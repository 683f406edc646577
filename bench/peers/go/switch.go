package main

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Of two goroutines that yield in turn, Go's scheduler takes the same one again
// in about 1 of 31 cases: every 61st time it looks into the global queue first,
// and that is where runtime.Gosched() has just put it. An empty yield is the
// cheaper one, so that the wider tolerance is to Go's favour.
const (
	sites             = 4
	leastOfFew        = 16
	few               = 10000
	leastOfMany       = 64
	yieldsPerRound    = 4096
	toleratedPercent  = 4
	tooManyEmptyYield = "not a switch measurement on this machine: more than 4 % of the yields were empty"
)

var switchYield = workload{
	name: "switch/yield", axes: "n P", flags: needsBlocking,
	check: checkSwitchYield, unit: func(p *params) uint64 { return p.n * yieldsEach(p.n) },
	run: runSwitchYield, expected: func(rounds uint64, p *params) uint64 { return mixSum(p.n) * yieldsEach(p.n) * rounds },
}

func checkSwitchYield(p *params) string {
	if p.ncpu != 1 {
		return "switch/yield is measured on one CPU: P:1"
	}
	if p.n < 2 {
		return "switch/yield needs two tasks: n:2 or more"
	}
	return ""
}

func yieldsEach(n uint64) uint64 {
	var least uint64 = leastOfFew
	if n > few {
		least = leastOfMany
	}
	each := yieldsPerRound / n
	if each < least {
		each = least
	}
	return each - each%sites
}

// yielders share one P, so that only one of them runs at a time: the word is
// plain, like the relaxed accesses of the C workload, since Go's atomic store
// would add a locked instruction to every yield.
type yielders struct {
	word             uint64
	each             uint64
	waiting, running int64
	goOn             uint32
	begin, end       chan struct{}
	group            sync.WaitGroup
	bench            *bench
}

type yielder struct {
	shared            *yielders
	id, yields, empty uint64
}

// enter waits for everybody; the last to arrive opens the region.
func (s *yielders) enter() {
	if atomic.AddInt64(&s.waiting, -1) == 0 {
		close(s.begin)
		s.bench.start()
		atomic.StoreUint32(&s.goOn, 1)
		return
	}
	<-s.begin
	for atomic.LoadUint32(&s.goOn) == 0 {
		runtime.Gosched()
	}
}

// finish: the last to make its yields closes the region.
func (s *yielders) finish() {
	if atomic.AddInt64(&s.running, -1) == 0 {
		s.bench.stop()
		close(s.end)
		return
	}
	<-s.end
}

// yieldOften makes count yields from four call sites, out of step with its
// neighbours; how many of them were empty.
func (s *yielders) yieldOften(id, count uint64) uint64 {
	empty := uint64(0)
	for i := id % sites; i > 0; i, count = i-1, count-1 {
		s.word = id
		runtime.Gosched()
		if s.word == id {
			empty++
		}
	}
	for ; count >= sites; count -= sites {
		s.word = id
		runtime.Gosched()
		if s.word == id {
			empty++
		}
		s.word = id
		runtime.Gosched()
		if s.word == id {
			empty++
		}
		s.word = id
		runtime.Gosched()
		if s.word == id {
			empty++
		}
		s.word = id
		runtime.Gosched()
		if s.word == id {
			empty++
		}
	}
	for ; count > 0; count-- {
		s.word = id
		runtime.Gosched()
		if s.word == id {
			empty++
		}
	}
	return empty
}

func (me *yielder) body() {
	s := me.shared
	s.enter()
	me.empty = s.yieldOften(me.id, s.each-1)
	me.yields = s.each
	s.finish()
	s.group.Done()
}

func runSwitchYield(rounds uint64, p *params, b *bench) uint64 {
	tasks := table[yielder](b, p.n)
	s := &yielders{word: ^uint64(0), each: rounds * yieldsEach(p.n), waiting: int64(p.n), running: int64(p.n),
		begin: make(chan struct{}), end: make(chan struct{}), bench: b}
	s.group.Add(len(tasks))
	for i := range tasks {
		tasks[i].shared, tasks[i].id = s, uint64(i)
		go tasks[i].body()
	}
	s.group.Wait()
	b.ledger.Created = p.n
	sum, yields := uint64(0), uint64(0)
	for i := range tasks {
		sum += mix(tasks[i].id) * tasks[i].yields
		yields += tasks[i].yields
		b.ledger.EmptyYields += tasks[i].empty
		if tasks[i].yields > 0 {
			b.ledger.Done++
		}
	}
	b.judgeYields(yields)
	return sum
}

func (b *bench) judgeYields(yields uint64) {
	if b.ledger.EmptyYields*100 > yields*toleratedPercent {
		b.invalid = tooManyEmptyYield
	}
}
