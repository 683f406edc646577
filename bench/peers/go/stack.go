package main

import (
	"runtime/debug"
	"sync"
)

// The recursion of bench/deep.c. A goroutine's stack starts small and is
// copied to one of twice the size whenever it is full, on the way down, once
// per doubling; no stack size is asked for, since there is no way to.

const (
	frameBytes = 1024
	frameLines = frameBytes / 64
	// What the compiler adds to the array on amd64: spilled values, the frame
	// pointer and the return address. A test looks at the frame's size.
	frameOverhead = 32
	frameWords    = (frameBytes - frameOverhead) / 8
)

func deepWord(seed, frame, line uint64) uint64 {
	return seed*0x9e3779b97f4a7c15 + frame*frameLines + line
}

// descend reads its frame after the call, so that the frame must outlive it.
//
//go:noinline
func descend(frames, seed uint64) uint64 {
	var room [frameWords]uint64
	for line := uint64(0); line < frameLines; line++ {
		room[line*8] = deepWord(seed, frames, line)
	}
	below := uint64(0)
	if frames > 1 {
		below = descend(frames-1, seed)
	}
	return below + room[frames%frameLines*8]
}

func deep(bytes, seed uint64) uint64 { return descend(bytes/frameBytes, seed) }

func deepSum(bytes, seed uint64) uint64 {
	sum := uint64(0)
	for frame := bytes / frameBytes; frame > 0; frame-- {
		sum += deepWord(seed, frame, frame%frameLines)
	}
	return sum
}

// deepSums is the checksum of times deep calls with the seeds 0, 1, 2...
func deepSums(times uint64, p *params) uint64 {
	sum := uint64(0)
	for i := uint64(0); i < times; i++ {
		sum += deepSum(p.bytes, i)
	}
	return sum
}

type deepTask struct {
	bytes, runs, sum uint64
	group            sync.WaitGroup
}

func (t *deepTask) body() {
	t.sum += deep(t.bytes, t.runs)
	t.runs++
	t.group.Done()
}

func (t *deepTask) spawnAndWait() {
	t.group.Add(1)
	go t.body()
	t.group.Wait()
}

const (
	deepBatches   = 8
	deepManyBytes = 1 << 20 // timed at once
)

// deepAlone is ns of the recursion in a goroutine whose stack has grown: the
// fastest of a few.
func deepAlone(bytes uint64) float64 {
	often := uint64(1)
	if bytes < deepManyBytes {
		often = deepManyBytes / bytes
	}
	best := make(chan int64)
	go func() {
		fastest := int64(1) << 62
		for batch := 0; batch < deepBatches; batch++ {
			begin := now()
			for i := uint64(0); i < often; i++ {
				deep(bytes, i)
			}
			if took := now() - begin; took < fastest {
				fastest = took
			}
		}
		best <- fastest
	}()
	return float64(<-best) / float64(often)
}

func (t *deepTask) settle(l *ledger, created uint64) uint64 {
	l.Created, l.Done = created, t.runs
	return t.sum
}

// --- stack/grow -------------------------------------------------------------------

var stackGrow = workload{
	name: "stack/grow", axes: "bytes P place",
	unit: unitOne, run: runStackGrow, expected: deepSums,
}

// runStackGrow gives the memory of idle stacks back before each task, as the
// contract asks. Go's only way is a whole garbage collection, which is most of
// this cell's time: see bench/BIAS.md.
func runStackGrow(rounds uint64, p *params, b *bench) uint64 {
	t := &deepTask{bytes: p.bytes}
	b.start()
	for i := uint64(0); i < rounds; i++ {
		debug.FreeOSMemory()
		t.spawnAndWait()
	}
	b.stop()
	b.aloneNs = deepAlone(p.bytes)
	return t.settle(&b.ledger, rounds)
}

// --- stack/grow_warm --------------------------------------------------------------

var stackGrowWarm = workload{
	name: "stack/grow_warm", axes: "bytes P place", flags: noWarmup, unit: unitOne, run: runStackGrowWarm,
	expected: func(rounds uint64, p *params) uint64 { return deepSums(rounds+1, p) },
}

func runStackGrowWarm(rounds uint64, p *params, b *bench) uint64 {
	t := &deepTask{bytes: p.bytes}
	b.baseline()
	t.spawnAndWait()
	b.start()
	for i := uint64(0); i < rounds; i++ {
		t.spawnAndWait()
	}
	b.stop()
	b.probeMemory(1)
	b.aloneNs = deepAlone(p.bytes)
	return t.settle(&b.ledger, rounds+1)
}

// --- stack/regrow -----------------------------------------------------------------

var stackRegrow = workload{
	name: "stack/regrow", axes: "bytes P place", unit: unitOne, run: runStackRegrow,
	expected: func(rounds uint64, p *params) uint64 { return deepSums(rounds+1, p) },
}

func runStackRegrow(rounds uint64, p *params, b *bench) uint64 {
	t := &deepTask{bytes: p.bytes}
	t.group.Add(1)
	go func() {
		sum := deep(p.bytes, 0)
		b.start()
		for i := uint64(1); i <= rounds; i++ {
			sum += deep(p.bytes, i)
		}
		b.stop()
		t.sum = sum
		t.runs++
		t.group.Done()
	}()
	t.group.Wait()
	return t.settle(&b.ledger, 1)
}
