"""schema: good lines pass, each kind of bad line is named."""

import json
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), HERE]

import synthetic_run  # noqa: E402
from lib import samples, schema  # noqa: E402
from tests import corpus  # noqa: E402

CELL = "spawn/one/P:1"


def good(**changes):
    return synthetic_run.sample(CELL, "gt", 52.5, **changes)


class Good(unittest.TestCase):
    def test_every_line_of_the_synthetic_run_passes(self):
        for line in synthetic_run.samples(replicates=6):
            self.assertEqual(schema.check(line, "sample"), [], line)
        self.assertEqual(schema.check(synthetic_run.machine(), "machine"), [])

    def test_a_bench_line_needs_no_runner_fields_and_a_stored_one_does(self):
        line = {k: v for k, v in good().items() if k not in schema.RUNNER_FIELDS}
        self.assertEqual(schema.check(line, "bench"), [])
        self.assertIn("lacks replicate", schema.check(line, "sample")[0])

    def test_fields_of_a_later_version_are_let_through(self):
        self.assertEqual(schema.check(good(extra={"a": [1, "x", None]}), "sample"), [])


class Bad(unittest.TestCase):
    def refused(self, words, **changes):
        found = schema.check(good(**changes), "sample")
        self.assertTrue(any(words in line for line in found), (words, found))
        for line in found:
            self.assertEqual(len(line.splitlines()), 1)
            self.assertTrue(line.isprintable(), ascii(line))

    def test_wrong_types_and_values(self):
        self.refused("schema is 'greenbench.sample/2'", schema="greenbench.sample/2")
        self.refused("replicate is boolean", replicate=True)
        self.refused("replicate is number", replicate=1.0)
        self.refused("ns_per_op is not finite", ns_per_op=float("nan"))
        self.refused("ns_per_op is not finite", ns_per_op=float("-inf"))
        self.refused("ns_per_op is -1", ns_per_op=-1.0)
        self.refused("order is 9223372036854775808, above", order=2 ** 63)
        self.refused("operations is 9223372036854775808, above", operations=2 ** 63)
        self.refused("status is 'good'", status="good")
        self.refused("cell is", cell="../../etc/x")
        self.refused("cell is", cell=CELL + "\n")
        self.refused("cell is", cell="<img onerror=x>/y")
        self.refused("backend is", backend="`id`")
        self.refused("backend is", backend="-x")
        self.refused("utc is", utc="yesterday")
        self.refused("reason holds a lone surrogate", status="failed", reason="\ud800")
        self.refused("reason is 2001 characters", status="failed", reason="x" * 2001)
        self.refused("ledger.done is -1", ledger=dict(good()["ledger"], done=-1))
        self.refused("ledger.checksum", ledger=dict(good()["ledger"], checksum="0xZZ"))

    def test_missing_fields_are_all_named(self):
        line = good()
        del line["cell"], line["usage"]
        self.assertEqual(schema.check(line, "sample"), ["lacks cell, usage"])

    def test_what_contradicts_itself(self):
        self.refused("gbench or ns_per_op is missing", gbench=None)
        self.refused("reason is empty", status="failed")
        self.refused("limit is null", status="limit", reason="x")
        slow = dict(good()["gbench"], time_unit="ms")
        self.refused("gbench says 52.5 ms", gbench=slow)

    def test_a_duration_is_nothing_or_one_that_can_be_divided_by(self):
        tiny = dict(good()["gbench"], real_time=0)
        self.refused("ns_per_op is 1e-310, above 0", ns_per_op=1e-310, gbench=tiny)
        for key in ("cpu_ns_per_op", "alone_ns_per_op", "wakeup_cpu_ns"):
            self.refused(key + " is 9.9e-07, above 0 but below 1e-06", **{key: 9.9e-7})
            for fine in (0, 0.0, 1e-6, 5, None):
                self.assertEqual(schema.check(good(**{key: fine}), "sample"), [])

    def test_a_finding_of_the_doctor_is_whole(self):
        whole = {"id": "load", "value": 0.1, "grade": "B", "text": "t", "remedy": None}
        self.assertEqual(schema.check(synthetic_run.machine(doctor=[whole]), "machine"), [])
        for key in whole:
            part = {k: v for k, v in whole.items() if k != key}
            self.assertEqual(schema.check(synthetic_run.machine(doctor=[part]), "machine"), ["doctor[0] lacks " + key])

    def test_other_shapes_than_an_object(self):
        for value in (None, [], 1, "x", True):
            self.assertEqual(len(schema.check(value, "sample")), 1)

    def test_messages_do_not_flood(self):
        line = good(extra={str(i): {"x" * 5000: float("inf")} for i in range(200)})
        self.assertLessEqual(len(schema.check(line, "sample")), schema.MAX_ERRORS)


