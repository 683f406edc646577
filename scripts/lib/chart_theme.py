"""The colours of charts inside a page: as drawn on white and on paper, lighter ones where the reader prefers dark.

The scripts of gnuplot know one set of colours, Okabe and Ito's, and an SVG that leaves the page keeps it. Inside the
page rules for the attributes of the SVG replace each colour by its counterpart, which nothing but a dark screen uses.
"""

import re

# As in scripts/plots: colour on white, colour on dark.
DARK = {
    "#ffffff": "#16181b", "#333333": "#e2e2e2", "#595959": "#b0b0b0", "#d9d9d9": "#3a3f45", "#ececec": "#2b3036",
    "#0072b2": "#4fa8e0", "#d55e00": "#ff8b45", "#e69f00": "#e69f00", "#009e73": "#2fca9c", "#cc79a7": "#e6a3c8",
    "#56b4e9": "#8fd0f5", "#000000": "#f0f0f0", "#999999": "#b8b8b8", "#b04a00": "#ff8b45",
}
NAMES = {"black": "#000000", "gray": "#808080", "white": "#ffffff"}


def plain_colours(svg):
    """Every colour as #rrggbb, as gnuplot does not write it."""
    svg = re.sub(r"rgb\(\s*(\d{1,3}),\s*(\d{1,3}),\s*(\d{1,3})\)",
                 lambda m: "#%02x%02x%02x" % tuple(min(255, int(part)) for part in m.groups()), svg)
    svg = re.sub(r"""((?:fill|stroke|color)=["'])(#[0-9A-Fa-f]{6})(?=["'])""", lambda m: m[1] + m[2].lower(), svg)
    return re.sub(r"""((?:fill|stroke|color)=["'])(black|gray|white)(?=["'])""", lambda m: m[1] + NAMES[m[2]], svg)


def dark_rules():
    """The rules of a style sheet, to stand inside a question for a dark screen."""
    return " ".join('figure svg [%s="%s"] { %s: %s; }' % (name, light, name, dark)
                    for light, dark in DARK.items() if light != dark for name in ("fill", "stroke", "color"))
