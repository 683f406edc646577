"""A made-up run for the tests of the report. SYNTHETIC: no figure in it was measured anywhere.

write(directory) leaves a complete run there; samples(), machine() give the objects. Every status occurs:
ok, limit, skipped, invalid, failed, crashed, timeout. The same seed gives the same run.
"""

import json
import math
import os
import random

BACKENDS = ("gt", "pthread", "pthread-futex", "pthread-pool")
POOL_CELLS = ("spawn/one", "spawn/storm", "parallel/nqueens", "io/rest")
PARTS = ("user_bytes", "page_table_bytes", "kernel_stack_bytes", "slab_bytes")

# Nanoseconds per operation: gt, pthread, pthread-futex, pthread-pool (None: not offered).
TIMES = {
    "spawn/one/P:1": (52, 24100, 19800, 2100),
    "spawn/one/P:2": (61, 26300, 21000, 2500),
    "switch/yield/n:2/P:1": (5.1, 402, 398, None),
    "switch/yield/n:1000/P:1": (14.2, 760, 741, None),
    "switch/handoff/P:1/place:same-pu": (29, 2250, 1480, None),
    "switch/handoff/P:2/place:same-llc": (140, 5100, 138, None),
    "channel/prod_cons/p:1/c:1/cap:128/P:2": (48, 260, 121, None),
    "channel/sieve/k:100/P:2": (5200, 505000, 820000, None),
    "sync/mutex/n:100/cs:0/P:2": (24, 39, 33, None),
    "wake/timer/n:100/P:2": (101000, 123000, 113000, None),
    "wake/hog/h:4/remedy:on/P:2": (1400000, 1400000, 1400000, None),
    "wake/unpark/delay:1000/P:2/place:same-llc": (100000, 110000, 104000, None),
    "wake/idle/n:100/P:2": (1e9, 1e9, 1e9, None),
    "parallel/fib/n:16/P:2": (190, 72000, 58000, None),
    "parallel/nqueens/n:8/P:1": (240, 24000, 14000, 440),
    "parallel/nqueens/n:8/P:2": (150, 16000, 9000, 290),
    "switch/working_set/n:16/kib:4/P:1": (90, 6400, 3000, None),
    "switch/working_set/n:16/kib:256/P:1": (4700, 12800, 9000, None),
    "io/rest/load:25/P:1": (800000, 1900000, 1500000, 900000),
    "io/rest/load:80/P:1": (2400000, 39000000, 22000000, 2500000),
    "syscall/blocking/n:16/P:2": (14700, 13900, 14100, None),
    "stack/retained/bytes:65536/P:1": (65000, 84000, 104000, None),
}
for _n, _f in ((100, 1.2), (1000, 1.0), (10000, 1.1), (100000, 1.9)):
    for _temp, _g in (("cold", 4), ("warm", 1)):
        TIMES["spawn/storm/n:%d/temp:%s/P:2" % (_n, _temp)] = (31 * _f * _g, 14500 * _f, 12100 * _f, 48 * _f)
for _n in (1000, 10000):
    TIMES["spawn/parked_storm/n:%d/temp:warm/P:2" % _n] = (420, 17800, 15200, None)
for _cap, _g in ((0, 1.0), (1, 0.8), (128, 0.3)):
    TIMES["channel/ping_pong/cap:%d/P:1/place:same-pu" % _cap] = (41 * _g, 2450 * _g, 1620 * _g, None)
    TIMES["channel/ping_pong/cap:%d/P:2/place:same-llc" % _cap] = (155 * _g, 5600 * _g, 160 * _g, None)
    TIMES["channel/ping_pong/cap:%d/P:2" % _cap] = (60 * _g, 5300 * _g, 150 * _g, None)
for _case, _g in (("grow", 1.0), ("grow_warm", 0.2), ("regrow", 0.05)):
    for _bytes in (4096, 65536, 1048576):
        _ns = _g * _bytes / 4096 * 250
        TIMES["stack/%s/bytes:%d/P:1" % (_case, _bytes)] = (80 + _ns, 24000 + _ns, 20500 + _ns, None)

# Bytes per parked task by part.
MEMORY = {
    "gt": (4400, 30, 0, 20),
    "pthread": (8500, 4090, 16384, 4900),
    "pthread-futex": (8300, 4090, 16384, 4900),
}
CEILING = {"gt": 1048576, "pthread": 32420, "pthread-futex": 32424}


