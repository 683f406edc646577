"""A fixture that speaks the protocol of a bench executable and measures
nothing: started as bench_<backend>, it prints made-up samples at once.

FAKE_BENCH, a JSON object, makes it misbehave: keys are "<backend> <cell>",
"pilot <backend> <cell>" or "measure <number>" (the number-th measured process),
values one of the names in ACTIONS or MISPRINTS. FAKE_BENCH_LOG names a file to
which each start appends one line. FAKE_BENCH_NOISE, {cell: share}, lets times of
a cell differ by so much; FAKE_BENCH_EMPTY_NS is what a calibration finds.
FAKE_BENCH_SLACK names a file to which each process of a cell appends its timer slack.
"""

import json
import os
import signal
import sys

PLACEMENTS = {"free": True, "same-pu": True, "smt": "one thread per core", "same-llc": True,
              "cross-llc": "one last-level cache", "cross-numa": "one NUMA node",
              "cross-package": "one package", "none": True}
# Axes by workload, and those of them that a pool offers; the tests fill them in.
LISTED = {}
POOLED = ()


def main(argv):
    backend = os.path.basename(argv[0])[len("bench_"):]
    options = dict(zip(argv[1:], argv[2:] + [""]))
    if "--machine" in argv:
        print(json.dumps({"hwloc_synthetic": "pack:1 core:2", "cpus": [0, 1], "placements": PLACEMENTS,
                          "compiler": "fake", "flags": "-O3", "gbench_version": "0", "hwloc_version": "0",
                          "optimized": os.environ.get("FAKE_BENCH_DEBUG") is None}))
        return 0
    if "--list" in argv:
        for case, axes in json.loads(os.environ.get("FAKE_BENCH_LIST", json.dumps(LISTED))).items():
            print(json.dumps({"workload": case, "axes": axes, "needs_blocking": False, "pair": False,
                              "one_round": False, "offered": backend != "pthread-pool" or case in POOLED}))
        return 0
    if "--calibrate" in argv:
        print(json.dumps({"schema": "greenbench.calibration/1", "cpus": [0, 1], "clock_ns": 20.0, "chain_ns": 1.0,
                          "empty_ns": float(os.environ.get("FAKE_BENCH_EMPTY_NS") or 0.3), "line_ns": 100.0, "status": "ok", "reason": None}))
        return 0
    if "--topology" in argv:
        with open(options["--topology"], "w") as f:
            f.write("<topology/>\n")
        return 0
    return run(backend, options["--cell"], "--pilot" in argv, int(options.get("--rounds") or 1),
               {name: options[name] for name in ("--full-load", "--pids-reserve") if name in options})


def run(backend, cell, pilot, rounds, told):
    mode = "pilot" if pilot else "measure"
    number = 0
    if os.environ.get("FAKE_BENCH_SLACK"):
        with open("/proc/self/timerslack_ns") as own, open(os.environ["FAKE_BENCH_SLACK"], "a") as f:
            f.write(own.read())
    if os.environ.get("FAKE_BENCH_LOG"):
        with open(os.environ["FAKE_BENCH_LOG"], "a+") as f:
            f.write("%s %s %s %s %s\n" % (mode, backend, cell, rounds, os.environ.get("GT_WORKERS")))
            f.flush()
            f.seek(0)
            number = sum(line.startswith(mode + " ") for line in f)
    plan = json.loads(os.environ.get("FAKE_BENCH", "{}"))
    action = (plan.get("%s%s %s" % ("pilot " if pilot else "", backend, cell))
              or plan.get("%s %d" % (mode, number)))
    if action in ACTIONS:
        return ACTIONS[action](backend, cell, rounds)
    if pilot:
        ns = {"pthread": 4e6}.get(backend, 1e6)
        print(json.dumps({"cell": cell, "rounds": 4, "unit": 1000, "ns_per_round": ns, "status": "ok"}))
        return 0
    noise = json.loads(os.environ.get("FAKE_BENCH_NOISE", "{}")).get(cell, 0)
    line = json.dumps(sample(backend, cell, rounds, told=told, times=1 + noise * (number * 37 % 101) / 101))
    if action in MISPRINTS:
        line = MISPRINTS[action](line)
        sys.stdout.write(line)
        return 0
    print(line)
    return 0


