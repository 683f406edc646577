#!/usr/bin/env python3
"""Runs one example (arguments: its name, the program) and checks its output."""

import http.client
import re
import socket
import subprocess
import sys
import threading
import unittest

PROGRAM = None


def run(*args, status=0):
    done = subprocess.run([PROGRAM, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=100)
    if done.returncode != status:
        raise AssertionError("status %d\n%s%s" % (done.returncode, done.stdout, done.stderr))
    return done.stdout.splitlines()


class Printers(unittest.TestCase):
    def test_every_line_is_printed_in_each_printers_order_before_the_end(self):
        lines = run()
        self.assertEqual(lines[-2:], ["both printers are done", "0 tasks were left"])
        self.assertEqual([l for l in lines if l.startswith("fast")], ["fast %d" % i for i in range(1, 7)])
        self.assertEqual([l for l in lines if l.startswith("slow")], ["slow 1", "slow 2"])
        self.assertEqual(len(lines), 10)


class PrintersAbandoned(unittest.TestCase):
    def test_both_are_left_and_print_no_more(self):
        lines = run()
        self.assertEqual(lines[-1], "2 tasks were left")
        self.assertEqual(lines.count("the main task returns"), 1)
        for name in ("fast", "slow"):
            mine = [l for l in lines if l.startswith(name)]
            self.assertGreaterEqual(len(mine), 1)
            self.assertEqual(mine, ["%s %d" % (name, i + 1) for i in range(len(mine))])


class Sieve(unittest.TestCase):
    def test_it_prints_the_first_primes(self):
        primes = [n for n in range(2, 1300) if all(n % d for d in range(2, int(n ** 0.5) + 1))]
        self.assertEqual(run(), [str(p) for p in primes[:25]])
        self.assertEqual(run("200"), [str(p) for p in primes[:200]])
        self.assertEqual(run("1"), ["2"])

    def test_a_bad_count_is_refused(self):
        for count in ("0", "-3", "x", "100001"):
            self.assertEqual(run(count, status=64), [])


class ApiCalls(unittest.TestCase):
    def test_every_call_is_answered_but_the_one_that_times_out(self):
        lines = run()
        self.assertEqual(lines[:-1], ["square %d: %d" % (i, i * i) for i in range(1, 11)])
        self.assertRegex(lines[-1], r"^think: .*timed out$")
        self.assertEqual(len(lines), 11)


class Rest(unittest.TestCase):
    def setUp(self):
        self.service = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.kill)
        self.port = int(re.fullmatch(r"http://127\.0\.0\.1:(\d+)/notes\n", self.service.stdout.readline()).group(1))

    def kill(self):
        self.service.kill()
        self.service.communicate()

    def finish(self):
        """What it says when its input ends."""
        text, _ = self.service.communicate(timeout=60)
        self.assertEqual(self.service.returncode, 0)
        return text

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text, dict(answer.getheaders())

    def raw(self, *pieces):
        """The status of the answer to these bytes; None without an answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as s:
            for piece in pieces:
                s.sendall(piece)
            s.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: s.recv(4096), b""))
        return int(answer.split()[1]) if answer else None

    def test_notes_are_added_listed_and_read(self):
        self.assertEqual(self.ask("GET", "/notes")[:2], (200, ""))
        for i, text in enumerate(("buy bread", "%s %n \u00fc", "x" * 1024), 1):
            status, _, headers = self.ask("POST", "/notes", text.encode())
            self.assertEqual((status, headers["Location"]), (201, "/notes/%d" % i))
            self.assertEqual(self.ask("GET", headers["Location"])[:2], (200, text))
        self.assertEqual(self.ask("GET", "/notes")[1], "1\n2\n3\n")
        self.assertEqual(self.finish(), "3 notes\n")

    def test_what_is_not_there_or_not_allowed(self):
        self.ask("POST", "/notes", b"one")
        for path in ("/", "/notes/0", "/notes/2", "/notes/1x", "/notes/-1", "/notes/", "/notes/+1",
                     "/notes/99999999999999999999", "/notesx"):
            self.assertEqual(self.ask("GET", path)[0], 404, path)
        for method, path, allowed in (("DELETE", "/notes/1", "GET"), ("PUT", "/notes", "GET, POST"),
                                      ("POST", "/notes/1", "GET")):
            status, _, headers = self.ask(method, path, b"x")
            self.assertEqual((status, headers["Allow"]), (405, allowed))

    def test_limits(self):
        self.assertEqual(self.ask("POST", "/notes", b"x" * 1025)[0], 413)
        self.assertEqual(self.ask("POST", "/notes", b"")[0], 422)
        self.assertEqual(self.ask("POST", "/notes", b"a\0b")[0], 422)
        self.assertEqual(self.ask("GET", "/" + "a" * 300)[0], 414)
        self.assertEqual(self.raw(b"GET /notes HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n"), 431)
        for _ in range(999):
            self.assertEqual(self.ask("POST", "/notes", b"note")[0], 201)
        self.assertEqual(self.ask("POST", "/notes", b"note")[0], 201)
        self.assertEqual(self.ask("POST", "/notes", b"note")[0], 507)
        self.assertEqual(len(self.ask("GET", "/notes")[1].split()), 1000)

    def test_what_is_not_http(self):
        for text in (b"nonsense\r\n\r\n", b"\0\0\0\0", b"GET\r\n\r\n", b"GET /notes HTTP/9\r\n\r\n",
                     b"POST /notes HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                     b"POST /notes HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\nx",
                     b"POST /notes HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"):
            self.assertEqual(self.raw(text), 400, text)
        self.assertIsNone(self.raw(b""))
        self.assertIsNone(self.raw(b"GET /no"))
        self.assertEqual(self.ask("GET", "/notes")[0], 200)

    def test_pieces_of_any_size_make_a_request(self):
        request = b"POST /notes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        self.assertEqual(self.raw(*(request[i:i + 1] for i in range(len(request)))), 201)
        self.assertEqual(self.ask("GET", "/notes/1")[1], "abcde")

    def test_a_slow_client_holds_up_nobody(self):
        slow = [socket.create_connection(("127.0.0.1", self.port), timeout=60) for _ in range(20)]
        for s in slow:
            s.sendall(b"GET /notes HTTP/1.1\r\n")
        self.assertEqual(self.ask("GET", "/notes")[0], 200)
        for s in slow:
            s.sendall(b"\r\n")
            self.assertTrue(s.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n"))
            s.close()

    def test_many_clients_at_a_time_lose_no_note(self):
        statuses = []
        threads = [threading.Thread(target=lambda: statuses.append(self.ask("POST", "/notes", b"n")[0]))
                   for _ in range(50)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(statuses, [201] * 50)
        self.assertEqual(self.finish(), "50 notes\n")

    def test_it_listens_on_the_loopback_interface_only(self):
        listening = []
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            try:
                with open(table) as f:
                    rows = [line.split() for line in f.readlines()[1:]]
            except FileNotFoundError:
                continue
            listening += [r[1] for r in rows if r[3] == "0A" and int(r[1].rsplit(":", 1)[1], 16) == self.port]
        self.assertEqual(listening, ["0100007F:%04X" % self.port])


CASES = {"printers": Printers, "printers_abandoned": PrintersAbandoned, "sieve": Sieve, "api_calls": ApiCalls,
         "rest": Rest}

if __name__ == "__main__":
    PROGRAM = sys.argv[2]
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(CASES[sys.argv[1]])
    sys.exit(0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1)
