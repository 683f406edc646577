"""The grade of an environment: findings, and what decides.

    findings(machine)               -> list of {"id", "value", "grade", "text", "remedy"}, from machine.json alone
    grade(findings, calibrations)   -> (letter, [the findings that decide]); [] decide an A
    complete(findings, calibrations) -> the findings with those that only a whole run can tell: calibration, steal
    ladder(findings, calibrations)  -> (next letter, [what must change for it]); (None, []) for an A

    recorded(machine)               -> the findings that machine.json holds, of an older one those of its facts

All pure. `calibrations` are the lines of calibration.jsonl, in order; None before there is a run. A stored run without
them is no better than B: what the clock speed did is unknown. Rules and grades: doctor_rules.py. Passed on from doctor_calibration.py, where they are described:
calibrate(bench_dir, cpus, at) and below_empty_loop(sample, calibrations).
"""

from . import doctor_calibration, doctor_rules, doctor_told

findings = doctor_rules.findings
calibrate = doctor_calibration.calibrate
below_empty_loop = doctor_calibration.below_empty_loop


def recorded(machine):
    stored = machine.get("doctor")
    return stored if isinstance(stored, list) else findings(machine)


def complete(found, calibrations=None):
    """The findings, and those of the calibrations: steal over the run stands in the place of steal since boot."""
    result = list(found) or [doctor_told.finding("findings", doctor_told.UNKNOWN, "C", "no finding was recorded",
                                                  "run again, or store what greenbench doctor finds")]
    if calibrations is None:
        return result
    result[:0] = [one for one in (doctor_calibration.drift_finding(calibrations),
                                  doctor_calibration.distance_finding(calibrations)) if one]
    share = doctor_calibration.stolen(calibrations)
    for index, one in enumerate(result):
        if one["id"] == "steal" and share is not None and (share or one.get("value") != 0.0):
            result[index] = doctor_rules.steal_of(share, True, "during the run")
    return result


def grade(found, calibrations=None):
    """(letter, the findings that decide it)."""
    found = complete(found, calibrations)
    letter = max((one["grade"] for one in found), default="A")
    return letter, [one for one in found if one["grade"] == letter and letter != "A"]


def ladder(found, calibrations=None):
    """The grade once what decides now is changed, and what that is."""
    letter, deciding = grade(found, calibrations)
    if letter == "A":
        return None, []
    left = [one["grade"] for one in complete(found, calibrations) if one["grade"] != letter]
    return max(left, default="A"), deciding
