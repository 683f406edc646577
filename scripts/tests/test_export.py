"""export: each format as its reader takes it, and hostile text in all of them."""

import contextlib
import csv
import io
import json
import os
import re
import stat
import subprocess
import unittest

from tests import hostile, support, synthetic_run as synthetic
from lib import cli, errors, export, samples, stats

COMPARE = "/usr/share/benchmark/compare.py"
GO_LINE = re.compile(r"Benchmark[A-Z][^\s]*( \d+)(( [0-9.e+-]+ [^\s]+)+)\Z")


def readable(string):
    """The reader of runs refuses the others."""
    return not hostile.controls_in(string) and "\n" not in string


class Exported(support.Case):
    def setUp(self):
        super().setUp()
        self.stored = synthetic.write(self.path("run"), replicates=6)

    def export(self, form, *words, run=None):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            status = cli.command_of(["export", "--to", form, run or self.stored] + list(words), self.dir)
        self.assertEqual(status, errors.OK)
        return out.getvalue()


class GoogleBenchmark(Exported):
    def compare_py(self, *words):
        if not os.path.exists(COMPARE):
            self.skipTest("libbenchmark-tools is not installed; scripts/setup --tests installs it")
        done = subprocess.run(["/usr/bin/python3", COMPARE, "--no-color"] + list(words), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120)
        if b"No module named" in done.stderr:
            self.skipTest("compare.py lacks SciPy or NumPy; scripts/setup --tests installs them")
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode()

    def test_compare_py_reads_two_backends_of_equal_names(self):
        for backend in ("gt", "pthread"):
            self.export("gbench", "--backend", backend, "--output", self.path(backend + ".json"))
        text = self.compare_py("benchmarks", self.path("gt.json"), self.path("pthread.json"))
        rows = [line.split() for line in text.splitlines() if line.startswith("spawn/one/P:1 ")]
        self.assertEqual(len(rows), 6)
        for row in rows:
            self.assertTrue(400 < float(row[1]) < 520, row)       # pthread over gt, less 1
        self.assertRegex(text, r"spawn/one/P:1_pvalue +0\.00")

    def test_compare_py_reads_two_backends_of_one_file(self):
        self.export("gbench", "--output", self.path("all.json"))
        text = self.compare_py("benchmarksfiltered", self.path("all.json"), "gt/spawn/one/P:1",
                               self.path("all.json"), "pthread/spawn/one/P:1")
        self.assertIn("[gt/spawn/one/P:1 vs. pthread/spawn/one/P:1]", text)

    def test_every_good_process_is_an_entry_in_its_own_units(self):
        found = json.loads(self.export("gbench"))
        good = [s for s in samples.load_run(self.stored).samples if s["status"] == "ok" and s["gbench"]]
        self.assertEqual(len(found["benchmarks"]), len(good))
        wanted = {("%s/%s" % (s["backend"], s["cell"]), s["gbench"]["real_time"]) for s in good}
        self.assertEqual({(e["name"], e["real_time"]) for e in found["benchmarks"]}, wanted)
        self.assertEqual({e["run_type"] for e in found["benchmarks"]}, {"iteration"})
        self.assertNotIn("host_name", found["context"])


class Go(Exported):
    def test_every_line_is_of_the_format_and_in_its_units(self):
        lines = self.export("benchfmt").splitlines()
        results = [line for line in lines if line.startswith("Benchmark")]
        for line in lines:
            self.assertTrue(GO_LINE.match(line) or re.match(r"[a-z]+: \S", line), line)
        units = {word for line in results for word in line.split()[3::2]}
        self.assertEqual(units, {"ns/op", "cpu-ns/op", "p50-ns/op", "p90-ns/op", "p99-ns/op", "p999-ns/op", "max-ns/op",
                                 "B/task"})
        sample = next(s for s in samples.load_run(self.stored).samples if s["cell"] == "spawn/one/P:1")
        self.assertIn("BenchmarkSpawn/case=one/P=1/backend=gt 60000 %r ns/op %r cpu-ns/op"
                      % (sample["ns_per_op"], sample["cpu_ns_per_op"]), results)

    def test_no_name_ends_in_what_go_takes_for_a_number_of_cpus(self):
        for line in self.export("benchfmt").splitlines():
            self.assertIsNone(re.search(r"-\d+\Z", line.split(" ")[0]), line)


