"""`greenbench run`: open a run, run the session, close it, draw the report.

The Meson flow (meson_flow.py) uses the same pieces, spread over several
processes.
"""

import os
import random
import shutil

from . import bench as bench_module
from . import calibrating, errors, machine, peers, planning, profiles, progress, runner, samples, session, store
from .planfile import PlanFile


class Settings:
    """What a run is asked to do; the attributes carry the option names."""

    def __init__(self, root, **options):
        self.root = root
        self.profile = "default"
        self.filter, self.backend, self.place = [], [], None
        self.with_peers = False
        self.group = None       # only this group: a target of the Meson flow
        self.machine = self.output = self.bench_dir = self.seed = self.mem = None
        self.spin_ns = profiles.SPIN_NS
        self.watchdog = None    # seconds; the profile's
        self.allow_debug = self.no_report = False
        self.time = None        # seconds to spend, where not the profile says when to end
        self.resume = None      # the folder of a run to go on with; "": the newest that is not finished
        self.command = []
        for key, value in options.items():
            if not hasattr(self, key):
                raise ValueError(key)
            setattr(self, key, value)
        self.watchdog = self.watchdog or profiles.PROFILES[self.profile].watchdog_seconds
        self.output = self.output or os.path.join(root, "results", "local")
        self.bench_dir = self.bench_dir or bench_module.default_dir(root)
        if self.seed is None:
            self.seed = random.SystemRandom().randrange(1 << 32)


class Opened:
    """A run that has its folder, its machine.json and its plan. stored: what
    is there already of a run that is resumed; then its store is open."""

    def __init__(self, settings, path, bench, plan, name, backends, stored=None, opened_store=None):
        self.settings, self.path, self.bench = settings, path, bench
        self.plan, self.name, self.backends = plan, name, backends
        self.stored, self.store = stored, opened_store
        self.record = PlanFile(path, settings, plan, backends)


GT_MAX_WORKERS = 256   # of gt.h


def check_gt_variables(warn):
    """Every cell names its own number of CPUs, and gt is measured in its
    default configuration, so GT_* is not passed on; a GT_WORKERS that the
    runtime would refuse is refused here."""
    value = os.environ.get("GT_WORKERS")
    if value is not None:
        if not (value.isascii() and value.isdigit() and len(value) < 20 and 1 <= int(value) <= GT_MAX_WORKERS):
            raise errors.UsageError("GT_WORKERS=%s is not a number of workers from 1 to %d"
                                    % (value[:40], GT_MAX_WORKERS))
        warn("GT_WORKERS=%s is ignored here: the P in a cell's name is its number of CPUs" % value)
    for name in ("GT_STACK_SIZE", "GT_GUARD"):
        if name in os.environ:
            warn("%s is ignored here: gt is measured in its default configuration" % name)


def open_run(settings, warn):
    """Check everything that can be checked, make the run's folder, and write
    machine.json, topology.xml and plan.json. Raises GreenbenchError."""
    check_gt_variables(warn)
    bench = bench_module.Bench(settings.bench_dir)
    backends = bench.pick(settings.backend, settings.with_peers, profiles.PROFILES[settings.profile].beside)
    if settings.place is not None:
        planning.check_place(settings.place)
    name = store.check_machine_name(settings.machine or machine.slug())
    settings.mem = settings.mem or machine.memory_budget()
    utc = runner.utc_now()
    path = store.create_run(settings.output, name, utc, machine.revision(settings.root)[0])
    try:
        told = ask(bench, backends, settings)
        plan = make_plan(settings, told, backends, bench.offers(backends))
        store.write_json(os.path.join(path, "machine.json"), machine.describe(
            settings.root, name, utc, settings.profile, settings.command, told), "machine")
        bench.topology(bench.reference(backends), os.path.join(path, "topology.xml"))
        opened = Opened(settings, path, bench, plan, name, backends)
        opened.record.write("running")
    except BaseException:
        store.remove_empty_run(path)
        raise
    return opened


def ask(bench, backends, settings):
    """What an executable says of the machine and of its own build."""
    reference = bench.reference(backends)
    told = bench.machine(reference)
    if told.get("optimized") is False and not settings.allow_debug:
        raise errors.UnsupportedError(
            "%s is a debug build and measures nothing: build with --buildtype=release"
            " (--allow-debug runs it all the same)" % bench.path(reference))
    return dict(told, peers=peers.versions(bench.directory, backends))


