"""The command line: greenbench run | list | compare | report."""

import argparse
import errno
import os
import shutil
import sys

from . import errors, peers, profiles

STATUSES = """exit status:
  0 fine   1 regression or failed   2 inconclusive   3 not comparable
  64 usage   65 bad data   69 unsupported or missing dependency
  73 cannot write   77 skipped   130 interrupted"""

EXAMPLES = {
    None: """examples:
  greenbench run --quick
  greenbench list --profile default
  greenbench report results/local/<machine>/<run>
  greenbench compare results/local/<machine>/<run A> results/local/<machine>/<run B>
""",
    "run": """examples:
  greenbench run                                    the default profile
  greenbench run --quick --filter spawn             one group, quickly
  greenbench run --filter 'channel/ping_pong/*/P:1/*' --backend gt --backend pthread
  greenbench run --place same-llc --output /tmp/results --seed 7
  greenbench run --profile peers --with-peers       gt beside Go, Boost.Fiber, State Threads
""",
    "list": """examples:
  greenbench list
  greenbench list --profile full --filter memory
""",
    "report": """examples:
  greenbench report                                 the newest run in results/local
  greenbench report results/local/<machine>/<run> --format md
""",
}


class Parser(argparse.ArgumentParser):
    """argparse exits with 2, which is our "inconclusive"; usage is 64."""

    def error(self, message):
        raise errors.UsageError("%s (see %s --help)" % (message, self.prog))


def _parser():
    parser = Parser(prog="greenbench", description="Green threads against OS threads, measured.",
                    epilog=EXAMPLES[None] + "\n" + STATUSES,
                    formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    run = _command(commands, "run", "measure, store, draw the report")
    _selection(run)
    _run_options(run)
    listing = _command(commands, "list", "what a profile runs, and what is not built")
    _selection(listing)
    commands.add_parser("compare", help="two runs, machines or backends")
    report = _command(commands, "report", "draw the report of a stored run")
    report.add_argument("run", nargs="?", metavar="DIR", help="the run's folder (default: the newest local run)")
    report.add_argument("--format", action="append", choices=("html", "md"), default=[],
                        help="what to write (default: both)")
    return parser


def _command(commands, name, text):
    return commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".",
                               epilog=EXAMPLES.get(name, "") + "\n" + STATUSES, allow_abbrev=False,
                               formatter_class=argparse.RawDescriptionHelpFormatter)


def _selection(parser):
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--profile", choices=sorted(profiles.PROFILES), default="default")
    which.add_argument("--quick", dest="profile", action="store_const", const="quick",
                       help="the same as --profile quick")
    which.add_argument("--full", dest="profile", action="store_const", const="full",
                       help="the same as --profile full")
    parser.add_argument("--filter", action="append", default=[], metavar="GLOB",
                        help="cells whose name, or the front of it, matches; repeatable")
    parser.add_argument("--backend", action="extend", default=[], metavar="NAMES", type=_names,
                        help="%s; and, where they are built, the peers %s; commas between them, or repeated"
                        % (", ".join(profiles.BACKENDS), ", ".join(peers.PEERS)))
    parser.add_argument("--with-peers", action="store_true", help="the peers that are built, too")
    parser.add_argument("--place", metavar="NAME", help="only cells at this placement, such as same-llc or free")
    parser.add_argument("--bench-dir", metavar="DIR",
                        help="where bench_gt and the others are (default: GREENBENCH_BENCH_DIR, or build/bench)")


def _names(text):
    return text.split(",")


def _run_options(parser):
    parser.add_argument("--machine", metavar="NAME", help="the machine's name in the results folder")
    parser.add_argument("--output", metavar="DIR", help="the results folder (default: results/local)")
    parser.add_argument("--seed", type=_number(0, 2 ** 63 - 1), metavar="N", help="of the random order (default: drawn)")
    parser.add_argument("--spin-ns", type=_number(0, 10 ** 9), default=profiles.SPIN_NS, metavar="N",
                        help="spin budget before sleeping, gt and pthread-futex (default: %(default)s)")
    parser.add_argument("--mem", type=_number(1 << 20, 1 << 50), metavar="BYTES",
                        help="memory budget of a cell (default: half of what is free)")
    parser.add_argument("--watchdog", type=_number(1, 86400), default=120, metavar="SECONDS",
                        help="a process is killed after this time (default: %(default)s)")
    parser.add_argument("--no-report", action="store_true", help="store the samples only")
    parser.add_argument("--allow-debug", action="store_true", help="measure a debug build all the same")


