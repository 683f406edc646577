"""The scorecard of the claims, as blocks."""

from . import claims
from .claims_parts import NO, SOME, UNDECIDED, UNKNOWN, YES
from .report_blocks import Folded, Paragraph, Table

CLASSES = {claims.HOLDS: "text yes", claims.IN_PART: "text part", claims.NOT_HERE: "text no",
           claims.NOT_DECIDED: "text soft", claims.NOT_MEASURED: "text soft"}
WORDS = ("What is widely said about goroutines and threads, and what this run has to say to it, with gt in its default "
         "configuration in the place of goroutines and Go beside where it ran. A claim is cut into parts; an interval that "
         "lies on one side of a threshold answers a part, one that holds the threshold leaves it open, and so does the "
         "range of fewer than six processes, but of bytes, which are counted. “holds” needs every part, “does not hold "
         "here” has none, or lacks the one that the claim is about. The intervals are of 95 % each, uncorrected: of a "
         "part that looks at many cells some may answer by chance.")


def section(model):
    scored = claims.of_model(model)
    tally = ", ".join("%d “%s”" % (count, verdict) for verdict in CLASSES
                      for count in [sum(1 for one in scored if one.verdict == verdict)] if count)
    rows = [[(one.number, "text"), (one.text, "why"), (one.verdict, CLASSES[one.verdict]), (_figures(one), "why lines")]
            for one in scored]
    header = [("", True), ("claim", True), ("on this machine", True), ("figures", True)]
    return [Paragraph(WORDS), Paragraph("Of %d claims: %s." % (len(scored), tally)),
            Table(header, rows, kind="claims"),
            Folded("How each verdict comes about: every part, what counts and why, and the cells", [_parts(scored)],
                   on_paper=True)]


def deciding(one):
    """The parts that show why the verdict is what it is."""
    if one.verdict == claims.HOLDS:
        return [part for part in one.parts if part.state == YES][:2]
    answers = {claims.NOT_HERE: (NO,), claims.IN_PART: (YES, SOME, NO, UNDECIDED, UNKNOWN)}
    wanted = answers.get(one.verdict, (UNDECIDED, UNKNOWN))
    firsts = [next((p for p in one.parts if p.state == state), None) for state in wanted]
    return [part for part in firsts if part is not None][:2]


def _figures(one):
    """One line for each part; the renderers part them at the bullet."""
    return " • ".join("%s: %s. %s" % (part.state, part.question, part.words) for part in deciding(one)) or one.rule


def _parts(scored):
    rows = []
    for one in scored:
        title = "%s %s: %s. %s" % (one.number, one.text, one.verdict, one.rule)
        for part in one.parts or [None]:
            fields = ([(part.state, "text"), (part.question, "why"), (part.words, "why"), (_cells(part.cells), "why cells")]
                      if part else [("-", "text")] + [("", "why")] * 3)
            rows.append([(title, "text")] + fields)
            title = ""
    header = [("claim", True), ("answer", True), ("part", True), ("figure", True), ("cells", True)]
    return Table(header, rows, True, kind="parts")


def _cells(names, most=6):
    more = " and %d more" % (len(names) - most) if len(names) > most else ""
    return (", ".join(names[:most]) + more) or "-"
