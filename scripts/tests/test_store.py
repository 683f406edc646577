"""Where runs are kept: whole files or none, and one clear line otherwise."""

import json
import os
import pathlib
import unittest

from tests import support, synthetic_run
from lib import command_report, compare_sides, errors, report, resume, store
from lint import readme
from lib.errors import CannotWriteError, UsageError

UTC = "2025-01-02T03:04:05Z"


class StoreTest(support.Case):
    def test_a_run_folder_is_named_after_time_and_revision(self):
        path = store.create_run(self.path("results"), "box", UTC, "abc123")
        self.assertEqual(path, self.path("results", "box", "20250102T030405Z-abc123"))
        self.assertEqual(os.listdir(path), [])

    def test_a_second_run_in_the_same_second_gets_its_own_folder(self):
        first = store.create_run(self.dir, "box", UTC, "r")
        self.assertEqual(store.create_run(self.dir, "box", UTC, "r"), first + "-2")

    def test_a_folder_below_a_file_cannot_be_written(self):
        self.write("file", "")
        with self.assertRaises(CannotWriteError) as caught:
            store.create_run(self.path("file", "results"), "box", UTC, "r")
        self.assert_one_line(str(caught.exception))
        self.assertEqual(caught.exception.status, 73)
        self.assertIn("--output", str(caught.exception))

    def test_a_read_only_file_system_cannot_be_written(self):
        with self.assertRaises(CannotWriteError):
            store.create_run("/proc/results", "box", UTC, "r")

    def test_an_unmeasured_run_is_taken_back_and_a_measured_machine_stays(self):
        kept = store.create_run(self.dir, "box", UTC, "r")
        open(os.path.join(kept, "report.md"), "w").close()
        gone = store.create_run(self.dir, "box", UTC, "r")
        store.write_text(os.path.join(gone, "machine.json"), "{}")
        store.remove_empty_run(gone)
        self.assertEqual(os.listdir(self.path("box")), [os.path.basename(kept)])
        store.remove_empty_run(kept)
        self.assertTrue(os.path.exists(os.path.join(kept, "report.md")))

    def test_write_replaces_a_link_and_not_what_it_points_to(self):
        self.write("target", "old")
        os.symlink(self.path("target"), self.path("link"))
        store.write_json(self.path("link"), {"schema": "greenbench.plan/1", "state": "running"}, "plan")
        with open(self.path("target")) as f:
            self.assertEqual(f.read(), "old")
        with open(self.path("link")) as f:
            self.assertEqual(json.load(f)["state"], "running")

    def test_a_failed_write_leaves_the_old_file_and_no_other(self):
        self.write("plan.json", "old")
        for wrong in ({"spent_seconds": float("nan")}, {"state": "elsewhere"}, {"seed": "one"}):
            with self.assertRaises(ValueError):
                store.write_json(self.path("plan.json"), dict({"schema": "greenbench.plan/1", "state": "running"}, **wrong),
                                 "plan")
        with self.assertRaises(CannotWriteError):
            store.write_text(self.path("missing", "plan.json"), "x")
        self.assertEqual(os.listdir(self.dir), ["plan.json"])

    def test_machine_names(self):
        for bad in ("", "../x", "A", "a b", "x" * 65, "a\n", "local", "schema", "-", "-rf"):
            with self.assertRaises(UsageError):
                store.check_machine_name(bad)
        for good in ("amd-epyc-2cpu", "local-2", "7", "x" * 64):
            self.assertEqual(store.check_machine_name(good), good)


class NewestTest(support.Case):
    """The newest run is one of backends, not half of a comparison nor a backend beside itself."""

    def stored(self, machine, run, state="finished", **plan):
        path = synthetic_run.write(self.path(machine, run), lines=[synthetic_run.sample("spawn/one/P:1", "gt", 5.0)])
        store.write_json(os.path.join(path, "plan.json"), dict(plan, schema="greenbench.plan/1", state=state), "plan")
        return path

    def all_kinds(self, under):
        """The paths of an ordinary finished and an older interrupted run among newer ones of the other kinds."""
        self.stored(under, "20250401T000000Z-x", "interrupted", aa={"pairs": 1, "rounds": 10})
        self.stored(under, "20250402T000000Z-x", "interrupted", duel="d", replicates=6, best_of=1)
        self.stored(under, "20250403T000000Z-x", duel="e", replicates=6, best_of=1)
        self.stored(under, "20250404T000000Z-x", aa={"pairs": 1, "rounds": 10})
        os.mkdir(self.path(under, "20250405T000000Z-x"))
        return self.stored(under, "20250301T000000Z-x"), self.stored(under, "20250201T000000Z-x", "interrupted")

    def test_every_command_takes_the_same_for_the_newest(self):
        whole, cut = self.all_kinds("results/m1")
        self.assertEqual(store.newest_run(store.machines_below(self.path("results"))), whole)
        self.assertEqual(command_report.newest_run(self.path("results")), whole)
        self.assertEqual(compare_sides.newest_run_of(self.dir, "m1"), whole)
        self.assertEqual(resume.newest_unfinished(self.path("results")), cut)
        self.assertEqual(str(readme.newest_run(pathlib.Path(self.path("results")))), whole)
        self.assertIsNone(store.newest_run([self.path("nowhere")]))

    def test_a_damaged_plan_is_found_and_not_passed_over(self):
        self.stored("m", "20250101T000000Z-x")
        path = self.stored("m", "20250201T000000Z-x")
        self.write(os.path.join(path, "plan.json"), "{")
        self.assertEqual(store.newest_run([self.path("m")]), path)

    def test_a_backend_beside_itself_is_no_run_to_report_or_compare(self):
        path = self.stored("m", "20250101T000000Z-x", aa={"pairs": 1, "rounds": 10})
        unnamed = synthetic_run.write(self.path("m", "y"), lines=[synthetic_run.sample(
            "spawn/one/P:1", "gt", 5.0, label="gt#2", pair=0)])
        for one in (path, unnamed):
            for command in (lambda: report.write(one), lambda: report.preview(one, None),
                            lambda: compare_sides.Side(one, None, {})):
                with self.assertRaises(errors.UsageError) as caught:
                    command()
                self.assertIn("run --aa %s judges it" % one, str(caught.exception))


if __name__ == "__main__":
    unittest.main()
