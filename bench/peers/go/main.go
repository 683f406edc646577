// Command bench_go is the port of the workloads to Go: the same cells, command
// line, checksums, ledger and sample lines as the executables made from the C
// sources, so that the same scripts run it and the same readers check it.
//
// One process measures one cell once. The files:
//
//	options.go   the command line
//	cell.go      cell names and their axes
//	workload.go  what a workload is; the table of all of them
//	bench.go     what a workload may ask of the harness: region, ledger, budget
//	run.go       warm-up, pilot, measurement and judgement
//	bind.go      CPUs, and the environment that the Go runtime starts with
//	memory.go    the memory probe; memory/parked
//	histogram.go latencies in buckets
//	latency.go   what is told of them, and of fairness
//	sample.go    the lines of JSON
//	start.go     tasks that start together
//	load.go      the load generator's process; drive.go puts it on a server
//	writer.go    the process that writes into the pipes of syscall/blocking
//	<group>.go   the workloads of one group, those of some length by their case
//	lose_*.go    a fault to be planted, for tests
//
// What is measured, and why, is said once, in bench/WORKLOADS.md and in the C
// sources; comments here tell where Go differs.
package main

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

const backendName = "go"

// Exit statuses, the same for every command of the project.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 64
	exitUnsupported = 69
	exitCannotWrite = 73
	exitSkipped     = 77
	exitInterrupted = 130
)

// complain prints one line on stderr.
func complain(format string, arguments ...interface{}) {
	fmt.Fprintf(os.Stderr, "bench_go: "+format+"\n", arguments...)
}

// measure runs the cell of --cell, as a pilot or as the measurement.
func measure(o *options) int {
	r := &run{}
	if complaint := parseCell(o.cell, &r.cell); complaint != "" {
		complain("--cell: %s", complaint)
		return exitUsage
	}
	if r.prepare(o) {
		if o.mode == modePilot {
			r.pilot(o.targetMs)
		} else {
			r.measure()
		}
	}
	return r.print(o.mode == modePilot)
}

// endWithRunner asks to be killed when the process of GREENBENCH_RUNNER is, as
// bench/main.c does; false: it is not the one that started this one.
func endWithRunner() bool {
	runner := os.Getenv("GREENBENCH_RUNNER")
	if runner == "" {
		return true
	}
	syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0)
	if strconv.Itoa(os.Getppid()) == runner {
		return true
	}
	complain("GREENBENCH_RUNNER=%s is not the process that started this one", runner)
	return false
}

func main() {
	if pipes, err := strconv.Atoi(os.Getenv(writerVariable)); err == nil {
		os.Exit(writeSlowly(pipes))
	}
	if !endWithRunner() {
		os.Exit(exitInterrupted)
	}
	o, status := parseOptions(os.Args[1:])
	if o == nil {
		os.Exit(status)
	}
	switch o.mode {
	case modeHelp:
		status = printText(helpText())
	case modeList:
		status = printList()
	case modeMachine:
		status = printMachine()
	case modeTopology:
		complain("--topology needs hwloc, which this port does without: ask another bench executable")
		status = exitUnsupported
	default:
		status = measure(o)
	}
	os.Exit(status)
}
