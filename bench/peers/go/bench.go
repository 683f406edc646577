package main

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// ledger is what a workload counts outside its hot loop: created must equal
// done, delivered must equal sent.
type ledger struct {
	Created     uint64 `json:"created"`
	Done        uint64 `json:"done"`
	Sent        uint64 `json:"sent"`
	Delivered   uint64 `json:"delivered"`
	Retries     uint64 `json:"retries"`
	EmptyYields uint64 `json:"empty_yields"`
}

// reading is one end of the measured region.
type reading struct {
	usage syscall.Rusage
	cpu   int64
	real  time.Time
}

// limit is what ended a cell early.
type limit struct {
	reached, value uint64
	errno, name    string
}

// bench is what a workload may ask of the harness.
type bench struct {
	warmed        bool // an unmeasured round of the same shape came before
	ledger        ledger
	begin, end    reading
	starts, stops int
	invalid       string
	failure       string // the run went wrong in a way that no count shows
	limit         *limit
	latencies     histogram
	fairness      *fairness
	aloneNs       float64 // of an operation without tasks; 0: not measured
	wakeupCPUNs   float64 // process CPU time of a wake-up; 0: not measured

	load *loadFacts // of a server

	wantsMemory bool // of the measured run only
	precise     bool // wait until the kernel's figures stand still
	probe       memoryProbe
	memory      *memorySample

	memBudget, availableAtStart, usedAtStart uint64
	deadline                                 time.Time
	timeBudget                               uint64
	budgetCalls                              int
}

const clockProcessCPU = 2 // CLOCK_PROCESS_CPUTIME_ID of Linux

func processCPU() int64 {
	var now syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockProcessCPU, uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano()
}

// start opens the measured region; the clock is read last.
func (b *bench) start() {
	b.starts++
	syscall.Getrusage(syscall.RUSAGE_SELF, &b.begin.usage)
	b.begin.cpu = processCPU()
	b.begin.real = time.Now()
}

// stop closes it; the clock is read first.
func (b *bench) stop() {
	b.end.real = time.Now()
	b.end.cpu = processCPU()
	syscall.Getrusage(syscall.RUSAGE_SELF, &b.end.usage)
	b.stops++
}

func (b *bench) regionNs() int64 { return b.end.real.Sub(b.begin.real).Nanoseconds() }

// prepare makes ready for one run.
func (b *bench) prepare(measured, warmed bool) {
	*b = bench{
		warmed:           warmed,
		wantsMemory:      measured,
		precise:          b.precise,
		memBudget:        b.memBudget,
		timeBudget:       b.timeBudget,
		availableAtStart: memAvailable(),
		usedAtStart:      memUsed(),
		deadline:         time.Now().Add(time.Duration(b.timeBudget) * time.Second),
	}
}

const (
	callsPerReading = 16 // memory is read once in so many budget checks
	reserveFraction = 8  // the machine must keep this fraction of what it had
)

// budget says which budget is used up, "" for none; for every 64 spawns.
func (b *bench) budget() string {
	if b.warmed {
		return ""
	}
	if time.Now().After(b.deadline) {
		return "time budget"
	}
	if b.budgetCalls++; b.budgetCalls%callsPerReading != 0 {
		return ""
	}
	if memUsed() > b.usedAtStart+b.memBudget || memAvailable() < b.availableAtStart/reserveFraction {
		return "memory budget"
	}
	return ""
}

// reachLimit ends the cell at a budget, which is a result.
func (b *bench) reachLimit(reached uint64, name string) {
	b.limit = &limit{reached: reached, name: name, value: b.memBudget}
	if name == "time budget" {
		b.limit.value = b.timeBudget
	}
}

// skip ends the process: this machine cannot offer the cell.
var skip func(reason string)

// table is zeroed memory for a workload's own use, every page resident.
func table[T any](b *bench, count uint64) []T {
	var one T
	size := uint64(unsafe.Sizeof(one))
	if count > b.memBudget/size {
		skip("the workload's own tables of " + strconv.FormatUint(count, 10) + " x " +
			strconv.FormatUint(size, 10) + " bytes exceed the memory budget of " +
			strconv.FormatUint(b.memBudget, 10) + " bytes (--mem-budget)")
	}
	made := make([]T, count)
	for i := range made {
		made[i] = one
	}
	return made
}

// latch lets one goroutine wait until a number of others have arrived: one
// atomic decrement each, as in bench/task.h.
type latch struct {
	left int64
	all  chan struct{}
}

func newLatch(count uint64) *latch {
	return &latch{left: int64(count), all: make(chan struct{}, 1)}
}

func (l *latch) arrive() {
	if atomic.AddInt64(&l.left, -1) == 0 {
		l.all <- struct{}{}
	}
}

// wait waits for all; missing of them will never arrive.
func (l *latch) wait(missing uint64) {
	if missing == 0 || atomic.AddInt64(&l.left, -int64(missing)) != 0 {
		<-l.all
	}
}

// --- figures of /proc ---------------------------------------------------------

// procFields are the "Name: value kB" lines of a file of /proc, in bytes.
func procFields(path string) map[string]uint64 {
	found := map[string]uint64{}
	text, err := os.ReadFile(path)
	if err != nil {
		return found
	}
	for _, line := range strings.Split(string(text), "\n") {
		words := strings.Fields(line)
		if len(words) == 3 && words[2] == "kB" {
			value, _ := strconv.ParseUint(words[1], 10, 64)
			found[strings.TrimSuffix(words[0], ":")] = value << 10
		}
	}
	return found
}

func memAvailable() uint64 { return procFields("/proc/meminfo")["MemAvailable"] }

func memUsed() uint64 {
	status := procFields("/proc/self/status")
	return status["VmRSS"] + status["VmPTE"]
}
