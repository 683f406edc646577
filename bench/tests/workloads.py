"""Every workload, small, on one backend: checked through its executable.

    workloads.py BENCH_EXECUTABLE [LOSSY_EXECUTABLE]

Each cell must end ok, or as another status that is named for it here, with
matching checksum and ledger. The lossy executable must fail where messages
are counted. Prints one line per cell; exits 1 if any is wrong.
"""

import json
import os
import subprocess
import sys

TIMEOUT_S = 240
CPUS = len(os.sched_getaffinity(0))

# cell, rounds
CELLS = [
    ("spawn/one/P:1", 2),
    ("spawn/one/P:2", 1),
    ("spawn/storm/n:1/temp:warm/P:1", 3),
    ("spawn/storm/n:100/temp:warm/P:2", 3),
    ("spawn/storm/n:100/temp:cold/P:2", 5),
    ("spawn/storm/n:300/temp:warm/P:1/place:compact", 2),
    ("spawn/storm/n:300/stack:small/temp:warm/P:2", 2),
    ("spawn/storm/n:100/stack:64k/temp:warm/P:1", 2),
    ("spawn/storm/n:300/temp:warm/P:2/place:scatter", 2),
    ("spawn/parked_storm/n:1/temp:warm/P:1", 2),
    ("spawn/parked_storm/n:100/temp:warm/P:1", 3),
    ("spawn/parked_storm/n:200/temp:warm/P:2", 3),
    ("spawn/parked_storm/n:200/temp:cold/P:2", 3),
    ("spawn/parked_storm/n:200/stack:small/temp:warm/P:2", 2),
    ("spawn/parked_storm/n:50/stack:64k/temp:warm/P:1", 2),
    ("spawn/tree/n:10/P:1", 3),
    ("spawn/tree/n:1000/P:2", 1),
    ("switch/yield/n:2/P:1", 2),
    ("switch/yield/n:3/P:1", 2),
    ("switch/yield/n:100/P:1", 2),
    ("switch/yield_multi/n:8/P:2", 2),
    ("switch/yield_multi/n:100/P:2", 2),
    ("switch/handoff/P:1", 2),
    ("switch/handoff/P:1/place:same-pu", 2),
    ("switch/handoff/P:2", 2),
    ("switch/handoff/P:2/place:same-llc", 2),
    ("switch/line/P:2/place:same-llc", 2),
    ("switch/working_set/n:2/kib:1/P:1", 2),
    ("switch/working_set/n:16/kib:32/P:1", 2),
    ("channel/ping_pong/cap:0/P:1/place:same-pu", 2),
    ("channel/ping_pong/cap:0/P:2", 2),
    ("channel/ping_pong/cap:1/P:2/place:same-llc", 2),
    ("channel/ping_pong/cap:128/P:1", 2),
    ("channel/prod_cons/p:1/c:1/cap:0/P:2", 2),
    ("channel/prod_cons/p:1/c:1/cap:128/P:1", 2),
    ("channel/prod_cons/p:4/c:4/cap:1/P:2", 1),
    ("channel/prod_cons/p:3/c:1/cap:16/P:2", 2),
    ("channel/prod_cons/p:1/c:5/cap:16/P:2", 2),
    ("channel/select/k:4/P:1", 2),
    ("channel/select/k:2/P:1", 2),
    ("channel/select/k:2/P:2", 2),
    ("channel/select/k:8/P:2", 1),
    ("channel/sieve/k:1/P:1", 3),
    ("channel/sieve/k:30/P:2", 2),
    ("sync/mutex/n:1/cs:0/P:1", 2),
    ("sync/mutex/n:2/cs:0/P:2", 5),
    ("sync/mutex/n:50/cs:100/P:2", 2),
    ("sync/counter/n:1/by:mutex/P:1", 2),
    ("sync/counter/n:2/by:mutex/P:2", 2),
    ("sync/counter/n:50/by:mutex/P:2", 2),
    ("sync/counter/n:1/by:atomic/P:1", 2),
    ("sync/counter/n:50/by:atomic/P:2", 2),
    ("sync/counter/n:1/by:owner/P:1", 2),
    ("sync/counter/n:2/by:owner/P:2", 2),
    ("sync/counter/n:50/by:owner/P:2", 2),
    ("wake/timer/n:1/P:1", 3),
    ("wake/timer/n:200/P:2", 2),
    ("wake/unpark/delay:0/P:2", 2),
    ("wake/unpark/delay:100/P:2/place:same-llc", 1),
    ("wake/unpark/delay:10000/P:2", 1),
    ("wake/idle/n:1/P:1", 1),
    ("wake/idle/n:100/P:2", 1),
    ("wake/hog/h:0/remedy:on/P:1", 1),
    ("wake/hog/h:3/remedy:on/P:2", 1),
    ("wake/hog/h:3/remedy:off/P:2", 1),
    ("parallel/fib/n:2/P:1", 3),
    ("parallel/fib/n:12/P:2", 2),
    ("parallel/nqueens/n:4/P:1", 3),
    ("parallel/nqueens/n:8/P:1", 2),
    ("parallel/nqueens/n:9/P:2", 2),
    ("syscall/blocking/n:1/P:1", 1),
    ("syscall/blocking/n:16/P:2", 3),
    ("syscall/blocking/n:100/P:2", 3),
    ("stack/grow/bytes:4096/P:1", 5),
    ("stack/grow/bytes:65536/P:1", 5),
    ("stack/grow/bytes:1048576/P:2", 3),
    ("stack/grow_warm/bytes:4096/P:1", 5),
    ("stack/grow_warm/bytes:65536/P:1", 5),
    ("stack/regrow/bytes:16384/P:1", 100),
    ("stack/regrow/bytes:1048576/P:1", 200),
    ("stack/retained/bytes:4096/P:1", 1),
    ("stack/retained/bytes:1048576/P:2", 1),
    ("stack/retained/bytes:4194304/P:1", 1),
    ("memory/parked/n:1/P:1", 1),
    ("memory/parked/n:200/P:2", 1),
    ("memory/parked/n:200/stack:small/P:1", 1),
    ("memory/parked/n:50/stack:64k/P:2", 1),
    ("memory/capacity/P:2", 1),
    ("io/echo/c:1/P:1", 1),
    ("io/echo/c:100/P:2", 2),
    ("io/api_calls/c:1/P:1", 2),
    ("io/api_calls/c:50/P:2", 2),
    ("io/rest/load:max/P:1", 1),
    ("io/rest/load:50/P:1", 1),
    ("io/rest/load:25/P:2", 2),
    ("io/held/n:1/P:1", 1),
    ("io/held/n:100/P:2", 3),
]