def machine(**changes):
    value = {
        "schema": "greenbench.machine/1", "machine": "synthetic-2cpu-8g", "utc": "2024-01-02T03:04:05Z",
        "rev": "0123456789ab", "dirty": False, "profile": "default", "seed": 1,
        "command": ["scripts/greenbench", "run"],
        "hw": {"cpu_model": "Synthetic CPU (made up for tests)", "logical_cpus": 2, "ram_bytes": 8 << 30,
               "hwloc_synthetic": "Package:1 Core:2 PU:1"},
        "env": {"kernel": "0.0.0-synthetic", "governor": "unknown", "turbo": "unknown", "smt": "unknown",
                "mitigations": {"spectre_v2": "synthetic"}, "hypervisor": "unknown", "clocksource": "tsc",
                "thp": "madvise", "aslr": 2, "load1": 0.1, "pid_max": 32768, "threads_max": 63000,
                "max_map_count": 65530, "rlimit_nproc": 31000, "cgroup_cpu_quota": None},
        "toolchain": {"compiler": "synthetic 1.0", "flags": "-O3", "gbench": "1.7.1", "hwloc": "2.9.0",
                      "gnuplot": "5.4", "python": "3.11"},
        "hashes": {"definition": "d" * 16, "implementation": "i" * 16, "toolchain": "t" * 16},
    }
    value.update(changes)
    return value


def sample(name, backend_name, ns, replicate=0, order=0, **changes):
    """One good stored line; `changes` replaces fields."""
    operations = 60000
    value = {
        "schema": "greenbench.sample/1", "cell": name, "backend": backend_name, "status": "ok", "reason": None,
        "rounds": 60, "unit": 1000, "operations": operations,
        "gbench": {"name": name, "iterations": operations, "real_time": ns, "cpu_time": ns * 0.98,
                   "time_unit": "ns"},
        "ns_per_op": ns, "cpu_ns_per_op": ns * 0.98,
        "ledger": {"created": operations, "done": operations, "sent": 0, "delivered": 0, "retries": 0,
                   "empty_yields": 0, "checksum": "0xabc", "expected": "0xabc"},
        "usage": {"voluntary_switches": 0 if backend_name == "gt" else 2 * operations, "involuntary_switches": 3,
                  "minor_faults": 120, "major_faults": 0, "max_rss_kib": 4096},
        "memory": None, "limit": None, "env": {"P": 2, "cpus": [0, 1], "place": "none", "spin_ns": 50000},
        "replicate": replicate, "round": replicate, "order": order,
        "utc": "2024-01-02T03:04:05Z", "wall_ms": 75.0, "exit": 0,
    }
    value.update(changes)
    return value


def bad(cell, backend, status, reason, **changes):
    """One line without a measurement."""
    blank = {"gbench": None, "ns_per_op": None, "cpu_ns_per_op": None, "status": status, "reason": reason}
    if status in ("skipped", "crashed", "timeout"):
        blank.update(ledger=None, usage=None, rounds=None, operations=None, unit=None)
    blank.update(changes)
    return sample(cell, backend, 1.0, **blank)


def _memory(backend, n, rng):
    parts = [int(part * n * math.exp(rng.gauss(0, 0.004))) for part in MEMORY[backend]]
    value = dict(zip(PARTS, parts), n=n, anon_huge_bytes=0, noise_bytes=65536, source="meminfo")
    return value


def _plain_cells(rng, replicates):
    """Rounds with noise of their own (shared by all backends) and skewed noise per process."""
    lines = []
    for replicate in range(replicates):
        for cell, times in TIMES.items():
            weather = math.exp(rng.gauss(0, 0.03))
            for backend, ns in zip(BACKENDS, times):
                if ns is None:
                    if replicate == 0:
                        lines.append(bad(cell, backend, "skipped",
                                         "not offered: a pooled task that blocks can deadlock the pool", exit=77))
                    continue
                value = ns * weather * math.exp(rng.expovariate(1 / 0.02))
                lines.append(sample(cell, backend, round(value, 4), replicate, **_distribution(cell, value)))
    return lines


def _counts(p50):
    """60000 values at 1, 2, 30, 50 and 70 times p50."""
    found = []
    for times, count in ((1, 30000), (2, 24000), (30, 5400), (50, 540), (70, 60)):
        bit = (times * p50).bit_length() - 1
        found += [256 + (bit - 8) * 128 + (times * p50 >> (bit - 7)) - 128, count]
    return found


