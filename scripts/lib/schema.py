"""Checks stored JSON against results/schema/*.schema.json.

    schema.check(obj, "sample")  -> list of error lines, empty when the object is good.
                                 Kinds: "sample" (a stored line), "bench" (the line a bench executable prints:
                                 a sample without the runner's fields), "calibration", "machine", "plan".
    schema.RUNNER_FIELDS         the fields that the runner adds to a bench line

strictjson parses, this module judges what was parsed. Standard library only, so it is the subset of JSON
Schema that our schemas use; a keyword outside the subset is an error of the schema (SchemaBug), never
ignored. The tests hold it against python3-jsonschema. One thing differs on purpose: where JSON Schema takes
1.0 for an integer, here an integer is written as one.
"""

import json
import math
import os
import re

from . import histogram

MAX_ERRORS = 20
RUNNER_FIELDS = ("replicate", "round", "order", "utc", "wall_ms", "exit")
SCHEMA_DIR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "results", "schema")

_ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description"}
_cache = {}


class SchemaBug(Exception):
    """A schema file uses something that the checker does not know."""


# --- checking -------------------------------------------------------------------------------------

def check(obj, kind):
    """The errors of `obj` as a `kind`, each one line; [] when it is good."""
    schema, root = _load(kind)
    errors = []
    _check(obj, schema, root, (), errors)
    if not errors and kind in ("sample", "bench"):
        errors.extend(_check_sample_sense(obj))
    return errors[:MAX_ERRORS]


def _load(kind):
    if kind not in _cache:
        name = "sample" if kind == "bench" else kind
        with open(os.path.join(SCHEMA_DIR, name + ".schema.json"), encoding="utf-8") as handle:
            root = json.load(handle)
        _verify(root, root)
        schema = dict(root)
        if kind == "bench":
            schema["required"] = [key for key in root["required"] if key not in RUNNER_FIELDS]
        _cache[kind] = (schema, root)
    return _cache[kind]


def _verify(schema, root):
    """SchemaBug unless the checker knows every keyword of the schema; a $ref stands with annotations only."""
    for keyword, wanted in schema.items():
        if keyword == "$ref":
            _resolve(schema, root)
            if set(schema) - _ANNOTATIONS != {"$ref"}:
                raise SchemaBug("$ref stands beside other keywords")
        elif keyword not in _ANNOTATIONS and keyword != "type" and keyword not in _KEYWORDS:
            raise SchemaBug("keyword %s is not in the subset" % keyword)
    for inner in list(schema.get("properties", {}).values()) + list(schema.get("$defs", {}).values()):
        _verify(inner, root)
    for keyword in ("additionalProperties", "items"):
        if isinstance(schema.get(keyword), dict):
            _verify(schema[keyword], root)


def _check(value, schema, root, path, errors):
    """path: the keys and indexes that lead to the value."""
    if len(errors) >= MAX_ERRORS:
        return
    schema = _resolve(schema, root)
    if "type" in schema and not _has_type(value, schema["type"]):
        errors.append(_line(path, "is %s, not %s" % (_type_name(value), _type_words(schema["type"]))))
        return
    if isinstance(value, str) and not _encodable(value):
        errors.append(_line(path, "holds a lone surrogate"))
        return
    for keyword, wanted in schema.items():
        message = _KEYWORDS[keyword](value, wanted) if keyword in _KEYWORDS else None
        if message:
            errors.append(_line(path, message))
    if isinstance(value, dict):
        _check_object(value, schema, root, path, errors)
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            _check(item, schema["items"], root, path + (index,), errors)


def _resolve(schema, root):
    seen = 0
    while "$ref" in schema:
        name = schema["$ref"]
        if not name.startswith("#/$defs/") or name[len("#/$defs/"):] not in root.get("$defs", {}) or seen > 8:
            raise SchemaBug("cannot follow %s" % name)
        schema, seen = root["$defs"][name[len("#/$defs/"):]], seen + 1
    return schema


def _check_object(value, schema, root, path, errors):
    known = schema.get("properties", {})
    extra = schema.get("additionalProperties", True)
    for key, item in value.items():
        here = path + (key,)
        if not _encodable(key):
            errors.append(_line(here, "is a key with a lone surrogate"))
        elif key in known:
            _check(item, known[key], root, here, errors)
        elif extra is False:
            errors.append(_line(here, "is not a known field"))
        elif isinstance(extra, dict):
            _check(item, extra, root, here, errors)


def _has_type(value, wanted):
    names = wanted if isinstance(wanted, list) else [wanted]
    return any(_TYPES[name](value) for name in names)


def _is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value):
    return _is_integer(value) or (isinstance(value, float) and math.isfinite(value))


_TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "integer": _is_integer,
    "number": _is_number,
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
}


