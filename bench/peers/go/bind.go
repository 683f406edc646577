package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// boundVariable tells the second start of this program that it is one.
const boundVariable = "GREENBENCH_GO_BOUND"

// spareCPU is one that the process was allowed when it started and that the
// cell leaves free, for a helper process; -1 if there is none. The second start
// is told, after the mark.
var spareCPU = -1

const spareMark = " spare "

// goVariables configure the Go runtime, which is measured in its default
// configuration, so they are not passed on.
var goVariables = []string{"GOGC=", "GOMEMLIMIT=", "GODEBUG=", "GOMAXPROCS=", "GOTRACEBACK=", boundVariable + "="}

const maskWords = 128 // 8192 CPUs

type cpuMask [maskWords]uint64

// sysGetCPU is the number of a system call that package syscall does not name
// on every architecture.
var sysGetCPU = map[string]uintptr{"amd64": 309, "arm64": 168}[runtime.GOARCH]

// currentCPU is where the caller runs, and may no longer be so when it returns.
func currentCPU() uint32 {
	var cpu uint32
	syscall.RawSyscall(sysGetCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0)
	return cpu
}

// affinity are the CPUs that this process may use, ascending.
func affinity() []int {
	var mask cpuMask
	var cpus []int
	syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
	for cpu := 0; cpu < 64*maskWords; cpu++ {
		if mask[cpu/64]>>(cpu%64)&1 != 0 {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}

// setAffinity binds the calling OS thread, and what it executes.
func setAffinity(cpus []int) error {
	var mask cpuMask
	for _, cpu := range cpus {
		mask[cpu/64] |= 1 << (cpu % 64)
	}
	_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
	if errno != 0 {
		return errno
	}
	return nil
}

// bind confines the process to the ncpu lowest CPUs it may use, or says why
// not. The threads of the Go runtime exist before main() does, and a mask is
// inherited by new threads only; so the program sets the mask of one thread
// and executes itself again, with GOMAXPROCS and nothing else of Go's set.
func bind(ncpu int) ([]int, string) {
	allowed := affinity()
	if len(allowed) < ncpu {
		return nil, fmt.Sprintf("P:%d: this process may use %d CPU%s only", ncpu, len(allowed), plural(len(allowed)))
	}
	volunteerForOOM()
	cpus := allowed[:ncpu]
	wanted := strings.Trim(strings.ReplaceAll(fmt.Sprint(cpus), " ", ","), "[]")
	if bound, spare, _ := strings.Cut(os.Getenv(boundVariable), spareMark); bound == wanted {
		if len(allowed) != ncpu {
			return nil, "binding to CPUs is denied here"
		}
		if cpu, err := strconv.Atoi(spare); err == nil {
			spareCPU = cpu
		}
		return cpus, ""
	}
	if len(allowed) > ncpu {
		wanted += spareMark + strconv.Itoa(allowed[len(allowed)-1])
	}
	runtime.LockOSThread()
	if err := setAffinity(cpus); err != nil {
		return nil, "binding to CPUs is denied here: " + err.Error()
	}
	environment := append(withoutGo(os.Environ()), boundVariable+"="+wanted, "GOMAXPROCS="+strconv.Itoa(ncpu))
	err := syscall.Exec("/proc/self/exe", os.Args, environment)
	return nil, "the program cannot execute itself again: " + err.Error()
}

func plural(count int) string {
	if count == 1 {
		return ""
	}
	return "s"
}

func withoutGo(environment []string) []string {
	var kept []string
next:
	for _, setting := range environment {
		for _, name := range goVariables {
			if strings.HasPrefix(setting, name) {
				continue next
			}
		}
		kept = append(kept, setting)
	}
	return kept
}

// volunteerForOOM makes this process the kernel's first choice when memory
// runs out.
func volunteerForOOM() {
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0); err != nil && !os.IsNotExist(err) {
		complain("cannot raise oom_score_adj")
	}
}
