"""`greenbench merge RUN...`: gather runs of other machines and sessions.

Each run is read and checked as a whole before anything is written, then copied to <into>/<machine>/<utc>-<rev>/: its
machine.json, plan.json, calibration.jsonl, samples.jsonl and topology.xml, and nothing else; reports are drawn again
from them, and never taken from somebody else. A folder may hold many runs.

--one makes a single run of sessions of one machine, whose three hashes and spin budgets must be equal and whose profiles
load io/rest for the same time, for one report: rounds are numbered on, so that each session pairs its own.

Nothing is overwritten, and what is there already, by the contents of samples.jsonl, is refused. Folders appear whole,
by a rename; if one cannot be written, none of them stays.
"""

import copy
import hashlib
import json
import os
import re
import shutil
import tempfile

from . import compare_sides, errors, samples, store
from . import machine as machine_facts

EXAMPLES = """examples:
  greenbench merge /media/usb/results                       every run below it, into results/
  greenbench merge node1/results node2/results --into results
  greenbench merge RUN1 RUN2 RUN3 --one                     sessions of a machine as one run
"""

COPIED = ("machine.json", "plan.json", "calibration.jsonl", "samples.jsonl", "topology.xml")
MAX_FILE = samples.MAX_BYTES
MAX_RUNS = 10_000


def add_arguments(parser):
    parser.add_argument("runs", metavar="RUN", nargs="+", help="a run's folder, or a folder with runs somewhere below")
    parser.add_argument("--into", metavar="DIR", help="the results folder (default: results)")
    parser.add_argument("--one", action="store_true", help="make one run of sessions of one machine")


def main(args, out):
    into = args.into or os.path.join(args.root, "results")
    found = [Found(path) for word in args.runs for path in runs_below(word)]
    refuse_duplicates(found, into)
    made = join(found, into) if args.one else gather(found, into)
    for path in made:
        out.write("%s\n" % errors.printable(path))
    return errors.OK


def runs_below(word):
    """The folders of runs at or below `word`; links are not followed."""
    if os.path.isfile(os.path.join(word, "samples.jsonl")):
        return [word]
    found = [folder for folder, _, files in os.walk(word)
             if "samples.jsonl" in files and not is_temporary(folder)]
    if not found:
        raise errors.DataError(word, 0, "no run here or below")
    if len(found) > MAX_RUNS:
        raise errors.DataError(word, 0, "more than %d runs" % MAX_RUNS)
    return sorted(found)


def is_temporary(folder):
    """What a merge that was killed has left."""
    return os.path.basename(os.path.normpath(folder)).startswith(store.TEMPORARY)


class Found:
    """A run that was read and is what it should be; its samples are not kept. digest: of what was measured."""

    def __init__(self, path):
        run = samples.load_run(path)
        self.path, self.machine, self.plan = path, run.machine, run.plan
        if run.interrupted and run.plan.get("state") == "running":
            raise errors.DataError(os.path.join(path, "plan.json"), 1, "the run is not finished: go on with it, or wait")
        if not machine_facts.SLUG.match(self.machine["machine"]):
            raise errors.DataError(os.path.join(path, "machine.json"), 1, "no machine can have the name %s"
                                   % self.machine["machine"])
        self.digest = digest(os.path.join(path, "samples.jsonl"))

    def folder(self):
        """<machine>/<utc>-<rev>, from what the run says of itself and not from where it was; with the number that tells
        two of one second apart."""
        stamp = re.sub(r"[^0-9T]", "", re.split(r"[.Z+]", self.machine["utc"])[0]) + "Z"
        rev = self.machine["rev"] if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", self.machine["rev"]) else "unknown"
        name = "%s-%s" % (stamp, rev)
        numbered = re.fullmatch(re.escape(name) + r"-[0-9]{1,4}", os.path.basename(os.path.realpath(self.path)))
        return os.path.join(self.machine["machine"], numbered.group() if numbered else name)


def digest(file):
    result = hashlib.sha256()
    try:
        with open(file, "rb") as f:
            for chunk in iter(lambda: f.read(1 << 20), b""):
                result.update(chunk)
    except OSError as e:
        raise errors.DataError(file, 0, "cannot be read: %s" % e.strerror) from None
    return result.hexdigest()


def refuse_duplicates(found, into):
    """Of each other, and of what is there already."""
    seen = {}
    for one in found:
        if one.digest in seen:
            raise errors.DataError(one.path, 0, "holds the same samples as %s" % seen[one.digest])
        seen[one.digest] = one.path
    for machine in {one.machine["machine"] for one in found}:
        for run in store.entries(os.path.join(into, machine)):
            file = os.path.join(into, machine, run, "samples.jsonl")
            if os.path.isfile(file) and not is_temporary(run):
                known = digest(file)
                if known in seen:
                    raise errors.DataError(seen[known], 0, "is there already: %s" % os.path.dirname(file))


# --- copies ---------------------------------------------------------------------------------------

def gather(found, into):
    targets = {}
    for one in found:
        target = os.path.join(into, one.folder())
        if target in targets or os.path.lexists(target):
            raise errors.CannotWriteError("%s: another run is there, and is not overwritten (%s)" % (target, one.path))
        targets[target] = one
    return place({target: lambda folder, one=one: copy_run(one.path, folder) for target, one in targets.items()})


