package main

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// switch/yield_multi. The word that shows an empty yield is one for each P,
// not CPU, since that is what a goroutine yields: a sync.Pool keeps an item for
// each. It is plain, as in switch/yield; a goroutine that is moved within a lap
// writes to another P's for up to three yields.

const (
	yieldBatch      = 256
	yieldBatchesMin = 16
	lineWords       = 16 // of 128 bytes
)

var switchYieldMulti = workload{
	name: "switch/yield_multi", axes: "n P place", flags: needsBlocking | voidLimit,
	check: checkYieldMulti, unit: func(p *params) uint64 { return multiBatches(p) * yieldBatch },
	run: runYieldMulti, expected: func(rounds uint64, p *params) uint64 { return mixSum(rounds * multiBatches(p)) },
}

func multiBatches(p *params) uint64 {
	if p.n < yieldBatchesMin {
		return yieldBatchesMin
	}
	return p.n
}

func checkYieldMulti(p *params) string {
	switch {
	case p.ncpu < 2:
		return "switch/yield_multi is measured on several CPUs: P:2 or more; P:1 is switch/yield"
	case p.n < 4*p.ncpu:
		return "switch/yield_multi needs four tasks to a CPU: n:8 or more at P:2"
	}
	return ""
}

type lineWord struct {
	id uint64
	_  [lineWords - 1]uint64
}

type multiYielders struct {
	words          sync.Pool // of *lineWord
	batches        uint64    // in all
	_              [lineWords]uint64
	next, finished lineWord // atomic: the next batch to be claimed, batches done
	start          *start
	end            chan struct{}
	group          sync.WaitGroup
	bench          *bench
}

type multiYielder struct {
	shared                         *multiYielders
	id, sum, batches, empty, ended uint64
}

func (s *multiYielders) word() *uint64 {
	word := s.words.Get().(*lineWord)
	s.words.Put(word)
	return &word.id
}

// batch makes the yields of one batch; the first few put a task out of step by
// its id. How many were empty.
func (s *multiYielders) batch(id uint64) uint64 {
	empty, count, word := uint64(0), uint64(yieldBatch), s.word()
	for i := id % sites; i > 0; i, count = i-1, count-1 {
		*word = id
		runtime.Gosched()
		if *word == id {
			empty++
		}
	}
	for ; count >= sites; count -= sites {
		word = s.word()
		*word = id
		runtime.Gosched()
		if *word == id {
			empty++
		}
		*word = id
		runtime.Gosched()
		if *word == id {
			empty++
		}
		*word = id
		runtime.Gosched()
		if *word == id {
			empty++
		}
		*word = id
		runtime.Gosched()
		if *word == id {
			empty++
		}
	}
	for ; count > 0; count-- {
		*word = id
		runtime.Gosched()
		if *word == id {
			empty++
		}
	}
	return empty
}

// work: everybody waits but the one that finishes the last batch.
func (me *multiYielder) work() {
	s := me.shared
	for {
		batch := atomic.AddUint64(&s.next.id, 1) - 1
		if batch >= s.batches {
			<-s.end
			return
		}
		me.empty += s.batch(me.id)
		me.sum += mix(batch)
		me.batches++
		if atomic.AddUint64(&s.finished.id, 1) == s.batches {
			s.bench.stop()
			close(s.end)
			return
		}
	}
}

func (me *multiYielder) body() {
	me.shared.start.wait(me.shared.bench.start)
	me.work()
	me.ended = 1
	me.shared.group.Done()
}

func runYieldMulti(rounds uint64, p *params, b *bench) uint64 {
	tasks := table[multiYielder](b, p.n)
	s := &multiYielders{batches: rounds * multiBatches(p), start: newStart(p.n, p.ncpu),
		end: make(chan struct{}), bench: b}
	s.words.New = func() interface{} { return &lineWord{id: ^uint64(0)} }
	s.group.Add(len(tasks))
	for i := range tasks {
		tasks[i].shared, tasks[i].id = s, uint64(i)
		go tasks[i].body()
	}
	s.group.Wait()
	b.ledger.Created = p.n
	sum, yields := uint64(0), uint64(0)
	for i := range tasks {
		sum += tasks[i].sum
		yields += tasks[i].batches * yieldBatch
		b.ledger.EmptyYields += tasks[i].empty
		b.ledger.Done += tasks[i].ended
	}
	b.judgeYields(yields)
	return sum
}