class Checker(unittest.TestCase):
    def test_keywords_outside_the_subset_are_errors_of_the_schema(self):
        with self.assertRaises(schema.SchemaBug):
            schema._verify({"properties": {"x": {"items": {"minProperties": 1}}}}, {})
        for reference in ("http://example.invalid/", "#/$defs/absent"):
            with self.assertRaises(schema.SchemaBug):
                schema._verify({"additionalProperties": {"$ref": reference}}, {})
        with self.assertRaises(schema.SchemaBug):
            schema._verify({"$ref": "#/$defs/a", "minimum": 1}, {"$defs": {"a": {}}})

    def test_true_is_not_one(self):
        errors_ = []
        schema._check(True, {"enum": [1]}, {}, ("x",), errors_)
        self.assertEqual(len(errors_), 1)

    def test_it_judges_as_jsonschema_does(self):
        """Over every field of every kind of document, missing and replaced. The two differ where a whole number is
        written as 1.0, see schema.py. A lone surrogate is valid to jsonschema; strictjson refuses every one."""
        try:
            import jsonschema
        except ImportError:
            self.skipTest("python3-jsonschema is not installed")
        types = jsonschema.Draft202012Validator.TYPE_CHECKER
        strict = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=types.redefine(
            "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)))
        validators, seen = {}, {True: 0, False: 0}
        for kind in ("sample", "machine", "plan", "calibration", "doctor"):
            root = schema._load(kind)[1]
            jsonschema.Draft202012Validator.check_schema(root)
            validators[kind] = strict(root)
        for kind, value in corpus.values():
            valid = validators[kind].is_valid(value)
            if valid and "\\ud800" in json.dumps(value):
                continue
            seen[valid] += 1
            self.assertEqual(self.judged(value, kind) == [], valid, (kind, repr(value)[:3000]))
        self.assertGreater(min(seen.values()), 1000, seen)
        validator = jsonschema.Draft202012Validator(schema._load("sample")[1])
        self.assertTrue(validator.is_valid(good(order=1.0)))
        self.assertNotEqual(self.judged(good(order=1.0), "sample"), [])

    @staticmethod
    def judged(value, kind):
        """What the keywords say, without the sense that no keyword can express."""
        found, root = [], schema._load(kind)[1]
        schema._check(value, root, root, (), found)
        return found

    def test_every_kind_has_a_schema_and_every_schema_a_kind(self):
        kinds = sorted(name[:-len(".schema.json")] for name in os.listdir(schema.SCHEMA_DIR))
        self.assertLessEqual({"calibration", "machine", "plan", "sample"}, set(kinds))
        for kind in kinds:
            self.assertNotEqual(schema.check({}, kind), [])

    def test_what_is_stored_in_results_is_good(self):
        """Runs of earlier versions stay readable."""
        top = os.path.join(schema.SCHEMA_DIR, "..")
        runs = [os.path.dirname(os.path.join(path, name)) for path, _, names in os.walk(top) for name in names
                if name == "machine.json"]
        self.assertNotEqual(runs, [])
        for run in runs:
            for kind in ("machine", "plan"):
                samples.load_checked(os.path.join(run, kind + ".json"), kind)


if __name__ == "__main__":
    unittest.main()
