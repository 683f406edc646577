"""Reader and writer of a stored run: samples.jsonl, calibration.jsonl,
machine.json, plan.json.

load_run(path) is what every reader of results goes through. strictjson parses,
schema.py judges against results/schema. Whatever is wrong ends in one
DataError that names file and line; nothing is repaired.
One thing is forgiven: the last line of a run that never finished may be cut,
because the process may have been killed while it wrote; it is skipped, and
Run.notes says so. In a run marked finished a cut line is damage.

The writer appends one line per sample and fsyncs it before it returns. It holds
a lock on the file for as long as it is open: one run, one writer.
"""

import fcntl
import json
import os
import stat

from . import schema, strictjson
from .errors import CannotWriteError, DataError, UsageError

SCHEMA = "greenbench.sample/1"
MACHINE_SCHEMA = "greenbench.machine/1"
PLAN_SCHEMA = "greenbench.plan/1"
CALIBRATION_SCHEMA = "greenbench.calibration/1"
MAX_LINE = 256 * 1024      # a histogram is most of it
MAX_SAMPLES = 200_000
MAX_BYTES = 256 << 20      # of a file of lines
MAX_DOCUMENT = 1024 * 1024

# What a bench executable prints, null where it measured nothing.
PRINTED = ("schema", "cell", "backend", "status", "reason", "rounds", "unit", "operations", "gbench",
           "ns_per_op", "cpu_ns_per_op", "ledger", "usage", "memory", "latency", "fairness", "alone_ns_per_op",
           "wakeup_cpu_ns", "limit", "env")


class Run:
    """A stored run. .machine, .plan: dict (plan {} where there is none);
    .samples, .calibrations: lists of dict in file order; .notes: one-line
    remarks."""

    def __init__(self, path, machine, samples, notes, plan=None, calibrations=()):
        self.path, self.machine, self.samples = path, machine, samples
        self.notes, self.plan, self.calibrations = notes, plan or {}, list(calibrations)

    @property
    def interrupted(self):
        return self.plan.get("state", "finished") != "finished"


def best_of(plan):
    """How many processes a round has of which the fastest counts, as in runs that compare measured; else 1."""
    number = plan.get("best_of")
    return number if isinstance(number, int) and number > 1 else 1


def load_run(path, may_be_empty=False):
    """Read the run in directory `path` (or whose samples.jsonl is `path`).
    may_be_empty: a run that was killed before its first sample will do."""
    path = os.fspath(path)
    if os.path.basename(path) == "samples.jsonl":
        path = os.path.dirname(path) or "."
    if not os.path.isfile(os.path.join(path, "samples.jsonl")):
        raise DataError(os.path.join(path, "samples.jsonl"), 0, "no run here: the file does not exist")
    machine = load_checked(os.path.join(path, "machine.json"), "machine")
    plan_file = os.path.join(path, "plan.json")
    plan = load_checked(plan_file, "plan") if os.path.lexists(plan_file) else {}
    finished = plan.get("state") == "finished"
    notes = []
    samples = read_samples(os.path.join(path, "samples.jsonl"), notes, not finished, may_be_empty)
    calibrations = read_calibrations(os.path.join(path, "calibration.jsonl"), notes, not finished)
    if plan and not finished:
        notes.append("the run was interrupted: what it finished is here, the rest is missing")
    return Run(path, machine, samples, notes, plan, calibrations)


def load_ordinary(path):
    """load_run(), but not of one backend beside itself, whose samples mean something else."""
    run = load_run(path)
    if "aa" in run.plan or any("label" in sample for sample in run.samples):
        raise UsageError("%s is one backend measured beside itself, no run of backends: greenbench run --aa %s judges it"
                         % (path, path))
    return run


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


def load_checked(file, kind):
    """The same, if it is what results/schema says of its kind."""
    value = load_document(file)
    check_document(file, value, kind)
    return value


def check_document(file, value, kind):
    errors = schema.check(value, kind)
    if errors:
        raise DataError(file, 1, errors[0])