# Small budgets, or this would take every thread of the machine.
OPTIONS = {"memory/capacity": ["--mem-budget", "16777216", "--time-budget", "5"],
           "io/rest": ["--full-load", "2000"]}

# What may come instead of ok: by workload, or by the share of the CPU that a
# busy machine leaves.
ALSO = {"memory/capacity": {"limit"}, "switch/yield": {"invalid"}, "switch/yield_multi": {"invalid"},
        "io/rest": {"invalid"}}
# Where a yield that does not switch is the backend's fault, and not the kernel's way.
OK_ALWAYS = {("gt", "switch/yield")}
# Percent of the yields of switch/yield, above which it is invalid.
EMPTY_YIELDS = {"go": 4}
PAGE = os.sysconf("SC_PAGE_SIZE")
# What shows the cost of an operation alone beside its own.
ALONE = ("switch/working_set/", "parallel/nqueens/", "syscall/blocking/", "stack/grow/", "stack/grow_warm/")
# What is run once, whatever the rounds.
SINGLE = ("memory/", "stack/retained/", "wake/idle/", "io/held/")
# Values of an axis that one backend alone offers.
ONE_BACKEND = {"/remedy:off/": "gt", "/stack:small/": "gt", "/stack:64k/": "pthread"}
POOL_OFFERS = ("spawn/one", "spawn/storm", "parallel/nqueens", "io/rest")
LOSSY = [("channel/ping_pong/cap:0/P:1", 2), ("channel/prod_cons/p:1/c:1/cap:128/P:1", 2),
         ("channel/select/k:2/P:1", 2), ("channel/sieve/k:10/P:1", 2), ("spawn/tree/n:100/P:1", 2),
         ("switch/handoff/P:1", 2), ("sync/counter/n:2/by:owner/P:1", 2), ("wake/unpark/delay:0/P:2", 2),
         ("switch/working_set/n:3/kib:1/P:1", 2), ("switch/line/P:2/place:same-llc", 2),
         ("syscall/blocking/n:4/P:1", 2), ("io/api_calls/c:4/P:1", 2), ("io/echo/c:16/P:1", 2),
         ("io/held/n:8/P:1", 1), ("io/rest/load:max/P:1", 1)]
# These executables also stop for 200 ms in the middle of this, which 400 of 2000 requests must feel.
STALLED = [("io/rest/load:50/P:1", 1)]


class Wrong(Exception):
    pass