def sample(backend, cell, rounds, times=1.0, **changes):
    ns = {"gt": 50.0}.get(backend, 5000.0) * times
    memory = None
    if cell.startswith("memory/"):
        memory = {"n": 1000, "user_bytes": 2 << 20, "page_table_bytes": 0, "kernel_stack_bytes": 0,
                  "slab_bytes": 0, "anon_huge_bytes": 0, "noise_bytes": 4096, "source": "meminfo"}
    made = {
        "schema": "greenbench.sample/1", "cell": cell, "backend": backend, "status": "ok", "reason": None,
        "rounds": rounds, "unit": 1000, "operations": rounds * 1000,
        "gbench": {"name": cell, "run_name": cell, "run_type": "iteration", "iterations": rounds * 1000,
                   "real_time": ns, "cpu_time": ns, "time_unit": "ns"},
        "ns_per_op": ns, "cpu_ns_per_op": ns,
        "ledger": {"created": 1, "done": 1, "sent": 0, "delivered": 0, "retries": 0, "empty_yields": 0,
                   "checksum": "0x1", "expected": "0x1"},
        "usage": {"voluntary_switches": 0, "involuntary_switches": 0, "minor_faults": 0, "major_faults": 0,
                  "max_rss_kib": 1000},
        "memory": memory, "limit": None, "env": {"P": 2, "cpus": [0, 1], "place": "free", "spin_ns": 50000},
    }
    made.update(changes)
    return made


def die(signum):
    def act(backend, cell, rounds):
        sys.stderr.write("about to die\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signum)
        signal.pause()
    return act


def hang(backend, cell, rounds):
    while True:
        signal.pause()


def eat(backend, cell, rounds):
    """All memory that the cgroup named by FAKE_BENCH_CGROUP allows, and more."""
    with open(os.path.join(os.environ["FAKE_BENCH_CGROUP"], "cgroup.procs"), "w") as f:
        f.write(str(os.getpid()))
    eaten = []
    while len(eaten) < 1024:
        eaten.append(b"x" * (1 << 20))
    return 1


def hang_with_child(backend, cell, rounds):
    """The child holds our pipes open and outlives us."""
    if os.fork() == 0:
        hang(backend, cell, rounds)
    return 0


def flood(backend, cell, rounds):
    while True:
        os.write(1, b"x" * 65536)


def failed(backend, cell, rounds):
    print(json.dumps(sample(backend, cell, rounds, status="failed",
                            reason="checksum 0x1, expected 0x2: a message was lost")))
    return 1


def limited(backend, cell, rounds):
    print(json.dumps(sample(backend, cell, rounds, status="limit", reason="EAGAIN", limit={
        "reached": 32420, "errno": "EAGAIN", "name": "pid_max", "value": 32768})))
    return 0


def skipped(backend, cell, rounds):
    print(json.dumps({"cell": cell, "rounds": 0, "ns_per_round": 0, "status": "skipped",
                      "reason": "the machine has not enough"}))
    return 77


def endless(backend, cell, rounds):
    print(json.dumps({"cell": cell, "rounds": 1, "ns_per_round": 1e12, "status": "ok"}))
    return 0


def refuse(backend, cell, rounds):
    sys.stderr.write("\x1b[31mbench: refused\x1b[0m\n")
    return 64


def interrupt_parent(signum):
    """The event a test waits for: a signal while a process is measured."""
    def act(backend, cell, rounds):
        os.kill(os.getppid(), signum)
        return hang(backend, cell, rounds)
    return act


def tell_and_hang(backend, cell, rounds):
    """Say on a fifo that the process is being measured, then never end."""
    with open(os.environ["FAKE_BENCH_FIFO"], "w") as f:
        f.write("measuring\n")
    return hang(backend, cell, rounds)


ACTIONS = {"crash": die(signal.SIGSEGV), "killed": die(signal.SIGKILL), "hang": hang, "eat": eat,
           "hang_with_child": hang_with_child, "flood": flood, "failed": failed, "limit": limited,
           "skipped": skipped, "endless": endless, "refuse": refuse, "interrupt": interrupt_parent(signal.SIGINT),
           "terminate": interrupt_parent(signal.SIGTERM), "hang_up": interrupt_parent(signal.SIGHUP), "tell_and_hang": tell_and_hang}
MISPRINTS = {"truncated": lambda line: line[:len(line) // 2],
             "no_newline": lambda line: line,
             "two_lines": lambda line: line + "\n" + line + "\n",
             "silent": lambda line: "",
             "nan": lambda line: line.replace('"ns_per_op": 50', '"ns_per_op": NaN', 1) + "\n",
             "late": lambda line: line.replace('"status": "ok", "reason": null', '"status": "invalid", "reason": "late"', 1) + "\n",
             "other_cell": lambda line: line.replace("/P:1", "/P:7") + "\n"}

if __name__ == "__main__":
    sys.exit(main(sys.argv))
