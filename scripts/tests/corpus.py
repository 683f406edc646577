"""Stored files as nobody should write them: each case is a name, the file of a
run that it spoils, the line it stands in, and what the file becomes. Every reader
of results refuses all of them: one line with file and line, exit status 65.

    spoiled()      the cases, as bytes
    values()       (kind, object) pairs around the border between good and bad,
                   for the checker of schemas
"""

import copy
import json

from tests import fake_bench
from tests.hostile import STRINGS
from tests.synthetic_run import machine

CELLS = ("</SCRIPT><img onerror=x>/y", "`id`/x", "<x/y", "|x/y", "-x/y", "'x'/y", "../../etc/x", "/etc/passwd",
         "=cmd|' /C calc'!A0", "spawn", "", "spawn/one/P:1\n", "spawn/one/P:1 ", "a/" + "b" * 200, "@v; system 'x'/y")
NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000, "-" + "9" * 5000, "9223372036854775808",
           "true", "\"1\"", "[1]", "{}", "01", "0x10", "1_000", "+1", ".5")


def sample(**changes):
    made = fake_bench.sample("gt", "spawn/one/P:1", 4, replicate=0, round=0, order=0, utc="2025-01-01T00:00:00Z",
                             wall_ms=1.5, exit=0)
    made.update(changes)
    return made


def calibration(**changes):
    made = {"schema": "greenbench.calibration/1", "at": "first", "utc": "2025-01-01T00:00:00Z", "status": "ok",
            "reason": None, "cpus": [0, 1], "clock_ns": 20.0, "chain_ns": 1.0, "empty_ns": 0.3, "line_ns": 100.0,
            "ticks": {"total": 1000, "steal": 0}}
    made.update(changes)
    return made


def plan(**changes):
    made = {"schema": "greenbench.plan/1", "state": "finished", "interrupted": False, "phase": "measuring",
            "profile": "quick", "seed": 1, "spin_ns": 50000, "target_ms": 60, "filter": [], "place": None,
            "backends": ["gt", "pthread"], "mem": 1 << 30, "watchdog": 120, "allow_debug": False,
            "time_seconds": None, "spent_seconds": 1.5, "full_load": None, "left_out": [],
            "cells": {"spawn/one/P:1": {"kind": "timed", "replicates": 6, "backends": {
                "gt": {"rounds": 4, "pilot_ns_per_round": 1e6}, "pthread": {"rounds": 4, "pilot_ns_per_round": 4e6}}}}}
    made.update(changes)
    return made


def diagnosis(**changes):
    """What doctor --json prints."""
    finding = {"id": "turbo", "value": "on", "grade": "B", "text": "t", "remedy": "r"}
    made = {"schema": "greenbench.doctor/1", "grade": "B", "deciding": ["turbo"],
            "next": {"grade": "A", "needs": [{"id": "turbo", "remedy": "r"}]},
            "findings": [finding, dict(finding, id="steal", value=0.02, grade="A")], "calibrations": [calibration()],
            "no_calibration": None, "hw": {"cpu_model": "x"}, "env": {"kernel": "6.1"}, "toolchain": {"compiler": "gcc"}}
    made.update(changes)
    return made


def good():
    """The files of a run that is as it should be: {name: bytes}."""
    lines = [sample(replicate=r, round=r, order=2 * r + (b == "pthread"), backend=b)
             for r in range(6) for b in ("gt", "pthread")]
    return {"samples.jsonl": _lines(lines), "machine.json": _json(machine()), "plan.json": _json(plan()),
            "calibration.jsonl": _lines([calibration(), calibration(at="last")])}


def _json(value):
    return json.dumps(value).encode()


def _lines(values):
    return b"".join(_json(v) + b"\n" for v in values)


# --- files ---

def spoiled():
    """(name, file, line, bytes)."""
    for name, line in _lines_of_samples():
        yield "sample: " + name, "samples.jsonl", 13, good()["samples.jsonl"] + line
    for name, data, number in _files_of_samples():
        yield "samples: " + name, "samples.jsonl", number, data
    for name, line in _lines_of_calibrations():
        yield "calibration: " + name, "calibration.jsonl", 3, good()["calibration.jsonl"] + line
    for file, value in (("machine.json", machine()), ("plan.json", plan())):
        for name, data in _documents(value):
            yield "%s: %s" % (file, name), file, 1, data


