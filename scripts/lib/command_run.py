"""`greenbench run`: its options."""

from . import profiles
from .selection import add_selection, number, settings

EXAMPLES = """examples:
  greenbench run                                    the default profile
  greenbench run --quick --filter spawn             one group, quickly
  greenbench run --filter 'channel/ping_pong/*/P:1/*' --backend gt --backend pthread
  greenbench run --place same-llc --output /tmp/results --seed 7
  greenbench run --profile peers --with-peers       gt beside Go, Boost.Fiber, State Threads
"""

OPTIONS = ("machine", "output", "seed", "spin_ns", "mem", "watchdog", "no_report", "allow_debug")


def add_arguments(parser):
    add_selection(parser)
    parser.add_argument("--machine", metavar="NAME", help="the machine's name in the results folder")
    parser.add_argument("--output", metavar="DIR", help="the results folder (default: results/local)")
    parser.add_argument("--seed", type=number(0, 2 ** 63 - 1), metavar="N", help="of the random order (default: drawn)")
    parser.add_argument("--spin-ns", type=number(0, 10 ** 9), default=profiles.SPIN_NS, metavar="N",
                        help="spin budget before sleeping, gt and pthread-futex (default: %(default)s)")
    parser.add_argument("--mem", type=number(1 << 20, 1 << 50), metavar="BYTES",
                        help="memory budget of a cell (default: half of what is free)")
    parser.add_argument("--watchdog", type=number(1, 86400), default=120, metavar="SECONDS",
                        help="a process is killed after this time (default: %(default)s)")
    parser.add_argument("--no-report", action="store_true", help="store the samples only")
    parser.add_argument("--allow-debug", action="store_true", help="measure a debug build all the same")


def main(args, out):
    from . import run
    return run.main(settings(args, OPTIONS), out)
