"""Planted clients against the server of bench/io, on one backend.

    io_server.py IO_SERVE_EXECUTABLE LOADGEN_EXECUTABLE

Every wait of a client here is generous: what is asserted is that the server
does what it must, and how long it takes only where a deadline is a lower bound.
"""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

PATIENCE = 60
IDLE_MS, REQUEST_MS = 400, 300      # short, for clients that are to be thrown out
LONG_MS = 60000                     # for all others
REPLY = re.compile(rb"HTTP/1\.1 (\d{3}) ([^\r]*)\r\n(.*?)\r\n\r\n", re.S)


class Server:
    """The executable, and what it counted once it has ended."""

    def __init__(self, executable, idle_ms=LONG_MS, request_ms=LONG_MS, *mode):
        self.child = subprocess.Popen([executable, str(idle_ms), str(request_ms), *mode],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.child.stdout.readline().split()[1])
        self.counts = {}

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.child.stdin.close()
        if exc[0]:
            self.child.kill()
        rest = self.child.stdout.read()
        self.counts = {k: int(v) for k, v in (line.split() for line in rest.splitlines())}
        status = self.child.wait(PATIENCE)
        if not exc[0]:
            require(status == 0, "the server ended with status %d" % status)
            require(self.counts["created"] == self.counts["done"], "tasks: %s" % self.counts)
            require(self.counts["turned_away"] == 0, "turned away: %s" % self.counts)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)


class Wrong(Exception):
    pass


def require(condition, message):
    if not condition:
        raise Wrong(message)


def read_reply(sock, data=b""):
    """(status, head, body, rest) of the next reply."""
    while not REPLY.match(data):
        data += more(sock, data)
    match = REPLY.match(data)
    head = match.group(3)
    size = int(re.search(rb"Content-Length: (\d+)", head).group(1))
    while len(data) < match.end() + size:
        data += more(sock, data)
    return int(match.group(1)), head, data[match.end():match.end() + size], data[match.end() + size:]


def more(sock, so_far):
    chunk = sock.recv(4096)
    require(chunk, "the connection ended after %r" % so_far[-80:])
    return chunk


def ends(sock):
    """The other end closes, without another byte."""
    try:
        require(sock.recv(4096) == b"", "something comes after the last answer")
    except ConnectionResetError:
        pass


def get(target, *fields):
    lines = ["GET %s HTTP/1.1" % target, "Host: x", *fields, "", ""]
    return "\r\n".join(lines).encode()


def ask(sock, request):
    sock.sendall(request)
    return read_reply(sock)


def refused(server, request, status):
    """The request is answered with this status, and its connection closed."""
    with server.connect() as sock:
        try:
            sock.sendall(request)
        except (ConnectionResetError, BrokenPipeError):
            pass
        found, head, _, rest = read_reply(sock)
        require(found == status, "%d instead of %d" % (found, status))
        require(b"Connection: close" in head and rest == b"", "the connection stays after %d" % status)
        ends(sock)


# --- the tests -----------------------------------------------------------------

def serves_one_request_after_another(exe):
    for mode in ((), ("task",)):
        with Server(exe, LONG_MS, LONG_MS, *mode) as server:
            with server.connect() as sock:
                for i in range(20):
                    status, _, body, _ = ask(sock, get("/a/%d" % i))
                    require(status == 200 and json.loads(body)["target"] == "/a/%d" % i, body)
        require(server.counts["messages"] == 20, server.counts)


def serves_pipelined_and_split_requests(exe):
    with Server(exe) as server, server.connect() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(b"".join(get("/p/%d" % i) for i in range(50)))
        rest = b""
        for i in range(50):
            status, _, body, rest = read_reply(sock, rest)
            require(json.loads(body)["target"] == "/p/%d" % i, body)
        for byte in get("/split"):
            sock.sendall(bytes([byte]))
        require(json.loads(read_reply(sock)[2])["target"] == "/split", "split")


def reads_bodies(exe):
    with Server(exe) as server, server.connect() as sock:
        plain = b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
        chunked = b"POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
        for request in (plain, chunked, plain[:40] + plain[40:]):
            require(json.loads(ask(sock, request)[2])["body"] == "hello", "body")
        whole = b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 1024\r\n\r\n" + b"x" * 1024
        require(ask(sock, whole)[0] == 200, "a body of exactly the limit")


def closes_where_the_client_wants_it(exe):
    with Server(exe) as server:
        for request in (get("/", "Connection: close"), b"GET / HTTP/1.0\r\n\r\n"):
            with server.connect() as sock:
                status, head, _, _ = ask(sock, request)
                require(status == 200 and b"Connection: close" in head, head)
                ends(sock)


