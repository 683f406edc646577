"""A report's content as one HTML page and as Markdown."""

from . import html
from .report_blocks import Bullets, Command, Folded, Paragraph, Picture
from .report_words import markdown

ALARMS = ("FAILED: ", "CRASHED: ", "TIMEOUT: ")
SUBTITLE = "greenbench: green threads against OS threads"


def title_of(run):
    return "greenbench %s %s %s" % (run.machine["machine"], run.machine["utc"], run.machine["rev"])


# --- HTML -----------------------------------------------------------------------------------------

def html_page(run, sections):
    links = [html.Markup(html.tag("a", title, href="#" + key) + " ") for key, title, _ in sections]
    parts = [html.tag("header", html.tag("h1", SUBTITLE), html.tag("p", title_of(run), class_="soft"),
                      html.tag("nav", *links))]
    for key, title, blocks in sections:
        parts.append(html.tag("section", html.tag("h2", title), *[_html_block(b, key) for b in blocks], id=key))
    return html.page(title_of(run), html.tag("main", *parts))


def _html_block(block, section):
    if isinstance(block, Paragraph):
        return html.tag("p", html.text(block.text, 4000))
    if isinstance(block, Bullets):
        items = [html.tag("li", item, class_="bad" if item.startswith(ALARMS) else None) for item in block.items]
        return html.tag("ul", *items, class_="verdicts" if section == "verdicts" else None)
    if isinstance(block, Command):
        return html.tag("p", block.words + " ", html.tag("code", block.command))
    if isinstance(block, Picture):
        return _html_picture(block)
    if isinstance(block, Folded):
        return html.tag("details", html.tag("summary", block.title), *[_html_block(b, section) for b in block.blocks],
                        class_="paper" if block.on_paper else None)
    return _html_table(block)


def _html_table(block):
    header = [(words, "text" if is_text else None) for words, is_text in block.header]
    rows = []
    for cells in block.rows:
        if block.grouped:
            if cells[0][0]:
                rows.append([html.tag("th", cells[0][0], class_="cell", scope="rowgroup", colspan=len(header) - 1)])
            cells = cells[1:]
        rows.append([html.tag("td", *_lines(words, kind), class_=kind) for words, kind in cells])
    return html.table(header[1:] if block.grouped else header, rows, block.kind)


def _lines(words, kind):
    """A cell of several lines has a bullet between them."""
    if kind != "why lines":
        return [words]
    return [html.tag("p", html.text(line)) for line in words.split(" • ")]


def _html_picture(picture):
    caption = html.tag("figcaption", html.tag("b", picture.chart.title + ". "),
                       picture.chart.caption)
    if picture.svg is None:
        return html.tag("p", html.tag("b", picture.chart.title + ". "), "Not drawn: " + picture.why + ".")
    return html.tag("figure", html.Markup(picture.svg), caption)


# --- Markdown -------------------------------------------------------------------------------------

def markdown_page(run, sections):
    lines = ["# " + SUBTITLE, "", markdown(title_of(run)), ""]
    for _, title, blocks in sections:
        lines += ["## " + markdown(title), ""]
        for block in blocks:
            lines += _markdown_block(block) + [""]
    return "\n".join(lines)


def _markdown_block(block):
    if isinstance(block, Paragraph):
        return [markdown(block.text, 4000)]
    if isinstance(block, Bullets):
        return ["- " + markdown(item) for item in block.items]
    if isinstance(block, Command):
        return [markdown(block.words), "", "```sh", block.command, "```"]
    if isinstance(block, Picture):
        return _markdown_picture(block)
    if isinstance(block, Folded):
        lines = ["**%s**" % markdown(block.title)]
        for inner in block.blocks:
            lines += [""] + _markdown_block(inner)
        return lines
    return _markdown_table(block)


def _markdown_picture(picture):
    if picture.svg is None:
        return ["**%s.** Not drawn: %s." % (markdown(picture.chart.title), markdown(picture.why))]
    return ["![%s](charts/%s.svg)" % (markdown(picture.chart.title), picture.chart.name), "",
            "**%s.** %s" % (markdown(picture.chart.title), markdown(picture.chart.caption, 2000))]


def _markdown_table(table):
    lines = ["| %s |" % " | ".join(markdown(words) for words, _ in table.header),
             "| %s |" % " | ".join("---" if is_text else "---:" for _, is_text in table.header)]
    for cells in table.rows:
        lines.append("| %s |" % " | ".join(markdown(words, 2000) for words, _ in cells))
    return lines
