"""`greenbench export --to FORMAT RUN`: a run in a form that other tools read.

    gbench     Google Benchmark's JSON, for its compare.py: one entry for each process, of one backend under the cells'
               names, of several under <backend>/<cell> (`compare.py benchmarksfiltered`)
    benchfmt   Go's benchmark format, for benchstat: one line for each process; `benchstat -col /backend`
    csv        one row for each process, whatever its status, for a spreadsheet
    bmf        Bencher Metric Format: medians with their intervals

gbench and benchfmt hold what was measured: replicates that ended well. Nothing is computed but medians for bmf. All
three take processes for independent, which those of a round in a run of `compare` are not: of such a run there is csv.
"""

import collections
import csv
import io
import json
import re

from . import errors, profiles, samples, stats, store
from .report_model import Model
from .report_series import metric_of_sample

EXAMPLES = """examples:
  greenbench export --to gbench --backend gt results/<machine>/<run> --output gt.json
  greenbench export --to benchfmt results/<machine>/<run> | benchstat -col /backend /dev/stdin
  greenbench export --to csv results/<machine>/<run> > run.csv
"""

PERCENTILES = ("p50", "p90", "p99", "p999", "max")


def add_arguments(parser):
    parser.add_argument("run", metavar="RUN", help="the run's folder")
    parser.add_argument("--to", required=True, choices=sorted(FORMATS), help="the format")
    parser.add_argument("--backend", action="append", default=[], metavar="NAME", help="only this one; repeatable")
    parser.add_argument("--output", metavar="FILE", help="where to write (default, and -: standard output)")


def main(args, out):
    run = samples.load_run(args.run)
    best_of = samples.best_of(run.plan)
    if best_of > 1 and args.to != "csv":
        raise errors.NotComparableError("export: %s was measured by compare: of %d processes of a round the fastest counts, and"
                                        " %s would take all for independent; --to csv has them with their rounds"
                                        % (args.run, best_of, args.to))
    known = sorted({s["backend"] for s in run.samples})
    for name in args.backend:
        if name not in known:
            raise errors.UsageError("export: %s has no backend %s; it has %s" % (args.run, name, ", ".join(known)))
    run.samples = [s for s in run.samples if s["backend"] in (args.backend or known)]
    text = FORMATS[args.to](run)
    if args.output in (None, "-"):
        out.write(text)
    else:
        store.write_aside(args.output, text)
    return errors.OK


def measured(run):
    """The samples that ended well, without the harness's own loops."""
    return [s for s in run.samples if s["status"] == "ok" and s["gbench"] and s["backend"] != profiles.HARNESS]


# --- Google Benchmark -----------------------------------------------------------------------------

def to_gbench(run):
    lines = measured(run)
    repetitions = collections.Counter((s["cell"], s["backend"]) for s in lines)
    several = len({s["backend"] for s in lines}) > 1
    names, entries = {}, []
    for sample in sorted(lines, key=lambda s: (s["cell"], s["backend"], s["replicate"])):
        name = "%s/%s" % (sample["backend"], sample["cell"]) if several else sample["cell"]
        family = names.setdefault(name, len(names))
        entries.append(dict(
            sample["gbench"], name=name, run_name=name, run_type="iteration", family_index=family,
            per_family_instance_index=0, repetitions=repetitions[sample["cell"], sample["backend"]],
            repetition_index=sample["replicate"]))
    hw = run.machine["hw"]
    context = {"date": run.machine["utc"], "num_cpus": hw["logical_cpus"], "library_build_type": "release",
               "machine": run.machine["machine"], "rev": run.machine["rev"], "cpu_model": hw["cpu_model"]}
    return json.dumps({"context": context, "benchmarks": entries}, indent=1, allow_nan=False) + "\n"


# --- Go's benchmark format ------------------------------------------------------------------------

def to_benchfmt(run):
    lines = ["goos: linux", "pkg: greenbench"]
    for key, value in (("cpu", run.machine["hw"]["cpu_model"]), ("machine", run.machine["machine"]),
                       ("rev", run.machine["rev"]), ("utc", run.machine["utc"])):
        lines.append("%s: %s" % (key, _one_line(value)))
    for sample in measured(run):
        lines.append("%s %d %s" % (_go_name(sample), max(1, sample["operations"] or 1), " ".join(
            "%s %s" % (_number(value), unit) for value, unit in _go_values(sample))))
    return "\n".join(lines) + "\n"


def _go_name(sample):
    """spawn/one/P:1 on gt: BenchmarkSpawn/case=one/P=1/backend=gt"""
    group, case, *axes = sample["cell"].split("/")
    parts = ["Benchmark" + group.capitalize(), "case=" + case] + [axis.replace(":", "=", 1) for axis in axes]
    return "/".join(parts + ["backend=" + sample["backend"]])


def _go_values(sample):
    yield sample["ns_per_op"], "ns/op"
    if sample["cpu_ns_per_op"] is not None:
        yield sample["cpu_ns_per_op"], "cpu-ns/op"
    for name in PERCENTILES if sample.get("latency") else ():
        yield sample["latency"][name], name + "-ns/op"
    metric = metric_of_sample(sample)
    if metric.kind == "bytes" and metric.value(sample) is not None:
        yield metric.value(sample), "B/task"


def _number(value):
    return str(value) if isinstance(value, int) else repr(float(value))


def _one_line(text):
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


# --- a spreadsheet --------------------------------------------------------------------------------

PLAIN = ("cell", "backend", "status", "reason", "replicate", "round", "order", "utc", "wall_ms", "exit", "rounds",
         "operations", "ns_per_op", "cpu_ns_per_op", "label", "pair")
INSIDE = (("usage", ("voluntary_switches", "involuntary_switches", "minor_faults", "major_faults", "max_rss_kib")),
          ("latency", PERCENTILES),
          ("memory", ("n", "user_bytes", "page_table_bytes", "kernel_stack_bytes", "slab_bytes", "noise_bytes")),
          ("limit", ("reached", "errno", "name", "value")))


def to_csv(run):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["machine", "rev"] + list(PLAIN) + ["%s_%s" % (part, key) for part, keys in INSIDE for key in keys])
    for sample in run.samples:
        row = [run.machine["machine"], run.machine["rev"]] + [sample.get(key) for key in PLAIN]
        row += [(sample.get(part) or {}).get(key) for part, keys in INSIDE for key in keys]
        writer.writerow([safe(value) for value in row])
    return out.getvalue()


FORMULA = re.compile(r"\s*[=+\-@|%\uff1d\uff0b\uff0d\uff20]")


def safe(value):
    """Text that a spreadsheet would take for a formula gets an apostrophe before it; numbers stay what they are."""
    if not isinstance(value, str):
        return "" if value is None else value
    text = errors.printable(value)
    return "'" + text if FORMULA.match(value) or FORMULA.match(text) else text


# --- Bencher --------------------------------------------------------------------------------------

MEASURES = {"time": "latency", "cpu": "cpu-time", "lateness": "p99-latency", "bytes": "bytes-per-task"}


def to_bmf(run):
    model, found = Model(run), {}
    for (name, backend), series in sorted(model.series.items()):
        measure = MEASURES.get(series.metric.kind)
        if measure is None or not series.usable:
            continue
        interval = stats.median_interval(series.values)
        found["%s/%s" % (backend, name)] = {measure: {
            "value": stats.median(series.values), "lower_value": interval.low, "upper_value": interval.high}}
    return json.dumps(found, indent=1, allow_nan=False) + "\n"


FORMATS = {"gbench": to_gbench, "benchfmt": to_benchfmt, "csv": to_csv, "bmf": to_bmf}
