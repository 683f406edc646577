"""Ten thousand connections at once, as the workloads' page says that io/echo has.

    many_connections.py BENCH_EXECUTABLE...

On each backend a message must go there and back on every one of them. Who may
not open so many descriptors is skipped. Exits 77 if none could.
"""

import os
import subprocess
import sys

import workloads
from workloads import require

CONNECTIONS = 10000
CELL = "io/echo/c:%d/P:1" % CONNECTIONS


def outcome(executable):
    """How the cell ended, "ok" or why not."""
    sample, status = workloads.run(executable, CELL, 1)
    if workloads.lacks_parser(sample):
        return "skipped: no HTTP parser"
    if sample["status"] == "skipped":
        require("RLIMIT_NOFILE" in sample["reason"] and status == 77, "skipped: %s", sample["reason"])
        return "skipped: " + sample["reason"]
    require(sample["status"] == "ok" and status == 0, "%s, exit %d: %s", sample["status"], status, sample["reason"])
    workloads.check_ledger(sample)
    workloads.check_time(sample, 1)
    require(sample["operations"] == CONNECTIONS, "%d operations", sample["operations"])
    require(sample["ledger"]["created"] == CONNECTIONS, "%d tasks for the connections", sample["ledger"]["created"])
    require(sample["latency"]["count"] == CONNECTIONS, "%d latencies", sample["latency"]["count"])
    return "ok"


def main(argv):
    found = []
    for executable in argv:
        try:
            found.append(outcome(executable))
        except (workloads.Wrong, subprocess.TimeoutExpired, KeyError, TypeError) as e:
            found.append("WRONG: %s: %s" % (type(e).__name__, e))
        print("%-24s %s" % (os.path.basename(executable), found[-1]), flush=True)
    if any(one.startswith("WRONG") for one in found):
        return 1
    return 0 if "ok" in found else 77


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
