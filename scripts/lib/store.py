"""Where runs are kept: <results>/<machine>/<utc>-<rev>/.

samples.jsonl grows by one fsynced line per process (samples.Writer). Every
other file is written under a temporary name, fsynced and renamed, so that a
reader never sees half of one.
"""

import json
import os
import tempfile

from . import machine as machine_facts
from . import samples
from .errors import CannotWriteError, DataError, UsageError


TEMPORARY = ".tmp-"
STORED = ("samples.jsonl", "calibration.jsonl", "plan.json", "machine.json", "topology.xml")


def write_text(path, text):
    """Replace `path` with `text`, whole or not at all. Replaces a symbolic
    link itself, never the file it points to."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path, data):
    """The same of bytes."""
    directory = os.path.dirname(path) or "."
    temporary = None
    try:
        fd, temporary = tempfile.mkstemp(dir=directory, prefix=TEMPORARY)
        with os.fdopen(fd, "wb") as f:
            f.write(data)
            f.flush()
            os.fchmod(f.fileno(), 0o644)
            os.fsync(f.fileno())
        os.rename(temporary, path)
        _sync_directory(directory)
    except OSError as e:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        raise CannotWriteError("cannot write %s: %s" % (path, e.strerror)) from None


def write_aside(path, text):
    """write_text() of a file that somebody names: never over a part of a stored run, and into a device or a pipe as it
    is."""
    if os.path.basename(path) in STORED and os.path.exists(os.path.join(os.path.dirname(path) or ".", "samples.jsonl")):
        raise CannotWriteError("cannot write %s: it is a part of a stored run" % path)
    if not os.path.exists(path) or os.path.isfile(path) or os.path.isdir(path):
        return write_text(path, text)
    try:
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    except OSError as e:
        raise CannotWriteError("cannot write %s: %s" % (path, e.strerror)) from None


def write_json(path, value, kind):
    """kind: of results/schema; what is not of it is not written."""
    samples.check(value, kind)
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def _sync_directory(directory):
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def check_machine_name(name):
    if not machine_facts.SLUG.match(name):
        raise UsageError("--machine %s: a name is 1 to 64 of a-z, 0-9 and -, begins with no -, and is neither local nor"
                         " schema" % name)
    return name


def create_run(results, machine, utc, rev):
    """Make the directory of a new run and return its path; refuses, in one
    line, a results folder that cannot be written."""
    stamp = utc.replace("-", "").replace(":", "")
    parent = os.path.join(results, machine)
    try:
        os.makedirs(parent, exist_ok=True)
        for attempt in range(1, 1000):
            path = os.path.join(parent, "%s-%s%s" % (stamp, rev, "-%d" % attempt if attempt > 1 else ""))
            try:
                os.mkdir(path)
            except FileExistsError:
                continue
            with tempfile.TemporaryFile(dir=path) as f:
                f.write(b"writable")
            return path
    except OSError as e:
        raise CannotWriteError("cannot write the results folder %s: %s (--output names another)"
                               % (results, e.strerror)) from None
    raise CannotWriteError("cannot write the results folder %s: too many runs at %s" % (results, stamp))


def remove_empty_run(path):
    """Take back a run in which nothing was measured."""
    for name in STORED:
        try:
            os.unlink(os.path.join(path, name))
        except OSError:
            pass
    for directory in (path, os.path.dirname(path)):
        try:
            os.rmdir(directory)
        except OSError:
            return


def entries(directory):
    """The names in a directory; none where there is no such directory."""
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def newest_run(machines, wanted=lambda path, plan: True):
    """The newest run in folders of machines, by its name, which is a time; None where there is none. wanted(path, plan):
    which will do. A backend beside itself (run --aa) and a side of a comparison in turns are no run that anybody means
    without naming it."""
    found = [(run, os.path.join(machine, run)) for machine in machines for run in entries(machine)]
    for _, path in sorted(found, reverse=True):
        plan = _plan_of(path)
        if os.path.isfile(os.path.join(path, "samples.jsonl")) and not {"aa", "duel"} & set(plan) and wanted(path, plan):
            return path
    return None


def machines_below(results):
    """The folders of machines in a folder of results."""
    return [os.path.join(results, name) for name in entries(results)]


def _plan_of(path):
    """plan.json; {} where there is none or it is damaged: whoever opens the run will say so."""
    try:
        return samples.load_checked(os.path.join(path, "plan.json"), "plan")
    except DataError:
        return {}


def remove_temporary_files(path):
    """Those that write_text() was killed amid."""
    for name in entries(path):
        if name.startswith(TEMPORARY):
            os.unlink(os.path.join(path, name))


class Store:
    """A run being written."""

    def __init__(self, path, append=False):
        self.path = path
        self.writer = samples.Writer(os.path.join(path, "samples.jsonl"), append)

    def file(self, name):
        return os.path.join(self.path, name)

    def add(self, sample):
        self.writer.add(sample)

    def close(self):
        self.writer.close()
