"""What the tests of the scripts share: a directory of fake executables, and
the command line run in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

TESTS = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = os.path.dirname(TESTS)
ROOT = os.path.dirname(SCRIPTS)
BACKENDS = ("gt", "pthread", "pthread-futex", "pthread-pool")

if SCRIPTS not in sys.path:
    sys.path.insert(0, SCRIPTS)

from lib import cells, profiles


def processes_naming(text):
    """Process numbers whose command line holds `text` (pgrep is not everywhere)."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % entry, "rb") as f:
                if os.fsencode(text) in f.read():
                    found.append(int(entry))
        except OSError:
            pass   # it ended meanwhile
    return found


def listed_axes():
    """What --list would say of every workload that a profile names: {case: its axes}."""
    found = {}
    for profile in profiles.PROFILES.values():
        for row in profile.rows:
            keys = set(row.axes) - {"p_c"} | ({"p", "c"} if "p_c" in row.axes else set())
            found.setdefault(row.case, {"P", "place"}).update(keys)
    return {case: " ".join(k for k in cells.KEYS if k in keys) for case, keys in found.items()}


def contents(directory):
    """{path below it: bytes, or where a link points to}: what must be the same afterwards."""
    found = {}
    for top, folders, files in os.walk(directory):
        for name in folders + files:
            path = os.path.join(top, name)
            if os.path.islink(path):
                found[path] = os.readlink(path)
            elif os.path.isfile(path):
                with open(path, "rb") as f:
                    found[path] = f.read()
            else:
                found[path] = None
    return found


def left_over(text):
    """Those of processes_naming() that do not go away. A killed process is there until it has run once more; on busy
    CPUs a new session whose parent was killed has been seen to wait 90 s for its first turn."""
    deadline = time.monotonic() + 200
    while processes_naming(text) and time.monotonic() < deadline:
        time.sleep(0.05)
    return processes_naming(text)


class ChildCgroup:
    """A child of this process's cgroup with a limit of its own, v1 or v2; SkipTest where none can be made. limits:
    {file: value}; those of the other version are not there, and swap need not be."""

    def __init__(self, controller, limits):
        self.controller, self.limits, self.path = controller, limits, None

    def __enter__(self):
        for directory in self._parents():
            path = os.path.join(directory, "greenbench-test-%d" % os.getpid())
            try:
                os.mkdir(path)
            except OSError:
                continue
            if any([self._set(path, file, value) for file, value in self.limits.items()]) and self._joins(path):
                self.path = path
                return self
            os.rmdir(path)
        raise unittest.SkipTest("no cgroup with a limit of %s can be made here" % self.controller)

    def _parents(self):
        with open("/proc/self/cgroup") as f:
            for line in f:
                _, controllers, path = line.rstrip("\n").split(":", 2)
                if controllers == "" or self.controller in controllers.split(","):
                    directory = "/sys/fs/cgroup/" + controllers + path
                    if os.path.exists(os.path.join(directory, "cgroup.procs")):
                        yield directory

    @staticmethod
    def _joins(path):
        """Whether a process of ours may move there."""
        join = "echo $$ > %s/cgroup.procs" % path
        return subprocess.run(["sh", "-c", join], stderr=subprocess.DEVNULL).returncode == 0

    @staticmethod
    def _set(path, file, value):
        try:
            with open(os.path.join(path, file), "r+") as f:
                f.write(str(value))
            return True
        except OSError:
            return False

    def __exit__(self, *exc):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                return os.rmdir(self.path)
            except OSError:      # a process that was killed has not quite left it
                time.sleep(0.01)
        os.rmdir(self.path)


def memory_cgroup(limit):
    """For processes that are to run out of memory."""
    return ChildCgroup("memory", {"memory.max": limit, "memory.swap.max": 0, "memory.limit_in_bytes": limit,
                                  "memory.memsw.limit_in_bytes": limit})


def pids_cgroup(limit):
    return ChildCgroup("pids", {"pids.max": limit})


class Case(unittest.TestCase):
    """A test with a directory of its own and, on request, fake executables."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="greenbench-test-")
        self.addCleanup(holder.cleanup)
        self.dir = holder.name

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, text):
        path = self.path(name)
        with open(path, "w" if isinstance(text, str) else "wb") as f:
            f.write(text)
        return path

    def fakes(self, backends=BACKENDS):
        """The directory of fake bench executables."""
        directory = self.path("bench")
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(TESTS, "fake_bench.py")) as f:
            program = "#!%s -IS\n" % sys.executable + f.read()   # starts in 10 ms, not in 60
        program = program.replace("LISTED = {}", "LISTED = %r" % listed_axes()).replace(
            "POOLED = ()", "POOLED = %r" % (profiles.POOL_CASES,))
        for backend in backends:
            path = os.path.join(directory, "bench_" + backend)
            with open(path, "w") as f:
                f.write(program)
            os.chmod(path, 0o755)
        return directory

    def environment(self, misbehave=None, **extra):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(("FAKE_BENCH", "GREENBENCH_")) and k != "GT_WORKERS"}
        env["FAKE_BENCH_LOG"] = self.path("log")
        env["PYTHONDONTWRITEBYTECODE"] = "1"
        if misbehave:
            env["FAKE_BENCH"] = json.dumps(misbehave)
        env.update(extra)
        return env

    def greenbench(self, *args, misbehave=None, **extra):
        """Run the program; its (exit status, stdout, stderr)."""
        done = subprocess.run([sys.executable, os.path.join(SCRIPTS, "greenbench")] + list(args),
                              env=self.environment(misbehave, **extra), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def run_fakes(self, *args, misbehave=None, **extra):
        """`greenbench run` of the quick profile on the fakes."""
        bench = self.path("bench")
        if not os.path.isdir(bench):
            self.fakes()
        return self.greenbench("run", "--quick", "--bench-dir", bench, "--output", self.path("results"),
                               "--machine", "m", "--seed", "1", *args, misbehave=misbehave, **extra)

    def log(self):
        """The processes that the fakes saw: lists of mode, backend, cell, rounds, GT_WORKERS."""
        if not os.path.exists(self.path("log")):
            return []
        with open(self.path("log")) as f:
            return [line.split() for line in f]

    def only_run(self, output="results"):
        """The folder of the one run below results/m."""
        runs = os.listdir(self.path(output, "m"))
        self.assertEqual(len(runs), 1, runs)
        return self.path(output, "m", runs[0])

    def samples(self, run=None):
        with open(os.path.join(run or self.only_run(), "samples.jsonl")) as f:
            return [json.loads(line) for line in f]

    def assert_one_line(self, text):
        self.assertEqual(len(text.splitlines()), 1, text)
        self.assertNotIn("Traceback", text)