def _lines_of_samples():
    text = json.dumps(sample(replicate=7))
    for number in NUMBERS:
        yield "wall_ms " + number[:20], text.replace('"wall_ms": 1.5', '"wall_ms": ' + number).encode() + b"\n"
        yield "order " + number[:20], text.replace('"order": 0', '"order": ' + number).encode() + b"\n"
    for cell in CELLS:
        yield "cell " + cell[:20], _lines([sample(replicate=7, cell=cell)])
    for backend in ("../gt", "GT", "`id`", "", "-x", "gt\x00", "=cmd"):
        yield "backend " + backend, _lines([sample(replicate=7, backend=backend)])
    for name, changes in (("negative time", {"ns_per_op": -1.0}), ("negative count", {"order": -1}),
                          ("boolean as a number", {"replicate": True}), ("text as a number", {"ns_per_op": "5"}),
                          ("no cell", {"cell": None}), ("unknown status", {"status": "good"}),
                          ("unknown schema", {"schema": "greenbench.sample/2"}),
                          ("failed without a reason", {"status": "failed"}), ("gbench a list", {"gbench": []}),
                          ("ok without a ledger", {"ledger": None}), ("a time of zero", {"ns_per_op": 0.0}),
                          ("far too long", {"reason": "x" * 300_000}), ("deep", {"extra": _deep(40)}),
                          ("terminal escape", {"status": "failed", "reason": "\x1b[2J\x1b]0;x\x07"}),
                          ("right to left", {"status": "failed", "reason": "\u202egnp.exe"}),
                          ("a count over 2^63", {"operations": 2 ** 63}), ("a huge time", {"ns_per_op": 1e300})):
        yield name, _lines([sample(**{"replicate": 7, **changes})])
    late = sample(replicate=7)
    late["gbench"]["time_unit"] = "ms"
    yield "ns labelled ms", _lines([late])
    yield "a key twice", text.replace('"order": 0', '"order": 0, "order": 1').encode() + b"\n"
    yield "lone surrogate", text.replace('"reason": null', '"reason": "\\ud800"').encode() + b"\n"
    yield "100,000 deep", b"[" * 100_000 + b"]" * 100_000 + b"\n"
    yield "deep objects", b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"\n"
    yield "cut in the middle", text[:80].encode() + b"\n" + text.encode() + b"\n"
    yield "CR LF", text.encode() + b"\r\n"
    yield "empty line", b"\n"
    yield "not UTF-8", text.replace("ok", "\udcff").encode("utf-8", "surrogateescape") + b"\n"
    yield "NUL", b"\x00" * 64 + b"\n"
    yield "two values", text.encode() + text.encode() + b"\n"
    yield "not an object", b"[]\n"
    yield "a comment", b"// x\n"
    yield "a replicate twice", _lines([sample(replicate=0)])


def _files_of_samples():
    whole = good()["samples.jsonl"]
    yield "no sample", b"", 1
    yield "byte order mark", b"\xef\xbb\xbf" + whole, 1
    yield "UTF-16", whole.decode().encode("utf-16"), 1
    yield "truncated in a finished run", whole[:-10], 12
    yield "a million rows", b"{}\n" * 1_000_000, 200_001
    yield "only line breaks", b"\n" * 100, 1
    yield "CR LF everywhere", whole.replace(b"\n", b"\r\n"), 1
    yield "one endless line", b"x" * 300_000 + b"\n", 1


def _lines_of_calibrations():
    text = json.dumps(calibration())
    for number in NUMBERS:
        yield "chain_ns " + number[:20], text.replace('"chain_ns": 1.0', '"chain_ns": ' + number).encode() + b"\n"
    for name, changes in (("unknown schema", {"schema": "x"}), ("at no time", {"at": "never"}),
                          ("negative", {"clock_ns": -1.0}), ("cpus a number", {"cpus": 3}),
                          ("negative cpu", {"cpus": [-1]}), ("no status", {"status": None}),
                          ("steal over 2^63", {"ticks": {"total": 2 ** 63, "steal": 0}}), ("escape", {"reason": "\x1b[m"})):
        yield name, _lines([calibration(**changes)])
    yield "CR LF", text.encode() + b"\r\n"
    yield "a key twice", text.replace('"at"', '"at": "last", "at"').encode() + b"\n"


