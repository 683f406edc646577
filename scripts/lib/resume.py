"""`run --resume`: open a run that was cut off, as it was started.

Its files are checked as those of anybody: a run that was damaged or edited is
refused, and so is one that other sources or another machine began. What a
killed process leaves behind is expected: a last line that is cut, and a
temporary file.
"""

import os

from . import bench as bench_module
from . import errors, machine, planfile, profiles, run, samples, store

SAME = (("hashes", "definition"), ("hashes", "implementation"), ("hashes", "toolchain"),
        ("hw", "cpu_model"), ("hw", "logical_cpus"), ("hw", "ram_bytes"))


def reopen(settings, warn):
    """run.Opened of the run that settings.resume names; takes over the
    settings it was started with. Raises GreenbenchError."""
    path = settings.resume or newest_unfinished(settings.output)
    described = samples.load_checked(os.path.join(path, "machine.json"), "machine")
    plan_file = os.path.join(path, "plan.json")
    plan = samples.load_checked(plan_file, "plan")
    take_over(settings, plan, plan_file)
    target = store.Store(path, append=True)
    try:
        stored = samples.load_run(path, may_be_empty=True)
        check_replicates(os.path.join(path, "samples.jsonl"), stored.samples)
        opened = _open(settings, path, described, stored, warn)
        for note in stored.notes[:-1] if stored.interrupted else stored.notes:
            warn(note)
        target.writer.take_back_cut_line()
        store.remove_temporary_files(path)
        opened.store = target
        return opened
    except BaseException:
        target.close()
        raise


def newest_unfinished(results):
    """The newest run below the results folder that did not come to its end."""
    found = store.newest_run(store.machines_below(results),
                             lambda path, plan: plan.get("state", "finished") != "finished")
    if not found:
        raise errors.UsageError("--resume: no run in %s was cut off; name the folder of one" % results)
    return found


def take_over(settings, plan, file):
    asked = planfile.ASKED + ("backends", "time_seconds", "cells", "left_out")
    missing = [name for name in asked if name not in plan]
    if missing:
        raise errors.DataError(file, 1, "lacks %s: it cannot be resumed" % ", ".join(missing))
    if plan["profile"] not in profiles.PROFILES:
        raise errors.DataError(file, 1, "names a profile that is unknown: %s" % plan["profile"])
    for name in planfile.ASKED:
        setattr(settings, name, plan[name])
    settings.time, settings.backend = plan["time_seconds"], plan["backends"]


def check_replicates(file, lines):
    """They count up from 0: else what is missing cannot be told."""
    count = {}
    for number, sample in enumerate(lines, 1):
        key = (sample["cell"], sample["backend"])
        if sample["replicate"] != count.get(key, 0):
            raise errors.DataError(file, number, "replicate %d of %s on %s follows %d others"
                                   % (sample["replicate"], key[0], key[1], count.get(key, 0)))
        count[key] = count.get(key, 0) + 1


def _open(settings, path, described, stored, warn):
    run.check_gt_variables(warn)
    bench = bench_module.Bench(settings.bench_dir)
    backends = bench.pick(settings.backend)
    told = run.ask(bench, backends, settings)
    now = machine.describe(settings.root, described["machine"], described["utc"], settings.profile, settings.command,
                           told)
    for group, name in SAME:
        if not machine.alike(name, now[group][name], described[group].get(name)):
            raise errors.NotComparableError("%s cannot be resumed: its %s %s is %s, and here it is %s" % (
                path, "hash of the" if group == "hashes" else "machine's", name.replace("_", " "),
                described[group].get(name), now[group][name]))
    plan = run.make_plan(settings, told, backends, bench.offers(backends))
    known = {c.name for c in plan.cells}
    strange = sorted(set(stored.plan["cells"]) - known)
    if strange:
        raise errors.NotComparableError("%s cannot be resumed: %s cannot be run here now" % (path, strange[0]))
    warn("resuming: %d samples are there" % len(stored.samples))
    return run.Opened(settings, path, bench, plan, described["machine"], backends, stored)
