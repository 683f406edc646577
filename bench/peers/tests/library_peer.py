"""The workloads on a library that is a peer, small, through its executable.

    library_peer.py [BENCH_EXECUTABLE]

The same checks as bench/tests/workloads.py makes of every backend, on the
cells at P:1. Without an argument the peer is not built: exit 77.
"""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests"))
import workloads  # noqa: E402

CASES = ("spawn/one", "spawn/storm", "spawn/parked_storm", "spawn/tree", "switch/yield", "switch/handoff",
         "switch/working_set", "channel/ping_pong", "channel/prod_cons", "channel/sieve", "sync/mutex", "sync/counter",
         "wake/idle", "parallel/fib", "parallel/nqueens", "stack/retained")
# One of each capacity of their channels beside those of the list.
MORE = [("channel/ping_pong/cap:1/P:1", 2), ("channel/prod_cons/p:1/c:1/cap:0/P:1", 2),
        ("channel/prod_cons/p:4/c:4/cap:3/P:1", 2), ("channel/prod_cons/p:2/c:3/cap:1000/P:1", 2)]


def cells():
    found = [(cell, rounds) for cell, rounds in workloads.CELLS
             if "/P:1" in cell and "place:compact" not in cell and "/".join(cell.split("/")[:2]) in CASES]
    return found + MORE


def two_cpus_are_not_offered(executable):
    sample, status = workloads.run(executable, "spawn/one/P:2", 1)
    workloads.require(sample["status"] == "skipped" and status == 77, "status %s, exit %d", sample["status"], status)
    return "skipped, as it must"


def calls_that_block_are_not_offered(executable):
    sample, status = workloads.run(executable, "syscall/blocking/n:4/P:1", 1)
    workloads.require(sample["status"] == "skipped" and status == 77, "status %s, exit %d", sample["status"], status)
    return "skipped, as it must"


def main(argv):
    if not argv:
        print("skipped: the peer is not built here (-Dpeers=enabled)")
        return 77
    executable, backend = argv[0], os.path.basename(argv[0])[len("bench_"):]
    wrong = 0
    jobs = [(cell, lambda c=cell, r=rounds: workloads.check(executable, backend, c, r)) for cell, rounds in cells()]
    missing = set(CASES) - {"/".join(cell.split("/")[:2]) for cell, _ in jobs}
    if missing:
        print("no cell of " + ", ".join(sorted(missing)))
        wrong += 1
    jobs.append(("spawn/one/P:2", lambda: two_cpus_are_not_offered(executable)))
    jobs.append(("syscall/blocking/n:4/P:1", lambda: calls_that_block_are_not_offered(executable)))
    for cell, job in jobs:
        try:
            print("%-60s %s" % (cell, job()), flush=True)
        except (workloads.Wrong, subprocess.TimeoutExpired, KeyError, TypeError) as e:
            wrong += 1
            print("%-60s WRONG: %s: %s" % (cell, type(e).__name__, e), flush=True)
    print("%d of %d wrong" % (wrong, len(jobs)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
