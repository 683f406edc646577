"""The session that the targets of one `meson test --benchmark` share.

It lives in <build>/greenbench-session, read and written under flock. The
targets belong together if they have the same parent, Meson, known by its
process id and start time; a counter tells apart the sessions that one Meson
opens one after the other (--repeat).

States: open, closed, interrupted, refused (the opener failed: reason says
why). `running` names the target at work: a target that finds one left behind
by a process that is gone knows that the session was interrupted.
"""

import contextlib
import fcntl
import json
import os

FILE = "greenbench-session"


def start_time(pid):
    """The kernel's start time of a process, None if it is gone."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return int(f.read().rsplit(")", 1)[1].split()[19])
    except (OSError, ValueError, IndexError):
        return None


class MesonSession:
    """The session file of one build directory, as seen by one target."""

    def __init__(self, build, parent=None):
        self.file = os.path.join(build, FILE)
        self.parent = parent or os.getppid()
        self.started = start_time(self.parent)

    def open(self, **facts):
        """Begin a new session; its counter follows this parent's last one."""
        with self._locked() as (old, write):
            counter = old.get("counter", 0) + 1 if self._ours(old) else 1
            write(dict(facts, parent=self.parent, started=self.started, counter=counter))

    def read(self):
        """This parent's session, or {}."""
        with self._locked() as (found, _):
            return found if self._ours(found) else {}

    def change(self, **facts):
        with self._locked() as (found, write):
            if self._ours(found):
                write(dict(found, **facts))

    def enter(self, target):
        """Join as `target`: the session, its state corrected if the target
        before us was killed before it could say so."""
        with self._locked() as (found, write):
            if not self._ours(found):
                return {}
            if found.get("state") == "open":
                left = found.get("running")
                found["state"] = "interrupted" if left and not _alive(left) else "open"
                found["running"] = {"target": target, "pid": os.getpid(), "started": start_time(os.getpid())}
                write(found)
            return found

    def leave(self):
        self.change(running=None)

    def _ours(self, found):
        return (found.get("parent"), found.get("started")) == (self.parent, self.started)

    @contextlib.contextmanager
    def _locked(self):
        fd = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield _parse(os.pread(fd, 1 << 20, 0)), lambda value: _replace(fd, value)
        finally:
            os.close(fd)


def _alive(target):
    return start_time(target.get("pid", 0)) == target.get("started")


def _parse(data):
    """A file that a killed process left half-written holds no session."""
    try:
        value = json.loads(data.decode("utf-8"))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _replace(fd, value):
    os.ftruncate(fd, 0)
    os.pwrite(fd, json.dumps(value).encode(), 0)
