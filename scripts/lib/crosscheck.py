"""Figures of others beside ours: `scripts/crosscheck`.

Each line of the table is something that another tool measures, brought to one operation as a cell of ours counts it,
and that cell, measured right after. Neither is the truth; a difference of more than a quarter wants a reason, and
bench/METHODOLOGY.md has it. A tool that is not installed is skipped with its name.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys

from . import bench as bench_module
from . import cli, errors, machine, profiles, runner
from .report_words import nanoseconds

EXAMPLES = """examples:
  scripts/crosscheck                                of what is built in build/bench
  scripts/crosscheck --bench-dir DIR
"""

REPLICATES = 5
TOOL_SECONDS = 120
PIPE_LOOPS = 200_000
HACK_FDS, HACK_LOOPS, HACK_BYTES = 4, 5_000, 8
GO_FILE = "runtime.test"
APART = 1.25        # a quarter


class Absent(Exception):
    """Why a tool says nothing, in one line."""


def command(argv, one_cpu=False):
    """What a tool prints; Absent if it cannot be had."""
    if not shutil.which(argv[0]) and not os.path.exists(argv[0]):
        raise Absent("%s is not installed" % argv[0])
    pin = ["taskset", "-c", str(machine.allowed_cpus()[0])] if one_cpu else []
    try:
        done = subprocess.run(pin + argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=TOOL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as e:
        raise Absent("%s: %s" % (argv[0], e)) from None
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        raise Absent("%s ended with status %d" % (" ".join(argv[:3]), done.returncode))
    return text


def number(pattern, text, what):
    found = re.search(pattern, text)
    if not found:
        raise Absent("%s printed no figure" % what)
    return float(found.group(1))


def pipe(one_cpu):
    """Half a round trip of a byte through two pipes, between two threads."""
    text = command(["perf", "bench", "sched", "pipe", "-T", "-l", str(PIPE_LOOPS)], one_cpu)
    return number(r"([0-9.]+) usecs/op", text, "perf bench sched pipe") * 1000 / 2


def hackbench(one_cpu):
    """A message through a pipe, from 4 threads to 4, each to each."""
    text = command(["hackbench", "-T", "-p", "-g", "1", "-f", str(HACK_FDS), "-l", str(HACK_LOOPS), "-s",
                    str(HACK_BYTES)], one_cpu)
    return number(r"Time: ([0-9.]+)", text, "hackbench") * 1e9 / (HACK_FDS * HACK_FDS * HACK_LOOPS)


class GoRuntime:
    """The benchmarks of Go's own runtime, of the package golang-*-src; built once into `directory`."""

    def __init__(self, directory):
        self.directory, self.file = directory, os.path.join(directory, GO_FILE)
        self.figures = None

    def build(self):
        if os.path.exists(self.file):
            return
        if not shutil.which("go"):
            raise Absent("go is not installed")
        os.makedirs(self.directory, exist_ok=True)
        env = dict(os.environ, GO111MODULE="off", GOENV="off", GOFLAGS="", GOPROXY="off", CGO_ENABLED="0",
                   GOCACHE=os.path.join(os.path.abspath(self.directory), "go-cache"))
        done = subprocess.run(["go", "test", "-c", "-o", os.path.abspath(self.file), "runtime"], env=env,
                              cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode != 0 or not os.path.exists(self.file):
            raise Absent("the benchmarks of Go's runtime cannot be built: the package golang-*-src has them")

    def per_operation(self, name, divide=1):
        """A function that gives the figure of Benchmark<name> at one CPU."""
        def figure(one_cpu):
            if self.figures is None:
                self._run()
            if name not in self.figures:
                raise Absent("this Go has no Benchmark%s" % name)
            return self.figures[name] / divide
        return figure

    def _run(self):
        self.build()
        names = "|".join(("CreateGoroutines", "CreateGoroutinesSingle", "ChanSync", "ChanUncontended",
                          "ChanProdCons100", "PingPongHog"))
        text = command([os.path.abspath(self.file), "-test.run", "NONE", "-test.bench", "^Benchmark(%s)$" % names,
                        "-test.cpu", "1", "-test.benchtime", "200ms", "-test.count", "3"], one_cpu=True)
        found = {}
        for name, ns in re.findall(r"^Benchmark(\w+)\s+\d+\s+([0-9.]+) ns/op", text, re.M):
            found.setdefault(name, []).append(float(ns))
        self.figures = {name: statistics.median(values) for name, values in found.items()}


def pairs(go):
    """(what the other measures, its figure, on one CPU, our cell, backend)."""
    ping = "channel/ping_pong/cap:0/P:1/place:same-pu"
    return (
        ("perf bench sched pipe -T, half a round trip, one CPU", pipe, True, "switch/handoff/P:1/place:same-pu", "pthread"),
        ("perf bench sched pipe -T, half a round trip, left free", pipe, False, "switch/handoff/P:2", "pthread"),
        ("hackbench -T -p, 4 to 4, a message, all CPUs", hackbench, False, "channel/prod_cons/p:4/c:4/cap:128/P:2",
         "pthread"),
        ("Go BenchmarkChanSync, a message", go.per_operation("ChanSync"), True, ping, "go"),
        ("Go BenchmarkPingPongHog, a message, a hog beside", go.per_operation("PingPongHog", 2), True, ping, "go"),
        ("Go BenchmarkChanProdCons100, a message", go.per_operation("ChanProdCons100"), True,
         "channel/prod_cons/p:1/c:1/cap:128/P:1", "go"),
        ("Go BenchmarkChanUncontended, a message, one goroutine", go.per_operation("ChanUncontended", 100), True,
         "channel/prod_cons/p:1/c:1/cap:128/P:1", "go"),
        ("Go BenchmarkCreateGoroutines, a goroutine", go.per_operation("CreateGoroutines"), True, "spawn/one/P:1", "go"),
        ("Go BenchmarkCreateGoroutinesSingle, a goroutine", go.per_operation("CreateGoroutinesSingle"), True,
         "spawn/storm/n:100000/temp:warm/P:1", "go"),
    )


def ours(bench, cell, backend, cache):
    """The median of a few processes of a cell; Absent if it cannot be measured."""
    if (cell, backend) in cache:
        return cache[cell, backend]
    exe = bench.path(backend)
    if not os.path.exists(exe):
        raise Absent("bench_%s is not built" % backend)
    options = runner.Options(profiles.SPIN_NS, machine.memory_budget(), profiles.CAPACITY_SECONDS, TOOL_SECONDS)
    with runner.Interrupts() as interrupts:
        found, sample = runner.pilot(exe, cell, backend, options, interrupts, profiles.TARGET_MS)
        if not found:
            raise Absent("%s on %s: %s" % (cell, backend, sample["reason"]))
        samples = [runner.measure(exe, cell, backend, found["rounds"], options, interrupts) for _ in range(REPLICATES)]
    values = [s["ns_per_op"] for s in samples if s["status"] == "ok"]
    if not values:
        raise Absent("%s on %s: %s" % (cell, backend, samples[0]["reason"]))
    cache[cell, backend] = statistics.median(values)
    return cache[cell, backend]


def table(bench, go, out):
    """A line for each pair; how many were measured."""
    print("| other | its figure | cell | backend | ours | other / ours |", file=out)
    print("| --- | ---: | --- | --- | ---: | ---: |", file=out)
    skipped, cache, measured = {}, {}, 0
    for what, figure, one_cpu, cell, backend in pairs(go):
        try:
            theirs = figure(one_cpu)
            mine = ours(bench, cell, backend, cache)
        except Absent as e:
            skipped.setdefault(str(e), []).append(what)
            continue
        measured += 1
        ratio = theirs / mine
        mark = " *" if max(ratio, 1 / ratio) > APART else ""
        print("| %s | %s | %s | %s | %s | %.2f%s |" % (what, nanoseconds(theirs), cell, backend, nanoseconds(mine),
                                                      ratio, mark), file=out)
    print("\n*: apart by more than a quarter", file=out)
    for reason, which in skipped.items():
        print("skipped: %s: %s" % (reason, "; ".join(which)), file=out)
    return measured


def main(argv, root, out=sys.stdout):
    parser = cli.parser_of("crosscheck", "Figures of perf, hackbench and Go's runtime beside those of the same thing here.\n"
                           "Exit status 77 if none can be had.", EXAMPLES)
    parser.add_argument("--bench-dir", default=bench_module.default_dir(root), metavar="DIR",
                        help="where bench_pthread and peers/bench_go are (default: build/bench)")
    parser.add_argument("--work", metavar="DIR", help="where Go's benchmarks are built (default: below --bench-dir)")
    parser.add_argument("--prepare", action="store_true", help="build Go's benchmarks and end")
    args = parser.parse_args(argv)
    go = GoRuntime(args.work or os.path.join(args.bench_dir, "crosscheck"))
    if args.prepare:
        try:
            go.build()
        except Absent as e:
            print("crosscheck: %s" % e, file=sys.stderr)
            return errors.UNSUPPORTED
        return errors.OK
    bench = bench_module.Bench(args.bench_dir)
    bench.pick(())      # before the others take their time
    return errors.OK if table(bench, go, out) else errors.SKIPPED
