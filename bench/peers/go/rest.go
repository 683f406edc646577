package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The server of io/rest and io/held is net/http's, as anybody would write it in
// Go: a goroutine for each connection, which also runs the handler, and one
// that looks whether the client is still there. Oversized heads and clients
// that never finish are its business, by the limits given here.

const (
	restItems     = 1024
	restPostEvery = 10
	restTarget    = 255 // bytes
	restHead      = 4096
	restBody      = 1024
	restPatience  = 10 * time.Second
	restIdle      = 30 * time.Second
)

func restItem(i uint64) uint64   { return mix(i) % restItems }
func restAmount(i uint64) uint64 { return mix(i) >> 32 % 1000 }

// restPosted is what all POSTs among the first count requests add together.
func restPosted(count uint64) uint64 {
	sum := uint64(0)
	for i := uint64(restPostEvery - 1); i < count; i += restPostEvery {
		sum += restAmount(i)
	}
	return sum
}

// webServer counts what a handler of net/http serves.
type webServer struct {
	handle      http.HandlerFunc
	connections sync.WaitGroup
	counts      served
	patience    time.Duration // with a request, from its first byte
	stallAt     uint64        // for tests: before answering this message the server holds the CPU
	loses       uint32        // for tests: 1 until a message was not counted
}

func (s *webServer) watch(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		atomic.AddUint64(&s.counts.created, 1)
		s.connections.Add(1)
	case http.StateClosed:
		atomic.AddUint64(&s.counts.done, 1)
		s.connections.Done()
	}
}

func (s *webServer) serve(listener net.Listener) served {
	server := http.Server{
		Handler: http.HandlerFunc(s.answer), ConnState: s.watch, MaxHeaderBytes: restHead,
		ReadTimeout: s.patience, WriteTimeout: 2 * s.patience, IdleTimeout: restIdle,
	}
	server.Serve(listener)
	s.connections.Wait()
	return s.counts
}

// answer refuses what no handler sees.
func (s *webServer) answer(w http.ResponseWriter, r *http.Request) {
	if len(r.RequestURI) > restTarget {
		http.Error(w, http.StatusText(http.StatusRequestURITooLong), http.StatusRequestURITooLong)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, restBody)
	s.handle(w, r)
	if loseMessage && atomic.SwapUint32(&s.loses, 0) == 1 {
		return
	}
	if atomic.AddUint64(&s.counts.messages, 1) == s.stallAt {
		holdTheCPU(restStall)
	}
}

// store is the small resource of io/rest.
type store struct {
	mutex   sync.Mutex
	forgets bool // for tests: what the next POST adds
	values  [restItems]uint64
}

// item is what is told of one of them.
type item struct {
	ID    uint64 `json:"id"`
	Value uint64 `json:"value"`
}

func (s *store) add(id, amount uint64) item {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if loseMessage && s.forgets && amount > 0 {
		amount, s.forgets = 0, false
	}
	s.values[id] += amount
	return item{id, s.values[id]}
}

func (s *store) handle(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" && r.Method == http.MethodGet {
		writeJSON(w, item{})
		return
	}
	id, err := strconv.ParseUint(strings.TrimPrefix(r.URL.Path, "/items/"), 10, 64)
	if err != nil || id >= restItems {
		http.NotFound(w, r)
		return
	}
	switch r.Method {
	case http.MethodGet:
		writeJSON(w, s.add(id, 0))
	case http.MethodPost:
		s.post(w, r, id)
	default:
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
	}
}

func (s *store) post(w http.ResponseWriter, r *http.Request, id uint64) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, http.StatusText(http.StatusRequestEntityTooLarge), http.StatusRequestEntityTooLarge)
		return
	}
	amount, err := strconv.ParseUint(string(body), 10, 64)
	if err != nil {
		http.Error(w, http.StatusText(http.StatusUnprocessableEntity), http.StatusUnprocessableEntity)
		return
	}
	writeJSON(w, s.add(id, amount))
}

func writeJSON(w http.ResponseWriter, value interface{}) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(value)
}

// --- io/rest ------------------------------------------------------------------

const (
	restConnections = 1000
	restClosedUnit  = 5000
	restStall       = 200 * time.Millisecond // planted by the tag lose_message
)

var ioRest = workload{
	name: "io/rest", axes: "load P place", flags: needsBlocking | noWarmup | voidLimit, unit: unitRest, run: runRest,
	expected: func(rounds uint64, p *params) uint64 { return mixSum(rounds * unitRest(p)) },
}

// restPercent is 0 for as much as the service can take.
func restPercent(p *params) uint64 {
	percent, _ := strconv.ParseUint(p.load, 10, 64)
	return percent
}

func unitRest(p *params) uint64 {
	if restPercent(p) == 0 {
		return restClosedUnit
	}
	if requests := p.fullLoad * restPercent(p) / 100; requests > 0 {
		return requests
	}
	return 1
}

func runRest(rounds uint64, p *params, b *bench) uint64 {
	things, count := &store{}, rounds*unitRest(p)
	s := &webServer{handle: things.handle, patience: restPatience}
	d := drive{server: s, connections: restConnections, count: count}
	if restPercent(p) > 0 {
		if p.fullLoad == 0 {
			skip("load:25, 50 and 80 are shares of what --full-load N says: so many requests a second")
		}
		d.rate = float64(unitRest(p))
	}
	if loseMessage && restPercent(p) > 0 { // or stop for a while
		s.stallAt = restConnections + count/4
	}
	things.forgets = loseMessage && restPercent(p) == 0
	report, well := d.run(b)
	if !well {
		return 0
	}
	total := uint64(0)
	for _, value := range things.values {
		total += value
	}
	if total != restPosted(count) {
		b.failure = "the items do not add up to what was posted"
	}
	return report.checksum
}

// --- io/held ------------------------------------------------------------------

const heldFor = time.Second

var ioHeld = workload{
	name: "io/held", axes: "n P place", flags: needsBlocking | noWarmup | oneRound | voidLimit, unit: unitN,
	run: runHeld, expected: func(rounds uint64, p *params) uint64 { return mixSum(p.n) },
}

func runHeld(rounds uint64, p *params, b *bench) uint64 {
	inFlight, gate := newLatch(p.n), make(chan struct{})
	s := &webServer{patience: restPatience, handle: func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			inFlight.arrive()
			<-gate
		}
		writeJSON(w, item{})
	}}
	if loseMessage {
		s.loses = 1
	}
	hold := func() {
		inFlight.wait(0)
		b.stop()
		end := time.Now().Add(heldFor)
		b.probeMemory(p.n)
		time.Sleep(time.Until(end))
		close(gate)
	}
	d := drive{server: s, connections: p.n, count: p.n, arguments: []string{"--path", "/held"}, meanwhile: hold}
	b.baseline()
	report, well := d.run(b)
	if !well {
		return 0
	}
	return report.checksum
}
