"""What the machine's own speed was, beside the results: calibration.jsonl.

    calibrate(bench_dir, cpus, at)      run `bench_X --calibrate`, a line for calibration.jsonl; never raises for what
                                        the executable does: then "status" is "failed" and "reason" says why
    below_empty_loop(sample, lines)     None, or one line that says why a result cannot be true. Pure.
    drift(lines)                        how far chain_ns went between the slowest and the fastest calibration
    drift_finding(lines), distance_finding(lines), stolen(lines) for doctor.complete()

A line: schema, at (first, middle, last), utc, cpus, clock_ns (one reading of the clock), chain_ns (one multiply of a
dependent chain), empty_ns (one turn of an empty loop), cycle_ns (the least that a cycle can take), line_ns (round
trip of a cache line between the two CPUs, null with one), status (ok, invalid, failed), reason (null when ok), ticks
(total and steal of /proc/stat since boot, null where it cannot be read). results/schema/calibration.schema.json says
it exactly.
"""

import os

from . import bench as bench_module
from . import doctor_facts, doctor_told, profiles, runner, schema, strictjson

SCHEMA = "greenbench.calibration/1"
MAX_DRIFT = 0.03
MAX_DISTANCE = 1.5      # times; a hardware thread, a core and a socket away are 2 to 10 times apart
MIN_TICKS = 1000        # of all CPUs together, some seconds: fewer say nothing about a per cent
SECONDS = 30            # the executable takes 0.3; the rest is a machine that has no time for it
NUMBERS = ("clock_ns", "chain_ns", "empty_ns", "cycle_ns", "line_ns")


# --- judging ---

def drift(calibrations):
    """max / min - 1 of chain_ns, or None with fewer than two good calibrations."""
    found = _good(calibrations, "chain_ns")
    return max(found) / min(found) - 1 if len(found) > 1 else None


def _good(calibrations, key):
    values = [doctor_told.as_number(c.get(key)) for c in calibrations if c.get("status") == "ok"]
    return [v for v in values if v is not None and v > 0]


def drift_finding(calibrations):
    """calibrations: [] of a run that has none, whose clock speed is not known."""
    remedy = "fix the clock speed (governor, turbo), cool the machine, or leave noisy neighbours; then run again"
    wrong = next((c for c in calibrations if c.get("status") == "invalid"), None)
    if wrong:
        return doctor_told.finding("calibration", "invalid", "D", str(wrong.get("reason"))[:200], remedy)
    found = drift(calibrations)
    if found is None:
        reason = next((c["reason"] for c in calibrations if c.get("reason")),
                      "there is one calibration only" if calibrations else "there is no calibration")
        return doctor_told.finding("calibration", doctor_told.UNKNOWN, "B",
                                   "whether the clock speed changed is not known: %s"
                                   % str(reason)[:200], "let the run come to its end, or run again")
    text = "a chain of multiplications took %.1f %% longer at one time than at another" % (100 * found)
    if found > MAX_DRIFT:
        return doctor_told.finding("calibration", float("%.3g" % found), "D", "calibration drift: " + text, remedy)
    return doctor_told.finding("calibration", float("%.3g" % found), "A", text, remedy)


def distance_finding(calibrations):
    """Whether the two CPUs stayed as far from each other as they were; None where fewer than two calibrations know."""
    found = _good(calibrations, "line_ns")
    if len(found) < 2:
        return None
    value = "%.0f to %.0f ns" % (min(found), max(found))
    remedy = "measure on bare metal, or on a host that pins this machine's CPUs"
    if max(found) > MAX_DISTANCE * min(found):
        return doctor_told.finding("cpu_distance", value, "C",
                                   "a cache line's way to the other CPU and back changed: the host"
                                   " moves the CPUs about, and cells on two CPUs with them", remedy)
    return doctor_told.finding("cpu_distance", value, "A", "a cache line's way to the other CPU and back", remedy)


