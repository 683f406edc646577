"""A run as the report sees it: cells, series, comparisons, families, noise floor.

Everything is computed from run.samples and nothing else, so whoever has the stored files has the report.

A headline compares gt with the fastest backend of the pthread family on the same cell, hence at the same P and
placement; there is none where one of the family is invalid, since it may be the fastest. The
family for Holm's correction is the headlines of one workload at one P and one placement: the points of one line of
one chart, among which a reader picks. Every line is printed whatever it shows, so nothing is picked between lines;
how many headlines survive a correction over the whole run is printed beside.
"""

from . import profiles, stats
from .report_cell import Cell, backend_key
from .report_series import MEMORY_PARTS, Series  # noqa: F401  (MEMORY_PARTS: for those who have a model)

SUBJECT = "gt"
PLAIN = "pthread"
FAMILY_PREFIX = "pthread"


class Comparison:
    """subject over other on one cell. corrected_p, corrected_run and verdict are filled in by Model."""

    def __init__(self, subject, other):
        self.cell, self.subject, self.other = subject.cell, subject, other
        self.ratio = stats.paired_ratio(subject.by_round, other.by_round)
        self.family = self.cell.family
        self.unjudged = why_unjudged(subject, other)
        self.corrected_p = self.corrected_run = None
        self.verdict = None

    @property
    def judged(self):
        """Counts towards its family: decided by the number of rounds, never by the outcome."""
        return self.ratio is not None and self.unjudged is None and not self.ratio.interval.is_range


def direction(ratio, subject=SUBJECT):
    """Which way a difference goes, as words."""
    return "%s costs %s" % (subject, "less" if ratio.value < 1 else "more")


def verdict_words(comparison):
    if comparison.verdict == stats.DIFFERS:
        return "%s: %s" % (comparison.verdict, direction(comparison.ratio, comparison.subject.backend))
    return comparison.verdict


def why_not(series):
    """pthread-pool: 1 of 6 invalid: why"""
    return "%s: %s" % (series.backend, series.reason)


INCOMPLETE = "not judged: some replicates gave no value"
LIMITED = "not judged: limited by the load generator"


def why_unjudged(a, b):
    """A reason that lies in the series themselves, or None."""
    if not (a.complete and b.complete):
        return INCOMPLETE
    return LIMITED if a.is_limited or b.is_limited else None


