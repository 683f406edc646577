"""Fake builds and revisions whose executables differ by a known factor, for the tests of what is measured in turns.

Each process draws its value anew: noise of the round, which both variants share, times skewed noise of its own, seeded
by the number of the process, so that a test is the same each time.
"""

import json
import os
import subprocess
import sys

from tests import support

NOISY = """{"gt": 50.0 * FACTOR * noise()}.get(backend, 5000.0)"""
NOISE = '''
FACTOR = %r

def noise():
    """By the count of the processes so far, two of which make a round of a cell."""
    import math, random
    with open(os.environ["FAKE_BENCH_LOG"]) as f:
        count = sum(line.startswith("measure ") for line in f)
    seed = os.environ.get("FAKE_SEED", "0")
    shared = random.Random("%%s round %%d" %% (seed, (count - 1) // 2)).gauss(0, 0.02)
    return math.exp(shared + random.Random("%%s process %%d" %% (seed, count)).expovariate(1 / 0.01))

'''
MESON = """project('fake', 'c')
subdir('bench')
alias_target('measured', bench)
"""
BENCH_MESON = """bench = custom_target('bench_gt', input: 'bench_gt.py', output: 'bench_gt',
  command: ['cp', '@INPUT@', '@OUTPUT@'], build_by_default: true)
"""


def program(factor):
    """The text of a bench_gt that costs `factor` times the usual."""
    with open(os.path.join(support.TESTS, "fake_bench.py")) as f:
        text = "#!%s -IS\n" % sys.executable + f.read()
    text = text.replace("LISTED = {}", "LISTED = %r" % support.listed_axes())
    text = text.replace('{"gt": 50.0}.get(backend, 5000.0)', NOISY)
    return text.replace("def main(argv):", NOISE % factor + "def main(argv):", 1)


def write_executable(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o755)


def build(directory, factor, definition="one"):
    """A build folder of Meson with sources beside it; returns the folder."""
    source, folder = os.path.join(directory, "source"), os.path.join(directory, "build")
    os.makedirs(os.path.join(source, "bench"))
    os.makedirs(os.path.join(folder, "meson-info"))
    with open(os.path.join(source, "bench", "task.h"), "w") as f:
        f.write("/* %s */\n" % definition)
    with open(os.path.join(folder, "meson-info", "meson-info.json"), "w") as f:
        json.dump({"directories": {"source": source}}, f)
    write_executable(os.path.join(folder, "bench", "bench_gt"), program(factor))
    return folder


class Repository:
    """A git repository that Meson builds."""

    def __init__(self, directory):
        self.path = directory
        os.makedirs(os.path.join(directory, "bench"))
        self.git("init", "-q")

    def git(self, *words):
        done = subprocess.run(["git", "-C", self.path, "-c", "user.name=t", "-c", "user.email=t@example.org",
                               "-c", "commit.gpgsign=false"] + list(words), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=True, timeout=60)
        return done.stdout.decode().strip()

    def commit(self, factor, definition="one", meson=MESON):
        for name, text in (("meson.build", meson), ("bench/meson.build", BENCH_MESON),
                           ("bench/task.h", "/* %s */\n" % definition)):
            with open(os.path.join(self.path, name), "w") as f:
                f.write(text)
        write_executable(os.path.join(self.path, "bench", "bench_gt.py"), program(factor))
        self.git("add", ".")
        self.git("commit", "-q", "-m", "factor %s, %s" % (factor, definition))
        return self.git("rev-parse", "HEAD")
