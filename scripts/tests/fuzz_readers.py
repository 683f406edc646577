"""Spoils stored runs at random and reads them: every reader either refuses a run
in one line, with exit status 65, or does what it is for. The doctor reads the files
of a spoiled machine, and has a diagnosis of every one.

    python3 -B -m tests.fuzz_readers --seconds 1200 --seed 7     (in scripts/)

The case that broke a reader is kept and named.
"""

import argparse
import collections
import contextlib
import copy
import io
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
import traceback
from unittest import mock

from tests import corpus, fake_machine, hostile, support, synthetic_run, test_aa

from lib import cli, schema

TOKENS = [n.encode() for n in corpus.NUMBERS if len(n) < 100] + [
    b"9" * 400, b"\\ud800", b"\\u0000", b"\\u202e", b"\xef\xbb\xbf", b"\r", b"\n", b"\x00", b"\xff", b"\x1b[2J", b"{", b"}",
    b"[", b"]", b",", b":", b'"', b"\\", b"null", b"[" * 50, b'{"a":' * 50, b"-", b"1e308", b"</SCRIPT>", b"../../x"]
VALUES = corpus.STRANGE + hostile.STRINGS + tuple(c for c in corpus.CELLS) + (
    "failed", "skipped", "limit", "invalid", "timeout", "crashed", "gt", "pthread", "go", "null", "us", "ms", "s",
    "spawn/one/P:1", "memory/parked/n:1000/P:2", "memory/capacity/P:2", "io/rest/load:25/P:1", "wake/idle/n:100/P:2",
    "switch/handoff/P:2/place:same-llc", "stack/retained/bytes:1/P:1", "spawn/storm/n:0/temp:warm/P:0", "x/y/P:9", 5e-324)
ACCEPTED = (0, 1, 2, 3, 65)
MACHINES = ("metal", "laptop", "guest", "container", "arm64")
DIAGNOSES = 0.1      # of all cases


def run_files(rng, aa):
    """A good run to begin with: the small one, a part of one that has everything, or one of run --aa."""
    if aa and rng.random() < 0.9:
        return {**corpus.good(), "samples.jsonl": corpus._lines(BESIDE_ITSELF)}
    if rng.random() < 0.5:
        return corpus.good()
    lines = rng.sample(FULL, rng.randrange(1, 40))
    return {**corpus.good(), "samples.jsonl": b"".join(json.dumps(line).encode() + b"\n" for line in lines),
            "machine.json": json.dumps(synthetic_run.machine()).encode()}


FULL = synthetic_run.samples(replicates=6)
BESIDE_ITSELF = test_aa.lines_of(pairs=2, cells=test_aa.CELLS[:2])


def spoil(files, rng):
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        name = rng.choice(("samples.jsonl",) * 4 + ("machine.json", "plan.json", "calibration.jsonl"))
        if files[name] is not None:
            files[name] = rng.choice(SPOILERS)(files[name], rng)
    return files


def flip(data, rng):
    if not data:
        return data
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 16))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def cut(data, rng):
    return data[:rng.randrange(len(data) + 1)]


def insert(data, rng):
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(TOKENS) + data[at + rng.choice((0, 0, 1, 5)):]


def move_lines(data, rng):
    lines = data.splitlines(True)
    rng.shuffle(lines)
    return b"".join(lines[:rng.randrange(len(lines) + 1)] + lines[:rng.randrange(3)])


def change_value(data, rng):
    """Another value somewhere in the tree of one line: this is what passes most checks."""
    lines = data.splitlines(True)
    at = rng.randrange(len(lines)) if lines else 0
    try:
        value = json.loads(lines[at])
        path = rng.choice(list(corpus._paths(value)))
        new = copy.deepcopy(rng.choice(VALUES))
        changed = corpus._with(value, path, new) if rng.random() < 0.8 else corpus._without(value, path)
        text = json.dumps(changed)
    except (ValueError, IndexError, RecursionError, TypeError, AttributeError):
        return data
    lines[at] = text.encode("utf-8", "surrogatepass") + b"\n"
    return b"".join(lines)


SPOILERS = (flip, cut, insert, move_lines, change_value, change_value, change_value, change_value)


def spoil_machine(folder, rng):
    """Some files of a machine that is made of files."""
    files = [os.path.join(top, name) for top, _, names in os.walk(folder) for name in names]
    for path in rng.sample(sorted(files), rng.choice((1, 1, 2, 5, 20))):
        with open(path, "rb") as f:
            data = f.read()
        with open(path, "wb") as f:
            f.write(rng.choice(MACHINE_SPOILERS)(data, rng))


def change_number(data, rng):
    """Another number, or none, in the place of one."""
    places = list(re.finditer(rb"[0-9]+", data))
    if not places:
        return insert(data, rng)
    place = rng.choice(places)
    return data[:place.start()] + rng.choice(COUNTS) + data[place.end():]


