#!/usr/bin/env python3
"""Is a file that GT_TRACE made a trace? check_trace.py FILE KIND...

Parses it and checks that
- each event has the fields that its phase needs, with times in order of sense;
- slices of one worker do not overlap, but for blocking calls, which lie inside
  a task's slice;
- each KIND is there: the category of a slice (task, sleep, blocking) or the
  name of an instant (spawn, ready, park, steal, wake, hog).
Prints one line per fault; exit status 1 if there is one.
"""

import json
import sys
from decimal import Decimal

INSTANTS = {"spawn", "ready", "park", "steal", "wake", "hog"}


def check(path, wanted):
    """The faults of a trace, each one line."""
    with open(path, encoding="utf-8") as f:
        trace = json.load(f, parse_float=Decimal, parse_int=Decimal)
    events = trace["traceEvents"]
    faults = [fault for event in events for fault in of_event(event)]
    tracks = {}
    for event in events:
        if event["ph"] == "X":
            tracks.setdefault(event["tid"], []).append(event)
    for tid, slices in sorted(tracks.items()):
        faults += of_track(tid, slices)
    found = {e["cat"] if e["ph"] == "X" else e["name"] for e in events}
    return faults + ["there is no %s" % kind for kind in wanted if kind not in found]


def of_event(event):
    if event["ph"] == "M":
        return
    if event["ph"] not in ("X", "i") or not event["name"]:
        yield "unknown phase or no name: %s" % event
    if event["ts"] < 0 or event.get("dur", Decimal(0)) < 0:
        yield "negative time: %s" % event
    if event["ph"] == "X" and "dur" not in event:
        yield "slice without an end: %s" % event
    if event["ph"] == "i" and event["name"] not in INSTANTS:
        yield "unknown instant: %s" % event


def of_track(tid, slices):
    outer = sorted((s for s in slices if s["cat"] != "blocking"), key=lambda s: (s["ts"], s["ts"] + s["dur"]))
    for before, after in zip(outer, outer[1:]):
        if before["ts"] + before["dur"] > after["ts"]:
            yield "worker %s: %s overlaps %s" % (tid, before, after)
    tasks = [s for s in outer if s["cat"] == "task"]
    for inner in slices:
        if inner["cat"] == "blocking" and not any(
                s["ts"] <= inner["ts"] and inner["ts"] + inner["dur"] <= s["ts"] + s["dur"] for s in tasks):
            yield "worker %s: %s is in no task's slice" % (tid, inner)


def main(argv):
    faults = check(argv[0], argv[1:])
    for fault in faults[:20]:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