def stolen(calibrations):
    """The share of the CPUs' time between the first and the last calibration that the host gave to others, or None."""
    found = [c["ticks"] for c in calibrations if isinstance(c.get("ticks"), dict)]
    if len(found) < 2:
        return None
    total, steal = (doctor_told.as_number(found[-1].get(k)) for k in ("total", "steal"))
    total_0, steal_0 = (doctor_told.as_number(found[0].get(k)) for k in ("total", "steal"))
    if None in (total, steal, total_0, steal_0):
        return None
    passed, taken = total - total_0, steal - steal_0
    return taken / passed if passed >= MIN_TICKS and 0 <= taken <= passed else None


def below_empty_loop(sample, calibrations):
    """A result cannot be quicker than a loop that does nothing: None, or why this one is an error.

    P CPUs do P turns at a time, so the bound is the fastest empty_ns of the run divided by P. An empty loop beside a
    busy sibling of its core takes two cycles; what ran later may have had the core to itself, so that the bound is no
    more than a cycle. The clock speed may be up to MAX_DRIFT higher than in any calibration. Samples without a
    figure, or without a good calibration to hold them against, pass."""
    figure = doctor_told.as_number(sample.get("ns_per_op"))
    floors = _good(calibrations, "empty_ns") + _good(calibrations, "cycle_ns")
    if sample.get("status") != "ok" or figure is None or not floors:
        return None
    env = sample.get("env")
    cpus = doctor_told.as_number(env.get("P")) if isinstance(env, dict) else None
    bound = min(floors) / max(1, cpus or 1) / (1 + MAX_DRIFT)
    if figure >= bound:
        return None
    return ("%s on %s: %.3g ns is less than the %.3g ns of a turn of an empty loop%s: what it measures did not happen"
            % (sample.get("cell"), sample.get("backend"), figure, bound,
               " on %d CPUs" % cpus if cpus and cpus > 1 else ""))


# --- measuring ---

def executable(bench_dir):
    """An executable that can calibrate, or None."""
    bench = bench_module.Bench(bench_dir)
    for name in (profiles.HARNESS,) + tuple(profiles.BACKENDS):
        path = bench.path(name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def calibrate(bench_dir, cpus=None, at="first", interrupts=None):
    """One calibration. cpus: the CPUs in use, of which the first two count; None: those nearest to each other."""
    line = {"schema": SCHEMA, "at": at, "utc": runner.utc_now(), "cpus": list(cpus or [])[:2],
            **dict.fromkeys(NUMBERS), "status": "failed", "reason": None}
    try:
        line.update(_measure(executable(bench_dir), cpus, interrupts))
    except OSError as e:
        line["reason"] = "no calibration: the executable cannot be run: %s" % e.strerror   # no path of this machine
    except ValueError as e:
        line["reason"] = ("no calibration: %s" % e)[:300]
    line["ticks"] = doctor_facts.Facts().ticks()
    if not isinstance(line["ticks"], dict):
        line["ticks"] = None
    return line


def _measure(path, cpus, interrupts):
    if path is None:
        raise ValueError("no bench executable is built (scripts/bench builds them)")
    argv = [path, "--calibrate"] + (["--cpus", ",".join(str(c) for c in cpus[:2])] if cpus else [])
    result = runner.launch(argv, SECONDS, interrupts)
    if result.exit != 0:
        last = result.err.decode("utf-8", "replace").strip().splitlines()[-1:]
        why = "took longer than %d s" % SECONDS if result.timed_out else last[0] if last else "nothing on stderr"
        raise ValueError("%s --calibrate: exit %d: %s" % (os.path.basename(path), result.exit, why))
    told = strictjson.parse(bytes(result.out))
    wrong = schema.check({"at": "first", "utc": "2000-01-01T00:00:00Z", "ticks": None, **told}, "calibration") \
        if isinstance(told, dict) else ["not an object"]
    if wrong:
        raise ValueError("%s --calibrate: %s" % (os.path.basename(path), wrong[0]))
    return told