def make_plan(settings, told, backends, offers):
    facts = profiles.Machine(len(machine.allowed_cpus()), told["placements"])
    plan = planning.make(settings.profile, facts, backends, settings.filter, settings.place, offers)
    if settings.group:
        plan = planning.of_group(plan, settings.group)
        if not plan.cells and not plan.skipped:
            raise errors.SkippedError("%s: skipped, no cell of it is selected" % settings.group)
    return plan


def options_of(settings):
    return runner.Options(settings.spin_ns, settings.mem or machine.memory_budget(),
                          profiles.PROFILES[settings.profile].capacity_seconds, settings.watchdog, settings.allow_debug,
                          0 if settings.profile == "full" else profiles.PIDS_RESERVE)


def set_timer_slack(note, path="/proc/self/timerslack_ns"):
    """1 us for every backend alike; children inherit it. note: is told where that cannot be had."""
    try:
        with open(path, "w", encoding="ascii") as f:
            f.write("1000")
    except OSError as e:
        note("the timer slack stays what it was (timer_slack_ns in machine.json; by default a sleep may end 50 us"
             " late): cannot write %s: %s" % (path, e.strerror))


def main(settings, out):
    """The command; returns its exit status."""
    display = progress.display(out)
    set_timer_slack(display.note)
    if settings.resume is not None:
        from . import resume
        opened = resume.reopen(settings, display.note)
    else:
        opened = open_run(settings, display.note)
        opened.store = store.Store(opened.path)
    for line in planning.summary(opened.plan, opened.name):
        display.note(line)
    display.note("seed %d, results in %s" % (settings.seed, opened.path))
    try:
        with runner.Interrupts() as interrupts:
            calibrations = calibrating.Calibrations(opened.path, settings.bench_dir,
                                                    opened.stored.calibrations if opened.stored else ())
            current = session_of(opened, opened.store, display, interrupts, calibrations)
            if opened.stored:
                current.restore(opened.stored)
            interrupted = run_session(current)
    finally:
        opened.store.close()
    return conclude(opened.path, current, interrupted, settings, display)


def session_of(opened, target, display, interrupts, calibrations, order=0):
    """The session of an opened run."""
    settings = opened.settings
    return session.Session(opened.plan, opened.bench, target, options_of(settings), settings.seed, display,
                           interrupts, order, opened.record, calibrations, settings.time)


def run_session(current, state_when_done="finished"):
    """Run it; the signal that interrupted it, or None."""
    interrupted = None
    state = "interrupted"
    try:
        current.run()
        state = state_when_done
    except runner.Interrupted as e:
        interrupted = e
    finally:
        current.display.finish()
        current.record.write(state, current)
    return interrupted


def conclude(path, current, interrupted, settings, display):
    if interrupted:
        return say_interrupted(path, current, interrupted, display)
    say_grade(path, display)
    if not settings.no_report:
        report(path, display)
    return judge(current, display)


def say_grade(path, display):
    described = samples.load_checked(os.path.join(path, "machine.json"), "machine")
    lines = samples.read_calibrations(os.path.join(path, calibrating.FILE), [])
    display.note(calibrating.grade_line(described, lines))


def say_interrupted(path, current, interrupted, display):
    if not current.order:
        display.note("interrupted by %s: nothing was measured yet" % interrupted)
        store.remove_empty_run(path)
        return errors.INTERRUPTED
    display.note("interrupted by %s: %d samples are kept in %s" % (interrupted, current.order, path))
    display.note("go on: scripts/greenbench run --resume %s; draw what is there: scripts/greenbench report %s"
                 % (path, path))
    return errors.INTERRUPTED


def judge(current, display):
    """The exit status of a session that ran to its end."""
    failing = [s for s in current.bad if session.fails_the_run(s)]
    for sample in failing:
        display.note(session.complaint(sample))
    if failing:
        display.note("the run failed: %d of %d processes did not do what they must"
                     % (len(failing), current.order))
    return errors.FAILED if failing else errors.OK


def report(path, display):
    """Verdict lines, then the report; its absence never loses results."""
    from . import verdicts
    loaded = samples.load_run(path)
    for note in loaded.notes:
        display.note(note)
    for line in verdicts.lines(loaded):
        display.note(line)
    draw(path, display)


def draw(path, display):
    if not shutil.which("gnuplot"):
        display.note("gnuplot is missing: the results are stored, the report is without charts; once it is"
                     " installed, draw them with scripts/greenbench report %s" % path)
    from . import report as report_module
    try:
        written = report_module.write(path, formats=("html", "md"))
    except errors.GreenbenchError as e:
        display.note("the results are stored, but the report is not written: %s"
                     " (again: scripts/greenbench report %s)" % (e, path))
        return
    for file in written:
        display.note("report: %s" % file)
