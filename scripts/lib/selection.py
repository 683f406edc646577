"""Which cells and backends a command is about: the options that `run` and
`list` share, and the Settings made of them."""

import argparse

from . import peers, profiles

SELECTION = ("profile", "filter", "backend", "with_peers", "place", "bench_dir")
PATH_OPTIONS = ("--output", "--bench-dir")


def add_selection(parser):
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


def named(text):
    """The type of an option whose value is a name or a path: an unset variable in a shell makes an empty one."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty")
    return text


def _names(text):
    return text.split(",")


def number(low, high):
    """The type of an option that is a whole number."""
    def check(text):
        if text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high:
            return int(text)
        raise argparse.ArgumentTypeError("%s is not a whole number from %d to %d" % (text[:40], low, high))
    return check


def settings(args, options=()):
    """run.Settings of the parsed options."""
    from .run import Settings
    chosen = {name: getattr(args, name) for name in SELECTION + tuple(options)}
    return Settings(args.root, command=recorded_command(args.argv), **chosen)


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
