"""What a report is made of, free of HTML and Markdown: report_pages.py renders each block twice.

All text is plain; the renderers escape it.
"""


class Paragraph:
    def __init__(self, text):
        self.text = text


class Bullets:
    def __init__(self, items):
        self.items = list(items)


class Command:
    def __init__(self, words, command):
        self.words, self.command = words, command


class Table:
    """header: [(text, is_text)]; rows: [[(text, class)]]. grouped: the first column names a cell in the first of
    its rows and is empty in the others. kind: "facts", "claims" or None, for its looks alone."""

    def __init__(self, header, rows, grouped=False, kind=None):
        self.header, self.rows, self.grouped, self.kind = header, rows, grouped, kind


class Folded:
    """Blocks below a line that opens them. on_paper: they are open in print."""

    def __init__(self, title, blocks, on_paper=False):
        self.title, self.blocks, self.on_paper = title, list(blocks), on_paper


class Picture:
    """chart with its checked SVG, or svg None and why."""

    def __init__(self, chart, svg, why=None):
        self.chart, self.svg, self.why = chart, svg, why
