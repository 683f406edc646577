package main

import (
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// server is what a load is put on.
type server interface {
	// serve accepts connections until the listener is closed and returns when
	// the last of them has ended.
	serve(listener net.Listener) served
}

// served is what a server counted.
type served struct{ messages, created, done uint64 }

// loadFacts are what the clients of a server did, for the record.
type loadFacts struct {
	Offered      float64 `json:"offered_per_s"`
	Connections  uint64  `json:"connections"`
	Late         uint64  `json:"load_late"`
	BusyPermille uint64  `json:"load_busy_permille"`
	SharesCPU    bool    `json:"load_shares_cpu"`
}

// drive is a server in this process, the load generator beside it, and the
// measured region around what goes on between the two.
type drive struct {
	server             server
	connections, count uint64
	rate               float64 // requests a second; 0: as many as the server can do
	arguments          []string
	meanwhile          func() // once requests are under way: closes the region, and no latency is kept; or nil
}

// raiseFiles asks for a descriptor for each connection, and some more.
func (b *bench) raiseFiles(connections uint64) {
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) != nil {
		return
	}
	files.Cur = files.Max
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files)
	if files.Max < connections+64 {
		skip(fmt.Sprintf("%d connections need more descriptors than RLIMIT_NOFILE allows: %d (ulimit -Hn)",
			connections, files.Max))
	}
}

func (d *drive) startLoad(port int) (*load, error) {
	decimal := func(value uint64) string { return strconv.FormatUint(value, 10) }
	arguments := []string{"--port", strconv.Itoa(port), "--connections", decimal(d.connections),
		"--count", decimal(d.count)}
	if d.rate > 0 {
		arguments = append(arguments, "--rate", strconv.FormatFloat(d.rate, 'f', 3, 64))
	}
	return startLoad("greenbench-loadgen", append(arguments, d.arguments...)...)
}

// converse opens and closes the region.
func (d *drive) converse(l *load, r *loadReport, b *bench) error {
	if err := l.expect("ready"); err != nil {
		return err
	}
	b.start()
	err := l.say("go")
	if err == nil && d.meanwhile != nil {
		d.meanwhile()
	}
	if err == nil {
		err = l.expect("done")
	}
	if d.meanwhile == nil {
		b.stop()
	}
	if err == nil {
		err = l.report(r, b)
	}
	if d.meanwhile != nil {
		b.latencies = histogram{}
	}
	if err == nil {
		err = l.say("end")
	}
	return err
}

// judge: a generator that fell behind its own schedule measured itself.
func (d *drive) judge(r *loadReport, b *bench) {
	if d.rate == 0 || r.late*100 <= r.requests {
		return
	}
	where := ""
	if r.sharesCPU != 0 {
		where = ", on the server's CPU,"
	}
	b.invalid = fmt.Sprintf("the load generator%s sent %d of %d requests over 1 ms late", where, r.late, r.requests)
}

// run measures; latencies and ledger go to b. False when the cell has failed.
func (d *drive) run(b *bench) (loadReport, bool) {
	var r loadReport
	b.raiseFiles(d.connections)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.failure = err.Error()
		return r, false
	}
	ended := make(chan served)
	go func() { ended <- d.server.serve(listener) }()
	l, err := d.startLoad(listener.Addr().(*net.TCPAddr).Port)
	if err == nil {
		err = d.converse(l, &r, b)
		if failed := l.end(); err == nil {
			err = failed
		}
	}
	listener.Close()
	counts := <-ended
	b.ledger = ledger{Created: counts.created, Done: counts.done, Sent: r.requests + r.primed,
		Delivered: counts.messages}
	if err != nil {
		b.failure = err.Error()
		return r, false
	}
	d.judge(&r, b)
	b.load = &loadFacts{d.rate, d.connections, r.late, r.busyPermille, r.sharesCPU != 0}
	return r, true
}
