package main

import (
	"fmt"
	"os"
	"runtime"
)

// kernelMemoryFrom is how many tasks it takes before kernel memory per task is
// quoted.
const kernelMemoryFrom = 1000

const roundsMax = 1000000000

// run is one cell from its name to its result.
type run struct {
	cell               cell
	cpus               []int
	rounds, unit       uint64
	bench              bench
	checksum, expected uint64
	measured           bool // there is a time to quote
	status, reason     string
	nsPerRound         float64 // of a pilot; 0 when it did not run
}

func (r *run) conclude(status, format string, arguments ...interface{}) {
	r.status, r.reason = status, fmt.Sprintf(format, arguments...)
}

func (r *run) single() bool {
	return r.cell.params.cold || r.cell.workload.flags&oneRound != 0
}

// notOffered says why Go cannot offer the cell, or "".
func (r *run) notOffered() string {
	p := &r.cell.params
	if p.remedyOff {
		return "not offered: with asynchronous preemption switched off, Go still preempts at each function call"
	}
	if p.stack != "" {
		return "not offered: stack:" + p.stack + ": a goroutine's stack has no size to ask for"
	}
	if p.place == r.cell.workload.places()[0] || p.place == "same-pu" {
		return ""
	}
	return fmt.Sprintf("not offered: place:%s: a goroutine cannot be bound to a CPU", p.place)
}

// prepare settles what the options leave open and binds the process. False
// with status and reason set when the cell is not offered here.
func (r *run) prepare(o *options) bool {
	p := &r.cell.params
	r.status = "ok"
	p.fullLoad = o.fullLoad
	r.rounds, r.unit = o.rounds, r.cell.workload.unit(p)
	if r.single() {
		r.rounds = 1
	}
	r.bench.precise = p.n >= kernelMemoryFrom
	r.bench.memBudget, r.bench.timeBudget = o.memBudget, o.timeBudget
	if r.bench.memBudget == 0 {
		r.bench.memBudget = memAvailable() / 2
	}
	skip = func(reason string) {
		r.conclude("skipped", "%s", reason)
		os.Exit(r.print(o.mode == modePilot))
	}
	if why := r.notOffered(); why != "" {
		r.conclude("skipped", "%s", why)
		return false
	}
	cpus, why := bind(int(p.ncpu))
	if why != "" {
		r.conclude("skipped", "%s", why)
		return false
	}
	r.cpus = cpus
	runtime.GOMAXPROCS(int(p.ncpu))
	return true
}

// judge compares what was counted with what it had to be.
func (r *run) judge(rounds uint64) {
	b, p := &r.bench, r.cell.params
	l, regions := &b.ledger, 1
	if r.cell.workload.flags&noRegion != 0 {
		regions = 0
	}
	if b.limit != nil {
		p.n, rounds = b.limit.reached, 1
	}
	if b.limit == nil || r.cell.workload.flags&voidLimit == 0 {
		r.expected = r.cell.workload.expected(rounds, &p)
	} else {
		r.expected = 0
	}
	switch {
	case b.failure != "":
		r.conclude("failed", "%s", b.failure)
	case l.Created != l.Done:
		r.conclude("failed", "ledger: %d tasks created, %d done", l.Created, l.Done)
	case l.Sent != l.Delivered:
		r.conclude("failed", "ledger: %d messages sent, %d delivered", l.Sent, l.Delivered)
	case r.checksum != r.expected:
		r.conclude("failed", "checksum 0x%016x, expected 0x%016x", r.checksum, r.expected)
	case b.limit != nil:
		r.conclude("limit", "limit reached at n=%d: %s %d", b.limit.reached, b.limit.name, b.limit.value)
	case b.starts != regions || b.stops != regions:
		r.conclude("failed", "the workload opened %d and closed %d measured regions, not %d", b.starts, b.stops, regions)
	case b.invalid != "":
		r.conclude("invalid", "%s", b.invalid)
	}
}

func (r *run) execute(rounds uint64, measured, warmed bool) {
	r.bench.prepare(measured, warmed)
	r.status, r.reason = "ok", ""
	r.checksum = r.cell.workload.run(rounds, &r.cell.params, &r.bench)
	r.judge(rounds)
}

// measure runs the unmeasured round, then the measured ones. A warm-up that
// meets a limit, or is wrong, is the result.
func (r *run) measure() {
	prewarm(prewarmBytes(&r.cell.params, r.bench.memBudget))
	warm := !r.cell.params.cold && r.cell.workload.flags&noWarmup == 0
	if warm {
		r.execute(1, false, false)
	}
	if !warm || r.status == "ok" || r.status == "invalid" {
		r.execute(r.rounds, true, warm)
	}
	r.measured = r.status == "ok" || r.status == "invalid"
}

const pilotRoundsMax = 1 << 29

// moreRounds: the first rounds are cold, and more than 16 times as many would
// be a guess.
func moreRounds(rounds, region, wanted uint64) uint64 {
	factor := wanted/(region+1) + 1
	if factor < 2 {
		factor = 2
	}
	if factor > 16 {
		factor = 16
	}
	if rounds*factor > pilotRoundsMax {
		return pilotRoundsMax
	}
	return rounds * factor
}

// pilot finds the rounds that make the region about target long. A quarter of
// it is long enough to extrapolate from.
func (r *run) pilot(targetMs uint64) {
	target := targetMs * 1000000
	prewarm(prewarmBytes(&r.cell.params, r.bench.memBudget))
	rounds, region := uint64(1), uint64(0)
	if r.cell.workload.flags&noRegion != 0 {
		r.rounds = 1 // there is nothing to time, and trying it is the cell
		return
	}
	for r.rounds = 1; ; rounds = moreRounds(rounds, region, target/4) {
		r.execute(rounds, false, rounds > 1)
		if r.status != "ok" && r.status != "invalid" {
			return
		}
		region = uint64(r.bench.regionNs())
		if r.single() || region >= target/4 || rounds >= pilotRoundsMax {
			break
		}
	}
	r.nsPerRound = float64(region) / float64(rounds)
	if !r.single() {
		r.rounds = uint64(float64(target) / float64(region+1) * float64(rounds))
	}
	if r.rounds < 1 {
		r.rounds = 1
	}
	if r.rounds > roundsMax {
		r.rounds = roundsMax
	}
}
