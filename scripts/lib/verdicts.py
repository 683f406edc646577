"""A run in sentences.

    lines(run)              what a terminal shows after a run: what failed, one sentence for each family, limits
    lines(run, every=True)  one sentence for each headline

A family (one workload at one P and placement) is represented by its headline with the largest numbers (n first, then
the other axes in their order), warm before cold; the choice looks at names only, never at figures. The others are in
the report.
"""

from . import stats
from .report_model import PLAIN, SUBJECT, Model, verdict_words
from .report_words import clean, count_bytes, figure, nanoseconds, phrase, ratio_words


def lines(run, every=False):
    return of_model(Model(run), every)


def of_model(model, every=False):
    chosen = model.headlines if every else representatives(model)
    found = failures(model) + [sentence(model, headline) for headline in chosen]
    found += limits(model)
    found += without_headline(model)
    found.append(summary(model))
    return [clean(line, 600) for line in found]


def representatives(model):
    chosen = {}
    for headline in model.headlines:
        cell = headline.cell
        key = (cell.numbers(), cell.axes.get("temp") == "warm")
        best = chosen.get(cell.family)
        if best is None or key > best[0]:
            chosen[cell.family] = (key, headline)
    return [headline for _, headline in chosen.values()]


def sentence(model, headline):
    """creating one task and waiting for it (spawn/one/P:1): gt 52 ns, fastest OS-thread way pthread-pool 2.1 us:
    1/40 (1/41 to 1/39), differs: gt costs less; pthread 24 us: 1/463 (1/470 to 1/451)"""
    cell, other = headline.cell, headline.other
    write = count_bytes if other.metric.kind == "bytes" else nanoseconds
    text = "%s (%s): %s %s, fastest OS-thread way%s %s %s: %s, %s" % (
        phrase(cell), cell.name, SUBJECT, write(stats.median(headline.subject.values)),
        "" if model.has_whole_family else " that was run,", other.backend,
        write(stats.median(other.values)), ratio_words(headline.ratio), verdict_words(headline))
    if other.backend == PLAIN:
        return text
    plain = model.compare(cell, SUBJECT, PLAIN)
    if plain is None:
        return text
    return text + "; %s %s: %s" % (PLAIN, write(stats.median(plain.other.values)), ratio_words(plain.ratio))


def limits(model):
    """Limits reached, one line for each cell and backend."""
    found = []
    for series in ordered(model):
        reached = [s for s in series.samples if s["status"] == "limit"]
        if reached:
            found.append("%s, %s: %s" % (series.cell.name, series.backend, reached[0]["reason"]))
    return found


def failures(model):
    """Failed, crashed and timed-out replicates first: nobody may miss them."""
    found = []
    for series in ordered(model):
        for status in ("failed", "crashed", "timeout"):
            ended = [s for s in series.samples if s["status"] == status]
            if ended:
                found.append("%s: %s, %s: %d of %d: %s" % (status.upper(), series.cell.name, series.backend,
                                                            len(ended), len(series.samples), ended[0]["reason"]))
    return found


def without_headline(model):
    """Cells that ran and give no ratio because they are invalid."""
    found = []
    for series in ordered(model):
        if series.state == "invalid":
            found.append("no ratio: %s, %s: %s" % (series.cell.name, series.backend, "; ".join(series.remarks)))
    return found


def ordered(model):
    """Every series, by cell and backend."""
    return [s for c in model.cells for b in model.backends for s in [model.get(c, b)] if s is not None]


def summary(model):
    """How many headlines differ, and how sure all of them together are."""
    total = len(model.headlines)
    if not total:
        return "no cell has a value for both gt and a backend of the pthread family, so there is no ratio"
    text = "%d of %d headline comparisons differ" % (model.count(stats.DIFFERS), total)
    missing = model.count(stats.ROUNDS_MISSING)
    if missing:
        text += "; in %d more every round agrees, but there are too few rounds for the correction" % missing
    if model.floor is not None:
        text += "; noise floor of the run %s %% (from %d series)" % (figure(model.floor.percent, 2), model.floor.series)
    else:
        text += "; no noise floor: no series has six values"
    return text + run_wide(model)


def run_wide(model):
    """The same question with the whole run as one family."""
    smallest = model.smallest_run_wide_p
    if smallest is None:
        return ""
    if smallest >= stats.ALPHA:
        return ("; with the whole run as one family nothing could differ after so few rounds (smallest possible p %s)"
                % figure(smallest, 2))
    if not model.count(stats.DIFFERS):
        return ""
    return "; corrected over the whole run %d still do" % len(model.hold_run_wide)