def copy_run(source, folder):
    for name in COPIED:
        file = os.path.join(source, name)
        if os.path.isfile(file) and not os.path.islink(file):
            if os.path.getsize(file) > MAX_FILE:
                raise errors.DataError(file, 0, "larger than %d bytes" % MAX_FILE)
            shutil.copyfile(file, os.path.join(folder, name), follow_symlinks=False)
        elif os.path.lexists(file):
            raise errors.DataError(file, 0, "not a regular file")


def place(writers):
    """writers: {target: what fills a folder}. All folders appear, or none. Returns them."""
    staged, placed = {}, []
    try:
        for target, write in writers.items():
            parent = os.path.dirname(target)
            os.makedirs(parent, exist_ok=True)
            staged[target] = tempfile.mkdtemp(prefix=store.TEMPORARY, dir=parent)
            write(staged[target])
            samples.load_run(staged[target])       # what was written is what was read
            sync(staged[target])
        for target, folder in staged.items():
            os.chmod(folder, 0o755)
            os.rename(folder, target)              # refuses a folder that holds anything
            placed.append(target)
    except BaseException as e:
        for folder in list(staged.values()) + placed:
            shutil.rmtree(folder, ignore_errors=True)
        for target in writers:
            remove_if_empty(os.path.dirname(target))
        if isinstance(e, OSError):
            raise errors.CannotWriteError("cannot write %s: %s" % (e.filename2 or e.filename or "the results folder",
                                                                    e.strerror)) from None
        raise
    return placed


def remove_if_empty(folder):
    try:
        os.rmdir(folder)
    except OSError:
        pass


def sync(folder):
    for name in os.listdir(folder) + ["."]:
        fd = os.open(os.path.join(folder, name), os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


# --- one of many ----------------------------------------------------------------------------------

def join(found, into):
    """One run of all; returns [its folder]."""
    if len(found) < 2:
        raise errors.UsageError("merge: --one needs two runs or more")
    found = sorted(found, key=lambda one: one.machine["utc"])
    refuse_unlike(found)
    target = os.path.join(into, found[-1].folder() + "-of-%d" % len(found))
    if os.path.lexists(target):
        raise errors.CannotWriteError("%s is there already and is not overwritten" % target)
    return place({target: lambda folder: write_joined(found, folder)})


def refuse_unlike(found):
    first = found[0]
    for one in found:
        if samples.best_of(one.plan) > 1:
            raise errors.NotComparableError("merge: %s was measured by compare, in turns with another: it is no session"
                                            " of a run" % one.path)
    for one in found[1:]:
        if not compare_sides.same_machine(first.machine, one.machine):
            raise errors.NotComparableError("merge: %s and %s are of two machines; without --one they stand beside each"
                                            " other" % (first.path, one.path))
        for kind in ("definition", "implementation", "toolchain"):
            a, b = first.machine["hashes"][kind], one.machine["hashes"][kind]
            if a != b or a == "unknown":
                raise errors.NotComparableError("merge: the %s hashes of %s and %s %s: they are not one run" % (
                    kind, first.path, one.path, "are not all known" if "unknown" in (a, b) else "differ"))
        if compare_sides.load_seconds(first.machine) != compare_sides.load_seconds(one.machine):
            raise errors.NotComparableError("merge: %s and %s are of the profiles %s and %s, which load io/rest for different"
                                            " or unknown times: they are not one run" % (
                first.path, one.path, first.machine["profile"], one.machine["profile"]))
        unlike = compare_sides.other_parameters(first.plan, one.plan)
        if unlike:
            raise errors.NotComparableError("merge: %s and %s: %s" % (first.path, one.path, unlike))


def write_joined(found, folder):
    machine = copy.deepcopy(found[-1].machine)
    machine["merged"] = [{"utc": one.machine["utc"], "profile": one.machine.get("profile"), "samples": one.digest}
                         for one in found]
    store.write_json(os.path.join(folder, "machine.json"), machine, "machine")
    plan = {key: value for key, value in found[-1].plan.items() if key in ("profile", "spin_ns", "target_ms", "filter",
                                                                               "place")}
    plan.update(schema=samples.PLAN_SCHEMA, state="finished", interrupted=False)
    store.write_json(os.path.join(folder, "plan.json"), plan, "plan")
    write_lines(os.path.join(folder, "samples.jsonl"), numbered_on(found))
    lines = [line for one in found
             for line in samples.read_calibrations(os.path.join(one.path, "calibration.jsonl"), [])]
    if lines:
        write_lines(os.path.join(folder, "calibration.jsonl"), lines)
    topology = os.path.join(found[-1].path, "topology.xml")
    if os.path.isfile(topology) and not os.path.islink(topology):
        shutil.copyfile(topology, os.path.join(folder, "topology.xml"))


def numbered_on(found):
    """The samples, their rounds, replicates and order going on from session to session."""
    rounds = replicates = order = 0
    for one in found:
        lines = samples.load_run(one.path).samples
        for sample in lines:
            yield dict(sample, round=sample["round"] + rounds, replicate=sample["replicate"] + replicates,
                       order=sample["order"] + order)
        rounds += 1 + max(s["round"] for s in lines)
        replicates += 1 + max(s["replicate"] for s in lines)
        order += 1 + max(s["order"] for s in lines)


def write_lines(file, values):
    with open(file, "x", encoding="utf-8") as f:
        for value in values:
            f.write(json.dumps(value, allow_nan=False, separators=(",", ":")) + "\n")
