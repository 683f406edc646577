"""Workloads where the system refuses tasks: limits, never hangs or errors.

    refusals.py BENCH_PTHREAD

The address space is limited so that a few threads with their default stacks
fit and no more; the limit moves in small steps, so that the refusal meets
each spawn of a workload in turn. Exits 77 where the stacks are too small for
that to work.
"""

import json
import os
import resource
import subprocess
import sys

MIB = 1 << 20
CELLS = [
    "spawn/one/P:1",
    "spawn/storm/n:50/temp:warm/P:1",
    "spawn/parked_storm/n:50/temp:warm/P:1",
    "spawn/tree/n:100/P:1",
    "switch/yield/n:50/P:1",
    "switch/working_set/n:50/kib:4/P:1",
    "switch/handoff/P:1",
    "channel/ping_pong/cap:1/P:1",
    "channel/prod_cons/p:3/c:3/cap:4/P:1",
    "channel/select/k:30/P:1",
    "channel/sieve/k:30/P:1",
    "sync/mutex/n:50/cs:0/P:1",
    "sync/counter/n:50/by:mutex/P:1",
    "sync/counter/n:50/by:atomic/P:1",
    "sync/counter/n:50/by:owner/P:1",
    "wake/timer/n:50/P:1",
    "wake/idle/n:50/P:1",
    "wake/hog/h:50/remedy:on/P:1",
    "parallel/fib/n:14/P:1",
    "parallel/nqueens/n:10/P:1",
    "syscall/blocking/n:50/P:1",
    "stack/grow/bytes:4096/P:1",
    "stack/grow_warm/bytes:4096/P:1",
    "stack/regrow/bytes:4096/P:1",
    "stack/retained/bytes:4096/P:1",
    "memory/parked/n:50/P:1",
    "memory/capacity/P:1",
    "io/api_calls/c:50/P:1",
    "io/echo/c:50/P:1",
    "io/held/n:50/P:1",
    "io/rest/load:max/P:1",
]
if len(os.sched_getaffinity(0)) > 1:
    CELLS += ["switch/yield_multi/n:50/P:2", "wake/unpark/delay:0/P:2"]
TREES = ("spawn/tree/", "parallel/")


def run(executable, cell, limit):
    """The sample of a cell within `limit` bytes; None if not even the process fits."""
    done = subprocess.run([executable, "--allow-debug", "--rounds", "2", "--cell", cell], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, timeout=120, check=False,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    if not done.stdout and done.returncode == 127:
        return None
    sample = json.loads(done.stdout)
    ledger, found = sample["ledger"], sample["limit"]
    if sample["status"] not in ("ok", "limit", "skipped"):
        raise ValueError("%s within %d MiB: %s: %s" % (cell, limit // MIB, sample["status"], sample["reason"]))
    if ledger["created"] != ledger["done"] or ledger["checksum"] != ledger["expected"]:
        raise ValueError("%s within %d MiB: %s" % (cell, limit // MIB, ledger))
    # In a tree of threads others may have ended by the time the refused one looks.
    names = ("RLIMIT_AS", "unknown") if cell.startswith(TREES) else ("RLIMIT_AS",)
    if found and found["name"] not in names:
        raise ValueError("%s within %d MiB: the limit is called %s" % (cell, limit // MIB, found["name"]))
    return sample


def sweep(executable, cell):
    """How often each outcome came, over all limits."""
    seen = {"retries": 0}
    for limit in [mib * MIB for mib in (*range(12, 32, 2), *range(32, 96, 8))]:
        sample = run(executable, cell, limit)
        outcome = sample["status"] if sample else "no process"
        if outcome == "skipped" and "without an HTTP parser" in sample["reason"]:
            outcome = "not built"
        seen[outcome] = seen.get(outcome, 0) + 1
        seen["retries"] += sample["ledger"]["retries"] if sample else 0
    return seen


def main(argv):
    if resource.getrlimit(resource.RLIMIT_STACK)[0] < 8 * MIB:
        print("the default stack is below 8 MiB: the limits used here do not fit")
        return 77
    wrong = 0
    for cell in CELLS:
        try:
            seen = sweep(argv[0], cell)
        except (ValueError, subprocess.TimeoutExpired) as e:
            print("%-40s WRONG: %s" % (cell, e))
            wrong += 1
            continue
        if not seen.get("limit") and not seen.get("not built"):
            wrong += 1
            seen["WRONG"] = "no limit was met"
        if cell.startswith("spawn/storm/") and not seen["retries"]:
            wrong += 1
            seen["WRONG"] = "no spawn was tried again"
        print("%-40s %s" % (cell, seen), flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
