"""Draws charts with gnuplot: fixed scripts, data in columns, one private directory per chart.

    version()          gnuplot's version, or None when there is none
    build(model)       [(group, Chart or why it is left out)] of everything a report shows, in order
    draw(chart, stamp) the SVG as text, checked and ready to stand inside a page; PlotError when it cannot be drawn
    picture(chart, stamp, format)   the bytes of a file: pdf, png, or txt for a terminal

`stamp` is what every chart says of its run: the grade of the environment above all.
"""

import os
import re
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree

from . import chart_bars, chart_curves, chart_dots, chart_forest, chart_lines, chart_noise, chart_parts, chart_theme
from .chart_base import table_text
from .errors import CannotWriteError

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "plots")
SECONDS = 60
MAX_PICTURE = 16 * 1024 * 1024
FORMATS = ("svg", "pdf", "png", "txt")      # as common.gp counts them
INSTALL = "install gnuplot (gnuplot-nox) and run `scripts/greenbench report` on this run to draw the charts"

ELEMENTS = {"svg", "g", "path", "text", "tspan", "use", "defs", "circle", "polygon", "polyline", "rect", "line",
            "title", "desc", "pattern", "clipPath"}
ATTRIBUTES = {"width", "height", "viewBox", "id", "d", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "points",
              "fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "color",
              "transform", "text-anchor", "font-family", "font-size", "font-weight", "font-style", "opacity",
              "fill-opacity", "stroke-opacity", "fill-rule", "href", "clip-path", "patternUnits", "style",
              "shape-rendering", "space", "class", "stroke-miterlimit", "xml:space"}


class PlotError(Exception):
    """One line: which chart, and what gnuplot said."""


def version():
    try:
        found = subprocess.run(["gnuplot", "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
                               check=True, env=_environment("/"))
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.decode("ascii", "replace").strip()


def build(model):
    found = []
    for group, chart in (
            ("hero", chart_forest.build(model)), ("spawn", chart_lines.spawn(model)), ("switch", chart_dots.switch(model)),
            ("switch", chart_curves.working_set(model)), ("channel", chart_dots.ping_pong(model)),
            ("stack", chart_lines.stack(model)), ("memory", chart_lines.memory(model)),
            ("memory", chart_parts.memory(model)), ("memory", chart_bars.build(model)),
            ("wake", chart_curves.latencies(model, "wake")), ("syscall", chart_curves.latencies(model, "syscall")),
            ("io", chart_curves.latencies(model, "io")), ("parallel", chart_curves.speedup(model)),
            ("io", chart_curves.load(model)), ("noise", chart_noise.build(model))):
        found += [(group, one) for one in (chart if isinstance(chart, list) else [chart])]
    return found


def draw(chart, stamp=""):
    try:
        return inline(picture(chart, stamp, "svg").decode("utf-8"), chart.name)
    except UnicodeError as error:
        raise PlotError("%s: %s" % (chart.name, error)) from None


def picture(chart, stamp, kind):
    directory = None
    try:
        try:
            directory = tempfile.mkdtemp(prefix="greenbench-plot-")
            _write_tables(chart, stamp, directory)
        except OSError as error:
            raise CannotWriteError("cannot write a chart's data to a temporary folder: %s (TMPDIR names another place)"
                                   % error.strerror) from None
        _run(chart, directory, kind)
        with open(os.path.join(directory, "chart." + kind), "rb") as handle:
            return handle.read(MAX_PICTURE)
    except (OSError, UnicodeError) as error:
        raise PlotError("%s: %s" % (chart.name, error)) from None
    finally:
        if directory:
            shutil.rmtree(directory, ignore_errors=True)


def _write_tables(chart, stamp, directory):
    for name, blocks in dict(chart.tables, **{"stamp.tsv": [[[0, chart.stamp or stamp]]]}).items():
        with open(os.path.join(directory, name), "w", encoding="ascii") as handle:
            handle.write(table_text(blocks))


def _run(chart, directory, kind):
    command = ["gnuplot", "-d", "-e", "FORMAT=%d" % FORMATS.index(kind), "-c",
               os.path.abspath(os.path.join(SCRIPTS, chart.script))]
    command += [str(value) for value in chart.size]
    command += [value if isinstance(value, str) else "%.9g" % value for value in chart.arguments]
    try:
        done = subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=SECONDS, check=False, env=_environment(directory))
    except subprocess.TimeoutExpired:
        raise PlotError("%s: gnuplot did not end within %d s" % (chart.name, SECONDS)) from None
    said = " ".join(done.stderr.decode("utf-8", "replace").split())
    if done.returncode != 0 or not os.path.exists(os.path.join(directory, "chart." + kind)):
        raise PlotError("%s: gnuplot ended with status %d: %s" % (chart.name, done.returncode, said[-300:]))
    chart.warnings = said


def _environment(home):
    """Nothing of the user's: no ~/.gnuplot, no GNUTERM, no locale."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": home, "LC_ALL": "C",
            "GNUPLOT_LIB": os.path.abspath(SCRIPTS)}


def terminal_text(text):
    """A chart for a terminal without what would move its cursor; gnuplot ends pages with form feeds."""
    lines = ["".join(c if c.isprintable() else " " for c in line).rstrip() for line in text.replace("\f", "").split("\n")]
    return "\n".join(lines).strip("\n")


# --- the SVG as part of a page --------------------------------------------------------------------

def inline(svg, name):
    """Without prolog; ids made the chart's own; refused unless every element and attribute is known, since the
    page around it must stay free of scripts and of requests."""
    start = svg.find("<svg")
    if start < 0:
        raise PlotError("%s: gnuplot wrote no SVG" % name)
    svg = re.sub(r"<desc>.*?</desc>|<title>.*?</title>|<!--.*?-->|<filter .*?</filter>", "", svg[start:], flags=re.S)
    svg = chart_theme.plain_colours(svg)
    svg = re.sub(r"(\bid=['\"])", r"\g<1>%s-" % name, svg)
    svg = re.sub(r"(href=['\"]#|url\(#)", r"\g<1>%s-" % name, svg)
    _check_svg(svg, name)
    return svg.strip()


def _check_svg(svg, name):
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError as error:
        raise PlotError("%s: the SVG does not parse: %s" % (name, error)) from None
    for element in root.iter():
        if _local(element.tag) not in ELEMENTS:
            raise PlotError("%s: the SVG has the element %s" % (name, _local(element.tag)))
        for key, value in element.attrib.items():
            if _local(key) not in ATTRIBUTES:
                raise PlotError("%s: the SVG has the attribute %s" % (name, _local(key)))
            if _local(key) == "href" and not value.startswith("#") or "url(" in value.replace("url(#", ""):
                raise PlotError("%s: the SVG refers to %s" % (name, value[:60]))


def _local(tag):
    return tag.rsplit("}", 1)[-1]
