"""Reader and writer of a stored run: samples.jsonl, machine.json, plan.json.

load_run(path) is what every reader of results goes through. Whatever is
wrong ends in one DataError that names file and line; nothing is repaired.
One thing is forgiven: the last line of a run that never finished may be cut,
because the process may have been killed while it wrote; it is skipped, and
Run.notes says so. In a run marked finished a cut line is damage.

The writer appends one line per sample and fsyncs it before it returns.
"""

import json
import os
import re
import stat

from . import strictjson
from .errors import CannotWriteError, DataError

SCHEMA = "greenbench.sample/1"
MACHINE_SCHEMA = "greenbench.machine/1"
MAX_LINE = 64 * 1024
MAX_SAMPLES = 200_000
MAX_DOCUMENT = 1024 * 1024

STATUSES = ("ok", "limit", "skipped", "invalid", "failed", "crashed", "timeout")
CELL = re.compile(r"[a-z][a-z0-9_]{0,31}/[a-z][a-z0-9_]{0,31}(/[A-Za-z][A-Za-z0-9_]{0,15}:[a-z0-9-]{1,31}){0,12}\Z")
BACKEND = re.compile(r"[a-z][a-z0-9-]{0,31}\Z")
UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z\Z")


class Run:
    """A stored run. .machine, .plan: dict (plan {} where there is none);
    .samples: list of dict in file order; .notes: one-line remarks."""

    def __init__(self, path, machine, samples, notes, plan=None):
        self.path, self.machine, self.samples = path, machine, samples
        self.notes, self.plan = notes, plan or {}

    @property
    def interrupted(self):
        return self.plan.get("state", "finished") != "finished"


def load_run(path):
    """Read the run in directory `path` (or whose samples.jsonl is `path`)."""
    path = os.fspath(path)
    if os.path.basename(path) == "samples.jsonl":
        path = os.path.dirname(path) or "."
    if not os.path.isfile(os.path.join(path, "samples.jsonl")):
        raise DataError(os.path.join(path, "samples.jsonl"), 0, "no run here: the file does not exist")
    machine = load_document(os.path.join(path, "machine.json"))
    check_machine(os.path.join(path, "machine.json"), machine)
    plan_file = os.path.join(path, "plan.json")
    plan = load_document(plan_file) if os.path.lexists(plan_file) else {}
    finished = plan.get("state") == "finished"
    notes = []
    samples = read_samples(os.path.join(path, "samples.jsonl"), notes, forgive_cut=not finished)
    if plan and not finished:
        notes.append("the run was interrupted: what it finished is here, the rest is missing")
    return Run(path, machine, samples, notes, plan)


def load_document(file):
    """A JSON object from a small file."""
    data = _read(file, MAX_DOCUMENT)
    try:
        value = strictjson.parse(data)
    except ValueError as e:
        raise DataError(file, 1, str(e)) from None
    if not isinstance(value, dict):
        raise DataError(file, 1, "not an object")
    return value


def check_machine(file, machine):
    """The parts of machine.json that readers rely on."""
    if machine.get("schema") != MACHINE_SCHEMA:
        raise DataError(file, 1, "schema is %s, not %s"
                        % (ascii(machine.get("schema"))[:60], MACHINE_SCHEMA))
    if not isinstance(machine.get("machine"), str):
        raise DataError(file, 1, "machine is missing or not a string")
    for key in ("hw", "env", "toolchain", "hashes"):
        if not isinstance(machine.get(key), dict):
            raise DataError(file, 1, "%s is missing or not an object" % key)


