package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// The lines that readers expect, with their fields in the order in which the
// C harness writes them.

type gbenchEntry struct {
	Name       string  `json:"name"`
	Family     int     `json:"family_index"`
	Instance   int     `json:"per_family_instance_index"`
	RunName    string  `json:"run_name"`
	RunType    string  `json:"run_type"`
	Times      int     `json:"repetitions"`
	Repetition int     `json:"repetition_index"`
	Threads    int     `json:"threads"`
	Iterations uint64  `json:"iterations"`
	RealTime   float64 `json:"real_time"`
	CPUTime    float64 `json:"cpu_time"`
	TimeUnit   string  `json:"time_unit"`
}

type sampleLedger struct {
	ledger
	Checksum string `json:"checksum"`
	Expected string `json:"expected"`
}

type sampleUsage struct {
	Voluntary   int64 `json:"voluntary_switches"`
	Involuntary int64 `json:"involuntary_switches"`
	MinorFaults int64 `json:"minor_faults"`
	MajorFaults int64 `json:"major_faults"`
	MaxRSS      int64 `json:"max_rss_kib"`
}

type sampleLimit struct {
	Reached uint64  `json:"reached"`
	Errno   *string `json:"errno"`
	Name    string  `json:"name"`
	Value   uint64  `json:"value"`
}

type sampleEnv struct {
	P      uint64 `json:"P"`
	CPUs   []int  `json:"cpus"`
	Place  string `json:"place"`
	SpinNs int64  `json:"spin_ns"`
	*loadFacts
}

type sampleLine struct {
	Schema     string        `json:"schema"`
	Cell       string        `json:"cell"`
	Backend    string        `json:"backend"`
	Status     string        `json:"status"`
	Reason     *string       `json:"reason"`
	Rounds     uint64        `json:"rounds"`
	Unit       uint64        `json:"unit"`
	Operations uint64        `json:"operations"`
	Gbench     *gbenchEntry  `json:"gbench"`
	NsPerOp    *float64      `json:"ns_per_op"`
	CPUNsPerOp *float64      `json:"cpu_ns_per_op"`
	Ledger     sampleLedger  `json:"ledger"`
	Usage      *sampleUsage  `json:"usage"`
	Memory     *memorySample `json:"memory"`
	Latency    *latency      `json:"latency"`
	Fairness   *fairness     `json:"fairness"`
	AloneNs    *float64      `json:"alone_ns_per_op"`
	WakeupNs   *float64      `json:"wakeup_cpu_ns"`
	Limit      *sampleLimit  `json:"limit"`
	Env        sampleEnv     `json:"env"`
}

type pilotLine struct {
	Cell       string  `json:"cell"`
	Backend    string  `json:"backend"`
	Rounds     uint64  `json:"rounds"`
	Unit       uint64  `json:"unit"`
	NsPerRound float64 `json:"ns_per_round"`
	Status     string  `json:"status"`
	Reason     *string `json:"reason"`
}

func hex(value uint64) string { return fmt.Sprintf("0x%016x", value) }

func (r *run) reasonOrNil() *string {
	if r.status == "ok" {
		return nil
	}
	return &r.reason
}

func (r *run) line() *sampleLine {
	b, p := &r.bench, &r.cell.params
	s := &sampleLine{
		Schema: "greenbench.sample/1", Cell: r.cell.name, Backend: backendName, Status: r.status,
		Reason: r.reasonOrNil(), Rounds: r.rounds, Unit: r.unit, Operations: r.rounds * r.unit,
		Ledger: sampleLedger{b.ledger, hex(r.checksum), hex(r.expected)}, Memory: b.memory,
		Env: sampleEnv{P: p.ncpu, CPUs: append([]int{}, r.cpus...), Place: p.place, loadFacts: b.load},
	}
	if l := b.limit; l != nil {
		s.Operations = l.reached
		s.Limit = &sampleLimit{Reached: l.reached, Name: l.name, Value: l.value}
	}
	if r.measured {
		r.addTimes(s)
	}
	return s
}

// positive is nil for what was not measured.
func positive(value float64) *float64 {
	if value > 0 {
		return &value
	}
	return nil
}

// addTimes fills in what only a measured region has.
func (r *run) addTimes(s *sampleLine) {
	from, to := &r.bench.begin, &r.bench.end
	operations := float64(s.Operations)
	real := float64(r.bench.regionNs()) / operations
	cpu := float64(to.cpu-from.cpu) / operations
	s.NsPerOp, s.CPUNsPerOp = &real, &cpu
	s.Gbench = &gbenchEntry{Name: s.Cell, RunName: s.Cell, RunType: "iteration", Times: 1, Threads: 1,
		Iterations: s.Operations, RealTime: real, CPUTime: cpu, TimeUnit: "ns"}
	s.Latency, s.Fairness = r.bench.latencies.latency(), r.bench.fairness
	s.AloneNs, s.WakeupNs = positive(r.bench.aloneNs), positive(r.bench.wakeupCPUNs)
	s.Usage = &sampleUsage{to.usage.Nvcsw - from.usage.Nvcsw, to.usage.Nivcsw - from.usage.Nivcsw,
		to.usage.Minflt - from.usage.Minflt, to.usage.Majflt - from.usage.Majflt, to.usage.Maxrss}
}

func statusExit(status string) int {
	switch status {
	case "failed":
		return exitFailed
	case "skipped":
		return exitSkipped
	}
	return exitOK
}

// print writes the one line of this process and returns its exit status.
func (r *run) print(pilot bool) int {
	var line interface{} = r.line()
	if pilot {
		line = &pilotLine{r.cell.name, backendName, r.rounds, r.unit, r.nsPerRound, r.status, r.reasonOrNil()}
	}
	if status := printJSON(line); status != exitOK {
		return status
	}
	return statusExit(r.status)
}

func printJSON(value interface{}) int {
	text, err := json.Marshal(value)
	if err != nil {
		complain("cannot express the result as JSON: %v", err)
		return exitFailed
	}
	return printText(string(text) + "\n")
}

func printText(text string) int {
	if _, err := os.Stdout.WriteString(text); err != nil {
		complain("cannot write to standard output: %v", err)
		return exitCannotWrite
	}
	return exitOK
}

func printList() int {
	var text strings.Builder
	for _, w := range workloads {
		fmt.Fprintf(&text, `{"workload":"%s","axes":"%s","needs_blocking":%t,"pair":%t,"one_round":%t,"offered":true}`+"\n",
			w.name, w.axes, w.flags&needsBlocking != 0, w.flags&pair != 0, w.flags&oneRound != 0)
	}
	return printText(text.String())
}

// printMachine tells what can be known without hwloc.
func printMachine() int {
	placements := map[string]interface{}{}
	for _, place := range append(append([]string{}, pairPlaces...), poolPlaces...) {
		placements[place] = "place:" + place + ": a goroutine cannot be bound to a CPU"
	}
	placements["free"], placements["none"], placements["same-pu"] = true, true, true
	return printJSON(map[string]interface{}{
		"hwloc_synthetic": "unknown", "cpus": affinity(), "placements": placements, "backend": backendName,
		"compiler": runtime.Version(), "flags": "GOGC=100, no GOMEMLIMIT, GOMAXPROCS=P", "gbench_version": "none: a port", "hwloc_version": "none",
		"optimized": true,
	})
}
