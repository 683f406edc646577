package main

import (
	"os"
	"syscall"
)

// Memory that the machine really has, before a cold cell: as bench/prewarm.c,
// which says why, with the same figures.

const (
	mostThreads   = 32768
	bytesOfThread = 36 << 10
	bytesOfTask   = 5 << 10
	touchEvery    = 4096
)

// prewarmBytes is what to touch before a cell with these parameters.
func prewarmBytes(p *params, budget uint64) uint64 {
	if !p.cold {
		return 0
	}
	threads, bytes := p.n, p.n*bytesOfTask
	if threads > mostThreads {
		threads = mostThreads
	}
	if bytes < threads*bytesOfThread {
		bytes = threads * bytesOfThread
	}
	if bytes > budget {
		bytes = budget
	}
	return bytes
}

// prewarm touches so many bytes and gives them back.
func prewarm(bytes uint64) {
	if bytes == 0 {
		return
	}
	at, err := syscall.Mmap(-1, 0, int(bytes), syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_NORESERVE)
	if err != nil {
		return
	}
	syscall.Madvise(at, syscall.MADV_HUGEPAGE)
	for i := uint64(0); i < bytes; i += touchEvery {
		at[i] = 1
	}
	syscall.Munmap(at)
	os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // the peak starts anew
}
