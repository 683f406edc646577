"""Git revisions and build folders, as executables to measure.

A revision is checked out in a worktree below a temporary folder and built there as scripts/bench builds; worktree and
folder are gone afterwards. Nothing of the project's folder changes.
"""

import os
import signal
import subprocess
import tempfile

from . import errors, samples
from .bench import Bench

BUILD_SECONDS = 3600


class Built:
    """root: the sources. bench: their executables. name: what it is called."""

    def __init__(self, root, directory, name):
        self.root, self.bench, self.name = root, Bench(directory), name


class Workshop:
    """Holds the worktrees of revisions; use with `with`. No signal that can be caught leaves any of them."""

    def __init__(self, root, note):
        self.root, self.note = root, note
        self._folder, self._trees, self._handlers = None, [], {}

    def __enter__(self):
        try:
            self._folder = tempfile.TemporaryDirectory(prefix="greenbench-compare-")
        except OSError as e:
            raise errors.CannotWriteError("cannot make a temporary folder: %s (TMPDIR names another place)"
                                          % e.strerror) from None
        self._handlers = {number: signal.signal(number, _interrupted) for number in (signal.SIGTERM, signal.SIGHUP)
                          if signal.getsignal(number) != signal.SIG_IGN}
        return self

    def __exit__(self, *exc):
        self._handlers[signal.SIGINT] = signal.getsignal(signal.SIGINT)
        for number in self._handlers:
            signal.signal(number, signal.SIG_IGN)
        try:
            for tree in self._trees:    # twice: one that git was stopped amid is locked
                _call(["git", "-C", self.root, "worktree", "remove", "--force", "--force", tree])
            self._folder.cleanup()
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)

    def revision(self, commit):
        """The Built of a commit, by its full name."""
        tree = os.path.join(self._folder.name, "%d-%s" % (len(self._trees), commit[:12]))
        self.note("building %s" % commit[:12])
        self._trees.append(tree)
        self._step(commit, "check out", ["git", "-C", self.root, "worktree", "add", "--detach", tree, commit])
        build = os.path.join(tree, "build")
        self._step(commit, "configure", ["meson", "setup", "--buildtype=release"] + _without_tests(tree) + [build, tree])
        self._step(commit, "build", ["meson", "compile", "-C", build, "measured"])
        return Built(tree, os.path.join(build, "bench"), commit[:12])

    @staticmethod
    def _step(commit, what, command):
        status, output = _call(command)
        if status != 0:
            lines = [line for line in output.splitlines() if line.strip()] or ["nothing was said"]
            marked = [line for line in lines if "error" in line.lower()]
            raise errors.UnsupportedError("compare: revision %s: cannot %s it: %s"
                                          % (commit[:12], what, (marked or lines)[-1][:300]))


def _without_tests(tree):
    """Tests and peers are not measured here; an old revision may not have these options."""
    try:
        with open(os.path.join(tree, "meson_options.txt"), encoding="utf-8", errors="replace") as f:
            known = f.read()
    except OSError:
        return []
    wanted = (("tests", "false"), ("go", "disabled"), ("peers", "disabled"))
    return ["-D%s=%s" % (name, value) for name, value in wanted if "option('%s'" % name in known]


def _interrupted(number, frame):
    raise KeyboardInterrupt


def _call(command):
    """(status, output). Whatever ends this early ends all that the command has started."""
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   start_new_session=True)
    except FileNotFoundError:
        return 127, "%s is not installed (scripts/setup installs it)" % command[0]
    with process:
        try:
            output, _ = process.communicate(timeout=BUILD_SECONDS)
        except BaseException as e:
            os.killpg(process.pid, signal.SIGKILL)
            if isinstance(e, subprocess.TimeoutExpired):
                return 124, "no end after %d s" % BUILD_SECONDS
            raise
    return process.returncode, output.decode("utf-8", "replace")


def of_folder(build):
    """The Built of a build folder of Meson, which knows where its sources are."""
    file = os.path.join(build, "meson-info", "meson-info.json")
    try:
        source = samples.load_document(file)["directories"]["source"]
    except (KeyError, TypeError):
        raise errors.DataError(file, 1, "does not tell where the sources are") from None
    if not isinstance(source, str) or not os.path.isdir(source):
        raise errors.DataError(file, 1, "the sources that it names are not there")
    return Built(source, os.path.join(build, "bench"), os.path.basename(os.path.normpath(build)))
