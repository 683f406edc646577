package main

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	echoBytes       = 64
	echoMessagesMin = 512 // in one round
	echoBuffer      = 2048
	echoIdle        = 30 * time.Second
	acceptPause     = 10 * time.Millisecond
)

var ioEcho = workload{
	name: "io/echo", axes: "c P place", flags: needsBlocking | voidLimit, unit: unitEcho, run: runEcho,
	expected: func(rounds uint64, p *params) uint64 { return mixSum(rounds * unitEcho(p)) },
}

func unitEcho(p *params) uint64 {
	if p.consumers < echoMessagesMin {
		return p.consumers * (echoMessagesMin / p.consumers)
	}
	return p.consumers
}

// echoServer sends back what it gets, a goroutine for each connection.
type echoServer struct {
	group  sync.WaitGroup
	counts served
}

func (s *echoServer) serve(listener net.Listener) served {
	for {
		connection, err := listener.Accept()
		if err == nil {
			s.counts.created++
			s.group.Add(1)
			go s.talk(connection)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			break
		}
		time.Sleep(acceptPause) // out of descriptors
	}
	s.group.Wait()
	return s.counts
}

// talk: messages may arrive in pieces, or several at once.
func (s *echoServer) talk(connection net.Conn) {
	defer s.group.Done()
	defer connection.Close()
	total, buffer := uint64(0), make([]byte, echoBuffer)
	counted := !loseMessage // the first one
	for {
		connection.SetDeadline(time.Now().Add(echoIdle))
		n, err := connection.Read(buffer)
		if err != nil {
			break
		}
		if _, err = connection.Write(buffer[:n]); err != nil {
			break
		}
		if counted {
			total += uint64(n)
		}
		counted = true
	}
	atomic.AddUint64(&s.counts.messages, total/echoBytes)
	atomic.AddUint64(&s.counts.done, 1)
}

func runEcho(rounds uint64, p *params, b *bench) uint64 {
	s := &echoServer{}
	d := drive{server: s, connections: p.consumers, count: rounds * unitEcho(p), arguments: []string{"--echo"}}
	report, well := d.run(b)
	if !well {
		return 0
	}
	return report.checksum
}
