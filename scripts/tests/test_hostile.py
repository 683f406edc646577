"""Every reader of stored files refuses every file of the corpus: one line that
names file and line, exit status 65, and nothing written. (doctor --from reads no
run, and has a diagnosis of every machine: test_doctor, fuzz_readers.)"""

import contextlib
import functools
import io
import os
import shutil
import subprocess
import sys
import unittest

from tests import corpus, hostile, support, synthetic_run
from lib import cli, samples
from lib.errors import DataError

READERS = {    # the words, with the spoiled run, a good one and a folder for what is written
    "report": lambda bad, good, out: ["report", bad],
    "report --beside": lambda bad, good, out: ["report", good, "--beside", bad],
    "compare": lambda bad, good, out: ["compare", good, bad],
    "run --resume": lambda bad, good, out: ["run", "--resume", bad, "--bench-dir", out],
    "run --aa": lambda bad, good, out: ["run", "--aa", bad],
    "export": lambda bad, good, out: ["export", bad, "--to", "csv"],
    "merge": lambda bad, good, out: ["merge", good, bad, "--into", os.path.join(out, "merged")],
}


def greenbench(argv):
    """The command in this process: (status, stdout, stderr)."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli.main(argv, support.ROOT)
    return status, out.getvalue(), err.getvalue()


class HostileCase(support.Case):
    def setUp(self):
        super().setUp()
        self.bad, self.good, self.out = self.path("bad"), self.path("good"), self.path("out")
        os.mkdir(self.out)
        self.lay(self.good)

    def lay(self, directory, **files):
        """A run of corpus.good(), with some files of it replaced; None: without it."""
        shutil.rmtree(directory, ignore_errors=True)
        os.mkdir(directory)
        for name, data in {**corpus.good(), **files}.items():
            if data is not None:
                with open(os.path.join(directory, name), "wb") as f:
                    f.write(data)
        return directory

    def refused(self, reader, place, statuses=(65,)):
        before = support.contents(self.dir)
        status, out, err = greenbench(READERS[reader](self.bad, self.good, self.out))
        self.assertIn(status, statuses, out + err)
        self.assert_one_line(err)
        self.assertIn(place, err)
        self.assertTrue(err[:-1].isprintable(), ascii(err))
        self.assertLess(len(err), 1000)
        self.assertEqual(out, "")
        self.assertEqual(support.contents(self.dir), before)


class CorpusTest(HostileCase):
    def test_the_good_run_is_good(self):
        run = samples.load_run(self.good)
        self.assertEqual((len(run.samples), len(run.calibrations), run.notes), (12, 2, []))

    def test_every_reader_refuses_every_case(self):
        for name, file, line, data in corpus.spoiled():
            self.lay(self.bad, **{file: data})
            for reader in READERS:
                if (reader, name) == ("run --resume", "samples: no sample"):
                    continue      # a run that was killed before its first can be resumed
                with self.subTest(case=name, reader=reader):
                    self.refused(reader, "bad/%s:%d: " % (file, line))

    def test_the_program_itself_says_it_in_one_line(self):
        for name, file, line, data in list(corpus.spoiled())[::40]:
            self.lay(self.bad, **{file: data})
            status, out, err = self.greenbench("report", self.bad)
            self.assertEqual((status, out), (65, ""), name)
            self.assert_one_line(err)
            self.assertIn("bad/%s:%d: " % (file, line), err)

    def test_files_that_are_no_files(self):
        for file in ("samples.jsonl", "machine.json", "plan.json", "calibration.jsonl"):
            for make in (os.mkdir, os.mkfifo, lambda p: os.symlink("/dev/zero", p), lambda p: os.symlink("/nowhere", p)):
                self.lay(self.bad, **{file: None})
                make(os.path.join(self.bad, file))
                for reader in READERS:
                    place = "bad" if reader == "merge" else "bad/" + file       # it looks for runs below
                    statuses = (65, 73) if reader == "run --resume" else (65,)  # it writes there
                    with self.subTest(file=file, reader=reader):
                        self.refused(reader, place, statuses)

    def test_a_folder_that_is_no_run(self):
        for path in (self.out, self.path("nowhere"), self.path("good", "machine.json"), "/", "", "\x1b[2J", "-"):
            status, out, err = greenbench(["report", path] if path else ["report", os.path.join(self.dir, "")])
            self.assertEqual((status, out), (65, ""), path)
            self.assert_one_line(err)
            self.assertTrue(err[:-1].isprintable(), ascii(err))


class MeagreTest(HostileCase):
    """What is little, but right."""

    def test_a_single_sample_is_a_report_without_ratios(self):
        self.lay(self.bad, **{"samples.jsonl": corpus.good()["samples.jsonl"].split(b"\n")[0] + b"\n"})
        status, _, err = greenbench(["report", self.bad, "--format", "md"])
        self.assertEqual((status, err), (0, ""))
        status, _, err = greenbench(["compare", self.bad, self.good])
        self.assertIn(status, (0, 2, 3), err)

    def test_a_run_of_skipped_cells_only(self):
        line = synthetic_run.bad("spawn/one/P:1", "gt", "skipped", "no CPU")
        self.lay(self.bad, **{"samples.jsonl": corpus._lines([line])})
        status, _, err = greenbench(["report", self.bad, "--format", "md"])
        self.assertEqual((status, err), (0, ""))


class WrittenTest(HostileCase):
    """Text of other people that is let through, since it is only text: what is written of it does no harm."""

    def test_a_report_of_hostile_words_runs_nothing_and_hides_nothing(self):
        words = [s for s in hostile.STRINGS if s.isprintable()]
        lines = [corpus.sample(replicate=i, round=i, order=i, status="failed", reason=text)
                 for i, text in enumerate(words)]
        described = synthetic_run.machine()
        described["hw"]["cpu_model"] = "</SCRIPT><img src=x onerror=alert(1)>"
        described["command"] = words
        self.lay(self.bad, **{"samples.jsonl": corpus._lines(lines), "machine.json": corpus._json(described)})
        status, _, err = greenbench(["report", self.bad])
        self.assertEqual((status, err), (0, ""))
        for name in ("report.html", "report.md"):
            with open(os.path.join(self.bad, name), encoding="utf-8") as f:
                text = f.read()
            self.assertNotIn("<img src=x", text)
            self.assertNotIn("</SCRIPT>", text)
            self.assertNotIn("<svg onload", text)
            self.assertEqual(hostile.controls_in(text), [])
        self.assertFalse(any("pwned" in name for name in os.listdir(self.bad) + os.listdir(".")))

    def test_a_report_is_not_written_through_a_link(self):
        for name in ("report.md", "report.html"):
            with open(self.path("precious"), "w") as f:
                f.write("precious")
            os.symlink(self.path("precious"), os.path.join(self.good, name))
        status, _, err = greenbench(["report", self.good])
        self.assertEqual(status, 0, err)
        with open(self.path("precious")) as f:
            self.assertEqual(f.read(), "precious")
        self.assertFalse(os.path.islink(os.path.join(self.good, "report.html")))

    def test_folders_that_are_links_are_refused_and_nothing_is_written_through_them(self):
        latency = dict.fromkeys(("p50", "p90", "p99", "p999", "max"), 100)
        lines = [corpus.sample(replicate=r, round=r, order=r, latency=dict(latency, count=3, counts=[100, 3]))
                 for r in range(6)]
        for name in ("charts", "latency") if shutil.which("gnuplot") else ("latency",):
            self.lay(self.bad, **{"samples.jsonl": corpus._lines(lines)})
            link = os.path.join(self.bad, name)
            os.symlink(self.out, link)
            status, out, err = greenbench(["report", self.bad])
            self.assertEqual((status, out), (73, ""), name)
            self.assertEqual(err, "greenbench: cannot write %s: it is a symbolic link\n" % link)
            self.assertEqual(os.listdir(self.out), [])
            os.unlink(link)
            self.assertEqual(greenbench(["report", self.bad])[0], 0)
            self.assertNotEqual(os.listdir(link), [])      # so there was something to be written

    def test_an_export_over_the_run_that_it_is_made_of_is_refused(self):
        os.symlink(os.path.join(self.good, "samples.jsonl"), self.path("link"))
        for name in ("samples.jsonl", "machine.json", "plan.json"):
            before = support.contents(self.dir)
            status, out, err = greenbench(["export", self.good, "--to", "csv", "--output", os.path.join(self.good, name)])
            self.assertEqual((status, out), (73, ""), name)
            self.assert_one_line(err)
            self.assertEqual(support.contents(self.dir), before)
        status, _, err = greenbench(["export", self.good, "--to", "csv", "--output", self.path("link")])
        self.assertIn(status, (0, 73), err)
        with open(os.path.join(self.good, "samples.jsonl"), "rb") as f:
            self.assertEqual(f.read(), corpus.good()["samples.jsonl"])


class MessageTest(unittest.TestCase):
    def test_an_error_is_one_printable_line_whatever_it_names(self):
        for text in hostile.STRINGS:
            line = str(DataError("/x/" + text, 3, text))
            self.assertTrue(line.isprintable(), ascii(line))


INSIDE = "GREENBENCH_TEST_INSIDE"
NAMESPACE = ("unshare", "-Urm")      # of users and of mounts: whoever is root there may mount


def small_disk(case, size="256k", options=""):
    """A file system of its own; SkipTest where none can be mounted."""
    point = case.path("disk")
    os.mkdir(point)
    if not mounts(point, size + options):
        raise unittest.SkipTest("no file system can be mounted here")
    case.addCleanup(subprocess.run, ["umount", point])
    return point


def mounts(point, size, within=()):
    words = [*within, "mount", "-t", "tmpfs", "-o", "size=" + size, "greenbench-test", point]
    return bool(shutil.which(words[0]) and shutil.which("mount")) and not subprocess.run(
        words, stderr=subprocess.DEVNULL).returncode


def remount(point, option):
    """Source and folder named: else mount gives back what it reads of the owner, who need not exist in a namespace."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "remount," + option, "greenbench-test", point], check=True)


