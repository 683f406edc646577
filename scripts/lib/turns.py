"""Variants of one backend measured in turns: a revision and another, or a build and itself.

In each round the cells stand in random order, and the variants of a cell run one after the other, in random order, so
that what the machine does meanwhile hits all of them alike and rounds can be paired. Every variant of a cell runs the
same number of its rounds: what the fastest needs for the length that a process should have.
"""

import collections
import random
import typing

from . import costs, doctor, profiles, progress, runner, session

KINDS = session.PAIRED


class Variant:
    """label: its name in this measurement. paths: {backend: executable}. shown: what a display puts after a backend's
    name."""

    def __init__(self, label, paths, shown=""):
        self.label, self.paths, self.shown = label, paths, shown


def schedule(units, labels, rounds, seed, times=1):
    """Yield (round, unit, label) in the order in which the processes run; times: of each in a round."""
    rng = random.Random(seed)
    units, labels = list(units), list(labels)
    for number in range(rounds):
        for _ in range(times):      # not all of a unit at once: one burst would hit them all
            rng.shuffle(units)
            for unit in units:
                rng.shuffle(labels)
                for label in labels:
                    yield number, unit, label


class Unit(typing.NamedTuple):
    """What stands next to itself under every label once in a round. pair: tells two units of the same cell apart."""
    cell: str
    backend: str
    pair: int = 0


def estimate(cells, each, labels=2):
    """Seconds of all: `each` processes of each cell and label, and the pilots. cells: [(cell, backend)]."""
    return labels * sum(each * (costs.process_seconds(*cell) + costs.BETWEEN_SECONDS) + costs.pilot_seconds(*cell)
                        for cell in cells)


class Outlook:
    """How far turns are and what is left, for a display. each: processes of each unit and label."""

    def __init__(self, units, labels, each, best):
        self.state, self.best = progress.State(), best
        self.left = collections.Counter()       # of (cell, backend): processes
        for unit in units:
            self.left[unit[:2]] += labels * each
        self.pilots = collections.Counter(dict.fromkeys(self.left, labels))
        self.took = {}                          # {(cell, backend): (processes, their seconds)}

    def piloted(self, cell):
        """All pilots of a (cell, backend) are done."""
        self.state.seconds_done += self.pilots.pop(cell) * costs.pilot_seconds(*cell)
        self._refresh("pilots")

    def begin(self, cells):
        """The rounds begin; those cells have some."""
        self.left = collections.Counter({cell: number for cell, number in self.left.items() if cell in cells})

    def passed(self, cell):
        self.left[cell] -= 1

    def add(self, sample, shown, phase):
        """shown: the backend's name with the label."""
        cell, seconds = (sample["cell"], sample["backend"]), sample["wall_ms"] / 1000 + costs.BETWEEN_SECONDS
        count, whole = self.took.get(cell, (0, 0.0))
        self.took[cell] = count + 1, whole + seconds
        self.state.processes += 1
        self.state.seconds_done += seconds
        self.state.add(dict(sample, backend=shown), self.best)
        self._refresh(phase)

    def _refresh(self, phase):
        self.state.phase = phase
        self.state.seconds_left = sum(number * self._seconds(cell) for cell, number in self.left.items()) + sum(
            number * costs.pilot_seconds(*cell) for cell, number in self.pilots.items())

    def _seconds(self, cell):
        """Of one process: what those before took, or the table says."""
        count, whole = self.took.get(cell, (0, 0.0))
        return whole / count if count else costs.process_seconds(*cell) + costs.BETWEEN_SECONDS


class Turns:
    """units: what is measured. keep(label, unit, sample): stores one. calibrations: [calibrating.Calibrations], of each
    run that is written."""

    def __init__(self, variants, units, profile, options, interrupts, display, keep, calibrations=()):
        self.variants = {v.label: v for v in variants}
        self.units, self.profile, self.options = units, profile, options
        self.interrupts, self.display, self.keep = interrupts, display, keep
        self.calibrations = calibrations
        self.rounds, self.order = {}, 0     # rounds: {(cell, backend): number}
        self.counts = collections.Counter()  # of processes of (label, unit)
        self.over = set()                   # (label, unit) that ended badly once
        self.outlook, self.phase = None, "pilots"

    def run(self, rounds, seed, times=1):
        self.outlook = Outlook(self.units, len(self.variants), rounds * times, times > 1)
        self._calibrate("first")
        for unit in {unit[:2]: unit for unit in self.units}.values():
            self._pilot(unit)
            self.outlook.piloted(unit[:2])
            self.display.update(self.outlook.state, unit.cell)
        left = [unit for unit in self.units if unit[:2] in self.rounds]
        self.outlook.begin(self.rounds)
        last = None
        for number, unit, label in schedule(left, self.variants, rounds, seed, times):
            if number != last:
                self.phase = "round %d of %d" % (number + 1, rounds)
                self.display.note(self.phase)
                last = number
                if number == rounds // 2:
                    self._calibrate("middle")
            self.outlook.passed(unit[:2])
            if (label, unit) not in self.over:
                self._process(unit, label, number)
                self.display.update(self.outlook.state, unit.cell)
        self._calibrate("last")

    def _calibrate(self, at):
        for one in self.calibrations:
            one.take(at, self.interrupts)

    def _exe(self, unit, label):
        return self.variants[label].paths[unit.backend]

    def _pilot(self, unit):
        fixed = profiles.fixed_rounds(self.profile, unit.cell)
        if fixed is not None:
            self.rounds[unit[:2]] = fixed
            return
        for label in self.variants:
            self.interrupts.check()
            found, sample = runner.pilot(self._exe(unit, label), unit.cell, unit.backend, self.options,
                                         self.interrupts, profiles.TARGET_MS)
            if found:
                self.rounds[unit[:2]] = max(self.rounds.get(unit[:2], 1), int(found["rounds"]))
            else:
                self._store(unit, label, sample, 0)

    def _process(self, unit, label, number):
        self.interrupts.check()
        sample = runner.measure(self._exe(unit, label), unit.cell, unit.backend, self.rounds[unit[:2]], self.options,
                                self.interrupts)
        lines = self.calibrations[0].lines if self.calibrations else ()
        reason = doctor.below_empty_loop(sample, lines)
        if reason:
            sample.update(status="failed", reason=reason)
        self._store(unit, label, sample, number)

    def _store(self, unit, label, sample, number):
        sample.update(replicate=self.counts[label, unit], round=number, order=self.order)
        self.counts[label, unit] += 1
        self.order += 1
        if sample["status"] in session.BAD or sample["status"] == "skipped":
            self.over.add((label, unit))
            self.display.note(session.complaint(sample))
        self.keep(label, unit, sample)
        self.outlook.add(sample, unit.backend + self.variants[label].shown, self.phase)


def choose(plan):
    """[(cell, backend)] of a plan that can be measured in turns, and the names of the others: what runs once, and
    services whose load is a share of what all backends together show."""
    fit = {cell.name for cell in plan.cells if cell.kind in KINDS and not profiles.is_share(cell.name)}
    taken = [(cell.name, backend) for cell in plan.cells if cell.name in fit for backend in cell.backends]
    return taken, [cell.name for cell in plan.cells if cell.name not in fit]
