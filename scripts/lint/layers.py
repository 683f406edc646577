#!/usr/bin/env python3
"""Who may include what; one line per violation.

- bench/workloads/* include task.h and workload.h only: a workload cannot know
  which backend it runs on, nor call the harness but through workload.h. Those
  of io also what bench/io shares, and task_io.h.
- bench/backends/X includes the public headers of X only.
- hwloc is known to bench/placement.[ch] alone, Google Benchmark to
  bench/gbench/gbench.cc alone, task.h to bench/backend.c and the workloads.
- runtime and threads_baseline know neither each other nor bench, hwloc or
  Google Benchmark.
- Inside runtime/src a file includes only what stands beside or before it in
  the list "Files, in the order ..." of runtime/DESIGN.md, but for EXCEPTIONS.
"""

import os
import re
import sys

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
SUFFIXES = (".c", ".h", ".cc", ".S", ".in")
ORDER_HEADING = "## Files, in the order in which they may include each other"

# Header prefix -> who may include it, as path prefixes; nobody else.
RESTRICTED = {
    "hwloc": ("bench/placement.", "bench/tests/"),
    "benchmark/": ("bench/gbench/gbench.cc",),
    "gt/": ("runtime/", "bench/backends/gt/"),
    "tb/": ("threads_baseline/", "bench/backends/pthread/", "bench/backends/pthread-futex/",
            "bench/backends/pthread-pool/"),
    "task_backend.h": ("bench/task.h", "bench/backends/null/"),
    "boost/": ("bench/peers/boost_fiber/",),
    "st.h": ("bench/peers/st/",),
}
TASK_USERS = ("bench/backend.c", "bench/workloads/", "bench/tests/", "bench/task_io.h")

# (file, header): .c files that call up the order; no header may.
EXCEPTIONS = {
    ("runtime/src/worker.c", "runtime/src/group.h"),       # books a finished member inline
}
# Path prefix -> the project headers it may include, as prefixes.
ALLOWED = (
    ("bench/workloads/", ("task.h", "workload.h")),
    ("bench/backends/gt/", ("gt/",)),
    ("bench/backends/pthread", ("tb/",)),
)
# Workloads that are servers share what a server and its clients need.
IO_WORKLOADS, IO_HEADERS = "bench/workloads/io_", ("bench/io/", "bench/task_io.h")
OUTSIDERS = {"runtime/": ("bench/", "threads_baseline/"), "threads_baseline/": ("bench/", "runtime/")}


def check(root):
    """The violations below `root`, each one line."""
    errors = []
    order = _order(root, errors)
    for path in _sources(root):
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
            text = COMMENT.sub(lambda m: "\n" * m.group().count("\n"), f.read())
        for match in INCLUDE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            errors += ["%s:%d: %s" % (path, line, e) for e in _judge(root, path, match.group(2), order)]
    return errors


def _sources(root):
    for top in ("bench", "runtime", "threads_baseline"):
        for directory, folders, files in os.walk(os.path.join(root, top)):
            folders.sort()
            for name in sorted(files):
                if name.endswith(SUFFIXES):
                    yield os.path.relpath(os.path.join(directory, name), root)


def _judge(root, path, header, order):
    plain = os.path.basename(header) if header.startswith("..") else header
    for prefix, users in RESTRICTED.items():
        if plain.startswith(prefix) and not path.startswith(users):
            yield "may not include %s; only %s may" % (header, ", ".join(users))
    found = _resolve(root, path, header)
    if not found:
        return
    if found == "bench/task.h" and not path.startswith(TASK_USERS):
        yield "may not include task.h; only %s may" % ", ".join(TASK_USERS)
    if not (path.startswith(IO_WORKLOADS) and found.startswith(IO_HEADERS)):
        for prefix, headers in ALLOWED:
            if path.startswith(prefix) and not plain.startswith(headers):
                yield "includes %s; may include %s only" % (header, ", ".join(headers))
    for prefix, others in OUTSIDERS.items():
        if path.startswith(prefix) and found.startswith(others):
            yield "includes %s of another component" % found
    if path.startswith("runtime/src/") and found.startswith("runtime/src/"):
        yield from _judge_order(path, found, order)


def _judge_order(path, found, order):
    mine, theirs = _rank(path, order), _rank(found, order)
    if mine is None:
        yield "is not in the list of files of runtime/DESIGN.md"
    elif theirs is None:
        yield "includes %s, which is not in the list of files of runtime/DESIGN.md" % found
    elif theirs > mine and (path, found) not in EXCEPTIONS:
        yield "includes %s, which comes later in the order of runtime/DESIGN.md" % found


def _resolve(root, path, header):
    """The project file that an include means, or None for the system's."""
    component = path.split("/")[0]
    for base in (os.path.dirname(path), component + "/include", component + "/src", component, "bench"):
        candidate = os.path.normpath(os.path.join(base, header))
        if os.path.isfile(os.path.join(root, candidate)):
            return candidate
    return None


def _order(root, errors):
    """{module: rank} from the table in runtime/DESIGN.md."""
    name = os.path.join(root, "runtime", "DESIGN.md")
    try:
        with open(name, encoding="utf-8") as f:
            after = f.read().partition(ORDER_HEADING)[2].partition("\n## ")[0]
    except OSError:
        after = ""
    rows = [line.split("|")[1] for line in after.splitlines() if line.startswith("| `")]
    if not rows:
        errors.append("runtime/DESIGN.md:1: has no table under \"%s\"" % ORDER_HEADING)
    return {module: rank for rank, row in enumerate(rows) for module in re.findall(r"`([^`]+)`", row)}


def _rank(path, order):
    """The rank of a file: of its folder, or of the longest module name that
    its own is or continues (runq_memory.h belongs to runq)."""
    name = path[len("runtime/src/"):]
    stem = os.path.splitext(name)[0]
    if "/" in name:
        return order.get(name.split("/")[0] + "/")
    owners = [m for m in order if (stem + "_").startswith(os.path.splitext(m)[0] + "_")]
    return order[max(owners, key=len)] if owners else None


def main(argv):
    root = argv[0] if argv else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    errors = check(os.path.abspath(root))
    for error in errors:
        print(error)
    print("layers: %s" % ("%d violations" % len(errors) if errors else "ok"))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
