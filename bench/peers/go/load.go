package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// load is the program at the other end of the connections, the same for every
// backend; bench/io/README.md describes what is said to it.
type load struct {
	command *exec.Cmd
	said    *bufio.Reader
	from    *os.File // what it says
	to      *os.File // what it is told
}

const loadPatience = 120 * time.Second // with a program that says nothing

// loadReport is what the load generator found.
type loadReport struct {
	requests, primed, checksum, late, busyPermille, sharesCPU, latencies uint64
}

// loadPath is a program of bench/io, which lies beside this one's folder.
func loadPath(program string) (string, error) {
	if folder := os.Getenv("GREENBENCH_IO_DIR"); folder != "" {
		return filepath.Join(folder, program), nil
	}
	me, err := os.Executable()
	path := filepath.Join(filepath.Dir(me), "..", "io", program)
	if _, missing := os.Stat(path); errors.Is(missing, os.ErrNotExist) {
		skip(program + " was not built, without an HTTP parser: install libhttp-parser-dev, or libllhttp, and configure again")
	}
	return path, err
}

// startLoad starts a program, on a CPU of its own where there is one.
func startLoad(program string, arguments ...string) (*load, error) {
	path, err := loadPath(program)
	if err != nil {
		return nil, err
	}
	if spareCPU >= 0 {
		arguments = append(arguments, "--cpu", strconv.Itoa(spareCPU))
	}
	theirIn, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	from, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	l := &load{command: exec.Command(path, arguments...), said: bufio.NewReader(from), from: from, to: to}
	l.command.Stdin, l.command.Stdout, l.command.Stderr = theirIn, theirOut, os.Stderr
	err = l.command.Start()
	theirIn.Close()
	theirOut.Close()
	if err != nil {
		to.Close()
		from.Close()
		return nil, fmt.Errorf("cannot start %s: %w (GREENBENCH_IO_DIR says where it is)", path, err)
	}
	return l, nil
}

// line is the next one, without its end.
func (l *load) line() (string, error) {
	l.from.SetReadDeadline(time.Now().Add(loadPatience))
	text, err := l.said.ReadString('\n')
	if errors.Is(err, io.EOF) {
		return "", errors.New("the load generator ended early (see stderr)")
	}
	if err != nil {
		return "", fmt.Errorf("nothing from the load generator: %w", err)
	}
	return strings.TrimSuffix(text, "\n"), nil
}

// expect waits for this very line; what comes instead is the reason.
func (l *load) expect(wanted string) error {
	found, err := l.line()
	if err == nil && found != wanted {
		err = errors.New(found)
	}
	return err
}

func (l *load) say(line string) error {
	if _, err := l.to.WriteString(line + "\n"); err != nil {
		return errors.New("the load generator does not listen")
	}
	return nil
}

// number is the value of the line that must have this key.
func (l *load) number(key string) (uint64, error) {
	line, err := l.line()
	if err != nil {
		return 0, err
	}
	found, text, _ := strings.Cut(line, " ")
	value, err := strconv.ParseUint(text, 10, 64)
	if err != nil || found != key {
		return 0, fmt.Errorf("the load generator reports '%s' where '%s' belongs", line, key)
	}
	return value, nil
}

// report is read after "done"; the latencies go to b.
func (l *load) report(r *loadReport, b *bench) error {
	fields := []struct {
		key   string
		value *uint64
	}{{"requests", &r.requests}, {"primed", &r.primed}, {"checksum", &r.checksum}, {"late", &r.late},
		{"busy_permille", &r.busyPermille}, {"shares_cpu", &r.sharesCPU}, {"latencies", &r.latencies}}
	for _, field := range fields {
		var err error
		if *field.value, err = l.number(field.key); err != nil {
			return err
		}
	}
	var word [8]byte
	for i := uint64(0); i < r.latencies; i++ {
		if _, err := io.ReadFull(l.said, word[:]); err != nil {
			return fmt.Errorf("nothing from the load generator: %w", err)
		}
		b.latencies.add(int64(binary.LittleEndian.Uint64(word[:])))
	}
	return nil
}

// end ends it, if it has not ended, and waits for that.
func (l *load) end() error {
	l.to.Close()
	l.from.Close()
	return l.command.Wait()
}
