"""Where runs are kept: whole files or none, and one clear line otherwise."""

import json
import os
import unittest

from tests import support
from lib import store
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
        store.write_json(os.path.join(gone, "machine.json"), {})
        store.remove_empty_run(gone)
        self.assertEqual(os.listdir(self.path("box")), [os.path.basename(kept)])
        store.remove_empty_run(kept)
        self.assertTrue(os.path.exists(os.path.join(kept, "report.md")))

    def test_write_replaces_a_link_and_not_what_it_points_to(self):
        self.write("target", "old")
        os.symlink(self.path("target"), self.path("link"))
        store.write_json(self.path("link"), {"a": 1})
        with open(self.path("target")) as f:
            self.assertEqual(f.read(), "old")
        with open(self.path("link")) as f:
            self.assertEqual(json.load(f), {"a": 1})

    def test_a_failed_write_leaves_the_old_file_and_no_other(self):
        self.write("plan.json", "old")
        with self.assertRaises(ValueError):
            store.write_json(self.path("plan.json"), {"x": float("nan")})
        with self.assertRaises(CannotWriteError):
            store.write_text(self.path("missing", "plan.json"), "x")
        self.assertEqual(os.listdir(self.dir), ["plan.json"])

    def test_machine_names(self):
        for bad in ("", "../x", "A", "a b", "x" * 65, "a\n", "local", "schema", "-", "-rf"):
            with self.assertRaises(UsageError):
                store.check_machine_name(bad)
        for good in ("amd-epyc-2cpu", "local-2", "7", "x" * 64):
            self.assertEqual(store.check_machine_name(good), good)


if __name__ == "__main__":
    unittest.main()