def needs_a_disk(test):
    """Who may not mount runs the test in a namespace where that is allowed; skipped where there is none either."""
    @functools.wraps(test)
    def wrapped(self):
        try:
            return test(self)
        except unittest.SkipTest:
            if os.environ.get(INSIDE):
                self.fail("nothing can be mounted in the namespace")
            if not mounts(self.dir, "4k", NAMESPACE):
                raise
        name = "tests.test_hostile.%s.%s" % (type(self).__name__, test.__name__)
        done = subprocess.run([*NAMESPACE, sys.executable, "-B", "-m", "unittest", name], cwd=support.SCRIPTS,
                              env=dict(os.environ, **{INSIDE: "1"}), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout.decode("utf-8", "replace"))
    return wrapped


class DiskTest(support.Case):
    """A disk that is full or read-only: one line, nothing half-written."""

    @needs_a_disk
    def test_a_disk_that_fills_up_ends_the_run_in_one_line_and_once_there_is_room_it_goes_on(self):
        disk = small_disk(self, "72k")
        asked = ("--no-report", "--filter", "spawn/one", "--filter", "switch/handoff")
        status, out, err = self.run_fakes(*asked, "--output", disk)
        self.assertEqual(status, 73, out + err)
        self.assert_one_line(err)
        self.assertRegex(err, "cannot write .*No space left on device")
        run = os.path.join(disk, "m", os.listdir(os.path.join(disk, "m"))[0])
        self.assertGreater(len(self.samples(run)), 0)
        for line in self.samples(run):
            samples.check(line)
        remount(disk, "size=4m")
        status, out, err = self.greenbench("run", "--resume", run, "--no-report", "--bench-dir", self.path("bench"))
        self.assertEqual((status, err), (0, ""), out)
        self.run_fakes(*asked)
        self.assertEqual([(s["cell"], s["backend"], s["replicate"]) for s in self.samples(run)],
                         [(s["cell"], s["backend"], s["replicate"]) for s in self.samples(self.only_run())])

    @needs_a_disk
    def test_a_report_that_does_not_fit_leaves_the_old_one(self):
        disk = small_disk(self)
        for name, data in corpus.good().items():
            with open(os.path.join(disk, name), "wb") as f:
                f.write(data)
        self.write(os.path.join(disk, "report.html"), "old")
        with open(os.path.join(disk, "ballast"), "wb", buffering=0) as f:
            with contextlib.suppress(OSError):
                while f.write(b"x" * 4096):
                    pass
        status, out, err = self.greenbench("report", disk)
        self.assertEqual((status, out), (73, ""), err)
        self.assert_one_line(err)
        with open(os.path.join(disk, "report.html")) as f:
            self.assertEqual(f.read(), "old")
        self.assertEqual([n for n in os.listdir(disk) if n.startswith(".")], [])

    @needs_a_disk
    def test_a_read_only_results_folder(self):
        disk = small_disk(self, options=",ro")
        status, out, err = self.run_fakes("--output", disk)
        self.assertEqual((status, out), (73, ""))
        self.assert_one_line(err)
        self.assertIn("Read-only file system", err)

    @needs_a_disk
    def test_a_stored_run_on_a_read_only_disk_cannot_be_drawn_or_resumed(self):
        disk = small_disk(self)
        for name, data in corpus.good().items():
            with open(os.path.join(disk, name), "wb") as f:
                f.write(data)
        remount(disk, "ro")
        for args in (("report", disk), ("run", "--resume", disk)):
            status, _, err = self.greenbench(*args)
            self.assertEqual(status, 73, err)
            self.assert_one_line(err)


