"""Reader and writer of a stored run: samples.jsonl, machine.json, plan.json.

load_run(path) is what every reader of results goes through. strictjson parses,
schema.py judges against results/schema. Whatever is wrong ends in one
DataError that names file and line; nothing is repaired.
One thing is forgiven: the last line of a run that never finished may be cut,
because the process may have been killed while it wrote; it is skipped, and
Run.notes says so. In a run marked finished a cut line is damage.

The writer appends one line per sample and fsyncs it before it returns.
"""

import json
import os
import stat

from . import schema, strictjson
from .errors import CannotWriteError, DataError

SCHEMA = "greenbench.sample/1"
MACHINE_SCHEMA = "greenbench.machine/1"
MAX_LINE = 256 * 1024      # a histogram is most of it
MAX_SAMPLES = 200_000
MAX_DOCUMENT = 1024 * 1024

# What a bench executable prints, null where it measured nothing.
PRINTED = ("schema", "cell", "backend", "status", "reason", "rounds", "unit", "operations", "gbench",
           "ns_per_op", "cpu_ns_per_op", "ledger", "usage", "memory", "latency", "fairness", "alone_ns_per_op",
           "wakeup_cpu_ns", "limit", "env")


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
    """DataError unless `machine` is what results/schema says it is."""
    errors = schema.check(machine, "machine")
    if errors:
        raise DataError(file, 1, errors[0])


def read_samples(file, notes, forgive_cut=True):
    """All samples of one file; DataError at the first line that is wrong."""
    lines = _read(file, MAX_LINE * 1024).split(b"\n")
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


def check(sample, printed_only=False):
    """ValueError unless `sample` is a sample. printed_only: as it comes from
    a bench executable, before the runner has added its fields."""
    errors = schema.check(sample, "bench" if printed_only else "sample")
    if errors:
        raise ValueError(errors[0])


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
