"""`greenbench doctor`: what this machine does to a measurement. Reads, and changes nothing."""

import json
import os
import shutil

from . import bench as bench_module
from . import doctor, doctor_calibration, doctor_text, errors, machine, samples

SCHEMA = "greenbench.doctor/1"
MOMENTS = ("first", "middle", "last")
EXAMPLES = """examples:
  greenbench doctor                       the grade, what decides it, what would change it
  greenbench doctor --verbose             every finding with its meaning and its remedy
  greenbench doctor --build build         with the calibration, by the executables in build/bench
  greenbench doctor --json | jq -r .grade

"""


def add_arguments(parser):
    parser.add_argument("--json", action="store_true",
                        help="one JSON object (results/schema/doctor.schema.json)")
    parser.add_argument("--verbose", action="store_true", help="what every finding means, and what changes it")
    parser.add_argument("--build", metavar="DIR",
                        help="a build directory: its executables calibrate, and tell how they were compiled"
                        " (default: GREENBENCH_BENCH_DIR, or build)")
    parser.add_argument("--from", dest="source", metavar="DIR", default="/",
                        help="read proc and sys below DIR, such as those copied from another machine; no calibration")


def main(args, out):
    diagnosis = Diagnosis(args.source, *_build(args))
    if args.json:
        record = diagnosis.record()
        samples.check_document("doctor --json of " + args.source, record, "doctor")
        json.dump(record, out, indent=1, allow_nan=False)
        out.write("\n")
    else:
        width = shutil.get_terminal_size((80, 24)).columns
        out.write("\n".join(doctor_text.lines(diagnosis, width, args.verbose)) + "\n")
    return errors.OK


def _build(args):
    """(the directory of the executables or None, why there is none)."""
    if not os.path.isdir(os.path.join(args.source, "proc")):
        raise errors.UsageError("--from %s: there is no folder proc in it" % args.source)
    if args.source != "/":
        if args.build:
            raise errors.UsageError("--build does not go with --from: executables run on this machine only")
        return None, "another machine cannot be calibrated from here"
    if args.build is None:
        directory = bench_module.default_dir(args.root)
        if doctor_calibration.executable(directory):
            return directory, None
        return None, "no build is at hand: make one (scripts/bench does), or name one with --build DIR"
    for directory in (os.path.join(args.build, "bench"), args.build):
        if doctor_calibration.executable(directory):
            return directory, None
    raise errors.UnsupportedError("--build %s: no bench executables there or in its folder bench: ninja -C %s builds"
                                  " them" % (args.build, args.build))


class Diagnosis:
    """What was found. directory: of executables that can be asked; why: there is none."""

    def __init__(self, root, directory, why):
        self.why_no_calibration = why
        told = _ask(directory) if directory else {"optimized": "no build"}
        self.machine = {"hw": machine.hardware(told, root), "env": machine.environment(root),
                        "toolchain": machine.toolchain(told)}
        self.calibrations = [doctor.calibrate(directory, None, at) for at in MOMENTS] if directory else []
        found, lines = doctor.findings(self.machine), self.calibrations or None
        self.findings = doctor.complete(found, lines)
        self.grade, self.deciding = doctor.grade(found, lines)
        self.next_grade, self.needed = doctor.ladder(found, lines)

    def record(self):
        needed = [{"id": one["id"], "remedy": one["remedy"]} for one in self.needed]
        return {"schema": SCHEMA, "grade": self.grade, "deciding": [one["id"] for one in self.deciding],
                "next": {"grade": self.next_grade, "needs": needed} if self.next_grade else None,
                "findings": self.findings, "calibrations": self.calibrations,
                "no_calibration": self.why_no_calibration, **self.machine}


def _ask(directory):
    bench = bench_module.Bench(directory)
    backends = bench.built()
    return bench.machine(bench.reference(backends)) if backends else {}