COUNTS = (b"", b"-1", b"0", b"1.2.3", b"9" * 18, b"9" * 19, b"9" * 400, b"9" * 5000, "\u00b2".encode(), "\u0663".encode(),
          b"1e9", b"nan", b".", b"0x10", b"4294967295", b"9223372036854775808")
MACHINE_SPOILERS = (flip, cut, insert, move_lines, change_number, change_number)


def readers(bad, good, out):
    """The commands that read a run."""
    found = [["report", bad], ["report", bad, "--beside", good], ["report", good, "--beside", bad],
             ["compare", bad, good], ["compare", good, bad], ["compare", bad, "gt", "pthread"], ["run", "--aa", bad],
             ["run", "--resume", bad, "--bench-dir", out], ["merge", good, bad, "--into", os.path.join(out, "merged")]]
    return found + [["export", bad, "--to", form] for form in ("gbench", "benchfmt", "csv", "bmf")]


def may_write(words, bad):
    """Whether the command may change the run that was spoiled."""
    return words[:2] in (["report", bad], ["run", "--resume"])


def judge(words):
    """None, or what is wrong with how the command ended."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = cli.main(words, support.ROOT)
    except BaseException:
        if isinstance(sys.exc_info()[1], KeyboardInterrupt):
            raise
        return traceback.format_exc()
    allowed = ACCEPTED + {"compare": (64,), "merge": (64, 73)}.get(words[0], ()) + ((64, 69) if words[0] == "run" else ())
    if status not in allowed:
        return "exit status %d: %s" % (status, err.getvalue())
    if status == 65 and (len(err.getvalue().splitlines()) != 1 or not err.getvalue()[:-1].isprintable()):
        return "not one printable line: %s" % ascii(err.getvalue())
    if status == 65 and out.getvalue():
        return "wrote to standard output before it refused"
    return odd_diagnosis(status, out.getvalue(), "--json" in words) if words[0] == "doctor" else None


def odd_diagnosis(status, text, is_json):
    if status:
        return "exit status %d: no diagnosis" % status
    if is_json:
        return next(iter(schema.check(json.loads(text), "doctor")), None)
    return None if all(line.isprintable() for line in text.splitlines()) else "not printable: %s" % ascii(text)


class Fuzzer:
    def __init__(self, seed):
        self.seed, self.rng, self.read = seed, random.Random(seed), collections.Counter()
        self.directory = tempfile.mkdtemp(prefix="greenbench-fuzz-")
        self.good, self.out = os.path.join(self.directory, "good"), os.path.join(self.directory, "out")
        self.lay(self.good, corpus.good())
        os.mkdir(self.out)

    def lay(self, directory, files):
        shutil.rmtree(directory, ignore_errors=True)
        os.mkdir(directory)
        for name, data in files.items():
            with open(os.path.join(directory, name), "wb") as f:
                f.write(data)

    @property
    def cases(self):
        return sum(self.read.values())

    def one(self):
        """One case, by one reader; None, or what is wrong."""
        words, wrong = self.diagnosis() if self.rng.random() < DIAGNOSES else self.reading()
        return wrong and "seed %d, case %d, %s: %s" % (self.seed, self.cases, " ".join(words), wrong)

    def reading(self):
        bad = os.path.join(self.directory, "bad")
        words = self.rng.choice(readers(bad, self.good, self.out))
        self.lay(bad, spoil(run_files(self.rng, "--aa" in words), self.rng))
        shutil.rmtree(self.out)
        os.mkdir(self.out)
        before = support.contents(bad)
        wrong = self.judged(words)
        if wrong is None and not may_write(words, bad) and support.contents(bad) != before:
            wrong = "changed the run that it read"
        return words, wrong

    def diagnosis(self):
        folder = os.path.join(self.directory, "machine")
        shutil.rmtree(folder, ignore_errors=True)
        getattr(fake_machine.FakeMachine(folder), self.rng.choice(MACHINES))()
        spoil_machine(folder, self.rng)
        words = ["doctor", "--from", folder] + self.rng.choice(([], ["--json"], ["--verbose"]))
        return words, self.judged(words)

    def judged(self, words):
        self.read[" ".join(word for word in words[:3] if word == words[0] or word[:2] == "--")] += 1
        with mock.patch.dict(os.environ, {"PATH": "/nowhere"}):   # no gnuplot: it takes long, and reads columns only
            return judge(words)

    def run(self, seconds):
        """Until something breaks or the time is over; what is wrong, or None."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            wrong = self.one()
            if wrong:
                return wrong
        return None

    def clean(self):
        shutil.rmtree(self.directory, ignore_errors=True)


def main(argv):
    parser = argparse.ArgumentParser(prog="fuzz_readers", description="Fuzz the readers of results.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    fuzzer = Fuzzer(args.seed)
    wrong = fuzzer.run(args.seconds)
    print("seed %d: %d cases: %s" % (args.seed, fuzzer.cases, ", ".join(
        "%s %d" % one for one in sorted(fuzzer.read.items()))))
    if wrong:
        print(wrong + "\nkept in " + fuzzer.directory)
        return 1
    fuzzer.clean()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
