"""`greenbench compare A B [--gate 5%]`: B against A.

A and B are runs, backends of a run, machines, git revisions or build folders; compare_sides.py says how they are named.
Two backends of one run, and revisions or builds, which are measured in turns, are paired by round. Two runs of one
machine are unpaired: definition, toolchain and spin budget must be the same. Two machines: the definition and the spin
budget must be the same; each machine's own gt/pthread ratio is the figure, absolute values stand beside it, and nothing is judged.

Exit status: 0 compared, and with --gate no cell of B costs more than the gate allows; 1 with --gate: one does, or
what was good in A is no longer; 2 the values cannot decide, or B has no run of what was good in A; 3 not comparable, with the reason; 64 usage; 65 bad
data.
"""

import argparse
import re
import sys

from . import calibrating, compare_judge, compare_sides, compare_tables, errors, selection, stats
from .compare_tables import say

MAX_GATE = 1000.0

EXAMPLES = """A and B: a run's folder, RUN:backend, a machine (its newest run), a git revision or a
build folder of Meson; revisions and builds are measured in turns, in one session.

examples:
  greenbench compare results/local/<machine>/<run A> results/local/<machine>/<run B> --gate 5%
  greenbench compare results/local/<machine>/<run> gt pthread
  greenbench compare amd-epyc-2cpu-24gib my-machine
  greenbench compare HEAD~1 HEAD --filter spawn/one --replicates 12 --gate 5%
"""


def add_arguments(parser):
    parser.add_argument("a", metavar="A", help="what is compared with")
    parser.add_argument("b", metavar="B", help="what is compared; after a run, the one of its backends that stands for A")
    parser.add_argument("c", metavar="BACKEND", nargs="?", help="its other backend, which stands for B")
    parser.add_argument("--gate", type=_gate, metavar="N%",
                        help="exit 1 when a cell of B differs and costs over N%% more than in A")
    measured = parser.add_argument_group("revisions and builds only")
    selection.add_selection(measured)
    parser.set_defaults(profile="quick")
    measured.add_argument("--replicates", type=selection.number(1, 10000), metavar="N",
                          help="rounds, each of which is a value of each cell on each side (default: 12)")
    measured.add_argument("--best-of", type=selection.number(1, 100), metavar="N",
                          help="processes of each side in a round, of which the fastest counts (default: 5)")
    measured.add_argument("--machine", type=selection.named, metavar="NAME", help="the machine's name in the results folder")
    measured.add_argument("--output", type=selection.named, metavar="DIR", help="the results folder (default: results/local)")
    measured.add_argument("--seed", type=selection.number(0, 2 ** 63 - 1), metavar="N",
                          help="of the random order (default: drawn)")


def _gate(text):
    if not re.match(r"\d{1,4}(\.\d{1,3})?%?\Z", text) or float(text.rstrip("%")) > MAX_GATE:
        raise argparse.ArgumentTypeError("%s is not a percentage from 0%% to 1000%%" % ascii(text[:40]))
    return float(text.rstrip("%")) / 100


def main(args, out=None):
    out = out or sys.stdout
    if args.c is not None:
        return _backends(args, out)
    words = [compare_sides.resolve(word, args.root) for word in (args.a, args.b)]
    kinds = {word.kind for word in words}
    if kinds == {compare_sides.RUN}:
        _refuse_measuring(args)
        return of_runs(words, args.gate, out)
    if compare_sides.RUN in kinds:
        raise errors.UsageError("compare: one of %s and %s is a run, the other is not: name two runs, or two revisions"
                                " or builds" % (args.a, args.b))
    return _measured(args, words, out)


def _backends(args, out):
    word = compare_sides.resolve(args.a, args.root)
    if word.kind != compare_sides.RUN or word.backend:
        raise errors.UsageError("compare: %s is no run, so %s and %s are no backends of it" % (args.a, args.b, args.c))
    _refuse_measuring(args)
    return of_runs([compare_sides.Word(compare_sides.RUN, word.target, backend) for backend in (args.b, args.c)],
                   args.gate, out)


