"""From a profile to what this session will run: filters, backends, and the
table that is printed before anything runs."""

from . import cells, costs, peers, profiles
from .errors import UsageError

SLOWEST_NAMED = 5
KEPT = ("memory", "io")     # groups that are not left out for time


class Plan:
    """cells: those this machine runs. skipped: (cell, backend, reason), once
    each. unbuilt: what the profile names and no executable has. profile: the
    name."""

    def __init__(self, profile, run_cells, skipped, unbuilt=()):
        self.profile, self.cells, self.skipped, self.unbuilt = profile, run_cells, skipped, tuple(unbuilt)
        self.left_out = []   # (cell, reason), by fit()

    @property
    def profile_data(self):
        return profiles.PROFILES[self.profile]


def make(profile, machine, backends, filters=(), place=None, offers=None):
    """The plan of `profile` on `machine` (profiles.Machine), for these
    backends and what they offer (profiles.Offers); UsageError for a filter or
    placement that selects nothing."""
    expanded = profiles.expand(profile, machine, offers)
    chosen = set(cells.select([c.name for c in expanded], filters))
    if place is not None:
        chosen = {n for n in chosen if has_place(n, place)}
        if not chosen:
            raise UsageError("--place %s: no cell of this profile and filter is placed so" % place)
    run_cells, skipped = [], []
    for cell in expanded:
        if cell.name not in chosen:
            continue
        peers.join(cell, backends)
        cell.backends = tuple(b for b in cell.backends if b in backends)
        cell.refused = {b: r for b, r in cell.refused.items() if b in backends}
        if cell.missing:
            skipped += [(cell.name, b, cell.missing) for b in cell.backends]
        elif cell.backends:
            run_cells.append(cell)
        skipped += [(cell.name, b, reason) for b, reason in cell.refused.items()]
    if not run_cells and not skipped:
        raise UsageError("the backends and filters given select no cell of profile %s" % profile)
    return Plan(profile, run_cells, skipped, profiles.unbuilt(profile, offers or profiles.Offers()))


def check_place(place):
    known = cells.PAIR_PLACES + tuple(p for p in cells.POOL_PLACES if p != "none")
    if place not in known:
        raise UsageError("--place %s is unknown; the placements are:" % place, listing=known)


def has_place(cell, place):
    """Cells at that placement; `free` selects the pairs the system places."""
    case, axes = cells.parse(cell)
    if place == "free":
        return case in profiles.PAIR_CASES and "place" not in axes
    return axes.get("place") == place


def of_group(plan, group):
    """The part of a plan that belongs to one group."""
    part = Plan(plan.profile, [c for c in plan.cells if c.group == group],
                [s for s in plan.skipped if cells.group(s[0]) == group])
    part.left_out = [item for item in plan.left_out if cells.group(item[0]) == group]
    return part


def fit(estimates, limit_seconds):
    """estimates: {cell: seconds}. The costliest cells that must go so that
    the rest fits into the limit; the cells of KEPT stay, they are few and a
    reader looks for them."""
    total, dropped = sum(estimates.values()), []
    for cell in sorted(estimates, key=estimates.get, reverse=True):
        if total <= limit_seconds:
            break
        if cells.group(cell) not in KEPT:
            total -= estimates[cell]
            dropped.append(cell)
    return dropped


def summary(plan, machine_name):
    """The lines printed before anything runs."""
    estimates = {c.name: costs.cell_seconds(plan.profile, c) for c in plan.cells}
    total = costs.session_seconds(plan.profile, plan.cells)
    lines = ["profile %s on %s: %d cells, %d cell-backend pairs, about %s"
             % (plan.profile, machine_name, len(plan.cells),
                sum(len(c.backends) for c in plan.cells), minutes(total))]
    slowest = sorted(estimates, key=lambda c: -estimates[c][1])[:SLOWEST_NAMED]
    if slowest:
        lines.append("slowest: " + ", ".join("%s %.0f s" % (c, estimates[c][1]) for c in slowest))
    if plan.unbuilt:
        lines.append("not built: " + ", ".join(plan.unbuilt))
    reasons = {}
    for cell, backend, reason in plan.skipped:
        reasons.setdefault(reason, []).append((cell, backend))
    for reason, which in reasons.items():
        lines.append("skipped, %d cell-backend pairs (%s): %s" % (len(which), _briefly(which), reason))
    return lines


def _briefly(which):
    """The cases and placements among skipped pairs, shortly."""
    places = sorted({cells.parse(c)[1].get("place", "") for c, _ in which} - {""})
    backends = sorted({b for _, b in which})
    if backends == ["pthread-pool"]:
        return "pthread-pool"
    return ", ".join(places) or ", ".join(sorted({cells.parse(c)[0] for c, _ in which}))


def minutes(seconds):
    """Seconds as a person reads them."""
    if seconds < 100:
        return "%.0f s" % seconds
    return "%d min %02d s" % divmod(round(seconds), 60)
