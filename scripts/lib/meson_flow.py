"""What `meson test --benchmark` runs: `greenbench meson-step STEP --build DIR`.

    open        the opener: checks, records the environment, opens the session
    group NAME  one group's cells for every backend, into the session's run;
                started by name, without an opener, a run and report of its own
    report      closes the session and writes the report

Set by the environment: GREENBENCH_PROFILE, GREENBENCH_FILTER (globs, blanks
between them), GREENBENCH_OUTPUT, GREENBENCH_MACHINE, GREENBENCH_SEED,
GREENBENCH_BENCH_DIR. Exit status 77, "skipped" to Meson, for a target whose
session was refused or interrupted.
"""

import argparse
import os
import sys

from . import bench as bench_module
from . import calibrating, errors, planning, profiles, progress, run, runner, samples, store
from .meson_session import MesonSession


def main(argv, root):
    parser = argparse.ArgumentParser(prog="greenbench meson-step")
    parser.add_argument("step", choices=("open", "group", "report"))
    parser.add_argument("name", nargs="?", choices=profiles.GROUPS)
    parser.add_argument("--build", required=True)
    args = parser.parse_args(argv)
    shared = MesonSession(args.build)
    display = progress.Plain(sys.stdout)
    run.set_timer_slack(display.note)
    if args.step == "open":
        return open_session(shared, root, args.build, display)
    if args.step == "group":
        return run_group(shared, root, args.build, args.name, display)
    return close_session(shared, root, args.build, display)


def settings_from_environment(root, build):
    env = os.environ.get
    profile = env("GREENBENCH_PROFILE") or "default"
    if profile not in profiles.PROFILES:
        raise errors.UsageError("GREENBENCH_PROFILE=%s is unknown; the profiles are:" % profile,
                                listing=profiles.PROFILES)
    seed = env("GREENBENCH_SEED") or None
    if seed is not None and not (seed.isascii() and seed.isdigit() and len(seed) < 19):
        raise errors.UsageError("GREENBENCH_SEED=%s is not a whole number" % seed)
    return run.Settings(
        root, profile=profile, filter=(env("GREENBENCH_FILTER") or "").split(),
        output=env("GREENBENCH_OUTPUT"), machine=env("GREENBENCH_MACHINE"),
        bench_dir=env("GREENBENCH_BENCH_DIR") or os.path.join(build, "bench"),
        seed=int(seed) if seed else None, command=["meson", "test", "--benchmark"])


def open_session(shared, root, build, display):
    try:
        settings = settings_from_environment(root, build)
        opened = run.open_run(settings, display.note)
        store.Store(opened.path).close()
        calibrating.Calibrations(opened.path, settings.bench_dir).take("first")
    except errors.GreenbenchError as e:
        shared.open(state="refused", reason=str(e))
        raise
    shared.open(state="open", run=opened.path, name=opened.name, seed=settings.seed)
    display.note("session opened: profile %s on %s, results in %s"
                 % (settings.profile, opened.name, opened.path))
    return errors.OK


def run_group(shared, root, build, group, display):
    found = shared.enter(group)
    state = found.get("state")
    if state == "refused":
        raise errors.SkippedError("%s: skipped, the session was refused: %s" % (group, found.get("reason")))
    if state == "interrupted":
        shared.change(state="interrupted")
        raise errors.SkippedError("%s: skipped, the session was interrupted" % group)
    settings = settings_from_environment(root, build)
    settings.group = group
    if state != "open":
        return run.main(settings, sys.stdout)   # started by name: a run of its own
    settings.seed = found["seed"]
    with runner.Interrupts() as interrupts:
        try:
            return _run_in_session(shared, found, settings, group, display, interrupts)
        finally:
            if interrupts.signum:
                shared.change(state="interrupted")
            shared.leave()


def _run_in_session(shared, found, settings, group, display, interrupts):
    bench = bench_module.Bench(settings.bench_dir)
    backends = bench.pick((), beside=profiles.PROFILES[settings.profile].beside)
    plan = run.make_plan(settings, run.ask(bench, backends, settings), backends, bench.offers(backends))
    opened = run.Opened(settings, found["run"], bench, plan, found["name"], backends)
    for line in planning.summary(plan, "%s, group %s" % (opened.name, group)):
        display.note(line)
    kept = samples.load_checked(os.path.join(opened.path, "plan.json"), "plan")
    opened.record.earlier, settings.mem = kept["cells"], kept["mem"]
    calibrations = calibrating.Calibrations(opened.path, settings.bench_dir, wanted=())
    calibrations.take("middle", interrupts)
    plan.left_out = [(item["cell"], item["reason"]) for item in kept["left_out"]]
    target = store.Store(opened.path, append=True)
    try:
        current = run.session_of(opened, target, display, interrupts, calibrations,
                                 _lines(target.file("samples.jsonl")))
        interrupted = run.run_session(current, "running")
    finally:
        target.close()
    if interrupted:
        return run.say_interrupted(opened.path, current, interrupted, display)
    return run.judge(current, display)


def _lines(file):
    with open(file, "rb") as f:
        return sum(1 for _ in f)


def close_session(shared, root, build, display):
    found = shared.enter("report")
    state = found.get("state")
    if state not in ("open", "interrupted"):
        raise errors.SkippedError("report: skipped, %s" % (
            "the session was refused: %s" % found.get("reason") if state == "refused" else "no session is open"))
    path = found["run"]
    if state == "interrupted" and os.path.exists(os.path.join(path, "plan.json")):
        _mark_plan(path, "interrupted")
        raise errors.SkippedError("report: skipped, the session was interrupted; draw what is there with"
                                  " scripts/greenbench report %s" % path)
    if state == "interrupted":
        raise errors.SkippedError("report: skipped, the session was interrupted before anything was measured")
    if not _lines(os.path.join(path, "samples.jsonl")):
        store.remove_empty_run(path)
        shared.change(state="closed", running=None)
        raise errors.SkippedError("report: skipped, nothing was measured")
    calibrating.Calibrations(path, settings_from_environment(root, build).bench_dir).take("last")
    _mark_plan(path, "finished")
    run.say_grade(path, display)
    shared.change(state="closed", running=None)
    run.report(path, display)
    return errors.OK


def _mark_plan(path, state):
    file = os.path.join(path, "plan.json")
    plan = samples.load_checked(file, "plan")
    plan.update(state=state, interrupted=state == "interrupted")
    store.write_json(file, plan, "plan")