def run(executable, cell, rounds, options=None):
    """The sample that the executable prints, and its exit status."""
    workload = "/".join(cell.split("/")[:2])
    command = [executable, "--allow-debug", "--cell", cell, "--rounds", str(rounds)]
    done = subprocess.run(command + (options or OPTIONS.get(workload, [])), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=TIMEOUT_S, check=False)
    lines = done.stdout.decode("ascii", "replace").splitlines()
    if len(lines) != 1:
        raise Wrong("exit %d, %d lines on stdout; stderr: %s"
                    % (done.returncode, len(lines), done.stderr.decode("utf-8", "replace")[-2000:]))
    try:
        return json.loads(lines[0]), done.returncode
    except ValueError as e:
        raise Wrong("not JSON: %s: %s" % (e, lines[0][:200])) from None


def oom_score_adj(command):
    """What a process leaves there: asked once it has ended, and before it is forgotten. Its exit status, too; None
    where nobody may write it."""
    if not os.access("/proc/self/oom_score_adj", os.W_OK):
        return None
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    with open("/proc/%d/oom_score_adj" % child.pid, encoding="ascii") as f:
        return int(f.read()), child.wait()


def allowed(backend, cell):
    """The statuses that this cell may end with."""
    workload = "/".join(cell.split("/")[:2])
    if backend == "pthread-pool" and workload not in POOL_OFFERS:
        return {"skipped"}
    if any(value in cell and backend != only for value, only in ONE_BACKEND.items()):
        return {"skipped"}
    if ("/P:2" in cell) and CPUS < 2:
        return {"skipped"}
    placed = {"skipped"} if "place:same-llc" in cell else set()
    if workload == "memory/capacity":
        return ALSO[workload]
    if (backend, workload) in OK_ALWAYS:
        return {"ok"}
    return {"ok"} | ALSO.get(workload, set()) | placed


def require(condition, message, *values):
    if not condition:
        raise Wrong(message % values)


def check_ledger(sample):
    ledger = sample["ledger"]
    require(ledger["created"] > 0 or "/h:0/" in sample["cell"], "no task was created")
    require(ledger["created"] == ledger["done"], "%(created)d created, %(done)d done" % ledger)
    require(ledger["sent"] == ledger["delivered"], "%(sent)d sent, %(delivered)d delivered" % ledger)
    require(ledger["checksum"] == ledger["expected"], "checksum %(checksum)s, %(expected)s expected" % ledger)
    require(int(ledger["checksum"], 16) != 0, "the checksum is zero")


def check_time(sample, rounds):
    """What a measured sample says about itself must agree."""
    single = "temp:cold" in sample["cell"] or sample["cell"].startswith(SINGLE)
    require(sample["rounds"] == (1 if single else rounds), "rounds is %d", sample["rounds"])
    require(sample["operations"] == sample["rounds"] * sample["unit"], "operations is %d", sample["operations"])
    entry = sample["gbench"]
    require(entry["name"] == sample["cell"], "the entry's name is %s", entry["name"])
    require(entry["iterations"] == sample["operations"], "%d iterations", entry["iterations"])
    require(sample["ns_per_op"] > 0, "ns_per_op is %g", sample["ns_per_op"])
    require(abs(sample["ns_per_op"] - entry["real_time"]) <= 1e-6 * entry["real_time"], "two different times")
    require(sample["usage"]["max_rss_kib"] > 0, "no resident size")


def check_yields(sample, backend):
    """Invalid if too many yields were empty, and only then."""
    share = 100 * sample["ledger"]["empty_yields"] / sample["operations"]
    many = share > EMPTY_YIELDS.get(backend, 2)
    require(many == (sample["status"] == "invalid"), "%s with %.1f %% of empty yields", sample["status"], share)


def check_faults(sample):
    """A stack that is said to be cold was, and one that is not was not."""
    if not sample["cell"].startswith(("stack/grow/", "stack/regrow/")):
        return
    faults = sample["usage"]["minor_faults"] / sample["operations"]
    pages = int(sample["cell"].split("/bytes:")[1].split("/")[0]) // PAGE
    if sample["cell"].startswith("stack/grow/"):
        require(faults >= pages - 2, "%.1f page faults where %d pages are cold", faults, pages)
    else:   # a sanitizer has some of its own
        require(faults < max(1, pages / 16), "%.1f page faults where none of %d pages is cold", faults, pages)


