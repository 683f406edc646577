"""html: nothing that a result file holds can become markup, a script or a request."""

import os
import sys
import unittest
from html.parser import HTMLParser

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), HERE]

import hostile  # noqa: E402
from lib import html  # noqa: E402
from lib.report_words import clean, markdown  # noqa: E402


class Outline(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.words = [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(key, value or "") for key, value in attrs]

    def handle_data(self, data):
        self.words.append(data)


def active_content(page):
    """What in a page could run or fetch; [] when nothing."""
    outline = Outline(page)
    found = [t for t in outline.tags if t in ("script", "img", "iframe", "object", "embed", "link", "base", "form",
                                               "audio", "video", "foreignobject", "image", "animate", "set")]
    for key, value in outline.attributes:
        if key.startswith("on") or key in ("src", "srcset", "action", "formaction", "background"):
            found.append(key)
        if key in ("href", "xlink:href") and not value.startswith("#"):
            found.append("%s=%s" % (key, value))
        if key in ("style", "fill", "stroke", "clip-path", "filter") and "url(" in value.replace("url(#", ""):
            found.append(value)
    return found


class Hostile(unittest.TestCase):
    def test_text_stays_text_and_is_seen_whole(self):
        for string in hostile.STRINGS:
            with self.subTest(string=ascii(string)):
                page = html.page("t", html.tag("p", string))
                self.assertEqual(active_content(page), [])
                self.assertEqual(Outline(page).tags, ["html", "head", "meta", "meta", "meta", "meta", "title",
                                                      "style", "body", "p"])
                self.assertIn(clean(string), Outline(page).words)
                self.assertEqual(hostile.controls_in(page), [])
                page.encode("utf-8")

    def test_attributes_and_title_cannot_be_left(self):
        for string in hostile.STRINGS:
            with self.subTest(string=ascii(string)):
                page = html.page(string, html.tag("td", "x", class_=string, title=string))
                self.assertEqual(active_content(page), [])
                self.assertEqual(Outline(page).tags.count("td"), 1)

    def test_links_leave_the_page_never(self):
        for target in ("http://example.invalid", "javascript:alert(1)", "//example.invalid", "report.md"):
            with self.assertRaises(ValueError):
                html.tag("a", "x", href=target)

    def test_unknown_tags_and_attributes_are_refused(self):
        with self.assertRaises(ValueError):
            html.tag("script", "x")
        with self.assertRaises(ValueError):
            html.tag("p", "x", onclick="x")

    def test_policy_forbids_scripts_and_requests(self):
        self.assertIn(("content", html.POLICY), Outline(html.page("t")).attributes)
        self.assertIn("default-src 'none'", html.POLICY)
        self.assertNotIn("script-src", html.POLICY)


class Words(unittest.TestCase):
    def test_clean_is_one_line_without_controls(self):
        for string in hostile.STRINGS:
            line = clean(string)
            self.assertEqual(hostile.controls_in(line), [])
            self.assertEqual(len(line.splitlines()) <= 1, True)
        self.assertEqual(clean("a\u202eb"), "a\ufffdb")
        self.assertEqual(len(clean("x" * 1000, 100)), 103)

    def test_markdown_has_no_markup_left(self):
        for string in hostile.STRINGS:
            line = markdown(string)
            with self.subTest(string=ascii(string)):
                self.assertEqual([c for c in line if c in "\\`*_{}[]<>|!~@$"], [])
                self.assertFalse(line[:1] in ("-", "+", "=", "#"))
                self.assertEqual(line.replace("&#", "").count("&"), 0)

    def test_blanks_between_pieces_survive(self):
        self.assertEqual(html.tag("p", "a ", html.tag("b", "c"), " d"), "<p>a <b>c</b> d</p>")


if __name__ == "__main__":
    unittest.main()
