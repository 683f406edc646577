package main

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// syscall/blocking. os.Pipe would not block: its descriptors are polled. These
// are read by the system call itself, which keeps an OS thread each.

const (
	pieceUnit     = 200
	pieceSteps    = 20000
	pieceAlone    = 50
	readsKept     = 512
	readersMax    = 4096
	stampBytes    = 8
	clockMono     = 1 // CLOCK_MONOTONIC of Linux, the same in every process
	workFactor    = 6364136223846793005
	writePeriodNs = 10000000
)

var syscallBlocking = workload{
	name: "syscall/blocking", axes: "n P place", flags: needsBlocking | voidLimit, check: checkBlocking,
	unit: func(p *params) uint64 { return pieceUnit }, run: runBlocking, expected: expectBlocking,
}

func checkBlocking(p *params) string {
	if p.n > readersMax {
		return "syscall/blocking takes at most n:4096"
	}
	return ""
}

// expectBlocking: a piece's steps together are one multiplication and one addition.
func expectBlocking(rounds uint64, p *params) uint64 {
	factor, term, sum := uint64(1), uint64(0), uint64(0)
	for i := 0; i < pieceSteps; i++ {
		factor *= workFactor
		term = term*workFactor + 1
	}
	for i := uint64(0); i < rounds*pieceUnit; i++ {
		sum += mix(i)*factor + term
	}
	return sum
}

func monotonic() int64 {
	var time syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMono, uintptr(unsafe.Pointer(&time)), 0)
	return time.Nano()
}

// blocked is what readers, the tasks that compute, and the writer share.
type blocked struct {
	pieces         uint64
	next, finished uint64 // atomic: pieces claimed, pieces done
	stop           uint32 // atomic: the region is over
	reading        *latch
	start          *start
	writer         *writer
	readers        sync.WaitGroup
	computing      sync.WaitGroup
	bench          *bench
}

// pipeReader and pieceTask are on cache lines of their own.
type pipeReader struct {
	fd              int
	late            []int64
	received, ended uint64
	_               [2]uint64
}

type pieceTask struct {
	sum, ended uint64
	_          [6]uint64
}

func (r *pipeReader) read(s *blocked) {
	var stamp [stampBytes]byte
	s.reading.arrive()
	for {
		n, err := syscall.Read(r.fd, stamp[:])
		if err == syscall.EINTR {
			continue
		}
		if n != stampBytes {
			break
		}
		if !loseMessage || len(r.late) > 0 {
			r.received++
		}
		if len(r.late) == 0 || len(r.late) < readsKept && atomic.LoadUint32(&s.stop) == 0 {
			r.late = append(r.late, monotonic()-*(*int64)(unsafe.Pointer(&stamp)))
		}
	}
	r.ended = 1
	s.readers.Done()
}

func (t *pieceTask) compute(s *blocked) {
	s.start.wait(func() {
		s.bench.start()
		s.writer.begin()
	})
	for {
		piece := atomic.AddUint64(&s.next, 1) - 1
		if piece >= s.pieces {
			break
		}
		t.sum += work(mix(piece), pieceSteps)
		if atomic.AddUint64(&s.finished, 1) == s.pieces {
			s.bench.stop()
		}
		runtime.Gosched()
	}
	t.ended = 1
	s.computing.Done()
}

// workAlone is ns of a piece with nothing beside it: the fastest of a few.
func workAlone() float64 {
	best := int64(1) << 62
	for i := uint64(0); i < pieceAlone; i++ {
		begin := now()
		work(i, pieceSteps)
		if took := now() - begin; took < best {
			best = took
		}
	}
	return float64(best)
}

// openPipes has the reading ends, and the writing ones for another process.
func openPipes(readers []pipeReader, late []int64) ([]*os.File, error) {
	var ends []*os.File
	for i := range readers {
		var pipe [2]int
		if err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC); err != nil {
			return ends, err
		}
		readers[i].fd, readers[i].late = pipe[0], late[i*readsKept:][:0:readsKept]
		ends = append(ends, os.NewFile(uintptr(pipe[1]), "pipe"))
	}
	return ends, nil
}

// play is the run between opening and closing; what the writer has sent.
func (s *blocked) play(readers []pipeReader, tasks []pieceTask) (uint64, error) {
	s.readers.Add(len(readers))
	for i := range readers {
		go readers[i].read(s)
	}
	s.reading.wait(0)
	s.computing.Add(len(tasks))
	for i := range tasks {
		go tasks[i].compute(s)
	}
	s.computing.Wait()
	atomic.StoreUint32(&s.stop, 1)
	sent, err := s.writer.end() // and with it the writing ends are closed
	s.readers.Wait()
	return sent, err
}

func runBlocking(rounds uint64, p *params, b *bench) uint64 {
	readers, tasks := table[pipeReader](b, p.n), table[pieceTask](b, p.ncpu)
	s := &blocked{pieces: rounds * pieceUnit, reading: newLatch(p.n), start: newStart(p.ncpu, p.ncpu), bench: b}
	b.aloneNs = workAlone()
	b.raiseFiles(2 * p.n)
	ends, err := openPipes(readers, table[int64](b, p.n*readsKept))
	if err == nil {
		s.writer, err = startWriter(ends)
	}
	if err == nil {
		b.ledger.Sent, err = s.play(readers, tasks)
		b.ledger.Created = p.n + p.ncpu
	}
	if err != nil {
		b.failure = err.Error()
	}
	for i := range readers {
		syscall.Close(readers[i].fd)
		b.ledger.Delivered += readers[i].received
		b.ledger.Done += readers[i].ended
		b.record(readers[i].late)
	}
	sum := uint64(0)
	for i := range tasks {
		sum += tasks[i].sum
		b.ledger.Done += tasks[i].ended
	}
	return sum
}