def check_distribution(sample):
    """Percentiles of as many sleeps as were asked for; shares that add up."""
    latency, fairness = sample["latency"], sample["fairness"]
    late = sample["cell"].startswith(("wake/timer/", "wake/hog/", "wake/unpark/", "syscall/", "io/echo/", "io/rest/"))
    require((latency is not None) == late, "latency is %s", latency)
    wakeup = sample["wakeup_cpu_ns"]
    # Left free, the task that wakes may be moved to another thread, and then it is not known.
    if not sample["cell"].startswith("wake/unpark/") or "/place:" in sample["cell"]:
        require((wakeup is not None) == sample["cell"].startswith("wake/unpark/"), "wakeup_cpu_ns is %s", wakeup)
    require((fairness is not None) == sample["cell"].startswith("sync/"), "fairness is %s", fairness)
    alone = sample["alone_ns_per_op"]
    require((alone is not None) == sample["cell"].startswith(ALONE), "alone_ns_per_op is %s", alone)
    require(alone is None or alone > 0, "alone_ns_per_op is %s", alone)
    if latency:
        order = [latency[key] for key in ("p50", "p90", "p99", "p999", "max")]
        require(order == sorted(order) and order[0] >= 0, "percentiles %s", order)
        if sample["cell"].startswith("syscall/"):
            tasks = int(sample["cell"].split("/n:")[1].split("/")[0])
            require(tasks <= latency["count"] <= sample["ledger"]["delivered"], "%d latencies", latency["count"])
        else:
            require(latency["count"] == sample["operations"], "%d latencies", latency["count"])
    if fairness:
        mean = sample["operations"] / fairness["tasks"]
        require(fairness["min"] <= mean <= fairness["max"], "shares %s", fairness)
        require("/n:%d/" % fairness["tasks"] in sample["cell"], "shares of %d tasks", fairness["tasks"])


def lacks_parser(sample):
    return "without an HTTP parser" in (sample["reason"] or "")


def check(executable, backend, cell, rounds):
    sample, status = run(executable, cell, rounds)
    require(sample["schema"] == "greenbench.sample/1", "schema")
    require(sample["cell"] == cell and sample["backend"] == backend, "it is of another cell or backend")
    if lacks_parser(sample):
        return "skipped"
    require(sample["status"] in allowed(backend, cell), "status %s: %s", sample["status"], sample["reason"])
    require((sample["status"] == "ok") == (sample["reason"] is None), "a reason for ok, or none for another")
    require(status == (77 if sample["status"] == "skipped" else 0), "exit %d", status)
    if sample["status"] != "skipped":
        check_ledger(sample)
    if sample["status"] in ("ok", "invalid"):
        check_time(sample, rounds)
        check_distribution(sample)
        check_faults(sample)
        if cell.startswith("switch/yield/"):
            check_yields(sample, backend)
    require((sample["limit"] is not None) == (sample["status"] == "limit"), "limit without its status")
    if cell.startswith(("memory/parked", "stack/grow_warm", "stack/retained", "io/held")) and sample["status"] == "ok":
        require(sample["memory"]["n"] >= 1, "no memory figures")
    return sample["status"]


def check_lossy(executable, cell, rounds):
    if "/P:2" in cell and CPUS < 2:
        return "skipped"
    sample, status = run(executable, cell, rounds)
    offered = not executable.endswith("_pthread-pool_lossy") or cell.startswith(POOL_OFFERS)
    if sample["status"] == "skipped" and ("/place:" in cell or not offered or lacks_parser(sample)):
        return "skipped"
    require(sample["status"] == "failed" and status == 1, "status %s, exit %d", sample["status"], status)
    require(sample["gbench"] is None and sample["ns_per_op"] is None, "a failed run quotes a time")
    return "failed, as it must"


def check_stalled(executable, cell, rounds):
    """A lower bound, whatever else the machine does: one request in ten was due
    in the first half of the stall."""
    sample, status = run(executable, cell, rounds, ["--full-load", "4000"])
    if lacks_parser(sample):
        return "skipped"
    require(sample["status"] in ("ok", "invalid") and status == 0, "status %s, exit %d", sample["status"], status)
    latency = sample["latency"]
    require(latency["p999"] >= 180e6, "p99.9 is %g ns", latency["p999"])
    require(latency["p90"] >= 50e6, "p90 is %g ns", latency["p90"])
    return "seen, as it must"


def main(argv):
    executable, backend = argv[0], os.path.basename(argv[0])[len("bench_"):]
    jobs = [(check, (executable, backend, cell, rounds)) for cell, rounds in CELLS]
    if len(argv) > 1:
        jobs += [(check_lossy, (argv[1], cell, rounds)) for cell, rounds in LOSSY]
        jobs += [(check_stalled, (argv[1], cell, rounds)) for cell, rounds in STALLED]
    wrong = 0
    for function, arguments in jobs:
        name = "%s %s" % (os.path.basename(arguments[0]), arguments[-2])
        try:
            print("%-70s %s" % (name, function(*arguments)), flush=True)
        except (Wrong, subprocess.TimeoutExpired, KeyError, TypeError) as e:
            wrong += 1
            print("%-70s WRONG: %s: %s" % (name, type(e).__name__, e), flush=True)
    print("%d of %d wrong" % (wrong, len(jobs)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
