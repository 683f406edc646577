"""What the words of `greenbench compare` name.

    a run's folder, or its samples.jsonl; RUN:backend for one backend of it
    a machine's name            its newest run below results/ or results/local/
    a build folder of Meson     measured now
    a git revision              built, and measured now

They are tried in this order. What is both a machine and a revision is refused:
`machine:NAME` and `rev:REVISION` say which is meant.
"""

import os
import subprocess

from . import errors, profiles, samples, store
from . import machine as machine_facts
from .report_model import Model

RUN, BUILD, REVISION = "run", "build", "revision"


class Word:
    """kind: RUN, BUILD or REVISION. target: a folder, or the full name of a commit."""

    def __init__(self, kind, target, backend=None):
        self.kind, self.target, self.backend = kind, target, backend


class Side:
    """A run, and the one backend of it that was named, or None for all. runs: those already read, {path: Model}."""

    def __init__(self, path, backend, runs):
        self.path, self.backend = path, backend
        key = os.path.realpath(path)
        if key not in runs:
            runs[key] = Model(samples.load_ordinary(path))
        self.model = runs[key]
        self.machine = self.model.run.machine
        if backend is not None and backend not in self.model.backends:
            raise errors.UsageError("compare: %s has no backend %s; it has %s"
                                    % (path, backend, ", ".join(self.model.backends)))

    def backends(self):
        return [self.backend] if self.backend else self.model.backends

    def name(self):
        return "%s %s%s%s" % (self.machine["machine"], self.machine["rev"],
                              " with changes" if self.machine.get("dirty") is True else "",
                              ", " + self.backend if self.backend else "")


def resolve(word, root):
    """The Word that `word` is; UsageError for what is nothing of all."""
    if word.startswith("machine:"):
        return Word(RUN, _newest_or_refuse(root, word[len("machine:"):]))
    if word.startswith("rev:"):
        return Word(REVISION, _commit_or_refuse(root, word[len("rev:"):]))
    if os.path.exists(word):
        return Word(BUILD if is_build(word) else RUN, word)
    if ":" in word and os.path.exists(word.rsplit(":", 1)[0]):
        path, backend = word.rsplit(":", 1)
        if not backend:
            raise errors.UsageError("compare: %s names no backend after the colon" % word)
        return Word(RUN, path, backend)
    return _by_name(word, root)


def _by_name(word, root):
    run, commit = newest_run_of(root, word), commit_of(root, word)
    if run and commit:
        raise errors.UsageError("compare: %s is a machine and a git revision; say machine:%s or rev:%s"
                                % (word, word, word))
    if run:
        return Word(RUN, run)
    if commit:
        return Word(REVISION, commit)
    if os.sep in word:
        raise errors.DataError(word, 0, "no run here: it does not exist")
    raise errors.UsageError("compare: %s is no run's folder, no machine with a run in results or results/local, and"
                            " no git revision" % word)


def is_build(path):
    return os.path.isdir(os.path.join(path, "meson-info"))


def newest_run_of(root, name):
    """The folder of a machine's newest run, or None."""
    if not machine_facts.SLUG.match(name):
        return None
    return store.newest_run([os.path.join(root, "results", name), os.path.join(root, "results", "local", name)])


def _newest_or_refuse(root, name):
    found = newest_run_of(root, name)
    if found is None:
        raise errors.UsageError("compare: no run of machine %s in results or results/local" % name)
    return found


def commit_of(root, word):
    """The full name of the commit that a word means to git, or None."""
    try:
        done = subprocess.run(["git", "-C", root, "rev-parse", "--verify", "--quiet", "--end-of-options",
                               word + "^{commit}"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=60)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("ascii", "replace").strip() or None


def _commit_or_refuse(root, word):
    found = commit_of(root, word)
    if found is None:
        raise errors.UsageError("compare: git knows no revision %s here" % word)
    return found


# --- may they be compared? ------------------------------------------------------------------------

MEANING = {"definition": "the workloads or the harness changed between the runs",
           "toolchain": "another compiler or other flags made the executables"}


# Of "env": what stays as it is until somebody changes it, and is in every figure.
CONDITIONS = ("kernel", "kernel_parameters", "mitigations", "microcode", "hypervisor", "governor", "turbo", "smt", "thp",
              "aslr", "clocksource", "preempt", "libc")
MAX_NAMES = 8


def same_machine(one, two):
    """one, two: machine.json."""
    return one["machine"] == two["machine"] and all(
        machine_facts.alike(name, one["hw"].get(name), two["hw"].get(name)) for name in one["hw"].keys() | two["hw"].keys())


def why_not(one, two):
    """Why no ratio may be formed between runs with these machine.json, or None."""
    for kind in ["definition"] + (["toolchain"] if same_machine(one, two) else []):
        a, b = one["hashes"][kind], two["hashes"][kind]
        if "unknown" in (a, b):
            where = "in both" if a == b else "in the first" if a == "unknown" else "in the second"
            return "the %s hash is unknown %s: nothing says that they measured the same" % (kind, where)
        if a != b:
            return "the %s hashes differ (%s and %s): %s" % (kind, a[:16], b[:16], MEANING[kind])
    return None


def why_not_runs(one, two):
    """The same of two samples.Run: what they were asked to do counts, too."""
    return why_not(one.machine, two.machine) or other_parameters(one.plan, two.plan)


def other_parameters(one, two):
    """What in two plan.json makes equal cells unlike, as a sentence, or None. The other parameters are in the definition
    hash or in the names of cells."""
    a, b = one.get("spin_ns"), two.get("spin_ns")
    if a == b:
        return None
    return "the spin budgets differ (%s and %s ns): runs measured with different parameters (--spin-ns) are not alike" % (
        "unknown" if a is None else a, "unknown" if b is None else b)


def differences(one, two):
    """What is not the same in two samples.Run and need not be, a line each."""
    a, b = one.machine, two.machine
    lines = ["%s differs: %s and %s" % (kind, a["hashes"][kind][:16], b["hashes"][kind][:16])
             for kind in ("implementation", "toolchain") if a["hashes"][kind] != b["hashes"][kind]]
    if same_machine(a, b):
        lines += _other_conditions(a["env"], b["env"])
    seconds = load_seconds(a), load_seconds(b)
    if None not in seconds and seconds[0] != seconds[1]:
        lines.append("profiles differ: %s and %s: under a given load a process of io/rest lasts %d and %d s"
                     % (a["profile"], b["profile"], *seconds))
    loads = one.plan.get("full_load"), two.plan.get("full_load")
    if None not in loads and loads[0] != loads[1]:
        lines.append("full load differs: %d and %d requests a second, of which the loads of io/rest are shares" % loads)
    return lines


def load_seconds(machine):
    """How long a service is under a given load in a process, which is the profile's; None where that is unknown."""
    profile = profiles.PROFILES.get(machine["profile"])
    return profile.load_seconds if profile else None


def _other_conditions(a, b):
    """What was set differently on the same machine; what a run of before did not record is not known to differ."""
    lines = []
    for key in (key for key in CONDITIONS if key in a and key in b and a[key] != b[key]):
        if isinstance(a[key], dict) and isinstance(b[key], dict):
            names = sorted(name for name in a[key].keys() | b[key].keys() if a[key].get(name) != b[key].get(name))
            lines += ["%s differ in %s: %s and %s" % (key, name, a[key].get(name, "none"), b[key].get(name, "none"))
                      for name in names[:MAX_NAMES]]
        else:
            lines.append("%s differs: %s and %s" % (key, a[key], b[key]))
    return lines
