"""A diagnosis as text for a terminal: what decides first, then what else costs a grade, the rest in brief."""

import textwrap

from . import doctor_calibration
from .errors import printable

NARROW, WIDE = 40, 110
MAX_VALUE = 60
SHARES = ("steal", "calibration")
MEANING = {"A": "nothing is known that stands against the figures",
           "B": "fit for comparisons within a run; small differences between runs may be the machine's",
           "C": "fit for large differences; what the machine does meanwhile is partly unknown",
           "D": "something takes part in the figures that does not belong there, or may"}


def lines(diagnosis, width, verbose=False):
    width = max(NARROW, min(WIDE, width))
    found = _head(diagnosis, width) + _costly(diagnosis, width) + _next(diagnosis, width)
    found += _calibrations(diagnosis, width)
    rest = [one for one in diagnosis.findings if one["grade"] == "A"]
    found += [""] + _wrap("%d findings cost nothing (grade A)" % len(rest), width)
    if verbose:
        for one in rest:
            found += _whole(one, width)
    else:
        found += _brief(rest, width)
        found += [""] + _wrap("--verbose says what each means and what changes it; --json is for programs.", width)
    return found


def _wrap(text, width, indent=""):
    return textwrap.wrap(printable(text), width, initial_indent=indent, subsequent_indent=indent,
                         break_long_words=True, break_on_hyphens=False)


def _head(diagnosis, width):
    hw = diagnosis.machine["hw"]
    machine = "%s, %s CPUs, %.0f GiB, Linux %s" % (hw["cpu_model"], hw["logical_cpus"], hw["ram_bytes"] / 2 ** 30,
                                                   diagnosis.machine["env"].get("kernel"))
    return _wrap("Grade %s: %s" % (diagnosis.grade, MEANING[diagnosis.grade]), width) + _wrap(machine, width)


def _costly(diagnosis, width):
    """The findings below A, the worst first; they keep their order otherwise."""
    found = []
    for letter in "DCB":
        here = [one for one in diagnosis.findings if one["grade"] == letter]
        if here:
            found += ["", "%s (grade %s)" % ("What decides" if letter == diagnosis.grade else "What else costs", letter)]
        for one in here:
            found += _whole(one, width)
    return found


def _whole(one, width):
    head = "  %-16s %s" % (one["id"], value(one))
    return [_cut(head, width)] + _wrap(one["text"], width, "      ") + _wrap("-> " + one["remedy"], width, "      ")


def _cut(text, width):
    text = printable(text)
    return text if len(text) <= width else text[:width - 3] + "..."


def value(one):
    found = one.get("value")
    if one["id"] in SHARES and isinstance(found, float):
        return "%.2f %%" % (100 * found)
    return "%.2f" % found if isinstance(found, float) else str(found)


def _next(diagnosis, width):
    if not diagnosis.next_grade:
        return ["", "There is no better grade."]
    names = [one["id"] for one in diagnosis.needed]
    return [""] + _wrap("For grade %s change %s." % (diagnosis.next_grade, _and(names)), width)


def _and(names):
    return names[0] if len(names) == 1 else "all of %s and %s" % (", ".join(names[:-1]), names[-1])


def _calibrations(diagnosis, width):
    taken = diagnosis.calibrations
    if not taken:
        return [""] + _wrap("Not calibrated: %s." % diagnosis.why_no_calibration, width)
    good = [line for line in taken if line["status"] == "ok"]
    if not good:
        return [""] + _wrap("Not calibrated: %s." % (taken[-1]["reason"] or taken[-1]["status"]), width)
    line = good[-1]
    facts = ["reading the clock %s" % _ns(line["clock_ns"]), "a dependent multiplication %s" % _ns(line["chain_ns"]),
             "a turn of an empty loop %s" % _ns(line["empty_ns"])]
    if line["line_ns"]:
        facts.append("a cache line from CPU %d to CPU %d and back %s" % (*line["cpus"], _ns(line["line_ns"])))
    drift = doctor_calibration.drift(taken)
    if drift is not None:
        facts.append("drift within a second %.1f %%" % (100 * drift))
    return [""] + _wrap("Calibration: %s." % "; ".join(facts), width)


def _ns(nanoseconds):
    if nanoseconds is None:
        return "unknown"
    return "%.0f ns" % nanoseconds if nanoseconds >= 100 else "%.3g ns" % nanoseconds


def _brief(rest, width):
    """Names with values, as many to a line as fit; a value that is too long is cut."""
    cells = [_cut("%s %s" % (one["id"], value(one)), min(width - 2, MAX_VALUE)) for one in rest
             if one["id"] not in ("calibration", "cpu_distance")]     # they have their own paragraph
    found, line = [], " "
    for cell in cells:
        room = -(-(len(line) + 1) // 26) * 26 if len(line) > 1 else 2   # columns of 26
        if len(line) > 1 and room + len(cell) > width:
            found.append(line)
            line, room = " ", 2
        line = line.ljust(room) + cell
    return found + [line]
