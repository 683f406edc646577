"""A session: every cell of a plan, in fresh processes, interleaved.

Order. Within a round the cells stand in random order; the backends of one
cell run one after the other, in random order, so that the round pairs them:
what the machine does meanwhile hits all of them alike. A cell is repeated as
often as its slowest backend allows, so that every round has its pair. Cells
that run once come after the rounds, memory/capacity after those, and the
capacity of threads at the very end, since it fills the system's tables.

Every order is drawn from the seed and from what is ordered, and what comes next
follows from plan.json and the samples that are there: a session that restore()s
a run goes on as the one that was cut off would have. With a time to spend,
adaptive.py says which cells get more than the least.
"""

import random
import time

from . import adaptive, cells, costs, planning, profiles, runner
from .doctor import below_empty_loop
from .jobs import BAD, PAIRED, Job
from .progress import State

CAPACITY = "memory/capacity"
FULL_LOAD_MS = 300      # of a pilot that finds how many requests a backend can take


class Session:
    """record: the PlanFile that is kept up to date. calibrations: those of the
    run, None where nothing calibrates. seconds: of --time."""

    def __init__(self, plan, bench, store, options, seed, display, interrupts, order=0, record=None,
                 calibrations=None, seconds=None):
        self.plan, self.bench, self.store, self.options = plan, bench, store, options
        self.seed, self.display, self.interrupts = seed, display, interrupts
        self.order, self.record, self.calibrations, self.budget = order, record, calibrations, seconds
        self.state = State(seconds)
        self.measuring = False  # the pilots are done
        self.recorded = set()   # (cell, backend) that have a sample
        self.bad = []           # samples that failed, crashed or hung
        self._started, self._spent_before = time.monotonic(), 0.0
        self.jobs = {c.name: [Job(c, b, profiles.fixed_rounds(plan.profile, c.name), plan.profile) for b in c.backends]
                     for c in plan.cells}
        self.replicates = {c.name: self._replicates_at_first(c) for c in plan.cells}

    def _replicates_at_first(self, cell):
        count = costs.replicates(self.plan.profile, cell.name, cell.kind, max(j.seconds for j in self.jobs[cell.name]))
        return min(count, adaptive.MINIMUM) if self.budget and cell.kind in PAIRED else count

    # --- the phases ---

    def run(self):
        """Everything that is not there yet; runner.Interrupted if a signal ended it."""
        self._calibrate("middle" if self.order else "first", again=self.order > 0)
        self._record_skips()
        self._full_load()
        if not self.measuring:
            self._pilots()
            self._leave_out()
            self.measuring = True
        self._save()
        self._record_left_out()
        self._rounds()
        self._tighten()
        self._harness()
        self._once()
        self._calibrate("last")
        self.display.finish()

    def spent(self):
        """Seconds since the run began, without those between a crash and --resume."""
        return self._spent_before + time.monotonic() - self._started

    def _save(self, now=True):
        if self.record and now:
            self.record.write("running", self)
        elif self.record:
            self.record.write_now_and_then(self)

    def _calibrate(self, at, again=False):
        """Once at each of the three, and once more where a run is taken up again."""
        if self.calibrations and self.calibrations.lacks(at, again):
            self.interrupts.check()
            line = self.calibrations.take(at, self.interrupts)
            if line["status"] != "ok":
                self.display.note("calibration %s: %s" % (line["status"], line.get("reason")))

    def _mixed(self, items, name, *place):
        """In an order that the seed and the place alone decide, whatever else there is."""
        return sorted(items, key=lambda item: random.Random("/".join(map(str, (self.seed, *place, name(item))))).random())

    def _record_skips(self):
        for cell, backend, reason in self.plan.skipped:
            self._keep_skipped(cell, backend, reason)

    def _keep_skipped(self, cell, backend, reason):
        if (cell, backend) not in self.recorded:
            sample = runner.blank(cell, backend, "skipped", reason)
            sample.update(utc=runner.utc_now(), wall_ms=0, exit=77)
            self._keep(sample, 0, 0)

    def _full_load(self):
        """What the slowest backend can take, in requests a second, for the cells whose load is a share of it."""
        backends = sorted({j.backend for name, jobs in self.jobs.items() if profiles.is_share(name) for j in jobs})
        capacities = {}
        for backend in backends if self.options.full_load is None else ():
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
        jobs = self._mixed(jobs, lambda j: "%s %s" % (j.cell.name, j.backend), "pilots")
        self._refresh("pilots", pilots=jobs)
        for index, job in enumerate(jobs):
            self.interrupts.check()
            self._pilot(job)
            self._save(now=False)
            self.state.processes += 1
            self.state.seconds_done += costs.pilot_seconds(job.cell.name, job.backend)
            self._refresh("pilots", pilots=jobs[index + 1:])
            self.display.update(self.state, job.cell.name)

    def _pilot(self, job):
        """The better of two: a disturbed pilot would make every replicate too
        short. A pilot of one long round has found all it can."""
        for _ in range(costs.PILOTS):
            start = time.monotonic()
            found, sample = runner.pilot(self.bench.path(job.backend), job.cell.name, job.backend,
                                         self.options, self.interrupts, profiles.TARGET_MS)
            if not found:
                job.over = True
                self._keep(sample, 0, 0)
                return
            job.take_pilot(found)
            if time.monotonic() - start > costs.LONG_SECONDS:
                return

    def _leave_out(self):
        """Name the cells that do not fit, now that the pilots know them."""
        estimates = {name: self._left_of(name) for name in self.jobs}
        limit = self.budget or self.plan.profile_data.limit_seconds
        what = "--time is" if self.budget else "profile %s ends within" % self.plan.profile
        left = limit - self.state.seconds_done if self.budget else costs.seconds_left(
            self.plan.profile, self.plan.cells, self.spent())
        decided = {name for name, _ in self.plan.left_out}
        for name in planning.fit({n: s for n, s in estimates.items() if n not in decided}, left):
            reason = "does not fit: %.0f s here, and %s %d s" % (estimates[name], what, limit)
            self.plan.left_out.append((name, reason))
            self.display.note("left out: %s %s" % (name, reason))

    def _record_left_out(self):
        for name, reason in self.plan.left_out:
            for job in self.jobs.pop(name, ()):
                self._keep_skipped(name, job.backend, reason)

    def _rounds(self):
        """Round after round until every cell has had its replicates. The cells
        that are behind come first: after a crash their round is half done."""
        while True:
            nexts = {name: self._next_round(name) for name, jobs in self.jobs.items() if jobs[0].cell.kind in PAIRED}
            left = [number for number in nexts.values() if number is not None]
            if not left:
                return
            for name in self._mixed([n for n, r in nexts.items() if r == min(left)], str, "round", min(left)):
                self._one_round(name, min(left))
                if self._next_round(name) is None and not self.budget:
                    self.display.cell_done(name, self.state.results(name))

    def _next_round(self, name):
        return min((j.done for j in self._waiting(name)), default=None)

    def _waiting(self, name):
        return [j for j in self.jobs[name] if not j.over and j.done < self._replicates_of(j)]

    def _one_round(self, name, number):
        if self.state.fraction() >= 0.5:
            self._calibrate("middle")
        jobs = [j for j in self._waiting(name) if j.done == number]
        for job in self._mixed(jobs, lambda j: j.backend, "round", number, name):
            self._replicate(job, number)
        if number == 0 and not self.budget:
            self._recount(name)

    def _recount(self, name):
        """How often the cell is to run, now that each backend of it has run once."""
        kind, took = self.jobs[name][0].cell.kind, [j.first_seconds for j in self.jobs[name] if j.done]
        if not took:
            return
        self.replicates[name] = costs.replicates(self.plan.profile, name, kind, max(took))

    def _tighten(self):
        """With --time: more rounds for the cells whose intervals can be expected to be widest."""
        while self.budget:
            left = self.budget - self.spent() - sum(map(self._left_of, self.jobs))
            chosen = adaptive.choose(self._candidates(), left)
            if not chosen:
                break
            for name in chosen:
                self.replicates[name] += 1
            self._save()
            for name in self._mixed(chosen, str, "more", sum(self.replicates.values())):
                self._one_round(name, self._next_round(name))
        for name, jobs in self.jobs.items() if self.budget else ():
            if jobs[0].cell.kind in PAIRED:
                self.display.cell_done(name, self.state.results(name))

    def _candidates(self):
        """{cell: (how wide its interval can be expected to be, seconds of a round)}, of those that can have one more;
        by the backends that would take part in it."""
        spreads, seconds = {}, {}
        for name, jobs in self.jobs.items():
            going = [j for j in jobs if not j.over and self._replicates_of(j, 1) > j.done]
            if going and jobs[0].cell.kind in PAIRED and self.replicates[name] < adaptive.MOST:
                results = self.state.results(name)
                spreads[name] = max(adaptive.spread(results.get(j.backend, ())) or 0 for j in going)
                seconds[name] = sum(j.seconds for j in going)
        widths = adaptive.expected(spreads, self.replicates)
        return {name: (widths.get(name), seconds[name]) for name in spreads}

    def _harness(self):
        """What the loops of this plan take without their operations, in a few processes each."""
        cases = {cells.parse(c.name)[0] for c in self.plan.cells}
        wanted = [cell for case, cell in profiles.HARNESS_CELLS.items() if case in cases]
        exe = self.bench.path(profiles.HARNESS)
        for cell in wanted if self.bench.has_harness() else ():
            there = self.state.results(cell).get(profiles.HARNESS, [])
            if len(there) >= profiles.HARNESS_REPLICATES or any(s["status"] in BAD for s in there):
                continue
            self.interrupts.check()
            found, sample = runner.pilot(exe, cell, profiles.HARNESS, self.options, self.interrupts,
                                         profiles.HARNESS_TARGET_MS)
            if not found:
                self._keep(sample, 0, 0)
                continue
            rounds = there[0]["rounds"] if there else found["rounds"]
            for number in range(len(there), profiles.HARNESS_REPLICATES):
                self.interrupts.check()
                self._keep(runner.measure(exe, cell, profiles.HARNESS, rounds, self.options, self.interrupts),
                           number, number)

    def _once(self):
        """Cells outside the rounds: gt's capacity before that of threads."""
        jobs = [j for group in self.jobs.values() for j in group if j.cell.kind in ("once", "capacity")]
        jobs = self._mixed(jobs, lambda j: "%s %s" % (j.cell.name, j.backend), "once")
        jobs.sort(key=lambda j: (cells.parse(j.cell.name)[0] == CAPACITY, j.backend != "gt"))
        waiting = {j.cell.name: sum(1 for k in jobs if k.cell is j.cell) for j in jobs}
        for job in jobs:
            name = job.cell.name
            if self.state.fraction() >= 0.5:
                self._calibrate("middle")
            if cells.parse(name)[0] == CAPACITY and self._waiting(name):
                self.display.note("%s on %s: creates tasks until a limit, then releases them"
                                  % (name, job.backend))
            for number in range(job.done, self.replicates[name]):
                if not job.over:
                    self._replicate(job, number)
            waiting[name] -= 1
            if not waiting[name]:
                self.display.cell_done(name, self.state.results(name))

    # --- one process ---

    def _replicate(self, job, round_number):
        self.interrupts.check()
        sample = runner.measure(self.bench.path(job.backend), job.cell.name, job.backend,
                                job.rounds, self.options, self.interrupts)
        self._refuse_the_impossible(sample)
        self._keep(sample, job.done + job.repeated, round_number)
        self._count(job, sample)
        self._refresh("round %d" % (round_number + 1))
        self.display.update(self.state, job.cell.name)

    def _refuse_the_impossible(self, sample):
        reason = below_empty_loop(sample, self.calibrations.lines) if self.calibrations else None
        if reason:
            sample.update(status="failed", reason=reason)

    def _keep(self, sample, replicate, round_number):
        sample.update(replicate=replicate, round=round_number, order=self.order)
        self.store.add(sample)
        self._take_note(sample)
        if sample["status"] in BAD:
            self.display.note(complaint(sample))

    def _take_note(self, sample):
        self.order += 1
        self.recorded.add((sample["cell"], sample["backend"]))
        self.state.add(sample)
        if sample["status"] in BAD:
            self.bad.append(sample)

    def _count(self, job, sample):
        job.account(sample)
        self.state.processes += 1
        self.state.seconds_done += job.seconds

    # --- going on with a run ---

    def restore(self, stored):
        """Be where the session was that left `stored` (a samples.Run)."""
        plan, jobs = stored.plan, {(j.cell.name, j.backend): j for group in self.jobs.values() for j in group}
        self.plan.left_out = [(one["cell"], one["reason"]) for one in plan.get("left_out", ())]
        self.options.full_load = plan.get("full_load")
        for name, cell in plan.get("cells", {}).items():
            for backend, found in cell["backends"].items():
                job = jobs.get((name, backend))
                if job and found["pilot_ns_per_round"] is not None:
                    job.expect(found["rounds"], found["pilot_ns_per_round"])
                    self.state.seconds_done += costs.pilot_seconds(name, backend)
            if self.budget and name in self.replicates:
                self.replicates[name] = cell["replicates"]
        for sample in stored.samples:
            self._take_note(sample)
            job = jobs.get((sample["cell"], sample["backend"]))
            if job and runner.is_of_pilot(sample):
                job.over = True
            elif job:
                self._count(job, sample)
        self.measuring = plan.get("phase") == "measuring" and not any(
            j.needs_pilot() for name, group in self.jobs.items() if name not in dict(self.plan.left_out) for j in group)
        for name in [n for n, group in self.jobs.items() if all(j.done or j.over for j in group)]:
            if self.jobs[name][0].cell.kind in PAIRED and not self.budget:
                self._recount(name)
        self._spent_before = max(plan.get("spent_seconds", 0), self.state.seconds_done)

    # --- how much is left ---

    def _replicates_of(self, job, more=0):
        """more: if its cell had so many more."""
        return costs.backend_replicates(self.plan.profile, job.cell, job.backend, self.replicates[job.cell.name] + more)

    def _left_of(self, name):
        return sum((j.seconds + costs.BETWEEN_SECONDS) * max(0, self._replicates_of(j) - j.done)
                   for j in self.jobs[name] if not j.over)

    def _refresh(self, phase, pilots=()):
        self.state.phase, self.state.spent = phase, self.spent()
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
