#!/usr/bin/env python3
"""The result figures of README.md come from a committed run, not from a hand.

Between the markers `figures: begin` and `figures: end` stand the verdict
sentences of the newest run committed under results/, its hero chart, and the
command that made it. Without arguments: exit 0 when README.md says just that,
1 when it does not. With --write: make it so.
"""
import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from lib import samples, verdicts  # noqa: E402

BEGIN = "<!-- figures: begin -->\n"
END = "<!-- figures: end -->\n"
README = ROOT / "README.md"


def newest_run(results):
    """The committed run that started last, or None."""
    runs = [p.parent for p in results.glob("*/*/samples.jsonl") if p.parts[-3] != "local"]
    return max(runs, key=lambda run: run.name, default=None)


def block(run_dir):
    """What README.md says of the run."""
    machine = json.loads((run_dir / "machine.json").read_text(encoding="utf-8"))
    where = run_dir.relative_to(ROOT)
    lines = [f"On {machine['hw']['cpu_model']}, {machine['hw']['logical_cpus']} CPUs, "
             f"Linux {machine['env']['kernel']} ([the whole report]({where}/report.md)):", ""]
    lines += [f"- {sentence}" for sentence in verdicts.lines(samples.load_run(run_dir))]
    lines += ["", f"![Ratios of green threads to OS threads]({where}/charts/forest.svg)", "",
              f"Made by `{' '.join(machine['command'])}`."]
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
