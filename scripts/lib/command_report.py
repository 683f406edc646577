"""`greenbench report`: its options."""

import os
import shutil
import sys

from . import errors, store

EXAMPLES = """examples:
  greenbench report                                 the newest run in results/local
  greenbench report results/local/<machine>/<run> --format md
  greenbench report RUN --format html --format pdf  charts/*.pdf for a paper, too
  greenbench report RUN --beside RUN2               with another machine's run side by side
  greenbench report RUN --preview                   the charts in this terminal
"""


def add_arguments(parser):
    parser.add_argument("run", nargs="?", metavar="DIR", help="the run's folder (default: the newest local run)")
    parser.add_argument("--format", action="append", choices=("html", "md", "pdf", "png"), default=[],
                        help="what to write (default: html and md, with charts as svg)")
    parser.add_argument("--beside", action="append", metavar="DIR", default=[],
                        help="a run of another machine, set side by side; repeatable")
    parser.add_argument("--preview", action="store_true", help="draw the charts in this terminal, and write nothing")


def main(args, out):
    from . import report
    run = args.run or newest_run(os.path.join(args.root, "results", "local"))
    if args.preview:
        report.preview(run, out)
        return errors.OK
    for path in report.write(run, formats=tuple(args.format) or ("html", "md"), beside=args.beside):
        print(errors.printable(path), file=out)
    if not shutil.which("gnuplot"):
        print("greenbench: gnuplot is missing: the report has no charts; install it and draw again", file=sys.stderr)
    return errors.OK


def newest_run(local):
    """The newest run below results/local."""
    found = store.newest_run(store.machines_below(local))
    if not found:
        raise errors.UsageError("no run in %s: name one, or make one with scripts/greenbench run" % local)
    return found
