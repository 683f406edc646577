"""Stored runs: what is written reads back, and hostile files end in one line."""

import json
import os
import unittest

from tests import fake_bench, support
from lib import samples, strictjson
from lib.errors import CannotWriteError, DataError

MACHINE = {"schema": "greenbench.machine/1", "machine": "m", "utc": "2025-01-01T00:00:00Z", "rev": "unknown",
           "profile": "quick", "hw": {"cpu_model": "x", "logical_cpus": 2, "ram_bytes": 1},
           "env": {}, "toolchain": {}, "hashes": {"definition": "a", "implementation": "b", "toolchain": "c"}}


def stored(**changes):
    sample = fake_bench.sample("gt", "spawn/one/P:1", 4, replicate=0, round=0, order=0,
                               utc="2025-01-01T00:00:00Z", wall_ms=1.5, exit=0)
    sample.update(changes)
    return sample


def line(**changes):
    return json.dumps(stored(**changes)) + "\n"


class RunFolder(support.Case):
    def folder(self, text, plan=None, machine=None):
        self.write("machine.json", json.dumps(machine or MACHINE))
        if plan:
            self.write("plan.json", json.dumps(dict(plan, schema="greenbench.plan/1")))
        self.write("samples.jsonl", text)
        return self.dir

    def refuse(self, text, number, reason, **kwargs):
        """load_run names the file, the line and the reason."""
        with self.assertRaises(DataError) as caught:
            samples.load_run(self.folder(text, **kwargs))
        message = str(caught.exception)
        self.assert_one_line(message)
        self.assertEqual(caught.exception.status, 65)
        self.assertIn("samples.jsonl:%d: " % number, message)
        self.assertIn(reason, message)
        self.assertTrue(message.isprintable())


class ReaderTest(RunFolder):
    def test_what_the_writer_wrote_reads_back(self):
        self.folder("")
        os.unlink(self.path("samples.jsonl"))
        writer = samples.Writer(self.path("samples.jsonl"))
        for replicate in range(3):
            writer.add(stored(replicate=replicate))
        writer.close()
        run = samples.load_run(self.dir)
        self.assertEqual([s["replicate"] for s in run.samples], [0, 1, 2])
        self.assertEqual(run.machine["machine"], "m")
        self.assertEqual(run.notes, [])

    def test_the_samples_file_itself_names_the_run(self):
        self.folder(line())
        self.assertEqual(samples.load_run(self.path("samples.jsonl")).path, self.dir)

    def test_a_cut_last_line_of_an_unfinished_run_is_reported_and_skipped(self):
        for plan in (None, {"state": "running"}, {"state": "interrupted"}):
            run = samples.load_run(self.folder(line() + line(replicate=1)[:80], plan=plan))
            self.assertEqual(len(run.samples), 1)
            self.assertIn("samples.jsonl:2: the last line is truncated; skipped", run.notes[0])

    def test_a_cut_last_line_of_a_finished_run_is_refused(self):
        self.refuse(line() + line(replicate=1)[:80], 2, "truncated", plan={"state": "finished"})

    def test_an_interrupted_run_says_so(self):
        run = samples.load_run(self.folder(line(), plan={"state": "interrupted"}))
        self.assertTrue(run.interrupted)
        self.assertIn("interrupted", run.notes[0])

    def test_a_cut_line_in_the_middle_is_refused(self):
        self.refuse(line()[:80] + "\n" + line(), 1, "not JSON")

    def test_a_file_without_a_sample_is_refused(self):
        self.refuse("", 1, "no complete sample")
        self.refuse(line()[:40], 1, "no complete sample")

    def test_a_missing_run_is_refused(self):
        with self.assertRaises(DataError) as caught:
            samples.load_run(self.path("nowhere"))
        self.assertIn("nowhere/samples.jsonl: no run here", str(caught.exception))

    def test_a_fifo_in_place_of_the_samples_does_not_hang(self):
        self.folder(line())
        os.unlink(self.path("samples.jsonl"))
        os.mkfifo(self.path("samples.jsonl"))
        with self.assertRaises(DataError):
            samples.load_run(self.dir)

    def test_a_repeated_replicate_is_refused(self):
        self.refuse(line() + line(order=1), 2, "repeats replicate 0")

    def test_too_many_samples_are_refused(self):
        limit, samples.MAX_SAMPLES = samples.MAX_SAMPLES, 2
        self.addCleanup(setattr, samples, "MAX_SAMPLES", limit)
        self.refuse("".join(line(replicate=r) for r in range(3)), 3, "more than 2 lines")

    def test_a_foreign_machine_file_is_refused(self):
        for machine in ({**MACHINE, "schema": "other/9"}, {**MACHINE, "machine": "../../etc"},
                        {k: v for k, v in MACHINE.items() if k != "hashes"}):
            with self.assertRaises(DataError) as caught:
                samples.load_run(self.folder(line(), machine=machine))
            self.assertIn("machine.json:1: ", str(caught.exception))


