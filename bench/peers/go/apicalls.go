package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// io/api_calls, by the client of net/http: each call has a connection of its
// own, with the two goroutines that the client gives it.

const callPatience = 30 * time.Second

var ioAPICalls = workload{
	name: "io/api_calls", axes: "c P place", flags: needsBlocking | voidLimit,
	unit: func(p *params) uint64 { return p.consumers }, run: runAPICalls,
	expected: func(rounds uint64, p *params) uint64 { return rounds * mixSum(p.consumers) },
}

// dialForOneCall: a reset at the end leaves nothing behind for the next round.
func dialForOneCall(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, network, address)
	if err == nil {
		err = connection.(*net.TCPConn).SetLinger(0)
	}
	return connection, err
}

// answer is what came back from call id, or why nothing did.
type answer struct {
	id  uint64
	err error
}

// caller makes the calls of all rounds.
type caller struct {
	client  http.Client
	address string
	answers chan answer
	group   sync.WaitGroup
	ended   []bool
}

// get asks for a path, which the server sends back.
func (c *caller) get(path string) error {
	response, err := c.client.Get(c.address + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var reply struct{ Path string }
	err = json.NewDecoder(response.Body).Decode(&reply)
	if err == nil && (response.StatusCode != http.StatusOK || reply.Path != path) {
		err = fmt.Errorf("GET %s was answered %d, with the path %s", path, response.StatusCode, reply.Path)
	}
	return err
}

func (c *caller) call(id uint64) {
	c.answers <- answer{id, c.get("/call/" + strconv.FormatUint(id, 10))}
	c.ended[id] = true
	c.group.Done()
}

// round makes all calls at once; the sum of what came back.
func (c *caller) round(l *ledger) (uint64, error) {
	var failed error
	sum := uint64(0)
	c.group.Add(len(c.ended))
	for id := range c.ended {
		c.ended[id] = false
		go c.call(uint64(id))
	}
	for i := range c.ended {
		if a := <-c.answers; a.err != nil {
			failed = a.err
		} else if !loseMessage || i > 0 {
			sum += mix(a.id)
			l.Delivered++
		}
	}
	c.group.Wait()
	for _, ended := range c.ended {
		l.Created++
		if ended {
			l.Done++
		}
	}
	return sum, failed
}

// callAll is the region, with the server at the other end of l.
func (c *caller) callAll(l *load, rounds uint64, b *bench) (uint64, error) {
	port, err := l.number("port")
	if err != nil {
		return 0, err
	}
	c.address = "http://127.0.0.1:" + strconv.FormatUint(port, 10)
	total, sum := uint64(0), uint64(0)
	b.start()
	for i := uint64(0); i < rounds && err == nil; i++ {
		sum, err = c.round(&b.ledger)
		total += sum
	}
	b.stop()
	if err == nil {
		err = l.say("end")
	}
	if err == nil {
		b.ledger.Sent, err = l.number("served")
	}
	return total, err
}

func runAPICalls(rounds uint64, p *params, b *bench) uint64 {
	b.raiseFiles(p.consumers)
	c := &caller{answers: make(chan answer), ended: table[bool](b, p.consumers)}
	c.client = http.Client{Timeout: callPatience,
		Transport: &http.Transport{DialContext: dialForOneCall, MaxIdleConnsPerHost: -1}}
	sum := uint64(0)
	l, err := startLoad("greenbench-delayd", "--delay-ms", "10")
	if err == nil {
		sum, err = c.callAll(l, rounds, b)
		if failed := l.end(); err == nil {
			err = failed
		}
	}
	if err != nil {
		b.failure = err.Error()
		return 0
	}
	return sum
}
