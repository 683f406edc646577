package main

// workload mirrors struct workload of bench/workload.h.
type workload struct {
	name  string // "<group>/<case>"
	axes  string // axis keys in canonical order; all but place are required
	flags uint
	// check says what is wrong with these values, or "". May be nil.
	check func(p *params) string
	// unit is the number of operations in one round.
	unit func(p *params) uint64
	// run runs rounds rounds and returns the checksum. It opens and closes the
	// measured region once.
	run func(rounds uint64, p *params, b *bench) uint64
	// expected is the checksum that run must return. After a limit it is asked
	// for one round with p.n = the tasks reached.
	expected func(rounds uint64, p *params) uint64
}

const (
	needsBlocking = 1 << iota // tasks wait for each other
	noWarmup                  // no unmeasured round first
	oneRound                  // rounds is always 1
	pair                      // two tasks, whose placement is an axis
	voidLimit                 // after a limit the checksum is 0
	noRegion                  // its result is a limit: no measured region
)

// workloads is the table of all of them, in the order of workloads.def.
var workloads = []*workload{
	&spawnOne, &spawnStorm, &spawnParkedStorm, &spawnTree,
	&switchYield, &switchYieldMulti, &switchHandoff, &switchWorkingSet,
	&channelPingPong, &channelProdCons, &channelSelect, &channelSieve,
	&stackGrow, &stackGrowWarm, &stackRegrow, &stackRetained,
	&memoryParked, &memoryCapacity,
	&syncMutex, &syncCounter,
	&wakeTimer, &wakeUnpark, &wakeIdle, &wakeHog,
	&parallelFib, &parallelNqueens,
	&syscallBlocking,
	&ioEcho, &ioAPICalls, &ioRest, &ioHeld,
}

// places are the values of the axis place; the first is what a name without
// that axis means.
func (w *workload) places() []string {
	if w.flags&pair != 0 {
		return pairPlaces
	}
	return poolPlaces
}

// mix spreads an id over 64 bits, so that a sum of mixed ids notices a task
// that ran twice while another did not run at all.
func mix(id uint64) uint64 {
	x := (id + 1) * 0x9e3779b97f4a7c15
	return x ^ x>>29
}

// mixSum is the sum of mix(0) to mix(n-1).
func mixSum(n uint64) uint64 {
	sum := uint64(0)
	for id := uint64(0); id < n; id++ {
		sum += mix(id)
	}
	return sum
}

// scaled is the checksum of a workload whose round is one task per id below n.
func scaled(rounds uint64, p *params) uint64 {
	return mixSum(p.n) * rounds
}

func unitN(p *params) uint64 { return p.n }

func unitOne(p *params) uint64 { return 1 }

// atMostTwo is the check of a workload of two tasks.
func atMostTwo(name string) func(p *params) string {
	return func(p *params) string {
		if p.ncpu > 2 {
			return name + " has two tasks: P:1 or P:2"
		}
		return ""
	}
}
