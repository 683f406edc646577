"""Writes a run's report.

    write(run_dir, formats=("html", "md"), beside=()) -> list of paths
    preview(run_dir, out)     the charts as characters, for a terminal

report.html is one file that needs nothing else: no script, no request. report.md links charts/*.svg beside it; pdf and
png write charts/*.pdf and charts/*.png. `beside` are folders of other machines' runs, to be set side by side. A
missing gnuplot costs the charts only; the report says how to draw them later. latency/*.hgrm hold the histograms of
latencies, one file for a cell on a backend, all its processes together. Everything is computed from the stored
files, so writing it again gives the same text.
"""

import os
import re

from . import chart_machines, histogram, plots, report_content, report_grade, report_pages, samples
from .chart_base import chart_text
from .errors import CannotWriteError, UnsupportedError, UsageError
from .report_blocks import Picture
from .report_model import Model
from .report_words import clean
from .store import write_bytes, write_text

RENDER = {"html": report_pages.html_page, "md": report_pages.markdown_page}
CHART_FILES = ("pdf", "png")
FORMATS = tuple(RENDER) + CHART_FILES
MOST_BESIDE = 5


def write(run_dir, *, formats=("html", "md"), beside=()):
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise UsageError("format %s: the formats are %s" % (unknown[0], ", ".join(FORMATS)))
    if len(beside) > MOST_BESIDE:
        raise UsageError("--beside: at most %d runs stand beside one" % MOST_BESIDE)
    return write_loaded(samples.load_ordinary(run_dir), formats, [samples.load_ordinary(path) for path in beside])


def write_loaded(run, formats, beside=()):
    directory = os.path.dirname(run.path) if os.path.isfile(run.path) else run.path
    model = Model(run)
    charts, stamp = _charts(model, [Model(one) for one in beside]), report_grade.stamp(run)
    paths = [path for kind in formats if kind in CHART_FILES for path in store_files(directory, charts, stamp, kind)]
    pages = [kind for kind in formats if kind in RENDER]
    if pages:
        pictures = draw(charts, stamp)
        store_charts(directory, pictures)
        store_histograms(directory, model)
        sections = report_content.sections(model, pictures)
        for name in pages:
            paths.append(os.path.join(directory, "report." + name))
            write_text(paths[-1], RENDER[name](run, sections))
    return paths


def preview(run_dir, out):
    """Needs gnuplot, and a terminal of 160 columns."""
    run = samples.load_ordinary(run_dir)
    if plots.version() is None:
        raise UnsupportedError("a preview needs gnuplot; " + plots.INSTALL)
    stamp = report_grade.stamp(run)
    for _, chart in _charts(Model(run), []):
        if not isinstance(chart, str):
            text = plots.picture(chart, stamp, "txt").decode("utf-8", "replace")
            out.write("%s\n%s\n" % (clean(chart.title), plots.terminal_text(text)))


def _charts(model, beside):
    found = plots.build(model)
    if beside:
        grades = ", ".join("%s %s" % ("ABCDEFGH"[i], report_grade.Grade(one.run).letter)
                           for i, one in enumerate([model] + beside))
        for chart in chart_machines.build([model] + beside):
            if not isinstance(chart, str):
                chart.stamp = chart_text("environment grades: %s" % grades)
            found.append(("machines", chart))
    return found


def store_files(directory, charts, stamp, kind):
    """charts/<name>.<kind>; the paths."""
    if plots.version() is None:
        raise UnsupportedError("%s charts need gnuplot; %s" % (kind, plots.INSTALL))
    paths = []
    for _, chart in charts:
        if not isinstance(chart, str):
            paths.append(os.path.join(folder(directory, "charts"), "%s.%s" % (chart.name, kind)))
            try:
                write_bytes(paths[-1], plots.picture(chart, stamp, kind))
            except plots.PlotError as error:
                raise UnsupportedError("%s: %s" % (kind, error)) from None
    return paths


def draw(charts, stamp):
    """[(group, Picture or a sentence)]; a chart that fails says so in its place."""
    have_gnuplot = plots.version() is not None
    return [(group, chart if isinstance(chart, str) else _drawn(chart, stamp, have_gnuplot)) for group, chart in charts]


def _drawn(chart, stamp, have_gnuplot):
    if not have_gnuplot:
        return Picture(chart, None, "gnuplot is missing; " + plots.INSTALL)
    try:
        return Picture(chart, plots.draw(chart, stamp))
    except plots.PlotError as error:
        return Picture(chart, None, str(error))


def store_charts(directory, pictures):
    """charts/<name>.svg of every drawn chart."""
    drawn = [p for _, p in pictures if isinstance(p, Picture) and p.svg is not None]
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
