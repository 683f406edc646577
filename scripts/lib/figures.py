"""The one figure of a cell that the live table shows, as short text."""

import statistics

from . import cells
from .report_series import metric_of_sample, total_above_noise


def time_text(ns):
    """Nanoseconds to three digits: 51.2 ns, 9.13 us, 1.2 ms."""
    for unit, size in (("ns", 1), ("us", 1e3), ("ms", 1e6)):
        if ns < 999.5 * size:
            return "%.3g %s" % (ns / size, unit)
    return "%.3g s" % (ns / 1e9)


def bytes_text(count):
    for unit, size in (("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20)):
        if count < 1000 * size:
            return "%.3g %s" % (count / size, unit)
    return "%.3g GiB" % (count / (1 << 30))


def of_samples(samples):
    """The samples of one cell on one backend as a few characters."""
    usable = [s for s in samples if s["status"] in ("ok", "limit", "invalid")]
    if not usable:
        return samples[-1]["status"] if samples else ""
    last = usable[-1]
    metric = metric_of_sample(last)
    if cells.group(last["cell"]) == "memory":
        return _memory(usable)
    values = [v for v in map(metric.value, usable) if v is not None]
    if last["status"] == "limit" or not values:
        return _limit(last) if last["limit"] else last["status"]
    text = bytes_text(statistics.median(values)) + "/task" if metric.kind == "bytes" else time_text(
        statistics.median(values))
    return text + " (invalid)" if last["status"] == "invalid" else text


def _memory(usable):
    if usable[-1]["status"] == "limit":
        return _limit(usable[-1])
    totals = [(total_above_noise(s["memory"]), s["memory"]["n"])
              for s in usable if s["memory"] and s["memory"]["n"]]
    each = [total / n for total, n in totals if total is not None]
    return bytes_text(statistics.median(each)) + "/task" if each else usable[-1]["status"]


def _limit(sample):
    limit = sample["limit"] or {}
    return "n=%s (%s)" % (limit.get("reached", "?"), limit.get("name") or limit.get("errno") or "limit")
