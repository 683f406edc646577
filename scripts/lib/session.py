"""A session: every cell of a plan, in fresh processes, interleaved.

Order. Within a round the cells stand in random order; the backends of one
cell run one after the other, in random order, so that the round pairs them:
what the machine does meanwhile hits all of them alike. A cell is repeated as
often as its slowest backend allows, so that every round has its pair. Cells
that run once come after the rounds, memory/capacity after those, and the
capacity of threads at the very end, since it fills the system's tables.
"""

import random
import time

from . import cells, costs, planning, profiles, runner
from .progress import State

CAPACITY = "memory/capacity"
FULL_LOAD_MS = 300      # of a pilot that finds how many requests a backend can take
BAD = ("failed", "crashed", "timeout")
PAIRED = ("timed", "heavy", "few")     # kinds of cells that run in rounds


class Job:
    """One cell on one backend."""

    def __init__(self, cell, backend, fixed_rounds=None):
        self.cell, self.backend = cell, backend
        self.rounds, self.ns_per_round = fixed_rounds or 1, None
        self.fixed = fixed_rounds is not None
        self.seconds = costs.process_seconds(cell.name, backend)
        self.done, self.over = 0, False

    def needs_pilot(self):
        return self.cell.kind in PAIRED and not self.fixed

    def take_pilot(self, found):
        ns_per_round = float(found["ns_per_round"] or 0)
        if self.ns_per_round is not None and ns_per_round >= self.ns_per_round:
            return
        self.rounds, self.ns_per_round = int(found["rounds"]), ns_per_round
        if found["status"] == "limit":
            self.rounds = 1
        expected = self.ns_per_round * (self.rounds + 1) * 1e-9 + costs.START_SECONDS
        self.seconds = max(self.seconds if self.cell.kind == "heavy" else 0, expected)