def read_samples(file, notes, forgive_cut=True):
    """All samples of one file; DataError at the first line that is wrong."""
    lines = _read(file, MAX_LINE * 4096).split(b"\n")
    cut = lines.pop()
    if len(lines) > MAX_SAMPLES:
        raise DataError(file, MAX_SAMPLES + 1, "more than %d samples" % MAX_SAMPLES)
    samples, seen = [], {}
    for number, line in enumerate(lines, 1):
        sample = parse_line(file, number, line)
        key = (sample["cell"], sample["backend"], sample["replicate"])
        if key in seen:
            raise DataError(file, number, "repeats replicate %d of %s on %s of line %d"
                            % (key[2], key[0], key[1], seen[key]))
        seen[key] = number
        samples.append(sample)
    if cut:
        if not forgive_cut:
            raise DataError(file, len(lines) + 1, "the last line is truncated")
        notes.append("%s:%d: the last line is truncated; skipped" % (file, len(lines) + 1))
    if not samples:
        raise DataError(file, 1, "no complete sample in the file")
    return samples


def parse_line(file, number, line):
    """One stored line as a checked dict."""
    if len(line) > MAX_LINE:
        raise DataError(file, number, "a line of %d bytes" % len(line))
    if line.endswith(b"\r"):
        raise DataError(file, number, "ends in CR LF; samples end in LF")
    if not line.strip():
        raise DataError(file, number, "an empty line")
    try:
        sample = strictjson.parse(line)
        check(sample)
    except ValueError as e:
        raise DataError(file, number, str(e)) from None
    return sample


def _read(file, limit):
    try:
        fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as f:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise DataError(file, 0, "not a regular file")
            data = f.read(limit + 1)
    except OSError as e:
        raise DataError(file, 0, "cannot be read: %s" % e.strerror) from None
    if len(data) > limit:
        raise DataError(file, 0, "larger than %d bytes" % limit)
    return data


# --- what a sample must look like -------------------------------------------


def _count(v):
    return isinstance(v, int) and not isinstance(v, bool) and v >= 0


def _integer(v):
    return isinstance(v, int) and not isinstance(v, bool)


def _amount(v):
    return isinstance(v, (int, float)) and not isinstance(v, bool) and v >= 0


def _text(v):
    return isinstance(v, str)


def _object(v):
    return isinstance(v, dict)


def _null_or(test):
    return lambda v: v is None or test(v)


# What a bench executable prints ...
PRINTED = {
    "cell": (lambda v: _text(v) and CELL.match(v), "not a cell name"),
    "backend": (lambda v: _text(v) and BACKEND.match(v), "not a backend name"),
    "status": (lambda v: v in STATUSES, "not one of " + ", ".join(STATUSES)),
    "reason": (_null_or(_text), "neither text nor null"),
    "rounds": (_null_or(_count), "not a count"),
    "unit": (_null_or(_count), "not a count"),
    "operations": (_null_or(_count), "not a count"),
    "gbench": (_null_or(_object), "neither an object nor null"),
    "ns_per_op": (_null_or(_amount), "not a time"),
    "cpu_ns_per_op": (_null_or(_amount), "not a time"),
    "ledger": (_null_or(_object), "neither an object nor null"),
    "usage": (_null_or(_object), "neither an object nor null"),
    "memory": (_null_or(_object), "neither an object nor null"),
    "limit": (_null_or(_object), "neither an object nor null"),
    "env": (_null_or(_object), "neither an object nor null"),
}
# ... and what the runner adds.
ADDED = {
    "replicate": (_count, "not a count"),
    "round": (_count, "not a count"),
    "order": (_count, "not a count"),
    "utc": (lambda v: _text(v) and UTC.match(v), "not a UTC time"),
    "wall_ms": (_amount, "not a time"),
    "exit": (_integer, "not an integer"),
}
LEDGER = ("created", "done", "sent", "delivered", "retries", "empty_yields")
USAGE = ("voluntary_switches", "involuntary_switches", "minor_faults", "major_faults", "max_rss_kib")
MEMORY = ("n", "user_bytes", "page_table_bytes", "kernel_stack_bytes", "slab_bytes",
          "anon_huge_bytes", "noise_bytes")


