"""The backends beside gt and the pthread family: what they are, and which
cells they offer.

    go            a port: the workloads written again, in Go
    boost_fiber, st   peers: the workloads themselves, on another library

The port runs unasked in the default and the full profile, where it is built; the
others when asked for. None is part of a headline, which compares gt with OS
threads. They are built into bench/peers of the build directory.
"""

import json
import os

from . import cells

KINDS = {"go": "port", "boost_fiber": "peer", "st": "peer"}
PEERS = tuple(KINDS)

GO_LACKS = ("switch/line",)   # two tasks that spin, on two CPUs
GO_SELECTS = (2, 4, 8)   # a select statement has a fixed number of cases
LIBRARY_CASES = ("spawn/one", "spawn/storm", "switch/yield", "switch/handoff", "channel/ping_pong",
                 "channel/prod_cons", "channel/sieve", "sync/mutex")
LIBRARY_TASKS = 100_000   # more of their stacks take gigabytes, and half a minute a process
YIELDERS = {"st": 10_000}   # 100,000 do not end within 120 s
UNPLACED = ("free", "none", "same-pu")


def is_peer(backend):
    return backend in KINDS


def label(backend):
    """The backend as reports name it: "go (port)"."""
    return "%s (%s)" % (backend, KINDS[backend]) if backend in KINDS else backend


def refusal(peer, cell):
    """Why a peer does not offer a cell, in one line; None if it does."""
    case, axes = cells.parse(cell)
    return _go_refusal(case, axes) if peer == "go" else _library_refusal(peer, case, axes)


def _go_refusal(case, axes):
    if case in GO_LACKS:
        return "not ported to Go"
    if axes.get("place", "free") not in UNPLACED:
        return "not offered: a goroutine cannot be bound to a CPU"
    if "stack" in axes:
        return "not offered: a goroutine's stack has no size to ask for"
    if axes.get("remedy") == "off":
        return "not offered: with asynchronous preemption switched off, Go still preempts at each function call"
    if case == "channel/select" and axes.get("k") not in GO_SELECTS:
        return "not ported to Go: select statements of %s cases are" % ", ".join(map(str, GO_SELECTS))
    return None


def _library_refusal(peer, case, axes):
    if case not in LIBRARY_CASES:
        return "not offered: %s is measured on spawning, switching, channels and the mutex only" % peer
    most = YIELDERS.get(peer, LIBRARY_TASKS) if case == "switch/yield" else LIBRARY_TASKS
    if axes.get("n", 1) > most:
        return "not offered: %s is measured with up to %d tasks" % (peer, most)
    if axes.get("P") != 1:
        return "not offered: %s runs here on one OS thread, P:1" % peer
    return None


def join(cell, backends):
    """Add the peers among `backends` to a profiles.Cell, which offers it or
    refuses it. A peer goes where gt does."""
    if "gt" not in cell.backends:
        return
    for peer in (b for b in backends if is_peer(b)):
        reason = refusal(peer, cell.name)
        if reason is None:
            cell.backends += (peer,)
        else:
            cell.refused[peer] = reason


def versions(directory, backends):
    """{peer: version of its library or compiler} of the peers among backends,
    from the file that the build writes beside them."""
    try:
        with open(os.path.join(directory, "peers", "versions.json"), encoding="utf-8") as f:
            known = json.load(f)
    except (OSError, ValueError):
        known = {}
    return {b: str(known.get(b, "unknown"))[:64] for b in backends if is_peer(b)}
