"""JSON from files that anybody may have written.

Python's json accepts more than JSON and more than is wise: NaN, 1e999,
duplicate keys, integers of any length, lone surrogates. parse() refuses all
of these with a ValueError whose text is one short line.
"""

import json
import math
import unicodedata

MAX_INT = 2 ** 63 - 1
MAX_DEPTH = 16
MAX_STRING = 8192


def parse(text):
    """The value that `text` (bytes) holds; ValueError if it is not strict JSON."""
    if text.startswith(b"\xef\xbb\xbf"):
        raise ValueError("starts with a byte order mark")
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    try:
        value = json.loads(decoded, object_pairs_hook=_unique, parse_int=_integer,
                           parse_float=_finite, parse_constant=_refuse)
    except json.JSONDecodeError as e:
        raise ValueError("not JSON: %s at column %d" % (e.msg, e.colno)) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    _check_strings(value)
    return value


def _unique(pairs):
    result = {}
    for key, value in pairs:
        if key in result:
            raise ValueError("key %s appears twice" % ascii(key[:40]))
        result[key] = value
    return result


def _integer(digits):
    if len(digits) > 20 or abs(int(digits)) > MAX_INT:
        raise ValueError("an integer does not fit in 63 bits")
    return int(digits)


def _finite(digits):
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("%s is not a finite number" % digits[:20])
    return value


def _refuse(name):
    raise ValueError("%s is not a number" % name)


def _check_strings(value):
    """Every string short, printable and encodable; nothing nested deeply."""
    pending = [(value, 0)]
    while pending:
        item, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise ValueError("nested more than %d deep" % MAX_DEPTH)
        if isinstance(item, str):
            _check_string(item)
        elif isinstance(item, list):
            pending.extend((x, depth + 1) for x in item)
        elif isinstance(item, dict):
            for key, x in item.items():
                _check_string(key)
                pending.append((x, depth + 1))


def _check_string(text):
    if len(text) > MAX_STRING:
        raise ValueError("a string of %d characters" % len(text))
    if text.isascii() and text.isprintable():
        return
    for c in text:
        kind = unicodedata.category(c)
        if kind == "Cs":
            raise ValueError("a lone surrogate in a string")
        if kind in ("Cc", "Cf", "Zl", "Zp"):
            raise ValueError("control character U+%04X in a string" % ord(c))