class Session:
    def __init__(self, plan, bench, store, options, seed, display, interrupts, order=0):
        self.plan, self.bench, self.store, self.options = plan, bench, store, options
        self.seed, self.display, self.interrupts = seed, display, interrupts
        self.random = random.Random(seed)
        self.order = order
        self.state = State()
        self.bad = []           # samples that failed, crashed or hung
        self.jobs = {c.name: [Job(c, b, profiles.fixed_rounds(plan.profile, c.name)) for b in c.backends]
                     for c in plan.cells}
        self.replicates = {c.name: costs.replicates(plan.profile, c.name, c.kind, max(
            j.seconds for j in self.jobs[c.name])) for c in plan.cells}

    # --- the phases ---

    def run(self):
        """Everything; runner.Interrupted if a signal ended it."""
        self._record_skips()
        self._full_load()
        self._pilots()
        self._leave_out()
        self._rounds()
        self._harness()
        self._once()
        self.display.finish()

    def _record_skips(self):
        for cell, backend, reason in self.plan.skipped:
            sample = runner.blank(cell, backend, "skipped", reason)
            sample.update(utc=runner.utc_now(), wall_ms=0, exit=77)
            self._keep(sample, 0, 0)

    def _full_load(self):
        """What the slowest backend can take, in requests a second, for the cells whose load is a share of it."""
        backends = sorted({j.backend for name, jobs in self.jobs.items() if profiles.is_share(name) for j in jobs})
        capacities = {}
        for backend in backends:
            self.interrupts.check()
            found, _ = runner.pilot(self.bench.path(backend), profiles.FULL_LOAD_CELL, backend, self.options,
                                    self.interrupts, FULL_LOAD_MS)
            if found and found["ns_per_round"] and found.get("unit"):
                capacities[backend] = float(found["unit"]) * 1e9 / float(found["ns_per_round"])
        if capacities:
            slowest = min(capacities, key=capacities.get)
            self.options.full_load = max(1, int(capacities[slowest]))
            self.display.note("%s: loads are shares of %d requests a second, what %s can take"
                              % (profiles.LOADED_CASE, self.options.full_load, slowest))

    def _pilots(self):
        jobs = [j for group in self.jobs.values() for j in group if j.needs_pilot()]
        self.random.shuffle(jobs)
        self._refresh("pilots", pilots=jobs)
        for index, job in enumerate(jobs):
            self.interrupts.check()
            self._pilot(job)
            self.state.processes += 1
            self.state.seconds_done += costs.pilot_seconds(job.cell.name, job.backend)
            self._refresh("pilots", pilots=jobs[index + 1:])
            self.display.update(self.state, job.cell.name)

    def _pilot(self, job):
        """The better of two: a disturbed pilot would make every replicate too
        short. A pilot of a second or more is long enough to stand alone."""
        for _ in range(costs.PILOTS):
            start = time.monotonic()
            found, sample = runner.pilot(self.bench.path(job.backend), job.cell.name, job.backend,
                                         self.options, self.interrupts, profiles.TARGET_MS)
            if not found:
                job.over = True
                self._keep(sample, 0, 0)
                return
            job.take_pilot(found)
            if time.monotonic() - start > 1:
                return

    def _leave_out(self):
        """Name the cells that do not fit, now that the pilots know them."""
        estimates = {name: self._left_of(name) for name in self.jobs}
        limit = self.plan.profile_data.limit_seconds - self.state.seconds_done
        for name in planning.fit(estimates, limit):
            reason = ("does not fit: %.0f s here, and profile %s ends within %d s"
                      % (estimates[name], self.plan.profile, self.plan.profile_data.limit_seconds))
            self.plan.left_out.append((name, reason))
            self.display.note("left out: %s %s" % (name, reason))
            for job in self.jobs.pop(name):
                sample = runner.blank(name, job.backend, "skipped", reason)
                sample.update(utc=runner.utc_now(), wall_ms=0, exit=77)
                self._keep(sample, 0, 0)

    def _rounds(self):
        names = [n for n, jobs in self.jobs.items() if jobs[0].cell.kind in PAIRED]
        round_number = 0
        while names:
            self.random.shuffle(names)
            for name in list(names):
                self._one_round(name, round_number)
                if not self._left_of(name):
                    names.remove(name)
                    self.display.cell_done(name, self.state.results(name))
            round_number += 1

    def _one_round(self, name, round_number):
        jobs = [j for j in self.jobs[name] if not j.over and j.done < self._replicates_of(j)]
        self.random.shuffle(jobs)
        for job in jobs:
            self._replicate(job, round_number)
        if round_number == 0 and jobs:
            self.replicates[name] = costs.replicates(
                self.plan.profile, name, jobs[0].cell.kind, max(j.seconds for j in jobs))

    def _harness(self):
        """What the loops of this plan take without their operations, in a few processes each."""
        cases = {cells.parse(c.name)[0] for c in self.plan.cells}
        wanted = [cell for case, cell in profiles.HARNESS_CELLS.items() if case in cases]
        exe = self.bench.path(profiles.HARNESS)
        for cell in wanted if self.bench.has_harness() else ():
            self.interrupts.check()
            found, sample = runner.pilot(exe, cell, profiles.HARNESS, self.options, self.interrupts,
                                         profiles.HARNESS_TARGET_MS)
            if not found:
                self._keep(sample, 0, 0)
                continue
            for number in range(profiles.HARNESS_REPLICATES):
                self.interrupts.check()
                self._keep(runner.measure(exe, cell, profiles.HARNESS, found["rounds"], self.options,
                                          self.interrupts), number, number)

    def _once(self):
        """Cells outside the rounds: gt's capacity before that of threads."""
        jobs = [j for group in self.jobs.values() for j in group if j.cell.kind in ("once", "capacity")]
        self.random.shuffle(jobs)
        jobs.sort(key=lambda j: (cells.parse(j.cell.name)[0] == CAPACITY, j.backend != "gt"))
        waiting = {j.cell.name: sum(1 for k in jobs if k.cell is j.cell) for j in jobs}
        for job in jobs:
            name = job.cell.name
            if cells.parse(name)[0] == CAPACITY:
                self.display.note("%s on %s: creates tasks until a limit, then releases them"
                                  % (name, job.backend))
            for number in range(self.replicates[name]):
                if not job.over:
                    self._replicate(job, number)
            waiting[name] -= 1
            if not waiting[name]:
                self.display.cell_done(name, self.state.results(name))

    # --- one process ---

    def _replicate(self, job, round_number):
        self.interrupts.check()
        start = time.monotonic()
        sample = runner.measure(self.bench.path(job.backend), job.cell.name, job.backend,
                                job.rounds, self.options, self.interrupts)
        self._keep(sample, job.done, round_number)
        job.done += 1
        job.seconds = time.monotonic() - start
        if sample["status"] in BAD or sample["status"] == "skipped":
            job.over = True
        elif sample["status"] == "limit" and job.cell.kind == "timed":
            job.over = True
        self.state.processes += 1
        self.state.seconds_done += job.seconds
        self._refresh("round %d" % (round_number + 1))
        self.display.update(self.state, job.cell.name)

    def _keep(self, sample, replicate, round_number):
        sample.update(replicate=replicate, round=round_number, order=self.order)
        self.store.add(sample)
        self.order += 1
        self.state.by_cell.setdefault(sample["cell"], {}).setdefault(sample["backend"], []).append(sample)
        if sample["status"] in BAD:
            self.bad.append(sample)
            self.display.note(complaint(sample))

    # --- how much is left ---

    def _replicates_of(self, job):
        return costs.backend_replicates(self.plan.profile, job.backend, self.replicates[job.cell.name])

    def _left_of(self, name):
        return sum(j.seconds * max(0, self._replicates_of(j) - j.done)
                   for j in self.jobs[name] if not j.over)

    def _refresh(self, phase, pilots=()):
        self.state.phase = phase
        self.state.seconds_left = sum(map(self._left_of, self.jobs)) + sum(
            costs.pilot_seconds(j.cell.name, j.backend) for j in pilots)

    # --- what is kept of the plan ---

    def plan_record(self):
        """The cells with what the pilots found, for plan.json."""
        return {name: {"kind": jobs[0].cell.kind, "replicates": self.replicates[name],
                       "backends": {j.backend: {"rounds": j.rounds, "pilot_ns_per_round": j.ns_per_round}
                                    for j in jobs}}
                for name, jobs in self.jobs.items()}


def complaint(sample):
    return "%s: %s on %s: %s" % (sample["status"], sample["cell"], sample["backend"], sample["reason"])


def fails_the_run(sample):
    """A wrong result, a defect or a hang; an out-of-memory kill is a result."""
    return sample["status"] in BAD and sample.get("exit") != -9 or sample["status"] == "timeout"