class EnvironmentTest(support.Case):
    """Surroundings that are not as usual."""

    ONE = ("--no-report", "--filter", "spawn/one/P:1", "--backend", "gt")

    def test_a_locale_without_unicode_and_a_missing_home(self):
        for extra in ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"HOME": "/nowhere"},
                      {"TERM": "\x1b[2J"}, {"COLUMNS": "-1", "LINES": "x"}, {"PATH": "/nowhere"}, {"TMPDIR": "/nowhere"}):
            status, out, err = self.run_fakes(*self.ONE, **extra)
            self.assertEqual((status, err), (0, ""), (extra, out))

    def test_standard_input_and_descriptors_that_are_closed(self):
        program = os.path.join(support.SCRIPTS, "greenbench")
        line = "exec %s %s list --bench-dir %s <&- 3<&- 4<&-" % (sys.executable, program, self.fakes())
        done = subprocess.run(["sh", "-c", line], env=self.environment(), stdout=subprocess.PIPE, timeout=120)
        self.assertEqual(done.returncode, 0)

    def test_a_folder_that_is_gone(self):
        gone = self.path("gone")
        os.mkdir(gone)
        line = "cd %s && rmdir %s && exec %s %s list --bench-dir %s" % (
            gone, gone, sys.executable, os.path.join(support.SCRIPTS, "greenbench"), self.fakes())
        done = subprocess.run(["sh", "-c", line], env=self.environment(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_arguments_of_every_kind(self):
        for words in (["run", "--filter"], ["run", "--filter", ""], ["run", "--filter", "\x1b[2J"],
                      ["run", "--backend", ""], ["run", "--backend", "gt,,gt"], ["run", "--backend", "../gt"],
                      ["run", "--machine", "../../etc/x"], ["run", "--machine", "/abs"], ["run", "--seed", "9" * 5000],
                      ["run", "--seed", "\u0663"], ["run", "--mem", "-1"], ["run", "--watchdog", "1e3"],
                      ["run", "--place", "`id`"], ["run", "x"], ["--x"], ["ru"], [""], ["run\n"], ["list", "--resume"],
                      ["run", "--bench-dir", "", "--filter", "\udcff"], ["compare"], ["report", "a", "b"]):
            status, out, err = greenbench(words + (["--bench-dir", self.fakes()] if words[0] == "run" else []))
            self.assertIn(status, (64, 69), words)
            self.assertEqual(out, "")
            first = err.splitlines()[0]
            self.assertTrue(first.startswith("greenbench: ") and first.isprintable(), ascii(err))
            self.assertNotIn("Traceback", err)


if __name__ == "__main__":
    unittest.main()
