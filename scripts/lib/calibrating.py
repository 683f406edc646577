"""Calibration in a run: calibration.jsonl, before, amid and after the samples."""

import os

from . import doctor, samples

FILE = "calibration.jsonl"


class Calibrations:
    """The calibrations of a run. taken: those that its file holds already.
    wanted: when a session shall take one."""

    def __init__(self, path, bench_dir, taken=(), wanted=("first", "middle", "last")):
        self.file, self.bench_dir, self.lines = os.path.join(path, FILE), bench_dir, list(taken)
        self.wanted = wanted

    def lacks(self, at, again=False):
        """again: whatever has been taken before."""
        return at in self.wanted and (again or all(line["at"] != at for line in self.lines))

    def take(self, at, interrupts=None):
        """Measure and write down; the line. Never in the way of a run: what
        keeps it from being measured stands in its status and reason."""
        line = doctor.calibrate(self.bench_dir, None, at, interrupts)
        writer = samples.Writer(self.file, append=True, kind="calibration")
        try:
            writer.take_back_cut_line()
            writer.add(line)
        finally:
            writer.close()
        self.lines.append(line)
        return line


def grade_line(machine, calibrations):
    """The grade of a run's environment and what decides it, in one line."""
    letter, deciding = doctor.grade(doctor.recorded(machine), calibrations)
    why = "; ".join("%s: %s" % (f["id"], f["text"]) for f in deciding[:3])
    more = "; and %d more" % (len(deciding) - 3) if len(deciding) > 3 else ""
    return "environment: grade %s%s" % (letter, " (%s%s; scripts/greenbench doctor says more)" % (why, more) if why else "")
