package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// The slow writer of syscall/blocking is another process, this program once
// more: whatever it were in this one would need a processor of Go's scheduler.

// writerVariable tells this program that it is the writer, and for how many pipes.
const writerVariable = "GREENBENCH_GO_WRITER"

const firstPipe = 3 // descriptor in the writer

type writer struct {
	command *exec.Cmd
	to      io.WriteCloser // a byte to begin; it ends when this is closed
	from    io.Reader      // at last, how much it has sent
}

// startWriter hands the writing ends over.
func startWriter(ends []*os.File) (*writer, error) {
	me, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := &writer{command: exec.Command(me)}
	w.command.Env = append(os.Environ(), writerVariable+"="+strconv.Itoa(len(ends)))
	w.command.ExtraFiles, w.command.Stderr = ends, os.Stderr
	if w.to, err = w.command.StdinPipe(); err != nil {
		return nil, err
	}
	if w.from, err = w.command.StdoutPipe(); err != nil {
		return nil, err
	}
	err = w.command.Start()
	for _, end := range ends {
		end.Close()
	}
	return w, err
}

func (w *writer) begin() { w.to.Write([]byte{'\n'}) }

// end stops it; how many stamps it has written.
func (w *writer) end() (uint64, error) {
	w.to.Close()
	line, err := bufio.NewReader(w.from).ReadString('\n')
	if failed := w.command.Wait(); err == nil {
		err = failed
	}
	if err != nil {
		return 0, fmt.Errorf("the process that writes into the pipes: %w", err)
	}
	return strconv.ParseUint(line[:len(line)-1], 10, 64)
}

// writeSlowly is the writer's main(): a stamp into each pipe, once in 10 ms.
func writeSlowly(pipes int) int {
	var stop uint32
	var word [1]byte
	if n, _ := os.Stdin.Read(word[:]); n == 0 {
		return printText("0\n") // whoever started this is gone, or needs it no more
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		atomic.StoreUint32(&stop, 1)
	}()
	sent := 0
	for due := monotonic(); ; due += writePeriodNs {
		time.Sleep(time.Duration(due - monotonic()))
		for i := 0; i < pipes; i++ {
			stamp := monotonic()
			n, _ := syscall.Write(firstPipe+i, (*[stampBytes]byte)(unsafe.Pointer(&stamp))[:])
			if n == stampBytes {
				sent++
			}
		}
		if atomic.LoadUint32(&stop) != 0 {
			return printText(strconv.Itoa(sent) + "\n")
		}
	}
}
