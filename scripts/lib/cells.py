"""Cell names: `<group>/<case>/<key:value>...`, the same for every backend.

The keys stand in one fixed order, so that equal cells have equal names.
"""

import fnmatch

from .errors import UsageError

KEYS = ("n", "k", "kib", "bytes", "p", "c", "cap", "cs", "h", "by", "delay", "load", "remedy", "stack", "temp", "P",
        "place")
PAIR_PLACES = ("free", "same-pu", "smt", "same-llc", "cross-llc", "cross-numa", "cross-package")
POOL_PLACES = ("none", "compact", "scatter")
# Where a cell says nothing of placement the system decides: `free` or `none`.
UNNAMED_PLACES = ("free", "none")


def name(case, axes):
    """The canonical name of `case` ("spawn/storm") with these axis values."""
    unknown = set(axes) - set(KEYS)
    if unknown:
        raise ValueError("no such axis: %s" % ", ".join(sorted(unknown)))
    parts = [case]
    for key in KEYS:
        if key in axes and not (key == "place" and axes[key] in UNNAMED_PLACES):
            parts.append("%s:%s" % (key, axes[key]))
    return "/".join(parts)


def parse(cell):
    """(case, axes) of a cell's name; numbers as int."""
    parts = cell.split("/")
    axes = {}
    for part in parts[2:]:
        key, _, value = part.partition(":")
        axes[key] = int(value) if value.isdigit() else value
    return "/".join(parts[:2]), axes


def group(cell):
    return cell.split("/", 1)[0]


def matches(cell, glob):
    """A glob matches a whole name, or the front of one up to a slash: so
    `spawn`, `spawn/storm` and `spawn/*/P:1` all do what they say."""
    return fnmatch.fnmatchcase(cell, glob) or fnmatch.fnmatchcase(cell, glob.rstrip("/") + "/*")


def select(names, globs):
    """The names that any of the globs matches, in their order; UsageError
    for a glob that matches none."""
    if not globs:
        return list(names)
    for glob in globs:
        if not any(matches(n, glob) for n in names):
            raise UsageError("--filter %s matches no cell of this profile; the cells are:" % glob,
                             listing=names)
    return [n for n in names if any(matches(n, g) for g in globs)]


def size(number):
    """Bytes or a count as people write it: 65536 -> 64K, 1000 -> 1000."""
    for shift, letter in ((30, "G"), (20, "M"), (10, "K")):
        if number >= 1 << shift and number % (1 << shift) == 0:
            return "%d%s" % (number >> shift, letter)
    return str(number)
