"""Strings that a result file of another machine may hold to do harm."""

STRINGS = (
    "</SCRIPT><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    "`touch pwned`",
    "$(touch pwned)",
    "@variable; system 'touch pwned'",
    "< touch pwned",
    "| touch pwned",
    "-persist",
    "'; set output 'pwned'; plot x #",
    "\"; !touch pwned\"",
    "\t1\t2\n\n\n3",
    "\u202egnp.exe\u2066\u200f",
    "\x1b[2J\x1b]0;title\x07",
    "\x00\x9b31m",
    "a\u2028b\u2029c",
    "zero\u200bwidth\ufeff",
    "{/Symbol a}_x^y",
    "=cmd|' /C calc'!A0",
    "[x](javascript:alert(1)) ![y](http://example.invalid/z) |x| <http://example.invalid>",
    "%s%n %(x)s {0}",
    "&#x3c;script&gt;",
    "lone \ud800 surrogate",
)

CONTROLS = "".join(chr(c) for c in list(range(0x20)) + list(range(0x7f, 0xa0)) if chr(c) != "\n") + (
    "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2028\u2029\u2066\u2067\u2068\u2069\ufeff")


def controls_in(text):
    """Control and direction characters that are in the text; new lines are allowed."""
    return sorted({hex(ord(c)) for c in text if c in CONTROLS or 0xd800 <= ord(c) <= 0xdfff})