def refuses_what_is_not_http(exe):
    junk = (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40, b"hello\r\n\r\n",
            b"GET / HTTP/9\r\n\r\n", b"GET  / x HTTP/1.1\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"GET / HTTP/1.1\r\nA\x00b: c\r\n\r\n")
    with Server(exe) as server:
        for request in junk:
            refused(server, request, 400)
    require(server.counts["refused"] == len(junk) and server.counts["messages"] == 0, server.counts)


def refuses_what_is_too_large(exe):
    with Server(exe) as server:
        refused(server, get("/", "A: " + "a" * 8192), 431)
        refused(server, get("/", *["A%d: b" % i for i in range(1000)]), 431)
        refused(server, get("/" + "a" * 300), 414)
        refused(server, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1025\r\n\r\n", 413)
        refused(server, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n", 413)
        chunks = b"".join(b"100\r\n" + b"x" * 256 + b"\r\n" for _ in range(5))
        refused(server, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, 413)
        with server.connect() as sock:
            require(ask(sock, get("/ok"))[0] == 200, "the server is not well afterwards")


def answers_half_a_request_408_by_its_deadline(exe):
    halves = (b"G", b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
    with Server(exe, LONG_MS, REQUEST_MS) as server:
        waiting = []
        begin = time.monotonic()
        for half in halves:
            sock = server.connect()
            sock.sendall(half)
            waiting.append(sock)
        with server.connect() as sock:
            require(ask(sock, get("/meanwhile"))[0] == 200, "another client has to wait")
        for sock in waiting:
            require(read_reply(sock)[0] == 408, "not 408")
            require(time.monotonic() - begin >= REQUEST_MS / 1000, "before the deadline")
            ends(sock)
            sock.close()
    require(server.counts["refused"] == len(halves), server.counts)


def a_trickle_does_not_put_the_deadline_off(exe):
    with Server(exe, LONG_MS, REQUEST_MS) as server, server.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n")
        answered = threading.Event()

        def trickle():
            try:
                while not answered.wait(REQUEST_MS / 5000):
                    sock.sendall(b"A: b\r\n")
            except OSError:
                pass

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            require(read_reply(sock)[0] == 408, "not 408")
        finally:
            answered.set()
            thread.join()


def closes_silent_clients_without_a_word(exe):
    with Server(exe, IDLE_MS, LONG_MS) as server:
        with server.connect() as sock:
            ends(sock)
        while not asks_in_time(server):
            pass
    require(server.counts["refused"] == 0, server.counts)


def asks_in_time(server):
    """One request, and the end; False where we were too slow and silent ourselves."""
    begin = time.monotonic()
    try:
        with server.connect() as sock:
            require(ask(sock, get("/one"))[0] == 200, "one")
            ends(sock)
            return True
    except (Wrong, OSError):
        if time.monotonic() - begin < IDLE_MS / 1000:
            raise
        return False


def closes_clients_that_do_not_read(exe):
    """They ask and ask and take no answer; the server must not wait for ever."""
    with Server(exe, LONG_MS, REQUEST_MS) as server:
        greedy = socket.socket()
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.settimeout(PATIENCE)
        greedy.connect(("127.0.0.1", server.port))
        many, thrown_out = get("/greedy") * 1000, False
        try:
            while True:
                greedy.sendall(many)
        except (ConnectionResetError, BrokenPipeError):
            thrown_out = True
        except socket.timeout:
            pass
        require(thrown_out, "the client that does not read is still there")
        with server.connect() as sock:
            require(ask(sock, get("/ok"))[0] == 200, "the server is not well afterwards")
        greedy.close()


def clients_that_vanish_do_no_harm(exe):
    with Server(exe) as server:
        for data in (b"", b"GET / HT", get("/gone")):
            sock = server.connect()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.sendall(data)
            sock.close()
        with server.connect() as sock:
            require(ask(sock, get("/ok"))[0] == 200, "the server is not well afterwards")


def listens_on_loopback_only(exe):
    with Server(exe) as server:
        found = []
        for name in ("/proc/net/tcp", "/proc/net/tcp6"):
            if os.path.exists(name):
                with open(name) as f:
                    rows = [line.split() for line in f.readlines()[1:]]
                found += [row[1] for row in rows if row[3] == "0A" and row[1].endswith(":%04X" % server.port)]
        require(found == ["0100007F:%04X" % server.port], "it listens on %s" % found)


def a_stall_is_seen_by_all_that_was_due_meanwhile(exe, loadgen):
    """Stopped for 600 ms or more while 1000 requests a second are due, over 4 connections: a
    generator that waits for answers before it sends would be late four times. It may itself
    begin late, on a machine with much else to do."""
    with Server(exe) as server:
        command = [loadgen, "--port", str(server.port), "--connections", "4", "--count", "1500",
                   "--rate", "1000", "--path", "/x"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as load:
            require(load.stdout.readline() == b"ready\n", "not ready")
            server.child.send_signal(signal.SIGSTOP)
            load.stdin.write(b"go\n")
            load.stdin.flush()
            time.sleep(0.6)
            server.child.send_signal(signal.SIGCONT)
            lines = [load.stdout.readline().decode().split() for _ in range(8)]
            require(lines[0] == ["done"] and lines[1] == ["requests", "1500"], lines)
            require(lines[7] == ["latencies", "1500"], lines)
            ns = sorted(struct.unpack("=1500q", load.stdout.read(1500 * 8)))
            load.stdin.write(b"end\n")
            load.stdin.close()
            require(load.wait(PATIENCE) == 0, "the load generator failed")
        require(ns[1498] >= 150e6, "p99.9 is %.1f ms" % (ns[1498] / 1e6))
        late = sum(1 for value in ns if value >= 100e6)
        require(late >= 50, "%d requests were 100 ms late" % late)
    require(server.counts["messages"] == 1504, server.counts)


TESTS = (serves_one_request_after_another, serves_pipelined_and_split_requests, reads_bodies,
         closes_where_the_client_wants_it, refuses_what_is_not_http, refuses_what_is_too_large,
         answers_half_a_request_408_by_its_deadline, a_trickle_does_not_put_the_deadline_off,
         closes_silent_clients_without_a_word, closes_clients_that_do_not_read,
         clients_that_vanish_do_no_harm, listens_on_loopback_only,
         a_stall_is_seen_by_all_that_was_due_meanwhile)


def main(argv):
    wrong = 0
    for test in TESTS:
        arguments = argv[:2] if test is a_stall_is_seen_by_all_that_was_due_meanwhile else argv[:1]
        try:
            test(*arguments)
            print("ok    %s" % test.__name__, flush=True)
        except (Wrong, OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as e:
            wrong += 1
            print("WRONG %s: %s: %s" % (test.__name__, type(e).__name__, e), flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
