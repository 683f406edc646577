#!/usr/bin/env python3
"""Every ordering edge of the runtime has two ends, and every strong access
names its edge; one line per violation.

A comment `Ordering: release, edge NAME -> f()` stands before the access that
publishes, `Ordering: acquire, edge NAME <- g()` before the one that observes,
`<->` before one that does both. Checked in runtime/src:
- an edge has a publishing and an observing end, in different places;
- the functions it names exist;
- it stands in the table "Ordering edges" of runtime/DESIGN.md, and that table
  names no edge that the source has not;
- an access stronger than relaxed has such a comment, of its own memory order,
  on the lines before it.
"""

import os
import re
import sys

EDGE = re.compile(r"\bedge\s+\**\s*([A-Z][A-Z0-9-]+)\s*\**\s*(<->|->|<-)\s*\**\s*(\w+)?")
ORDERING = re.compile(r"Ordering:\s*(\w+),")
ACCESS = re.compile(r"\bGTI_(?:LOAD|STORE|XCHG|ADD|SUB|OR|AND|CAS|FENCE)\b.*\b(acquire|release|acq_rel|seq_cst)\s*\)")
STRONG_NAMES = re.compile(r"\b(?:__ATOMIC_(?:ACQUIRE|RELEASE|ACQ_REL|SEQ_CST)|memory_order_(?:acquire|release|acq_rel|seq_cst))\b")
DEFINES = "atomics.h"
REACH = 6   # lines from an access back to its comment
HEADING = "## Ordering edges"


class End:
    def __init__(self, where, direction, partner):
        self.where, self.direction, self.partner = where, direction, partner


def check(root):
    """The violations below `root`, each one line."""
    folder = os.path.join(root, "runtime", "src")
    files = {}
    for directory, _, names in os.walk(folder):
        for name in sorted(names):
            if name.endswith((".c", ".h")):
                path = os.path.join(directory, name)
                with open(path, encoding="utf-8", errors="replace") as f:
                    files[os.path.relpath(path, root)] = f.read()
    edges = _edges(files)
    errors = _one_ended(edges) + _unknown_partners(edges, files) + _against_design(root, edges)
    for path, text in files.items():
        if os.path.basename(path) != DEFINES:
            errors += _bare_accesses(path, text)
    return errors


def _edges(files):
    """{name: [End]} of all comments."""
    edges = {}
    for path, text in files.items():
        for match in EDGE.finditer(text):
            where = "%s:%d" % (path, text.count("\n", 0, match.start()) + 1)
            edges.setdefault(match.group(1), []).append(End(where, match.group(2), match.group(3)))
    return edges


def _one_ended(edges):
    errors = []
    for name, ends in sorted(edges.items()):
        publishes = [e for e in ends if e.direction != "<-"]
        observes = [e for e in ends if e.direction != "->"]
        if not publishes:
            errors.append("%s: edge %s has no publishing end (->)" % (ends[0].where, name))
        elif not observes:
            errors.append("%s: edge %s has no observing end (<-)" % (ends[0].where, name))
        elif len(ends) < 2:
            errors.append("%s: edge %s has one end only" % (ends[0].where, name))
    return errors


def _unknown_partners(edges, files):
    everything = "\n".join(re.sub(r"/\*.*?\*/", "", text, flags=re.S) for text in files.values())
    return ["%s: edge %s names %s, which is not in runtime/src" % (e.where, name, e.partner or "nobody")
            for name, ends in sorted(edges.items()) for e in ends
            if not e.partner or not re.search(r"\b%s\s*\(" % e.partner, everything)]


def _against_design(root, edges):
    try:
        with open(os.path.join(root, "runtime", "DESIGN.md"), encoding="utf-8") as f:
            table = f.read().partition(HEADING)[2].partition("\n## ")[0]
    except OSError:
        table = ""
    listed = set(re.findall(r"^\|\s*`?([A-Z][A-Z0-9-]+)`?\s*\|", table, re.M))
    return (["%s: edge %s is not in the table of runtime/DESIGN.md" % (edges[n][0].where, n)
             for n in sorted(set(edges) - listed)]
            + ["runtime/DESIGN.md: edge %s is not in runtime/src" % n for n in sorted(listed - set(edges))])


def _bare_accesses(path, text):
    errors, lines = [], text.split("\n")
    for number, line in enumerate(lines):
        if STRONG_NAMES.search(line):
            errors.append("%s:%d: a memory order outside atomics.h" % (path, number + 1))
        access = ACCESS.search(line)
        if not access:
            continue
        before = "\n".join(lines[max(0, number - REACH):number + 1])
        stated = ORDERING.findall(before)
        if not stated:
            errors.append("%s:%d: a %s access without an \"Ordering:\" comment" % (path, number + 1, access.group(1)))
        elif stated[-1] != access.group(1):
            errors.append("%s:%d: a %s access under a comment that says %s"
                          % (path, number + 1, access.group(1), stated[-1]))
    return errors


def main(argv):
    root = argv[0] if argv else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    errors = check(os.path.abspath(root))
    for error in errors:
        print(error)
    print("orderings: %s" % ("%d violations" % len(errors) if errors else "ok"))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