class DistributionTest(RunFolder):
    """What a sample says of how late things were, and for whom."""

    LATE = {"p50": 100, "p90": 200, "p99": 300, "p999": 400, "max": 400, "count": 250}

    def test_latency_and_fairness_read_back_and_may_be_missing(self):
        run = samples.load_run(self.folder(line(latency=self.LATE, fairness={"tasks": 2, "min": 1, "max": 9})
                                           + line(replicate=1, latency=None, fairness=None) + line(replicate=2)))
        self.assertEqual(run.samples[0]["latency"], self.LATE)
        self.assertEqual(run.samples[0]["fairness"]["max"], 9)
        self.assertIsNone(run.samples[1]["latency"])
        self.assertNotIn("latency", run.samples[2])

    def test_a_percentile_that_is_missing_or_no_count_is_refused(self):
        self.refuse(line(latency={k: v for k, v in self.LATE.items() if k != "p999"}), 1, "latency lacks p999")
        self.refuse(line(latency=dict(self.LATE, p99=-1)), 1, "latency.p99")
        self.refuse(line(latency=dict(self.LATE, max=1.5)), 1, "latency.max")
        self.refuse(line(fairness={"tasks": 2, "min": 0}), 1, "fairness lacks max")


class HostileLineTest(RunFolder):
    """Each as the second line, after a good one."""

    def bad(self, text, reason):
        self.refuse(line(replicate=7) + text, 2, reason)

    def test_numbers_that_json_does_not_have(self):
        for number in ("NaN", "-Infinity", "Infinity", "1e999", "-1e999"):
            self.bad(line().replace('"wall_ms": 1.5', '"wall_ms": ' + number), "not a")

    def test_huge_integers(self):
        for digits in ("9" * 5000, "9223372036854775808"):
            self.bad(line().replace('"order": 0', '"order": ' + digits), "63 bits")

    def test_wrong_types_and_signs(self):
        self.bad(line(order=True), "order")
        self.bad(line(order=-1), "order")
        self.bad(line(wall_ms=-0.5), "wall_ms")
        self.bad(line(cell=None), "cell")
        self.bad(line(gbench=[]), "gbench")

    def test_a_time_in_another_unit(self):
        sample = stored()
        sample["gbench"]["time_unit"] = "ms"
        self.bad(json.dumps(sample) + "\n", "ns_per_op")

    def test_duplicate_keys(self):
        self.bad(line().replace('"order": 0', '"order": 0, "order": 1'), "appears twice")

    def test_deep_nesting(self):
        self.bad("[" * 30000 + "]" * 30000 + "\n", "nested")
        self.bad(line(extra=json.loads("[" * 40 + "]" * 40)), "nested")

    def test_an_endless_line(self):
        self.bad(line(reason="x" * 300000), "a line of")

    def test_strings_that_play_with_the_reader(self):
        self.bad(line().replace('"reason": null', '"reason": "\\ud800"'), "surrogate")
        self.bad(line(status="failed", reason="\x1b[2J"), "control character")
        self.bad(line(status="failed", reason="\u202egnp"), "control character")

    def test_names_that_are_no_names(self):
        for cell in ("</SCRIPT><img onerror=x>", "`id`/x", "<x/y", "|x/y", "-x/y", "../../etc/x", "/etc/passwd",
                     "=cmd|/x", "spawn"):
            self.bad(line(cell=cell), "cell")

    def test_line_ends_and_byte_order_marks(self):
        self.bad(line().replace("\n", "\r\n"), "CR LF")
        self.bad("\n", "empty line")
        self.refuse("\ufeff" + line(), 1, "byte order mark")

    def test_an_unknown_schema(self):
        self.bad(line(schema="greenbench.sample/2"), "schema")

    def test_bytes_that_are_not_utf8(self):
        with self.assertRaises(ValueError):
            strictjson.parse(b'{"a": "\xff"}')

    def test_a_status_without_its_reason(self):
        self.bad(line(status="failed"), "reason")


class WriterTest(support.Case):
    def test_an_existing_file_is_not_overwritten(self):
        self.write("samples.jsonl", "precious")
        with self.assertRaises(CannotWriteError):
            samples.Writer(self.path("samples.jsonl"))
        with open(self.path("samples.jsonl")) as f:
            self.assertEqual(f.read(), "precious")

    def test_a_symbolic_link_is_not_followed(self):
        os.symlink(self.path("elsewhere"), self.path("samples.jsonl"))
        for append in (False, True):
            with self.assertRaises(CannotWriteError):
                samples.Writer(self.path("samples.jsonl"), append)
        self.assertFalse(os.path.exists(self.path("elsewhere")))

    def test_a_bad_sample_is_not_written(self):
        writer = samples.Writer(self.path("samples.jsonl"))
        self.addCleanup(writer.close)
        with self.assertRaises(ValueError):
            writer.add(stored(wall_ms=float("nan")))
        self.assertEqual(os.path.getsize(self.path("samples.jsonl")), 0)

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_a_full_disk_is_one_line(self):
        writer = samples.Writer("/dev/full", append=True)
        self.addCleanup(writer.close)
        with self.assertRaises(CannotWriteError) as caught:
            writer.add(stored())
        self.assert_one_line(str(caught.exception))


if __name__ == "__main__":
    unittest.main()
