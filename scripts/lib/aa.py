"""`greenbench run --aa`: one backend against itself, under the rule by which backends are compared.

Every cell of the profile that runs in rounds is measured as pairs: the same executable under two labels, `gt` and
`gt#2`, next to each other in each round, in random order, as two backends would be. There are as many pairs of each
cell as 200 comparisons need. What "differs" then is a false alarm. At most 5 may: exit status 0, else 1; 2 if fewer
than 200 could be judged.

A comparison is one pair of one cell on one backend: the median of the 10 log ratios of its rounds, their interval, the
sign test, corrected after Holm over its family (one workload at one P and placement, as in a report; each pair of
labels is a run of its own in this), and the noise floor of the whole measurement. The samples carry `label` and
`pair`; the run can be judged again from its files.
"""

import math
import os

from . import calibrating, errors, machine, planning, progress, runner, samples, selection, stats, store, turns
from . import bench as bench_module
from . import run as run_module
from .report_cell import Cell
from .report_model import Comparison, judge
from .report_series import Series
from .report_words import figure

ROUNDS = 10
COMPARISONS = 200
ALLOWED = 5
LABELS = ("", "#2")     # after the backend's name
MAX_NAMED = 20


def add_arguments(parser):
    parser.add_argument("--aa", nargs="?", const="", metavar="DIR",
                        help="measure one backend against itself, %d comparisons: at most %d may differ; with a"
                        " folder, judge such a run again" % (COMPARISONS, ALLOWED))


def main(args, options, out):
    """options: those of `run` that its settings take."""
    given = [name for name in ("resume", "time") if getattr(args, name, None) is not None]
    if given:
        raise errors.UsageError("--aa measures a number of comparisons: leave out --%s" % given[0])
    display = progress.display(out)
    path = args.aa or measure(selection.settings(args, options), display)
    return tell(judged(samples.load_run(path)), display)


# --- measuring ------------------------------------------------------------------------------------

def measure(settings, display):
    """Measure and store; the run's folder."""
    run_module.set_timer_slack(display.note)
    bench = bench_module.Bench(settings.bench_dir)
    backends = bench.pick(settings.backend or ["gt"])
    told = run_module.ask(bench, backends, settings)
    cells, _ = turns.choose(run_module.make_plan(settings, told, backends, bench.offers(backends)))
    if not cells:
        raise errors.UsageError("--aa: no cell of the profile and filter runs in rounds")
    pairs = math.ceil(COMPARISONS / len(cells))
    name, utc = store.check_machine_name(settings.machine or machine.slug()), runner.utc_now()
    document = machine.describe(settings.root, name, utc, settings.profile, settings.command, told)
    path = store.create_run(settings.output, name, utc, document["rev"])
    store.write_json(os.path.join(path, "machine.json"), document, "machine")
    _write_plan(settings, path, pairs, "running")   # first: without it this would be a run like any other
    display.note("%d cell-backend pairs x %d pairs of labels = %d comparisons, %d processes, about %s; results in %s" % (
        len(cells), pairs, len(cells) * pairs, 2 * ROUNDS * len(cells) * pairs,
        planning.minutes(turns.estimate(cells, ROUNDS * pairs)), path))
    state = "interrupted"
    try:
        _take_turns(settings, bench, cells, pairs, path, display)
        state = "finished"
    finally:
        display.finish()
        _write_plan(settings, path, pairs, state)
    return path


def _write_plan(settings, path, pairs, state):
    store.write_json(os.path.join(path, "plan.json"), {
        "schema": samples.PLAN_SCHEMA, "state": state, "interrupted": state == "interrupted",
        "profile": settings.profile, "seed": settings.seed, "spin_ns": settings.spin_ns,
        "filter": settings.filter, "place": settings.place, "aa": {"pairs": pairs, "rounds": ROUNDS}}, "plan")


