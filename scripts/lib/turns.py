"""Variants of one backend measured in turns: a revision and another, or a build and itself.

In each round the cells stand in random order, and the variants of a cell run one after the other, in random order, so
that what the machine does meanwhile hits all of them alike and rounds can be paired. Every variant of a cell runs the
same number of its rounds: what the fastest needs for the length that a process should have.
"""

import random

from . import profiles, runner, session

KINDS = session.PAIRED


class Variant:
    """label: its name in this measurement. paths: {backend: executable}."""

    def __init__(self, label, paths):
        self.label, self.paths = label, paths


def schedule(cells, labels, rounds, seed):
    """Yield (round, cell, label) in the order in which the processes run."""
    rng = random.Random(seed)
    cells, labels = list(cells), list(labels)
    for number in range(rounds):
        rng.shuffle(cells)
        for cell in cells:
            rng.shuffle(labels)
            for label in labels:
                yield number, cell, label


class Turns:
    """cells: [(cell, backend)]. keep(label, sample): stores one."""

    def __init__(self, variants, cells, settings_profile, options, interrupts, display, keep):
        self.variants = {v.label: v for v in variants}
        self.cells, self.profile, self.options = cells, settings_profile, options
        self.interrupts, self.display, self.keep = interrupts, display, keep
        self.rounds, self.bad, self.order = {}, {}, 0

    def run(self, rounds, seed):
        for cell in self.cells:
            self._pilot(cell)
        left = [cell for cell in self.cells if cell in self.rounds]
        replicates = {}
        last = None
        for number, cell, label in schedule(left, self.variants, rounds, seed):
            if number != last:
                self.display.note("round %d of %d" % (number + 1, rounds))
                last = number
            if self.bad.get(cell, ()) and label in self.bad[cell]:
                continue
            replicate = replicates.get((cell, label), 0)
            replicates[cell, label] = replicate + 1
            self._process(cell, label, number, replicate)

    def _exe(self, cell, label):
        return self.variants[label].paths[cell[1]]

    def _pilot(self, cell):
        fixed = profiles.fixed_rounds(self.profile, cell[0])
        if fixed is not None:
            self.rounds[cell] = fixed
            return
        for label in self.variants:
            self.interrupts.check()
            found, sample = runner.pilot(self._exe(cell, label), cell[0], cell[1], self.options, self.interrupts,
                                         profiles.TARGET_MS)
            if found:
                self.rounds[cell] = max(self.rounds.get(cell, 1), int(found["rounds"]))
            else:
                self._store(cell, label, sample, 0, 0)

    def _process(self, cell, label, number, replicate):
        self.interrupts.check()
        sample = runner.measure(self._exe(cell, label), cell[0], cell[1], self.rounds[cell], self.options,
                                self.interrupts)
        self._store(cell, label, sample, number, replicate)

    def _store(self, cell, label, sample, number, replicate):
        sample.update(replicate=replicate, round=number, order=self.order)
        self.order += 1
        if sample["status"] in session.BAD or sample["status"] == "skipped":
            self.bad.setdefault(cell, set()).add(label)
            self.display.note(session.complaint(sample))
        self.keep(label, sample)


def choose(plan):
    """[(cell, backend)] of a plan that can be measured in turns, and the names of the others."""
    taken = [(cell.name, backend) for cell in plan.cells if cell.kind in KINDS for backend in cell.backends]
    return taken, [cell.name for cell in plan.cells if cell.kind not in KINDS]
