"""A run as the report sees it: cells, series, comparisons, families, noise floor.

Everything is computed from run.samples and nothing else, so whoever has the stored files has the report.

A series is one backend's samples of one cell. Its state:
    failed   any replicate failed; crashed, timeout   the same, when none succeeded
    invalid  any replicate was: shown, but no ratio is formed
    ok       at least one replicate succeeded; `remarks` tells of those that did not, and then no verdict is given
    limit, skipped   otherwise

A headline compares gt with the fastest backend of the pthread family on the same cell, hence at the same P and
placement. The family for Holm's correction is the headlines of one workload at one P and one placement: the
points of one line of one chart, among which a reader picks. Every line is printed whatever it shows, so nothing
is picked between lines; how many headlines survive a correction over the whole run is printed beside.
"""

from . import peers, profiles, stats

SUBJECT = "gt"
PLAIN = "pthread"
FAMILY_PREFIX = "pthread"
BACKEND_ORDER = ("gt", "pthread", "pthread-futex", "pthread-pool") + peers.PEERS
GROUP_ORDER = ("spawn", "switch", "channel", "stack", "memory", "sync", "wake", "parallel", "syscall", "io")
PAIR_WORKLOADS = ("switch/handoff", "switch/line", "channel/ping_pong", "wake/unpark")
NUMERIC_AXES = ("n", "k", "kib", "bytes", "p", "c", "cap", "cs", "h", "delay", "load", "P")
PLACE_ORDER = ("", "same-pu", "smt", "same-llc", "cross-llc", "cross-numa", "cross-package", "free")
KERNEL_MEMORY_FROM = 1000
MEMORY_PARTS = ("user_bytes", "page_table_bytes", "kernel_stack_bytes", "slab_bytes")


class Cell:
    """A cell's name taken apart."""

    def __init__(self, name):
        self.name = name
        parts = name.split("/")
        self.group, self.workload = parts[0], "/".join(parts[:2])
        self.axes = {key: value for key, _, value in (part.partition(":") for part in parts[2:])}

    def number(self, key):
        value = self.axes.get(key, "")
        return int(value) if value.isdigit() and len(value) < 19 else None

    @property
    def place(self):
        return self.axes.get("place", "")

    @property
    def is_free(self):
        """A pair left to the schedulers: no headline."""
        return self.workload in PAIR_WORKLOADS and self.axes.get("P") != "1" and self.place in ("", "free")

    @property
    def family(self):
        return (self.workload, self.axes.get("P", ""), self.place)

    def sort_key(self):
        group = GROUP_ORDER.index(self.group) if self.group in GROUP_ORDER else len(GROUP_ORDER)
        place = PLACE_ORDER.index(self.place) if self.place in PLACE_ORDER else len(PLACE_ORDER)
        numbers = tuple(self.number(key) or 0 for key in NUMERIC_AXES if key != "P")
        return (group, self.group, self.workload, self.axes.get("temp", ""), self.number("P") or 0, place,
                numbers, self.name)

    def label(self):
        """The name without its group, for a chart's row."""
        return self.name.split("/", 1)[1] if "/" in self.name else self.name


def backend_key(name):
    return (BACKEND_ORDER.index(name) if name in BACKEND_ORDER else len(BACKEND_ORDER), name)


class Metric:
    """What a workload's value is: kind "time" (ns per operation), "cpu" (ns of CPU time per operation), "lateness"
    (ns at the 99th percentile), "bytes" (per task) or "tasks" (no cost at all)."""

    def __init__(self, kind, value):
        self.kind, self.value = kind, value


def memory_total(memory):
    """All bytes of n parked tasks, or None when a part could not be read."""
    parts = [memory.get(key) for key in MEMORY_PARTS]
    return None if any(part is None for part in parts) else sum(parts)


def total_above_noise(memory):
    """memory_total(), or None when it is not above what the probe of this very process saw as noise."""
    total = memory_total(memory)
    return None if total is None or total <= max(0, memory.get("noise_bytes") or 0) else total


def _bytes_per_task(sample):
    memory = sample.get("memory")
    if not memory or not memory.get("n") or memory["n"] < KERNEL_MEMORY_FROM:
        return None
    total = total_above_noise(memory)
    return None if total is None else total / memory["n"]


def _time(sample):
    return sample["ns_per_op"] or None


def _lateness(sample):
    latency = sample.get("latency")
    return (latency["p99"] or None) if latency else None


def _cpu(sample):
    return sample["cpu_ns_per_op"] or None


def _user_bytes_per_task(sample):
    memory = sample.get("memory")
    if not memory or not memory.get("n") or not isinstance(memory.get("user_bytes"), int):
        return None
    return memory["user_bytes"] / memory["n"] if memory["user_bytes"] > 0 else None