def _take_turns(settings, bench, cells, pairs, path, display):
    kept = store.Store(path)

    def keep(label, unit, sample):
        number = 2 * unit.pair + label
        kept.add(dict(sample, label=sample["backend"] + LABELS[label], pair=unit.pair,
                      replicate=number * ROUNDS + sample["replicate"]))
    variants = [turns.Variant(label, {backend: bench.path(backend) for _, backend in cells}, LABELS[label])
                for label in range(len(LABELS))]
    units = [turns.Unit(cell, backend, pair) for cell, backend in cells for pair in range(pairs)]
    try:
        with runner.Interrupts() as interrupts:
            turns.Turns(variants, units, settings.profile, run_module.options_of(settings), interrupts, display,
                        keep, [calibrating.Calibrations(path, bench.directory)]).run(ROUNDS, settings.seed)
    except runner.Interrupted:
        display.note("interrupted: nothing can be said of so few; what was measured is in %s" % path)
        raise KeyboardInterrupt from None
    finally:
        kept.close()


# --- judging --------------------------------------------------------------------------------------

class Judged:
    """comparisons: those with ten rounds on both sides. left_out: how many were planned and have not. finished: the
    measurement came to its end; of one that did not nothing is shown, whatever it has."""

    def __init__(self, comparisons, left_out, floor, finished):
        self.comparisons, self.left_out, self.floor, self.finished = comparisons, left_out, floor, finished

    def those(self, test):
        return [c for c in self.comparisons if test(c)]

    @property
    def differing(self):
        return self.those(lambda c: c.verdict == stats.DIFFERS)

    @property
    def status(self):
        if not self.finished:
            return errors.INCONCLUSIVE
        if len(self.differing) > ALLOWED:
            return errors.FAILED
        return errors.OK if len(self.comparisons) >= COMPARISONS else errors.INCONCLUSIVE


def judged(run):
    """The Judged of a stored run."""
    grouped = {}
    for number, sample in enumerate(run.samples, 1):
        if not isinstance(sample.get("label"), str) or not isinstance(sample.get("pair"), int):
            raise errors.DataError(os.path.join(run.path, "samples.jsonl"), number, "no sample of a run --aa")
        grouped.setdefault((sample["cell"], sample["backend"], sample["pair"]), {}).setdefault(
            sample["label"], []).append(sample)
    comparisons, series, planned = [], [], len(grouped)
    for (name, backend, pair), by_label in grouped.items():
        both = [Series(Cell(name), backend, by_label[label]) for label in sorted(by_label)]
        if len(both) != 2 or not all(one.usable and one.complete for one in both):
            continue
        comparison = Comparison(*both)
        comparison.family += (backend, pair)
        comparison.unjudged = None      # the load generator limits both labels alike
        if comparison.judged and comparison.ratio.n == ROUNDS:
            comparisons.append(comparison)
            series += both
    floor = stats.noise_floor([one.values for one in series])
    judge(comparisons, floor)
    return Judged(comparisons, planned - len(comparisons), floor, run.plan.get("state") == "finished")


def tell(found, display):
    """Print what was found; the exit status."""
    total, differing = len(found.comparisons), found.differing
    display.note("A/A: %d comparisons of a backend with itself%s" % (
        total, "; %d more gave no ten values on both sides" % found.left_out if found.left_out else ""))
    if found.floor is not None:
        display.note("noise floor %s %%, from %d series" % (figure(found.floor.percent, 2), found.floor.series))
    for words, test in (
            ("uncorrected, the interval excludes 1", lambda c: c.ratio.interval.excludes(1.0)),
            ("uncorrected, p below 0.05", lambda c: c.ratio.p < stats.ALPHA),
            ("corrected, but without the noise floor",
             lambda c: c.ratio.interval.excludes(1.0) and c.corrected_p < stats.ALPHA),
            ("corrected: differ", lambda c: c.verdict == stats.DIFFERS)):
        count = len(found.those(test))
        display.note("%s: %d of %d (%.1f %%)" % (words, count, total, 100 * count / total if total else 0))
    for comparison in differing[:MAX_NAMED]:
        low, high = comparison.ratio.interval.low, comparison.ratio.interval.high
        display.note("differs: %s, %s, pair %d: %.3f (%.3f to %.3f)" % (
            comparison.cell.name, comparison.family[-2], comparison.family[-1], comparison.ratio.value, low, high))
    display.note({errors.OK: "at most %d of them may differ: held" % ALLOWED,
                  errors.FAILED: "at most %d of them may differ: not held" % ALLOWED,
                  errors.INCONCLUSIVE: "fewer than %d comparisons: nothing is shown" % COMPARISONS if found.finished else
                  "the measurement was interrupted: nothing is shown"}[found.status])
    return found.status
