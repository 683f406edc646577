"""Writes a run's report.

    write(run_dir, formats=("html", "md")) -> list of paths

report.html is one file that needs nothing else: no script, no request. report.md links charts/*.svg beside it. A
missing gnuplot costs the charts only; the report says how to draw them later. latency/*.hgrm hold the histograms of
latencies, one file for a cell on a backend, all its processes together. Everything is computed from the stored
files, so writing it again gives the same text.
"""

import os
import re

from . import histogram, plots, report_content, report_pages, samples
from .errors import CannotWriteError, UsageError
from .report_model import Model
from .store import write_text

RENDER = {"html": report_pages.html_page, "md": report_pages.markdown_page}


def write(run_dir, *, formats=("html", "md")):
    unknown = [name for name in formats if name not in RENDER]
    if unknown:
        raise UsageError("format %s: the formats are %s" % (unknown[0], ", ".join(sorted(RENDER))))
    return write_loaded(samples.load_run(run_dir), formats)


def write_loaded(run, formats):
    directory = os.path.dirname(run.path) if os.path.isfile(run.path) else run.path
    model = Model(run)
    pictures = draw(model)
    store_charts(directory, pictures)
    store_histograms(directory, model)
    sections = report_content.sections(model, pictures)
    paths = []
    for name in formats:
        path = os.path.join(directory, "report." + name)
        write_text(path, RENDER[name](run, sections))
        paths.append(path)
    return paths


def draw(model):
    """[(group, Picture or a sentence)]; a chart that fails says so in its place."""
    have_gnuplot = plots.version() is not None
    found = []
    for group, chart in plots.build(model):
        if not isinstance(chart, str):
            chart = _drawn(chart, have_gnuplot)
        found.append((group, chart))
    return found


def _drawn(chart, have_gnuplot):
    if not have_gnuplot:
        return report_content.Picture(chart, None, "gnuplot is missing; " + plots.INSTALL)
    try:
        return report_content.Picture(chart, plots.draw(chart))
    except plots.PlotError as error:
        return report_content.Picture(chart, None, str(error))


def store_charts(directory, pictures):
    """charts/<name>.svg of every drawn chart."""
    drawn = [p for _, p in pictures if isinstance(p, report_content.Picture) and p.svg is not None]
    if not drawn:
        return
    charts = folder(directory, "charts")
    for picture in drawn:
        write_text(os.path.join(charts, picture.chart.name + ".svg"), picture.svg + "\n")


def store_histograms(directory, model):
    """latency/<cell>.<backend>.hgrm of every series whose samples hold counts; the text form that tools for
    HdrHistogram read."""
    for series in model.series.values():
        merged = histogram.of_samples(series.good)
        if merged is not None:
            name = "%s.%s.hgrm" % tuple(re.sub("[^A-Za-z0-9_]+", "-", text)[:150]
                                        for text in (series.cell.name, series.backend))
            write_text(os.path.join(folder(directory, "latency"), name), histogram.hgrm(merged))


def folder(directory, name):
    """A folder of the run, made if it is missing; never one that a link leads to."""
    path = os.path.join(directory, name)
    try:
        if os.path.islink(path):
            raise CannotWriteError("cannot write %s: it is a symbolic link" % path)
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise CannotWriteError("cannot write %s: %s" % (path, error.strerror)) from None
    return path