class Model:
    def __init__(self, run):
        self.run = run
        self.samples = [s for s in run.samples if s["backend"] != profiles.HARNESS]
        self.harness = _harness(run.samples)
        self.series = _group(self.samples)
        self.cells = sorted({s.cell.name: s.cell for s in self.series.values()}.values(), key=Cell.sort_key)
        self.backends = sorted({s["backend"] for s in self.samples}, key=backend_key)
        self.floor = stats.noise_floor([s.values for s in self.series.values() if s.state == "ok"])
        self.headlines = [c for c in map(self._headline, self.cells) if c is not None]
        self._judge(self.headlines)

    def get(self, cell, backend):
        """The Series or None."""
        return self.series.get((cell.name, backend))

    def workloads(self):
        seen = []
        for cell in self.cells:
            if cell.workload not in seen:
                seen.append(cell.workload)
        return seen

    def of_default(self, workload):
        """Its cells in which every backend has its default stacks."""
        return [cell for cell in self.of_workload(workload) if "stack" not in cell.axes]

    def of_workload(self, workload):
        return [cell for cell in self.cells if cell.workload == workload]

    def rivals(self, cell):
        """Usable series of the pthread family, fastest first."""
        return sorted((s for s in self._family(cell) if s.usable), key=lambda s: stats.median(s.values))

    def unknown_rivals(self, cell):
        """Series of the pthread family that are invalid: any of them may be the fastest."""
        return [s for s in self._family(cell) if s.state == "invalid"]

    @property
    def has_whole_family(self):
        """Whether all ways of OS threads took part; else the fastest is one of those that did."""
        return all(b in self.backends for b in profiles.BACKENDS if b.startswith(FAMILY_PREFIX))

    def _family(self, cell):
        """Its series on the cell, whatever became of them."""
        found = (self.get(cell, b) for b in self.backends if b.startswith(FAMILY_PREFIX))
        return [s for s in found if s is not None]

    def compare(self, cell, subject, other):
        """A Comparison of two backends on a cell, without a verdict; None when no ratio may be formed."""
        a, b = self.get(cell, subject), self.get(cell, other)
        if a is None or b is None or not a.usable or not b.usable:
            return None
        comparison = Comparison(a, b)
        return comparison if comparison.ratio is not None else None

    def headline(self, cell):
        return next((c for c in self.headlines if c.cell.name == cell.name), None)

    def why_no_headline(self, cell):
        """One line; None when there is a headline."""
        subject = self.get(cell, SUBJECT)
        if self.headline(cell) is not None:
            return None
        if subject is None:
            return "%s was not run" % SUBJECT
        if subject.reason:
            return "%s: %s" % (SUBJECT, subject.reason)
        if cell.is_free:
            return "placement left free"
        unknown = self.unknown_rivals(cell)
        if unknown:
            return "which way of OS threads is fastest is not known: %s" % "; ".join(map(why_not, unknown))
        if not self.rivals(cell):
            return self._why_no_rival(cell)
        return "no round has both"

    def _why_no_rival(self, cell):
        found = self._family(cell)
        reasons = [why_not(s) for s in found if s.state != "skipped"]
        skips = dict.fromkeys(str(s.samples[0]["reason"]) for s in found)
        return "; ".join(reasons) or "no backend of the pthread family ran it%s" % (
            ": " + "; ".join(skips) if skips else " in this profile")

    def _headline(self, cell):
        subject, rivals = self.get(cell, SUBJECT), self.rivals(cell)
        if cell.is_free or subject is None or not subject.usable or not rivals or self.unknown_rivals(cell):
            return None
        comparison = Comparison(subject, rivals[0])
        return comparison if comparison.ratio is not None else None

    def _judge(self, comparisons):
        judge(comparisons, self.floor)

    def count(self, verdict):
        return sum(1 for c in self.headlines if c.verdict == verdict)

    @property
    def hold_run_wide(self):
        """Headlines that differ and would still do so if the family were the whole run."""
        return [c for c in self.headlines if c.verdict == stats.DIFFERS and c.corrected_run < stats.ALPHA]

    @property
    def smallest_run_wide_p(self):
        """What every round agreeing everywhere would give when corrected over the whole run; None if none judged."""
        judged = [c.ratio.smallest_p() for c in self.headlines if c.judged]
        return min(1.0, min(judged) * len(judged)) if judged else None


def judge(comparisons, floor):
    """Give every comparison its corrected p and verdict."""
    families = {}
    judged = [c for c in comparisons if c.judged]
    for comparison in judged:
        families.setdefault(comparison.family, []).append(comparison)
    for members in families.values():
        for comparison, p in zip(members, stats.holm([c.ratio.p for c in members])):
            comparison.corrected_p = p
    for comparison, p in zip(judged, stats.holm([c.ratio.p for c in judged])):
        comparison.corrected_run = p
    for comparison in comparisons:
        if comparison.unjudged:
            comparison.verdict = comparison.unjudged
        else:
            p = comparison.corrected_p if comparison.judged else 1.0
            comparison.verdict = stats.verdict(comparison.ratio, p, floor)


def _harness(samples):
    """{case: ns of one turn of its loop without the operation}."""
    found = {}
    for sample in samples:
        if sample["backend"] == profiles.HARNESS and sample["ns_per_op"]:
            found.setdefault(Cell(sample["cell"]).workload, []).append(sample["ns_per_op"])
    return {case: stats.median(values) for case, values in found.items()}


def _group(samples):
    cells, grouped = {}, {}
    for sample in samples:
        cell = cells.setdefault(sample["cell"], Cell(sample["cell"]))
        grouped.setdefault((cell.name, sample["backend"]), []).append(sample)
    return {key: Series(cells[key[0]], key[1], found) for key, found in grouped.items()}