def _type_name(value):
    if isinstance(value, float) and not math.isfinite(value):
        return "not finite"
    for name in ("null", "boolean", "integer", "number", "string", "array", "object"):
        if _TYPES[name](value):
            return name
    return type(value).__name__


def _type_words(wanted):
    return " or ".join(wanted) if isinstance(wanted, list) else wanted


def _encodable(text):
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _same(value, wanted):
    """Equal as JSON: True is not 1."""
    return type(value) is type(wanted) and value == wanted


def _const(value, wanted):
    return None if _same(value, wanted) else "is %s, expected %s" % (show(value), show(wanted))


def _enum(value, wanted):
    if any(_same(value, one) for one in wanted):
        return None
    return "is %s, not one of: %s" % (show(value), ", ".join(str(one) for one in wanted))


def _minimum(value, wanted):
    return "is %s, below %s" % (show(value), wanted) if _is_number(value) and value < wanted else None


def _maximum(value, wanted):
    return "is %s, above %s" % (show(value), wanted) if _is_number(value) and value > wanted else None


def _max_length(value, wanted):
    if isinstance(value, str) and len(value) > wanted:
        return "is %d characters long, more than %d" % (len(value), wanted)
    return None


def _pattern(value, wanted):
    if not isinstance(value, str):
        return None
    expression = wanted[:-1] + r"\Z" if wanted.endswith("$") else wanted
    return None if re.search(expression, value) else "is %s, which does not match %s" % (show(value), wanted)


def _required(value, wanted):
    if not isinstance(value, dict):
        return None
    missing = [key for key in wanted if key not in value]
    return "lacks " + ", ".join(missing) if missing else None


def _max_properties(value, wanted):
    if isinstance(value, dict) and len(value) > wanted:
        return "has %d fields, more than %d" % (len(value), wanted)
    return None


def _max_items(value, wanted):
    if isinstance(value, list) and len(value) > wanted:
        return "has %d items, more than %d" % (len(value), wanted)
    return None


def _elsewhere(value, wanted):
    """Handled while walking the object or array."""
    return None


_KEYWORDS = {
    "const": _const, "enum": _enum, "minimum": _minimum, "maximum": _maximum, "maxLength": _max_length,
    "pattern": _pattern, "required": _required, "maxProperties": _max_properties, "maxItems": _max_items,
    "properties": _elsewhere, "additionalProperties": _elsewhere, "items": _elsewhere,
}


# --- sense: what no keyword can say ---------------------------------------------------------------

_SMALLEST_NS = 1e-6     # of a duration that is not 0: far below any clock, so that every ratio of two is a number
_DURATIONS = ("ns_per_op", "cpu_ns_per_op", "alone_ns_per_op", "wakeup_cpu_ns")
_NS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}


def _check_sample_sense(sample):
    errors = []
    status, gbench = sample["status"], sample["gbench"]
    if status == "ok":
        if gbench is None or not sample["ns_per_op"]:
            errors.append("status is ok but gbench or ns_per_op is missing or zero")
        if sample["ledger"] is None:
            errors.append("status is ok but there is no ledger")
    elif not sample["reason"]:
        errors.append("status is %s but reason is empty" % status)
    errors += ["%s is %g, above 0 but below %g" % (key, sample[key], _SMALLEST_NS) for key in _DURATIONS
               if 0 < (sample.get(key) or 0) < _SMALLEST_NS]
    latency = sample.get("latency")
    if latency and "counts" in latency:
        try:
            histogram.Histogram().merge(latency)
        except ValueError as e:
            errors.append("latency: %s" % e)
    if status == "limit" and sample["limit"] is None:
        errors.append("status is limit but limit is null")
    if gbench is not None and sample["ns_per_op"] is not None:
        real = gbench["real_time"] * _NS[gbench["time_unit"]]
        if abs(real - sample["ns_per_op"]) > 0.01 * real + 0.01:
            errors.append("ns_per_op is %g but gbench says %g %s per iteration"
                          % (sample["ns_per_op"], gbench["real_time"], gbench["time_unit"]))
    return errors


# --- words ----------------------------------------------------------------------------------------

def show(value, quote=True, limit=60):
    """A value as it may stand in a message on a terminal: short, one line, no control characters."""
    text = value if isinstance(value, str) else str(value)
    text = "".join(c if c.isprintable() and _encodable(c) else "\\x%02x" % ord(c) for c in text[:limit + 1])
    if len(text) > limit:
        text = text[:limit] + "..."
    return "'%s'" % text if quote and isinstance(value, str) else text


def _line(path, message):
    words = ""
    for step in path:
        words += "[%d]" % step if isinstance(step, int) else "%s%s" % ("." if words else "", show(step, quote=False))
    return "%s %s" % (words, message) if words else message
