"""What `greenbench compare` prints: rows of one machine, two machines beside each other, or figures without ratios."""

from . import peers, stats
from .compare_judge import all_cells, pairs
from .report_model import PLAIN, SUBJECT, direction
from .report_words import clean, count_bytes, figure, nanoseconds, ratio_words

TIMES = ("time", "cpu", "lateness")     # kinds of metrics that are nanoseconds


def say(out, line):
    out.write(clean(line, 1000) + "\n")


def print_table(table, out):
    table = [[clean(cell, 200) for cell in row] for row in table]
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    for row in table:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths))
        out.write(line.rstrip() + "\n")


def print_rows(rows, named, out):
    """named: whether the two sides are two backends."""
    table = [["cell", "backend", "A", "B", "B/A", "verdict"]]
    for row in rows:
        backend = ", ".join(peers.label(s.backend) for s in ([row.a, row.b] if named else [row.a]))
        verdict = row.verdict or ""
        if row.ratio is None:
            verdict = "no ratio: " + (row.a.reason or row.b.reason or "no round has both")
        elif verdict == stats.DIFFERS:
            verdict = "differs: " + direction(row.ratio, "B")
        table.append([row.cell.name, backend, value_words(row.a, row.values[0]), value_words(row.b, row.values[1]),
                      ratio_words(row.ratio) if row.ratio else "-", verdict])
    print_table(table, out)


def value_words(series, values=None):
    """values: those that count, where these are not all of the series."""
    values = series.values if values is None else values
    if series.state == "limit" and series.samples[0]["limit"]:
        return "n=%d" % series.samples[0]["limit"]["reached"]
    if not values:
        return series.state if series.state != "ok" else "-"
    write = count_bytes if series.metric.kind == "bytes" else nanoseconds
    return write(stats.median(values))


def print_only_one_side(a, b, out):
    for name, here, there in (("A", a.model, b.model), ("B", b.model, a.model)):
        missing = sorted({key[0] for key in here.series} - {key[0] for key in there.series})
        if missing:
            say(out, "only in %s: %s" % (name, ", ".join(missing)))


def print_side_by_side(a, b, out):
    table = [["cell", "backend", "A", "B"]]
    for one, two in pairs(a, b):
        backend = ", ".join(dict.fromkeys(peers.label(s.backend) for s in (one, two)))
        table.append([one.cell.name, backend, value_words(one), value_words(two)])
    print_table(table, out)


def print_machines(a, b, out):
    """Each machine's own ratio is the figure; absolute values stand beside it, and what they are in dependent
    multiplications of the same machine. Returns how many cells have a ratio on both."""
    table = [["cell", "A gt/pthread", "B gt/pthread", "A gt", "B gt", "A gt in multiplications", "B gt in multiplications"]]
    chains = chain_ns(a), chain_ns(b)
    ratios = 0
    for cell in all_cells(a, b):
        own = [side.model.compare(cell, SUBJECT, PLAIN) for side in (a, b)]
        series = [side.model.get(cell, SUBJECT) for side in (a, b)]
        if None in series:
            continue
        ratios += all(own)
        table.append([cell.name] + [ratio_words(c.ratio) if c else "-" for c in own]
                     + [value_words(s) for s in series] + [normalised(s, c) for s, c in zip(series, chains)])
    print_table(table if None not in chains else [row[:5] for row in table], out)
    for name, chain in zip("AB", chains):
        if chain is None:
            say(out, "%s holds no calibration: no normalised values" % name)
    if None not in chains:
        say(out, "one dependent multiplication takes %s ns on A, %s ns on B"
            % tuple(figure(chain, 3) for chain in chains))
    return ratios


def chain_ns(side):
    """What one multiplication took while the run was made, or None."""
    found = [c["chain_ns"] for c in side.model.run.calibrations if c["status"] == "ok" and c.get("chain_ns")]
    return stats.median(found) if found else None


def normalised(series, chain):
    if chain is None or not series.values or series.metric.kind not in TIMES:
        return "-"
    return figure(stats.median(series.values) / chain, 3)
