"""A small writer of HTML: everything that is not made here is escaped and cleaned.

    text(value)                 escaped, control and bidi characters neutralised
    tag(name, *children, **attributes)   children are Markup, or anything else as text
    page(title, *children)      a whole document: no script, no request, light and dark, prints well

The design names this module; inside the package `import html` still finds the standard one.
"""

import html as standard

from . import chart_theme
from .report_words import clean

VOID = {"br", "hr", "meta", "col"}
NAMES = {"a", "b", "body", "br", "code", "details", "div", "figcaption", "figure", "footer", "h1", "h2", "h3", "head",
         "header", "hr", "html", "li", "main", "meta", "nav", "p", "section", "small", "span", "style", "summary",
         "table", "tbody", "td", "th", "thead", "title", "tr", "ul"}
ATTRIBUTES = {"class", "id", "href", "lang", "charset", "name", "content", "scope", "colspan", "role", "title", "open"}

# Nothing may be fetched or run, whatever slipped into the page.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'none'; base-uri 'none'; form-action 'none'"

STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --soft: #595959; --paper: #ffffff; --line: #d0d0d0;
  --shade: #f3f3f3; --bad: #9c2a00; --good: #00664a; --link: #005a94; }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --soft: #b0b0b0; --paper: #16181b; --line: #44484d;
  --shade: #22262a; --bad: #ff9d6e; --good: #4fd3a8; --link: #7cc4f5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 1080px; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem;
  border-bottom: 1px solid var(--line); padding-bottom: .2rem; } h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
a { color: var(--link); } nav a { margin-right: 1rem; white-space: nowrap; }
code { font: .875em ui-monospace, monospace; background: var(--shade); padding: .1em .3em; border-radius: 3px;
  overflow-wrap: anywhere; }
.soft { color: var(--soft); } .differs { font-weight: 600; } .bad { color: var(--bad); font-weight: 600; }
ul.verdicts li { margin: .35rem 0; }
figure { margin: 1rem 0; padding: .5rem; border: 1px solid var(--line); border-radius: 6px;
  overflow-x: auto; } figure svg { display: block; width: 100%; min-width: 760px; height: auto; }
figcaption { color: var(--soft); font-size: .9rem; padding: .25rem .25rem 0; } figcaption b { color: var(--ink); }
details { margin: .5rem 0; } summary { cursor: pointer; color: var(--link); }
.scroll { overflow-x: auto; margin: .5rem 0 1rem; }
table { border-collapse: collapse; font-size: .78rem; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .35rem; text-align: right; border-bottom: 1px solid var(--line); vertical-align: top;
  white-space: nowrap; }
th { font-weight: 600; background: var(--shade); white-space: normal; } td.text, th.text { text-align: left; }
td.why { text-align: left; white-space: normal; min-width: 9rem; overflow-wrap: anywhere; } th.cell { text-align: left; background: none; padding-top: .8rem;
  font-family: ui-monospace, monospace; font-size: .8rem; }
td.lines p { margin: 0 0 .2rem; } table.claims, table.findings, table.parts { font-size: .85rem; }
table.findings td.why, table.claims td.why, table.parts td.why { min-width: 0; }
table.findings td.why:nth-child(3) { min-width: 5.5rem; }
table.claims td:nth-child(2) { width: 30%; } table.claims td:nth-child(4) { width: 55%; }
table.parts th.cell { white-space: normal; font: inherit; font-weight: 600; }
table.parts td:nth-child(2) { width: 25%; } table.parts td:nth-child(4) { width: 27%; }
td.cells { font-family: ui-monospace, monospace; font-size: .7rem; } td.yes { color: var(--good); font-weight: 600; }
td.part { font-weight: 600; } td.no { color: var(--bad); font-weight: 600; }
table.facts td { white-space: normal; text-align: left; overflow-wrap: anywhere; }
table.facts td:first-child { white-space: nowrap; overflow-wrap: normal; }
@media print { :root { --ink: #000; --soft: #333; --paper: #fff; --shade: #f3f3f3; --line: #bbb;
  --bad: #7a2000; --good: #004d38; --link: #000; } body { max-width: none; padding: 0; font-size: 10pt; } nav { display: none; }
  figure, tr { break-inside: avoid; } figure svg { min-width: 0; } h2, h3 { break-after: avoid; }
  table { font-size: 7pt; } th, td { padding: 1pt 3pt; white-space: normal; } .scroll, figure { overflow: visible; } details.paper::details-content { display: block; content-visibility: visible; } }
"""


class Markup(str):
    """Text that is HTML already. Made only by this module and from an SVG that plots.draw has checked."""


def text(value, limit=2000):
    """A blank at either end stays, so that pieces of a sentence do not run together."""
    raw = str(value)
    line = clean(raw, limit)
    before, after = " " if raw[:1] == " " else "", " " if raw[-1:] == " " and line else ""
    return Markup(before + standard.escape(line, quote=True) + after)


def tag(name, *children, **attributes):
    """class_ stands for class. A name or attribute outside the lists is a mistake of ours."""
    if name not in NAMES:
        raise ValueError("no tag %r here" % name)
    opening = name
    for key, value in attributes.items():
        key = key.rstrip("_")
        if key not in ATTRIBUTES:
            raise ValueError("no attribute %r here" % key)
        if key == "href" and not str(value).startswith("#"):
            raise ValueError("links stay inside the page")
        if value is not None:
            opening += ' %s="%s"' % (key, text(value))
    if name in VOID:
        return Markup("<%s>" % opening)
    return Markup("<%s>%s</%s>" % (opening, join(children), name))


def join(children):
    return Markup("".join(c if isinstance(c, Markup) else text(c) for c in children if c is not None))


def table(header, rows, class_=None):
    """header: [(text, class)]; rows: lists of cells made with tag("td") or tag("th")."""
    head = tag("thead", tag("tr", *[tag("th", words, class_=kind, scope="col") for words, kind in header]))
    body = []
    for cells in rows:
        body.append(tag("tr", *cells))
    return tag("div", tag("table", head, tag("tbody", *body), class_=class_), class_="scroll")


def page(title, *children):
    head = ('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta http-equiv="Content-Security-Policy" content="%s"><meta name="referrer" content="no-referrer">'
            "<title>%s</title><style>%s</style>" % (POLICY, text(title), STYLE + "@media screen and (prefers-color-scheme: dark) { %s }\n" % chart_theme.dark_rules()))
    return '<!DOCTYPE html>\n<html lang="en"><head>%s</head>\n<body>%s</body></html>\n' % (head, join(children))