def _number(low, high):
    def number(text):
        if text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high:
            return int(text)
        raise argparse.ArgumentTypeError("%s is not a whole number from %d to %d" % (text[:40], low, high))
    return number


PATH_OPTIONS = ("--output", "--bench-dir")


def recorded_command(argv):
    """The command as it is stored: without the paths of this machine."""
    result, hide = ["scripts/greenbench"], False
    for word in argv:
        option = word.split("=", 1)[0]
        if hide:
            word = "DIR"
        elif option in PATH_OPTIONS and "=" in word:
            word = option + "=DIR"
        hide = not hide and word in PATH_OPTIONS
        result.append(word)
    return result


def _settings(root, args, argv, names):
    from .run import Settings
    chosen = {name: getattr(args, name) for name in names}
    return Settings(root, command=recorded_command(argv), **chosen)


SELECTION = ("profile", "filter", "backend", "with_peers", "place", "bench_dir")
RUN_OPTIONS = SELECTION + ("machine", "output", "seed", "spin_ns", "mem", "watchdog", "no_report", "allow_debug")


def _run(root, args, argv):
    from . import run
    return run.main(_settings(root, args, argv, RUN_OPTIONS), sys.stdout)


def _list(root, args, argv):
    from . import listing
    return listing.main(_settings(root, args, argv, SELECTION), sys.stdout)


def _report(root, args, argv):
    from . import report
    run = args.run or newest_run(os.path.join(root, "results", "local"))
    for path in report.write(run, formats=tuple(args.format) or ("html", "md")):
        print(errors.printable(path))
    if not shutil.which("gnuplot"):
        print("greenbench: gnuplot is missing: the report has no charts; install it and draw again", file=sys.stderr)
    return errors.OK


def newest_run(local):
    """The run folder below results/local whose name, a time, is the latest."""
    found = [(run, os.path.join(local, m, run)) for m in _entries(local) for run in _entries(os.path.join(local, m))
             if os.path.isfile(os.path.join(local, m, run, "samples.jsonl"))]
    if not found:
        raise errors.UsageError("no run in %s: name one, or make one with scripts/greenbench run" % local)
    return max(found)[1]


def _entries(directory):
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _compare(argv):
    from . import compare
    return compare.main(argv)


COMMANDS = {"run": _run, "list": _list, "report": _report}


def _command_of(argv, root):
    """Run the command that argv names; its exit status."""
    if argv[:1] == ["meson-step"]:
        from . import meson_flow
        return meson_flow.main(argv[1:], root)
    if argv[:1] == ["compare"]:
        return _compare(argv[1:])
    args = _parser().parse_args(argv)
    if args.command is None:
        raise errors.UsageError("a command is missing: run, list, compare or report (see greenbench --help)")
    return COMMANDS[args.command](root, args, argv)


def main(argv, root):
    """Run one command; its exit status. No traceback for what a user can cause."""
    try:
        if sys.stdout is None:   # a file opened from now on would take its place
            raise errors.CannotWriteError("standard output is closed")
        status = _command_of(argv, root)
        sys.stdout.flush()
        return status
    except errors.GreenbenchError as e:
        for line in e.lines():
            print("greenbench: " + line if line == str(e) else line, file=sys.stderr)
        return e.status
    except KeyboardInterrupt:
        print("greenbench: interrupted", file=sys.stderr)
        return errors.INTERRUPTED
    except OSError as e:
        return _lost_output(e)


def _lost_output(error):
    """Nobody reads our output any more, or it has no room."""
    if error.filename is not None or error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EIO):
        raise error
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno != errno.EPIPE:
        print("greenbench: cannot write to standard output: %s" % error.strerror, file=sys.stderr)
    return errors.CANNOT_WRITE