def _distribution(cell, ns):
    if cell.startswith("wake/idle/"):
        return {"cpu_ns_per_op": ns / 5000, "rounds": 1, "unit": 1, "operations": 1}
    if cell.startswith("switch/working_set/"):
        return {"alone_ns_per_op": 18 * int(cell.split("kib:")[1].split("/")[0])}
    if cell.startswith(("wake/", "syscall/", "io/")):
        p50 = int(ns / 2)
        more = {"wakeup_cpu_ns": ns / 3} if "/unpark/" in cell else {}
        if cell.startswith("syscall/"):
            more["alone_ns_per_op"] = ns * 1.8
        return dict(more, latency={"p50": p50, "p90": 2 * p50, "p99": 30 * p50, "p999": 50 * p50, "max": 70 * p50,
                                   "count": 60000, "counts": _counts(p50)})
    if cell.startswith("parallel/nqueens"):
        return {"alone_ns_per_op": ns / 1.25}
    if cell.startswith("stack/retained"):
        return {"memory": dict.fromkeys(PARTS, 0) | {"n": 16, "user_bytes": 16 * int(ns), "noise_bytes": 4096,
                                                     "source": "meminfo"}}
    if cell.startswith("sync/mutex"):
        return {"fairness": {"tasks": 100, "min": 150, "max": 1800}}
    return {}


def _memory_cells(rng, replicates):
    lines = []
    for n in (100, 1000, 10000):
        for backend in MEMORY:
            for replicate in range(replicates):
                lines.append(sample("memory/parked/n:%d/P:2" % n, backend, 500.0, replicate,
                                    memory=_memory(backend, n, rng)))
    lines.append(sample("memory/parked/n:100000/P:2", "gt", 510.0, memory=_memory("gt", 100000, rng)))
    for backend, reached in CEILING.items():
        limit = {"reached": reached, "errno": "EAGAIN", "name": "pid_max", "value": 32768}
        reason = "limit reached at n=%d: EAGAIN (pid_max 32768)" % reached
        if backend == "gt":
            limit = {"reached": reached, "errno": "E2BIG", "name": "memory budget", "value": 4 << 30}
            reason = "limit reached at n=%d: E2BIG (memory budget 4294967296)" % reached
        lines.append(bad("memory/capacity/P:2", backend, "limit", reason, limit=limit))
    return lines


def _endings(replicates):
    """One cell for each other way a replicate may end."""
    lines = []
    for replicate in range(replicates):
        lines.append(sample("switch/yield/n:10/P:1", "gt", 6.0, replicate))
        lines.append(sample("switch/yield/n:10/P:1", "pthread", 500.0, replicate, status="invalid",
                            reason="4.1 % of the yields were empty: not a switch measurement on this machine"))
        lines.append(sample("stack/grow/bytes:16777216/P:1", "gt", 9e5, replicate))
        if replicate == 3:
            lines.append(bad("stack/grow/bytes:16777216/P:1", "pthread", "crashed", "killed by signal 9", exit=-9,
                             replicate=replicate, round=replicate))
        else:
            lines.append(sample("stack/grow/bytes:16777216/P:1", "pthread", 1e6, replicate))
    lines.append(bad("stack/grow/bytes:16777216/P:1", "pthread-futex", "timeout", "no end after 60 s", exit=-9))
    lines.append(bad("channel/ping_pong/cap:0/P:2/place:smt", "gt", "skipped", "no two CPUs share a core", exit=77))
    lines.append(bad("channel/prod_cons/p:4/c:4/cap:128/P:2", "gt", "failed",
                     "delivered 59999 of 60000 messages", exit=1))
    return lines


def samples(replicates=10, seed=1):
    rng = random.Random(seed)
    lines = _plain_cells(rng, replicates) + _memory_cells(rng, min(replicates, 6)) + _endings(replicates)
    for order, line in enumerate(lines):
        line["order"] = order
    return lines


def write_plan(directory, state="finished", **fields):
    """The plan.json of a stored run; returns the directory."""
    with open(os.path.join(directory, "plan.json"), "w", encoding="utf-8") as handle:
        json.dump({"schema": "greenbench.plan/1", "state": state, **fields}, handle)
    return directory


def write(directory, lines=None, machine_changes=None, **options):
    """Store a run in `directory` (created) and return the directory."""
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "machine.json"), "w", encoding="utf-8") as handle:
        json.dump(machine(**(machine_changes or {})), handle)
    with open(os.path.join(directory, "samples.jsonl"), "w", encoding="utf-8") as handle:
        for line in samples(**options) if lines is None else lines:
            handle.write(json.dumps(line) + "\n")
    return directory
