#!/usr/bin/env python3
"""The result figures of README.md come from a committed run, not from a hand.

Between the markers `figures: begin` and `figures: end` stand a table of a few
cells of the newest run of the default profile committed under results/, its
hero chart, and the command that made it. Which cells is fixed here, by name,
before any figure is known; the report has all of them. Without arguments: exit
0 when README.md says just that, 1 when it does not. With --write: make it so.
"""
import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from lib import samples, stats, store, verdicts  # noqa: E402
from lib.report_model import PLAIN, SUBJECT, Cell, Model, verdict_words  # noqa: E402
from lib.report_words import count_bytes, markdown, nanoseconds, phrase, ratio_words  # noqa: E402

CELLS = (
    "spawn/one/P:1",
    "spawn/storm/n:1000/temp:warm/P:2",
    "spawn/parked_storm/n:10000/temp:warm/P:2",
    "switch/yield/n:2/P:1",
    "switch/handoff/P:1/place:same-pu",
    "channel/ping_pong/cap:0/P:1/place:same-pu",
    "channel/ping_pong/cap:0/P:2/place:same-llc",
    "channel/prod_cons/p:1/c:1/cap:128/P:2",
    "channel/select/k:2/P:1",
    "sync/mutex/n:100/cs:0/P:2",
    "sync/counter/n:2/by:atomic/P:2",
    "wake/timer/n:100/P:2",
    "wake/hog/h:4/remedy:on/P:2",
    "wake/idle/n:100/P:2",
    "stack/grow/bytes:65536/P:1",
    "stack/grow_warm/bytes:65536/P:1",
    "memory/parked/n:10000/P:2",
    "parallel/nqueens/n:8/P:2",
    "io/echo/c:16/P:1",
    "io/echo/c:1000/P:1",
    "io/rest/load:max/P:1",
    "io/held/n:1000/P:1",
)
HEADER = ("| cell | %s | fastest OS-thread way | %s to it | verdict | plain `%s` | Go |\n"
          "| --- | --- | --- | --- | --- | --- | --- |" % (SUBJECT, SUBJECT, PLAIN))

BEGIN = "<!-- figures: begin -->\n"
END = "<!-- figures: end -->\n"
README = ROOT / "README.md"


def newest_run(results):
    """The committed run of the default profile that started last, or None."""
    machines = [path for path in store.machines_below(results) if Path(path).name != "local"]
    found = store.newest_run(machines, lambda path, _: machine_of(Path(path))["profile"] == "default")
    return Path(found) if found else None


def machine_of(run):
    return json.loads((run / "machine.json").read_text(encoding="utf-8"))


def row(model, name):
    """One cell as a row, with what each way of doing it costs; says so when the run has no ratio."""
    cell = Cell(name)
    headline = model.headline(cell)
    what = "%s (`%s`)" % (phrase(cell), name)
    if headline is None:
        return "| %s | %s | - | - | %s | %s | %s |" % (
            what, cost(model, cell, SUBJECT), "no ratio" if model.get(cell, SUBJECT) else "not in this run",
            cost(model, cell, PLAIN), cost(model, cell, "go"))
    return "| %s | %s | %s `%s` | %s | %s | %s | %s |" % (
        what, cost(model, cell, SUBJECT), cost(model, cell, headline.other.backend), headline.other.backend,
        ratio_words(headline.ratio), verdict_words(headline), cost(model, cell, PLAIN), cost(model, cell, "go"))


def cost(model, cell, backend):
    series = model.get(cell, backend)
    if series is None or not series.usable:
        return "-"
    write = count_bytes if series.metric.kind == "bytes" else nanoseconds
    return write(stats.median(series.values))


def block(run_dir):
    """What README.md says of the run."""
    machine, model = machine_of(run_dir), Model(samples.load_run(run_dir))
    where = run_dir.relative_to(ROOT)
    lines = [f"On {markdown(machine['hw']['cpu_model'])}, {machine['hw']['logical_cpus']} CPUs, "
             f"Linux {markdown(machine['env']['kernel'])}: medians, ratios paired by round with their "
             f"intervals, or with the range of fewer than six values ([the whole report]({where}/report.md)).", "", HEADER]
    lines += [row(model, name) for name in CELLS]
    lines += [""] + [f"- {markdown(line)}" for line in verdicts.limits(model) + [verdicts.summary(model)]]
    lines += ["", f"![Ratios of green threads to OS threads]({where}/charts/forest.svg)", "",
              f"Made by <code>{markdown(' '.join(machine['command'] or ['unknown']))}</code>."]
    return "\n".join(lines) + "\n"


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--write", action="store_true", help="put the figures into README.md")
    args = parser.parse_args(argv)
    run = newest_run(ROOT / "results")
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    wanted = before + BEGIN + (block(run) if run else "") + END + after
    if args.write:
        README.write_text(wanted, encoding="utf-8")
    elif wanted != text:
        print("README.md: the figures are not those of the newest committed run; "
              "scripts/lint/readme.py --write mends it")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
