"""`greenbench list`: each cell with its backends, replicates and estimated
seconds, the sum, what this machine cannot offer, and what is not built."""

from . import bench as bench_module
from . import costs, coverage, errors, machine, planning, profiles


def facts(bench):
    """(profiles.Machine, backends, remark): from an executable if one is
    built, else from the number of CPUs alone."""
    built = bench.built()
    cpus = len(machine.allowed_cpus())
    if built:
        return profiles.Machine(cpus, bench.machine(built[0])["placements"]), built, None
    return (profiles.Machine(cpus, {"same-llc": True}), list(profiles.BACKENDS),
            "no bench executables in %s: placements are a guess until they are built" % bench.directory)


def main(settings, out):
    bench = bench_module.Bench(settings.bench_dir)
    known, built, remark = facts(bench)
    if bench.built() or settings.backend or settings.with_peers:
        built = bench.pick(settings.backend, settings.with_peers, profiles.PROFILES[settings.profile].beside)
    offers = bench.offers(built) if remark is None else None
    plan = planning.make(settings.profile, known, built, settings.filter, settings.place, offers)
    for line in _lines(plan, remark, bench.has_harness()):
        print(errors.printable(line), file=out)
    return errors.OK


def _lines(plan, remark, harness):
    if remark:
        yield remark
    yield "profile %s" % plan.profile
    yield "%-46s %4s %8s  %s" % ("cell", "reps", "seconds", "backends")
    for cell in plan.cells:
        count, seconds = costs.cell_seconds(plan.profile, cell)
        yield "%-46s %4d %8.1f  %s" % (cell.name, count, seconds, " ".join(cell.backends))
    for what, seconds in costs.around_seconds(plan.profile, plan.cells):
        if seconds:
            yield "%-46s %4s %8.1f" % (what, "", seconds)
    total = costs.session_seconds(plan.profile, plan.cells)
    yield "%-46s %4s %8.1f  %s of at most %s" % (
        "sum", "", total, planning.minutes(total), planning.minutes(plan.profile_data.limit_seconds))
    if harness:
        cases = [c for c in profiles.HARNESS_CELLS if any(cell.name.startswith(c + "/") for cell in plan.cells)]
        yield "without their operations, to show what the loops take: " + (", ".join(cases) or "none of these")
    yield ""
    yield from _skipped(plan.skipped)
    yield from coverage.lines(plan.unbuilt)


def _skipped(skipped):
    if not skipped:
        return
    yield "skipped here:"
    by_reason = {}
    for cell, backend, reason in skipped:
        backends, names = by_reason.setdefault(reason, (set(), []))
        backends.add(backend)
        if cell not in names:
            names.append(cell)
    for reason, (backends, names) in by_reason.items():
        yield "  %s (%s)" % (reason, " ".join(sorted(backends)))
        for name in names:
            yield "    " + name
    yield ""
