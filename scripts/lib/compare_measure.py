"""Two revisions or builds, measured in turns in one session; what `greenbench compare` does with words that are no runs.

Each side becomes a stored run of its own. The two share `duel` in their plan.json, so that whoever compares the folders
later pairs their rounds again. What must be equal is looked at before anything is measured.
"""

import os

from . import calibrating, compare_build, compare_sides, errors, machine, planning, progress, runner, samples, store
from . import turns
from . import run as run_module

ROUNDS = 12
BEST_OF = 5     # processes of each side in a round


class Request:
    """words: two compare_sides.Word, BUILD or REVISION. settings: run.Settings. rounds: replicates. best_of: processes of each side
    in a round, of which the fastest counts."""

    def __init__(self, words, settings, rounds=None, best_of=None):
        self.words, self.settings, self.rounds, self.best_of = words, settings, rounds or ROUNDS, best_of or BEST_OF


def measure(request, out):
    """The two folders of the runs, or raises: NotComparableError before anything is measured."""
    display = progress.display(out)
    with compare_build.Workshop(request.settings.root, display.note) as workshop:
        built = [workshop.revision(word.target) if word.kind == compare_sides.REVISION
                 else compare_build.of_folder(word.target) for word in request.words]
        return _Session(request, built, display).run()


class _Session:
    def __init__(self, request, built, display):
        self.request, self.settings, self.built, self.display = request, request.settings, built, display
        self.backends = self._backends()
        self.told = [run_module.ask(b.bench, self.backends, self.settings) for b in built]
        self.name = store.check_machine_name(self.settings.machine or machine.slug())
        self.utc = runner.utc_now()
        self.machines = [machine.describe(b.root, self.name, self.utc, self.settings.profile, self.settings.command, told)
                         for b, told in zip(built, self.told)]
        refusal = compare_sides.why_not(*self.machines)
        if refusal:
            raise errors.NotComparableError("not comparable: " + refusal)

    def _backends(self):
        """Those asked for, or gt alone."""
        wanted = self.settings.backend or ["gt"]
        return [b for b in self.built[0].bench.pick(wanted) if b in self.built[1].bench.pick(wanted)]

    def _plan(self):
        offers = [b.bench.offers(self.backends) for b in self.built]
        plans = [run_module.make_plan(self.settings, told, self.backends, offer)
                 for told, offer in zip(self.told, offers)]
        (taken, others), (there, _) = turns.choose(plans[0]), turns.choose(plans[1])
        if others:
            self.display.note("not measured in turns, since they run once or under a given load: " + ", ".join(others))
        lost = [cell for cell in taken if cell not in there]
        if lost:
            self.display.note("not measured, since only A has it: " + ", ".join("%s %s" % cell[:2] for cell in lost))
        taken = [cell for cell in taken if cell in there]
        if not taken:
            raise errors.UsageError("compare: no cell of the profile and filter is in both and can be measured in turns")
        return taken

    def run(self):
        run_module.set_timer_slack(self.display.note)
        cells = self._plan()
        paths = [store.create_run(self.settings.output, self.name, self.utc, m["rev"]) for m in self.machines]
        duel = "%s-%d-%d" % (self.utc, self.settings.seed, os.getpid())
        for path, document in zip(paths, self.machines):
            store.write_json(os.path.join(path, "machine.json"), document, "machine")
        self._write_plans(paths, duel, "running")
        each = self.request.rounds * self.request.best_of
        self.display.note("%d cell-backend pairs, %d rounds of %d processes on each side: %d processes, about %s; seed %d,"
                          " results in %s and %s" % (
                              len(cells), self.request.rounds, self.request.best_of, 2 * len(cells) * each,
                              planning.minutes(turns.estimate(cells, each)), self.settings.seed, *paths))
        state = "interrupted"
        try:
            self._measure(cells, paths)
            state = "finished"
        finally:
            self.display.finish()
            self._write_plans(paths, duel, state)
        return paths

    def _measure(self, cells, paths):
        variants = [turns.Variant(label, {backend: b.bench.path(backend) for backend in self.backends}, shown)
                    for label, (b, shown) in enumerate(zip(self.built, (" A", " B")))]
        stores = [store.Store(path) for path in paths]
        try:
            units = [turns.Unit(*cell) for cell in cells]
            with runner.Interrupts() as interrupts:
                turns.Turns(variants, units, self.settings.profile, run_module.options_of(self.settings), interrupts,
                            self.display, lambda label, unit, sample: stores[label].add(sample),
                            [calibrating.Calibrations(path, b.bench.directory) for path, b in zip(paths, self.built)]
                            ).run(self.request.rounds, self.settings.seed, self.request.best_of)
        except runner.Interrupted:
            self.display.note("interrupted: what was measured is kept in %s and %s" % tuple(paths))
            raise KeyboardInterrupt from None
        finally:
            for one in stores:
                one.close()

    def _write_plans(self, paths, duel, state):
        for path in paths:
            store.write_json(os.path.join(path, "plan.json"), {
                "schema": samples.PLAN_SCHEMA, "state": state, "interrupted": state == "interrupted",
                "profile": self.settings.profile, "seed": self.settings.seed, "spin_ns": self.settings.spin_ns,
                "filter": self.settings.filter, "place": self.settings.place, "duel": duel,
                "replicates": self.request.rounds, "best_of": self.request.best_of}, "plan")
