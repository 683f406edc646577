package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// serveRest is the service of io/rest on a port of its own; what it counted
// comes when stop() is called.
func serveRest(t *testing.T, patience time.Duration) (address string, stop func() served) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &webServer{handle: (&store{}).handle, patience: patience}
	counted := make(chan served)
	go func() { counted <- s.serve(listener) }()
	return listener.Addr().String(), func() served {
		listener.Close()
		return <-counted
	}
}

// ask sends bytes on a connection of its own and reads the whole answer.
func ask(t *testing.T, address, request string) (int, string) {
	t.Helper()
	connection, err := net.Dial("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	go io.WriteString(connection, request)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatalf("%.60q: %v", request, err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%.60q: %v", request, err)
	}
	return response.StatusCode, strings.TrimSpace(string(body))
}

func get(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n" }

func post(target, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", target, len(body), body)
}

func TestItemsAddUp(t *testing.T) {
	address, stop := serveRest(t, restPatience)
	for _, try := range []struct{ request, body string }{
		{get("/items/7"), `{"id":7,"value":0}`},
		{post("/items/7", "40"), `{"id":7,"value":40}`},
		{post("/items/7", "2"), `{"id":7,"value":42}`},
		{get("/items/7"), `{"id":7,"value":42}`},
		{get("/items/1023"), `{"id":1023,"value":0}`},
		{get("/"), `{"id":0,"value":0}`},
	} {
		if status, body := ask(t, address, try.request); status != 200 || body != try.body {
			t.Errorf("%q: %d %s", try.request, status, body)
		}
	}
	if counts := stop(); counts != (served{messages: 6, created: 6, done: 6}) {
		t.Errorf("%+v", counts)
	}
}

func TestWhatIsNoRequestIsRefused(t *testing.T) {
	address, stop := serveRest(t, restPatience)
	for _, try := range []struct {
		request string
		status  int
	}{
		{"this is not HTTP\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n\r\n", 400}, // without Host
		{get("/items/1024"), 404},
		{get("/items/x"), 404},
		{get("/nothing"), 404},
		{"DELETE /items/1 HTTP/1.1\r\nHost: x\r\n\r\n", 405},
		{post("/items/1", "much"), 422},
		{post("/items/1", strings.Repeat("1", restBody+1)), 413},
		{get("/" + strings.Repeat("a", restTarget)), 414},
		{"GET / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 4*restHead) + "\r\n\r\n", 431},
	} {
		if status, _ := ask(t, address, try.request); status != try.status {
			t.Errorf("%.40q is answered %d, not %d", try.request, status, try.status)
		}
	}
	stop()
}

// Half of a request, and nothing at all: both connections are closed, so that
// the server ends.
func TestSlowClientsAreThrownOut(t *testing.T) {
	address, stop := serveRest(t, 30*time.Millisecond)
	for _, half := range []string{"", "GET / HT", "POST /items/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"} {
		connection, err := net.Dial("tcp4", address)
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		io.WriteString(connection, half)
		if _, err := io.Copy(io.Discard, connection); err != nil {
			t.Errorf("%q: %v", half, err)
		}
	}
	if counts := stop(); counts.created != 3 || counts.done != 3 {
		t.Errorf("%+v", counts)
	}
}

// The sums of bench/io/README.md, by hand for the first twenty requests.
func TestPostsAreEveryTenthRequest(t *testing.T) {
	if got, want := restPosted(20), restAmount(9)+restAmount(19); got != want {
		t.Errorf("%d posted, not %d", got, want)
	}
	if restPosted(9) != 0 {
		t.Error("the first nine requests hold a POST")
	}
}
