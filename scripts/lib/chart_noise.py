"""Every sample in run order, against the median of its series: drift, outliers and modes are seen here."""

import math

from . import stats
from .chart_base import Chart, legend, line_type, log_range


def build(model):
    blocks, kinds, ratios, last = [], [], [], 0
    for backend in model.backends:
        block = [[legend(backend)]]
        for series in model.series.values():
            if series.backend == backend and len(series.values) > 1:
                middle = stats.median(series.values)
                for sample in series.good:
                    value = series.metric.value(sample)
                    if value is not None:
                        block.append([sample["order"], value / middle])
                        ratios.append(value / middle)
                        last = max(last, sample["order"])
        if len(block) > 1:
            blocks.append(block)
            kinds.append(str(line_type(backend)))
    if not blocks:
        return "no series has two values"
    low, high = log_range(ratios, 1.05, 1.05)
    reach = min(max(1 / low, high, 1.15), 1e4)
    floor = math.exp(model.floor.log) if model.floor else 1
    caption = ("No sample is left out. The grey band is the noise floor; a slope along the run would be drift, two "
               "bands would be two states of the machine.")
    return Chart("noise", "All samples in run order", caption, "noise.gp", (1000, 360),
                 [max(1, last), 1 / reach, reach, floor, " ".join(kinds)], {"noise.tsv": blocks})