def check(sample, printed_only=False):
    """ValueError unless `sample` is a sample. printed_only: as it comes from
    a bench executable, before the runner has added its fields."""
    if not isinstance(sample, dict):
        raise ValueError("not an object")
    if sample.get("schema") != SCHEMA:
        raise ValueError("schema is %s, not %s" % (ascii(sample.get("schema"))[:60], SCHEMA))
    _fields(sample, PRINTED, "")
    if not printed_only:
        _fields(sample, ADDED, "")
    status = sample["status"]
    if (status == "ok") != (sample["reason"] is None):
        raise ValueError("status %s %s a reason" % (status, "without" if status != "ok" else "with"))
    if status in ("ok", "invalid") and (sample["gbench"] is None or sample["ns_per_op"] is None):
        raise ValueError("status %s without a time" % status)
    _check_parts(sample)


def _fields(value, table, prefix):
    for key, (test, complaint) in table.items():
        if key not in value:
            raise ValueError("%s%s is missing" % (prefix, key))
        if not test(value[key]):
            raise ValueError("%s%s is %s: %s" % (prefix, key, complaint, ascii(value[key])[:60]))


def _check_parts(sample):
    if sample["gbench"] is not None:
        _check_gbench(sample)
    if sample["ledger"] is not None:
        _fields(sample["ledger"], {k: (_count, "not a count") for k in LEDGER}, "ledger.")
        _fields(sample["ledger"], {k: (_text, "not text") for k in ("checksum", "expected")}, "ledger.")
    if sample["usage"] is not None:
        _fields(sample["usage"], {k: (_count, "not a count") for k in USAGE}, "usage.")
    if sample["memory"] is not None:
        # Deltas of the whole machine may be below zero within the noise.
        _fields(sample["memory"], {k: (_null_or(_integer), "not an integer") for k in MEMORY}, "memory.")
        _fields(sample["memory"], {"source": (_text, "not text")}, "memory.")
    if sample["limit"] is not None:
        _fields(sample["limit"], {"reached": (_count, "not a count"),
                                  "errno": (_null_or(_text), "not text"),
                                  "name": (_null_or(_text), "not text"),
                                  "value": (_null_or(_integer), "not an integer")}, "limit.")


def _check_gbench(sample):
    entry = sample["gbench"]
    _fields(entry, {"name": (lambda v: v == sample["cell"], "not the cell's name"),
                    "time_unit": (lambda v: v == "ns", "not ns"),
                    "real_time": (_amount, "not a time"),
                    "cpu_time": (_amount, "not a time")}, "gbench.")
    stated = sample["ns_per_op"]
    if stated is not None and abs(stated - entry["real_time"]) > 0.01 * entry["real_time"] + 0.01:
        raise ValueError("ns_per_op is %.6g and gbench.real_time %.6g" % (stated, entry["real_time"]))


# --- writing -----------------------------------------------------------------


class Writer:
    """Appends samples to a file that it creates; refuses a link or an
    existing file unless told to go on with it."""

    def __init__(self, file, append=False):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self.fd = os.open(file, flags if append else flags | os.O_EXCL, 0o644)
        except OSError as e:
            raise CannotWriteError("cannot write %s: %s" % (file, e.strerror)) from None
        self.file = file

    def add(self, sample):
        """Write one sample and wait until it is on the disk."""
        check(sample)
        line = json.dumps(sample, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        start = os.fstat(self.fd).st_size
        written = 0
        try:
            while written < len(line):
                written += os.write(self.fd, line[written:])
            os.fsync(self.fd)
        except OSError as e:
            self._take_back(start)
            raise CannotWriteError("cannot write %s: %s" % (self.file, e.strerror)) from None

    def _take_back(self, size):
        """Leave no half line behind when the disk is full."""
        try:
            os.ftruncate(self.fd, size)
        except OSError:
            pass

    def close(self):
        os.close(self.fd)