class Csv(Exported):
    def rows(self, run=None):
        return list(csv.reader(io.StringIO(self.export("csv", run=run))))

    def test_every_process_is_a_row_whatever_its_status(self):
        rows = self.rows()
        stored = samples.load_run(self.stored).samples
        self.assertEqual(len(rows), 1 + len(stored))
        self.assertEqual({len(row) for row in rows}, {len(rows[0])})
        column = rows[0].index("ns_per_op")
        self.assertEqual([row[column] for row in rows[1:]],
                         ["" if s["ns_per_op"] is None else str(s["ns_per_op"]) for s in stored])
        self.assertEqual({row[rows[0].index("status")] for row in rows[1:]}, {s["status"] for s in stored})

    def test_the_rows_of_a_backend_beside_itself_can_be_told_apart(self):
        lines = [synthetic.sample("spawn/one/P:1", "gt", 50.0, i, i, label=label, pair=7)
                 for i, label in enumerate(("gt", "gt#2"))]
        rows = self.rows(synthetic.write(self.path("aa"), lines=lines))
        at = rows[0].index("label")
        self.assertEqual([row[at:at + 2] for row in rows], [["label", "pair"], ["gt", "7"], ["gt#2", "7"]])
        self.assertEqual({tuple(row[at:at + 2]) for row in self.rows()[1:]}, {("", "")})

    def test_no_field_is_a_formula(self):
        strings = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "|calc", "%0A=1", "\uff1d1", " =1"]
        for string in strings + list(hostile.STRINGS):
            self.assertNotIn(str(export.safe(string)).lstrip()[:1], set("=+-@|%\uff1d"))
            if not readable(string):
                continue
            lines = [synthetic.sample("spawn/one/P:1", "gt", 50.0),
                     synthetic.bad("spawn/one/P:2", "gt", "failed", string[:1900], order=1)]
            path = synthetic.write(self.path("hostile"), lines=lines, machine_changes={"rev": string[:80]})
            for row in self.rows(path)[1:]:
                for field in row:
                    numeric = re.fullmatch(r"-?[0-9.e+-]+", field)
                    self.assertFalse(field.lstrip()[:1] in tuple("=+-@|%\uff1d") and not numeric, field)
                    self.assertNotRegex(field, r"[\x00-\x1f\x7f\x9b]")

    def test_a_negative_number_stays_one(self):
        self.assertEqual(export.safe(-12), -12)
        self.assertEqual(export.safe("-12 tasks"), "'-12 tasks")
        self.assertEqual(export.safe("a=b"), "a=b")
        self.assertEqual(export.safe(None), "")


class Bencher(Exported):
    def test_medians_stand_within_their_intervals(self):
        found = json.loads(self.export("bmf"))
        measures = set()
        for name, metrics in found.items():
            self.assertLessEqual(len(name), 1024)
            for measure, metric in metrics.items():
                measures.add(measure)
                self.assertLessEqual(metric["lower_value"], metric["value"])
                self.assertLessEqual(metric["value"], metric["upper_value"])
        self.assertEqual(measures, {"latency", "p99-latency", "cpu-time", "bytes-per-task"})
        values = [s["ns_per_op"] for s in samples.load_run(self.stored).samples
                  if (s["cell"], s["backend"]) == ("spawn/one/P:1", "gt")]
        self.assertEqual(found["gt/spawn/one/P:1"]["latency"]["value"], stats.median(values))


class Command(Exported):
    def test_hostile_text_reaches_no_terminal_control(self):
        for string in filter(readable, hostile.STRINGS):
            lines = [synthetic.sample("spawn/one/P:1", "gt", 50.0),
                     synthetic.bad("spawn/one/P:2", "gt", "failed", string[:1900], order=1)]
            path = synthetic.write(self.path("hostile"), lines=lines, machine_changes={"rev": string[:80]})
            for form in export.FORMATS:
                self.assertEqual(hostile.controls_in(self.export(form, run=path)), [], form)

    def test_a_dash_is_standard_output(self):
        self.assertEqual(self.export("csv", "--output", "-"), self.export("csv"))
        self.assertFalse(os.path.exists("-"))

    def test_a_pipe_is_written_into_and_never_replaced(self):
        pipe = self.path("pipe")
        os.mkfifo(pipe)
        end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, end)
        run = synthetic.write(self.path("small"), lines=[synthetic.sample("spawn/one/P:1", "gt", 50.0)])
        self.export("benchfmt", "--output", pipe, run=run)
        self.assertTrue(stat.S_ISFIFO(os.stat(pipe).st_mode))
        self.assertTrue(os.read(end, 1 << 20).startswith(b"goos: linux"))

    def test_a_link_to_a_device_is_followed_to_it(self):
        os.symlink(os.devnull, self.path("null"))
        self.export("csv", "--output", self.path("null"))
        self.assertTrue(os.path.islink(self.path("null")))
        self.assertTrue(stat.S_ISCHR(os.stat(os.devnull).st_mode))

    def test_statuses(self):
        for words in (("--to", "xls", self.stored), (self.stored,), ("--to", "csv", self.stored, "--backend", "nobody")):
            with self.assertRaises(errors.UsageError, msg=words):
                cli.command_of(["export"] + list(words), self.dir)
        with self.assertRaises(errors.DataError):
            self.export("csv", run=self.path("nowhere"))
        with self.assertRaises(errors.CannotWriteError):
            self.export("csv", "--output", self.path("no", "such", "folder", "x.csv"))


if __name__ == "__main__":
    unittest.main()
