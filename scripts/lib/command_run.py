"""`greenbench run`: its options."""

import argparse
import re

from . import aa, errors, profiles
from .selection import SELECTION, add_selection, named, number, settings

EXAMPLES = """examples:
  greenbench run                                    the default profile
  greenbench run --quick --filter spawn             one group, quickly
  greenbench run --filter 'channel/ping_pong/*/P:1/*' --backend gt --backend pthread
  greenbench run --place same-llc --output /tmp/results --seed 7
  greenbench run --profile peers --with-peers       gt beside Go, Boost.Fiber, State Threads
  greenbench run --time 10m --filter channel        ten minutes, spent where intervals should be widest
  greenbench run --resume                           go on with the newest run that was cut off
  greenbench run --aa                               gt against itself: what differs is a false alarm
"""

OPTIONS = ("machine", "output", "seed", "spin_ns", "mem", "watchdog", "no_report", "allow_debug", "time",
           "resume")
WITH_RESUME = ("bench_dir", "output", "no_report")     # the rest is what the run was started with
MOST_SECONDS = 7 * 86400


def add_arguments(parser):
    add_selection(parser)
    parser.add_argument("--machine", type=named, metavar="NAME", help="the machine's name in the results folder")
    parser.add_argument("--output", type=named, metavar="DIR", help="the results folder (default: results/local)")
    parser.add_argument("--seed", type=number(0, 2 ** 63 - 1), metavar="N", help="of the random order (default: drawn)")
    parser.add_argument("--spin-ns", type=number(0, 10 ** 9), default=profiles.SPIN_NS, metavar="N",
                        help="spin budget before sleeping, gt and pthread-futex (default: %(default)s)")
    parser.add_argument("--mem", type=number(1 << 20, 1 << 50), metavar="BYTES",
                        help="memory budget of a cell (default: half of what is free)")
    parser.add_argument("--watchdog", type=number(1, 86400), metavar="SECONDS",
                        help="a process is killed after this time (default: %d, in profile full %d)"
                        % (profiles.WATCHDOG_SECONDS, profiles.PROFILES["full"].watchdog_seconds))
    parser.add_argument("--time", type=duration, metavar="TIME",
                        help="measure for about so long, such as 90s, 10m or 1h: each cell gets 6 replicates, then the"
                        " time goes where intervals should be widest")
    parser.add_argument("--resume", nargs="?", const="", metavar="DIR",
                        help="go on with a run that was cut off, as it was started (default: the newest such run)")
    aa.add_arguments(parser)
    parser.add_argument("--no-report", action="store_true", help="store the samples only")
    parser.add_argument("--allow-debug", action="store_true", help="measure a debug build all the same")


def duration(text):
    """90s, 10m, 1h or 1h30m, in seconds."""
    found = re.fullmatch(r"(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?", text)
    seconds = sum(int(n) * size for n, size in zip(found.groups(), (3600, 60, 1)) if n) if found else 0
    if not 1 <= seconds <= MOST_SECONDS:
        raise argparse.ArgumentTypeError("%s is not a time from 1s to 168h, such as 90s, 10m or 1h30m" % text[:40])
    return seconds


def check_resume(args, parser):
    """What a run was started with stays: no option that says otherwise."""
    for name in SELECTION + OPTIONS:
        if name not in WITH_RESUME + ("resume",) and getattr(args, name) != parser.get_default(name):
            raise errors.UsageError("--resume goes on with what the run was started with: leave out --%s"
                                    % name.replace("_", "-"))


def main(args, out):
    from . import run
    if args.aa is not None:
        return aa.main(args, OPTIONS, out)
    if args.resume is not None:
        check_resume(args, args.parser)
    return run.main(settings(args, OPTIONS), out)