def metric_of(workload, load=None):
    """load: the axis of io/rest. Under a load that is given, how late answers are is the cost; in a closed loop, the
    time that each takes."""
    if workload == "wake/idle":
        return Metric("cpu", _cpu)
    if workload == "stack/retained":
        return Metric("bytes", _user_bytes_per_task)
    if workload.startswith("wake/") or workload == "io/rest" and load != "max":
        return Metric("lateness", _lateness)
    if workload in ("memory/parked", "io/held"):
        return Metric("bytes", _bytes_per_task)
    if workload == "memory/capacity":
        return Metric("tasks", lambda sample: None)
    return Metric("time", _time)


class Series:
    def __init__(self, cell, backend, samples):
        self.cell, self.backend = cell, backend
        self.samples = sorted(samples, key=lambda s: s["order"])
        self.metric = metric_of(cell.workload, cell.axes.get("load"))
        self.good = [s for s in self.samples if s["status"] == "ok"]
        self.state = self._state()
        self.by_round, self.values = {}, []
        for sample in self.good:
            value = self.metric.value(sample)
            if value is not None:
                self.by_round[(sample["round"], sample["replicate"])] = value
                self.values.append(value)

    def _state(self):
        seen = {s["status"] for s in self.samples}
        for state in ("failed", "invalid", "ok", "limit", "crashed", "timeout", "skipped"):
            if state in seen:
                return state
        return "skipped"

    @property
    def usable(self):
        """A ratio may be formed."""
        return self.state == "ok" and bool(self.values)

    @property
    def remarks(self):
        """One line for each other way in which replicates ended, and its first reason."""
        lines = []
        for status in ("failed", "invalid", "crashed", "timeout", "limit", "skipped"):
            ended = [s for s in self.samples if s["status"] == status]
            if ended:
                lines.append("%d of %d %s: %s" % (len(ended), len(self.samples), status,
                                                  ended[0]["reason"] or "no reason recorded"))
        return lines

    @property
    def reason(self):
        """Why there is no ratio; None when there may be one."""
        if self.state != "ok":
            return "; ".join(self.remarks)
        if not self.values:
            return self._no_value_reason()
        return None

    def _no_value_reason(self):
        if self.metric.kind == "tasks":
            return "a number of tasks, not a cost"
        if self.metric.kind == "lateness":
            return "no lateness recorded"
        memory = (self.good[0].get("memory") or {}) if self.good else {}
        if memory.get("n") and memory["n"] < KERNEL_MEMORY_FROM:
            return "kernel memory per task is quoted from n >= %d" % KERNEL_MEMORY_FROM
        return "a part of the memory could not be read, or the total is below the probe's noise"

    @property
    def complete(self):
        return len(self.good) == len(self.samples) == len(self.values)

    def median_of(self, get):
        """The median of get(sample) over the good samples, or None where it is never known."""
        values = [v for v in (get(s) for s in self.good) if v is not None]
        return stats.median(values) if values else None


class Comparison:
    """subject over other on one cell. corrected_p, corrected_run and verdict are filled in by Model."""

    def __init__(self, subject, other):
        self.cell, self.subject, self.other = subject.cell, subject, other
        self.ratio = stats.paired_ratio(subject.by_round, other.by_round)
        self.family = self.cell.family
        self.complete = subject.complete and other.complete
        self.corrected_p = self.corrected_run = None
        self.verdict = None

    @property
    def judged(self):
        """Counts towards its family: decided by the number of rounds, never by the outcome."""
        return self.ratio is not None and self.complete and not self.ratio.interval.is_range


def direction(ratio, subject=SUBJECT):
    """Which way a difference goes, as words."""
    return "%s costs %s" % (subject, "less" if ratio.value < 1 else "more")


def verdict_words(comparison):
    if comparison.verdict == stats.DIFFERS:
        return "%s: %s" % (comparison.verdict, direction(comparison.ratio, comparison.subject.backend))
    return comparison.verdict


INCOMPLETE = "not judged: some replicates gave no value"


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
        found = [s for b in self.backends if b.startswith(FAMILY_PREFIX)
                 for s in [self.get(cell, b)] if s is not None and s.usable]
        return sorted(found, key=lambda s: stats.median(s.values))

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
        if not self.rivals(cell):
            return self._why_no_rival(cell)
        return "no round has both"

    def _why_no_rival(self, cell):
        found = [self.get(cell, b) for b in self.backends if b.startswith(FAMILY_PREFIX)]
        reasons = ["%s: %s" % (s.backend, s.reason) for s in found if s is not None and s.state != "skipped"]
        return "; ".join(reasons) or "no backend of the pthread family runs it"

    def _headline(self, cell):
        subject, rivals = self.get(cell, SUBJECT), self.rivals(cell)
        if cell.is_free or subject is None or not subject.usable or not rivals:
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
        if not comparison.complete:
            comparison.verdict = INCOMPLETE
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