def _refuse_measuring(args):
    given = [name for name in ("filter", "backend", "place", "replicates", "best_of", "machine", "output", "seed")
             if getattr(args, name) not in (None, [])]
    if given:
        raise errors.UsageError("compare: --%s is for what is measured now, revisions and builds; runs are compared as"
                                " they are" % given[0].replace("_", "-"))


def _measured(args, words, out):
    from . import compare_measure
    if len({word.target for word in words}) == 1:
        raise errors.UsageError("compare: A and B are the same")
    if args.bench_dir or args.with_peers:
        raise errors.UsageError("compare: --bench-dir and --with-peers are not for revisions and builds, which have"
                                " executables of their own")
    folders = {word.target for word in words if word.kind == compare_sides.BUILD}
    args.argv = ["BUILD" if word in folders else word for word in args.argv]   # no path of this machine is stored
    settings = selection.settings(args, ("machine", "output", "seed"))
    try:
        paths = compare_measure.measure(
            compare_measure.Request(words, settings, args.replicates, args.best_of), out)
    except errors.NotComparableError as e:
        say(out, str(e))
        return e.status
    return of_runs([compare_sides.Word(compare_sides.RUN, path) for path in paths], args.gate, out)


# --- two runs, or two backends of one -------------------------------------------------------------

def of_runs(words, gate, out):
    """words: two compare_sides.Word, RUN. Prints the comparison; its exit status."""
    runs = {}
    a, b = [compare_sides.Side(word.target, word.backend, runs) for word in words]
    if a.model is b.model and (a.backend is None or b.backend is None or a.backend == b.backend):
        raise errors.UsageError("compare: A and B are the same; two backends of a run are named RUN gt pthread")
    if (a.backend is None) != (b.backend is None):
        raise errors.UsageError("compare: name a backend on both sides or on neither")
    for letter, side in (("A", a), ("B", b)):
        say(out, "%s: %s" % (letter, side.name()))
        if side is a or a.model is not b.model:
            say(out, calibrating.grade_line(side.machine, side.model.run.calibrations))
        for note in side.model.run.notes:
            say(out, "note: %s: %s" % (letter, note))
    if a.model is not b.model:
        refusal = compare_sides.why_not_runs(a.model.run, b.model.run) or compare_judge.why_dependent(a, b)
        if refusal:
            compare_tables.print_side_by_side(a, b, out)
            say(out, "not comparable: " + refusal)
            return errors.NOT_COMPARABLE
        for note in compare_sides.differences(a.model.run, b.model.run):
            say(out, "note: " + note)
    if not compare_sides.same_machine(a.machine, b.machine):
        return _across_machines(a, b, gate, out)
    return _judged(a, b, gate, out)


def _judged(a, b, gate, out):
    floor = compare_judge.floor_of(a, b)
    rows = compare_judge.rows_of(a, b, floor)
    if not rows:
        say(out, "not comparable: no cell is in both")
        return errors.NOT_COMPARABLE
    compare_tables.print_rows(rows, a.backend is not None, out)
    if a.backend is None:
        compare_tables.print_only_one_side(a, b, out)
    if floor is not None:
        ratios = [row for row in rows if row.ratio is not None]
        say(out, "noise floor %.1f %%; %d of %d comparisons differ; %s"
            % (floor.percent, sum(r.verdict == stats.DIFFERS for r in ratios), len(ratios),
               "paired by round" if compare_judge.interleaved(a, b) else "two sessions, unpaired"))
    if not compare_judge.interleaved(a, b):
        say(out, "note: noise floors are taken within a session: what changed on the machine between the two is in no floor,"
                 " and may be all of a difference")
    found = compare_judge.outcome(rows, gate, compare_judge.missing(a, b))
    for line in found.lines:
        say(out, line)
    return found.status


def _across_machines(a, b, gate, out):
    if a.backend is not None:
        compare_tables.print_side_by_side(a, b, out)
        say(out, "not comparable: two machines are compared by their own ratios; leave the backends out")
        return errors.NOT_COMPARABLE
    if not compare_tables.print_machines(a, b, out):
        say(out, "not comparable: no cell has gt and pthread on both machines")
        return errors.NOT_COMPARABLE
    say(out, "two machines: nothing is judged")
    if gate is not None:
        say(out, "not comparable: --gate needs two runs of one machine")
        return errors.NOT_COMPARABLE
    return errors.OK
