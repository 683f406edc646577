//go:build lose_message

package main

import (
	"syscall"
	"time"
	"unsafe"
)

const loseMessage = true

const timerAbsolute = 1 // TIMER_ABSTIME of Linux

// holdTheCPU sleeps behind the scheduler's back, so that nothing else runs on
// this goroutine's processor: a loop would be preempted.
func holdTheCPU(time time.Duration) {
	until := syscall.NsecToTimespec(monotonic() + int64(time))
	for interrupted := syscall.EINTR; interrupted == syscall.EINTR; {
		_, _, interrupted = syscall.RawSyscall6(syscall.SYS_CLOCK_NANOSLEEP, clockMono, timerAbsolute,
			uintptr(unsafe.Pointer(&until)), 0, 0, 0)
	}
}