def read_samples(file, notes, forgive_cut=True, may_be_empty=False):
    """All samples of one file; DataError at the first line that is wrong."""
    samples, seen = [], {}
    for number, sample in _parsed_lines(file, "sample", notes, forgive_cut):
        key = (sample["cell"], sample["backend"], sample["replicate"])
        if key in seen:
            raise DataError(file, number, "repeats replicate %d of %s on %s of line %d"
                            % (key[2], key[0], key[1], seen[key]))
        seen[key] = number
        samples.append(sample)
    if not samples and not may_be_empty:
        raise DataError(file, 1, "no complete sample in the file")
    return samples


def read_calibrations(file, notes, forgive_cut=True):
    """Those of a run, [] where there is no file."""
    if not os.path.lexists(file):
        return []
    return [value for _, value in _parsed_lines(file, "calibration", notes, forgive_cut)]


def _parsed_lines(file, kind, notes, forgive_cut):
    """(number, checked dict) of each line, counted before any is parsed."""
    lines = _read(file, MAX_BYTES).split(b"\n")
    cut = lines.pop()
    if len(lines) > MAX_SAMPLES:
        raise DataError(file, MAX_SAMPLES + 1, "more than %d lines" % MAX_SAMPLES)
    for number, line in enumerate(lines, 1):
        yield number, parse_line(file, number, line, kind)
    if cut:
        if not forgive_cut or len(cut) > MAX_LINE:
            raise DataError(file, len(lines) + 1, "the last line is truncated")
        notes.append("%s:%d: the last line is truncated; skipped" % (file, len(lines) + 1))


def parse_line(file, number, line, kind="sample"):
    """One stored line as a checked dict."""
    if len(line) > MAX_LINE:
        raise DataError(file, number, "a line of %d bytes" % len(line))
    if line.endswith(b"\r"):
        raise DataError(file, number, "ends in CR LF; lines end in LF here")
    if not line.strip():
        raise DataError(file, number, "an empty line")
    try:
        value = strictjson.parse(line)
        check(value, kind)
    except ValueError as e:
        raise DataError(file, number, str(e)) from None
    return value


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
        raise DataError(file, data.count(b"\n") + 1, "larger than %d bytes" % limit)
    return data


def check(value, kind="sample"):
    """ValueError unless `value` is what results/schema says of its kind."""
    errors = schema.check(value, kind)
    if errors:
        raise ValueError(errors[0])


# --- writing -----------------------------------------------------------------


class Writer:
    """Appends lines to a file that it creates; refuses a link, an existing
    file unless told to go on with it, and one that another writer has open."""

    def __init__(self, file, append=False, kind="sample"):
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        self.file, self.kind = file, kind
        try:
            self.fd = os.open(file, flags if append else flags | os.O_EXCL, 0o644)
        except OSError as e:
            raise CannotWriteError("cannot write %s: %s" % (file, e.strerror)) from None
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self.fd)
            raise CannotWriteError("cannot write %s: another greenbench is at work there" % file) from None

    def add(self, value):
        """Write one line and wait until it is on the disk."""
        check(value, self.kind)
        line = json.dumps(value, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        start = os.fstat(self.fd).st_size
        written = 0
        try:
            while written < len(line):
                written += os.write(self.fd, line[written:])
            os.fsync(self.fd)
        except OSError as e:
            self._take_back(start)
            raise CannotWriteError("cannot write %s: %s" % (self.file, e.strerror)) from None

    def take_back_cut_line(self):
        """What a process that was killed has left of its last line goes; how
        many bytes that was."""
        size = os.fstat(self.fd).st_size
        tail = os.pread(self.fd, MAX_LINE, max(0, size - MAX_LINE))
        cut = len(tail) - (tail.rfind(b"\n") + 1)
        if cut:
            self._take_back(size - cut)
        return cut

    def _take_back(self, size):
        """Leave no half line behind when the disk is full."""
        try:
            os.ftruncate(self.fd, size)
        except OSError:
            pass

    def close(self):
        os.close(self.fd)
