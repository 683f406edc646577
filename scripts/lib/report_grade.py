"""The environment's grade: what a chart is stamped with, and the section about it.

A run that stored the doctor's findings is graded by them, an older one by what the same rules make of its facts.
"""

from . import doctor, report_facts
from .chart_base import chart_text
from .report_blocks import Folded, Paragraph, Table
from .report_words import figure, nanoseconds

MEANING = {"A": "nothing is known that stands against the figures",
           "B": "fit for comparisons within this run; small differences between runs may be the machine's",
           "C": "fit for large differences; what the machine did meanwhile is partly unknown",
           "D": "something took part in the figures that does not belong there, or may have"}
NO_REMEDY = "nothing is known to change it"
UNKNOWN_WORDS = ("The grade is that of the worst finding. “unknown” is what could not be known from inside, and is never "
                 "assumed to be harmless.")


class Grade:
    """letter, findings (with those of the calibrations), deciding, next_letter and what it would take."""

    def __init__(self, run):
        self.calibrations = list(getattr(run, "calibrations", ()))
        self.stored = isinstance(run.machine.get("doctor"), list)
        found = [dict(one, remedy=one["remedy"] or NO_REMEDY) for one in doctor.recorded(run.machine)]
        self.findings = doctor.complete(found, self.calibrations)
        self.letter, self.deciding = doctor.grade(found, self.calibrations)
        self.next_letter, _ = doctor.ladder(found, self.calibrations)


def stamp(run):
    """What stands on every chart: the grade, and which run this is."""
    machine = run.machine
    return chart_text("environment grade %s; %s, %s" % (Grade(run).letter, str(machine["machine"])[:40],
                                                        str(machine["utc"])[:10]), 90)


def section(run):
    grade = Grade(run)
    blocks = [Paragraph("Grade %s: %s. %s" % (grade.letter, MEANING.get(grade.letter, ""), UNKNOWN_WORDS))]
    if grade.deciding:
        blocks.append(Paragraph("Decided by: %s." % "; ".join(
            "%s (%s)" % (one["id"], _value(one)) for one in grade.deciding)))
        blocks.append(Paragraph("Grade %s would take: %s." % (grade.next_letter, "; ".join(
            "%s: %s" % (one["id"], one["remedy"]) for one in grade.deciding))))
    if not grade.stored:
        blocks.append(Paragraph("The run was made before findings were stored with it; they are worked out from the "
                                "facts that it did store."))
    worse = [one for one in grade.findings if one["grade"] != "A"]
    if worse:
        blocks.append(_table(sorted(worse, key=lambda one: one["grade"], reverse=True)))
    blocks += _calibrations(grade.calibrations)
    rest = [one for one in grade.findings if one["grade"] == "A"]
    if rest:
        blocks.append(Folded("%d findings of grade A" % len(rest), [_table(rest)]))
    return blocks + [Folded("All facts about the machine", report_facts.environment(run))]


def _table(findings):
    header = [("grade", True), ("finding", True), ("value", True), ("what it means", True), ("what changes it", True)]
    return Table(header, [[(one["grade"], "text"), (one["id"], "text"), (_value(one), "why"), (one["text"], "why"),
                           (one["remedy"], "why")] for one in findings], kind="findings")


def _value(finding):
    value = finding["value"]
    if value is None or isinstance(value, bool):
        return {None: "unknown", True: "yes", False: "no"}[value]
    return figure(value) if isinstance(value, float) else str(value)


def _calibrations(lines):
    if not lines:
        return [Paragraph("This run has no calibration: how fast the clock of the CPUs went is not known.")]
    rows = []
    for line in lines:
        if line.get("status", "ok") != "ok":
            rows.append([(line["at"], "text"), (str(line["status"]), "text bad")] + [("-", None)] * 4)
            continue
        rows.append([(line["at"], "text"), ("ok", "text")] + [
            (nanoseconds(line[key]) if isinstance(line.get(key), (int, float)) and line[key] else "-", None)
            for key in ("clock_ns", "chain_ns", "empty_ns", "line_ns")])
    header = [("calibration", True), ("status", True), ("reading the clock", False), ("dependent multiplication", False),
              ("turn of an empty loop", False), ("cache line there and back", False)]
    return [Table(header, rows)]
