"""One backend's samples of one cell, and what their value is.

A series' state:
    failed   any replicate failed; crashed, timeout   the same, when none succeeded
    invalid  any replicate was: shown, but no ratio is formed
    ok       at least one replicate succeeded; `remarks` tells of those that did not, and then no verdict is given
    limit, skipped   otherwise

A process of a service whose load was late is `invalid` and repeated in its round: the one that was replaced is no part
of a series.
"""

import collections

from . import cells, profiles, stats

KERNEL_MEMORY_FROM = 1000
GENERATOR_LIMIT = 900      # permille of its time
MEMORY_PARTS = ("user_bytes", "page_table_bytes", "kernel_stack_bytes", "slab_bytes")


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


def _load_busy(sample):
    busy = (sample.get("env") or {}).get("load_busy_permille")
    return busy if isinstance(busy, int) and not isinstance(busy, bool) and 0 <= busy <= 1000 else None


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


def metric_of_sample(sample):
    case, axes = cells.parse(sample["cell"])
    return metric_of(case, axes.get("load"))


def kept(samples):
    """The samples of one cell on one backend in order, without those whose process was repeated in their round."""
    ordered = sorted(samples, key=lambda s: s["order"])
    last = {s["round"]: s for s in ordered}
    return [s for s in ordered
            if s["status"] != "invalid" or s is last[s["round"]] or not profiles.is_share(s["cell"])]


class Series:
    """by_round: {(round, how many of the series ran before it in that round): value}."""

    def __init__(self, cell, backend, samples):
        self.cell, self.backend = cell, backend
        self.samples = kept(samples)
        self.metric = metric_of(cell.workload, cell.axes.get("load"))
        self.good = [s for s in self.samples if s["status"] == "ok"]
        self.state = self._state()
        self.by_round, self.values = {}, []
        before = collections.Counter()
        for sample in self.samples:
            value = self.metric.value(sample) if sample["status"] == "ok" else None
            if value is not None:
                self.by_round[(sample["round"], before[sample["round"]])] = value
                self.values.append(value)
            before[sample["round"]] += 1

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

    @property
    def load_busy(self):
        """In a closed loop of clients, how much of its time the load generator worked: the median of the permille, or
        None."""
        return self.median_of(_load_busy) if self.metric.kind == "time" else None

    @property
    def is_limited(self):
        """The clients could hardly have asked for more: the figure is theirs as much as the backend's."""
        busy = self.load_busy
        return busy is not None and busy >= GENERATOR_LIMIT

    def median_of(self, get):
        """The median of get(sample) over the good samples, or None where it is never known."""
        values = [v for v in (get(s) for s in self.good) if v is not None]
        return stats.median(values) if values else None