def _documents(value):
    text = json.dumps(value)
    for number in ("NaN", "1e999", "9" * 5000, "-1e999"):
        yield "number " + number[:20], text.replace("{", '{"x": %s, ' % number, 1).encode()
    yield "unknown schema", _json(dict(value, schema="other/9"))
    yield "not an object", b"[]"
    yield "empty", b""
    yield "truncated", text[:-5].encode()
    yield "byte order mark", b"\xef\xbb\xbf" + text.encode()
    yield "a key twice", text.replace("{", '{"schema": 1, ', 1).encode()
    yield "deep", b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    yield "deeper than wise", _json(dict(value, x=_deep(40)))
    yield "lone surrogate", text.replace("{", '{"x": "\\udfff", ', 1).encode()
    yield "terminal escape", _json(dict(value, x="\x1b[2J"))
    yield "right to left", _json(dict(value, x="\u202e"))
    yield "huge", b" " * (1 << 20) + text.encode()
    if value["schema"].startswith("greenbench.machine"):
        for name in ("../../etc", "/etc", "A", "", "a b", "x" * 65, "a\n", "<script>", "`id`", "=cmd"):
            yield "machine " + name[:10], _json(dict(value, machine=name))
        yield "hash", _json(dict(value, hashes=dict(value["hashes"], definition="../../x")))
        yield "no hw", _json({k: v for k, v in value.items() if k != "hw"})
        yield "doctor", _json(dict(value, doctor=[{"id": "x", "grade": "E", "text": "t"}]))
    else:
        yield "state", _json(dict(value, state="ended"))
        yield "seed true", _json(dict(value, seed=True))
        yield "cells a list", _json(dict(value, cells=[]))
        yield "left out", _json(dict(value, left_out=[7]))
        yield "time over 2^63", text.replace('"time_seconds": null', '"time_seconds": 9223372036854775808').encode()


def _deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


# --- objects ---

STRANGE = (None, True, False, 0, 1, -1, 1.5, -0.5, 0.0, 1e15, 1e16, 1e301, 2 ** 63 - 1, 2 ** 63, -2 ** 63, -2 ** 63 - 1,
           10 ** 30, 1.0, "", "x", "ok", "0x1", "2025-01-01T00:00:00Z", [], [1], [[1]], {}, {"a": 1})
LARGE = ("x" * 2001, "x" * 70_000, [1] * 5000, {str(i): i for i in range(300)})


def values():
    """Each field of each kind of document in turn: missing, and replaced by each of STRANGE and by hostile strings:
    all of them where a text stands or nothing, two elsewhere."""
    kinds = (("sample", sample()), ("sample", sample(status="limit", reason="x", limit={
        "reached": 1, "errno": "EAGAIN", "name": "pid_max", "value": 32768})),
             ("sample", sample(latency={k: 1 for k in ("p50", "p90", "p99", "p999", "max", "count")},
                               fairness={"tasks": 2, "min": 1, "max": 2}, memory={
                                   "n": 1, "user_bytes": 1, "page_table_bytes": 0, "kernel_stack_bytes": None,
                                   "slab_bytes": 0, "anon_huge_bytes": 0, "noise_bytes": 0, "source": "meminfo"})),
             ("calibration", calibration()), ("plan", plan(left_out=[{"cell": "a/b", "reason": "x"}])),
             ("machine", machine(doctor=[{"id": "load", "value": 0.1, "grade": "A", "text": "t", "remedy": None}])),
             ("doctor", diagnosis()), ("doctor", diagnosis(next=None, no_calibration="none is at hand")))
    done = set()
    for kind, value in kinds:
        yield kind, value
        for path in [p for p in _paths(value) if (kind, p) not in done]:
            done.add((kind, path))
            yield kind, _without(value, path)
            strings = STRINGS if isinstance(_at(value, path), (str, type(None))) else STRINGS[:2]
            for strange in STRANGE + strings + (LARGE if len(path) == 1 else ()):
                yield kind, _with(value, path, strange)
        yield kind, dict(value, unknown_field={"deep": [1, {"x": None}]})
        yield kind, dict(value, **{"k%d" % i: i for i in range(70)})
        for other in STRANGE:
            yield kind, other


def _paths(value, path=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield path + (key,)
        yield from _paths(item, path + (key,))


def _at(value, path):
    for step in path:
        value = value[step]
    return value


def _with(value, path, new):
    changed = copy.deepcopy(value)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = new
    return changed


def _without(value, path):
    changed = copy.deepcopy(value)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    del holder[path[-1]]
    return changed
