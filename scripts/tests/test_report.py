"""report: one page that needs nothing else, whatever is in the run."""

import copy
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), HERE]

import hostile  # noqa: E402
import synthetic_run as synthetic  # noqa: E402
from lib import chart_machines, claims, errors, plots, report, report_model, report_words, samples  # noqa: E402
from test_html import Outline, active_content  # noqa: E402

HAVE_GNUPLOT = shutil.which("gnuplot") is not None
SECTIONS = ["verdicts", "environment", "hero", "claims", "spawn", "switch", "channel", "stack", "memory", "sync", "wake",
            "parallel", "syscall", "io", "limits", "absent", "noise", "provenance"]


class Stored(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="greenbench-test-")
        self.addCleanup(holder.cleanup)
        self.dir = os.path.join(holder.name, "run")

    def write(self, **options):
        synthetic.write(self.dir, **options)
        return self.pages()

    def pages(self):
        pages = []
        for path in report.write(self.dir):
            with open(path, encoding="utf-8") as handle:
                pages.append(handle.read())
        return pages


class Whole(unittest.TestCase):
    """One full run, written once."""

    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="greenbench-test-")
        cls.addClassCleanup(cls.holder.cleanup)
        cls.dir = synthetic.write(os.path.join(cls.holder.name, "run"))
        cls.pages = []
        for path in report.write(cls.dir):
            with open(path, encoding="utf-8") as handle:
                cls.pages.append(handle.read())

    def test_how_late_things_were_is_compared_at_the_99th_percentile(self):
        row = next(line for line in self.pages[1].splitlines() if line.startswith("| wake/timer/n:100/P:2 | gt "))
        p99, p50, highest = (float(row.split("|")[i].split()[0]) for i in (3, 6, 9))
        self.assertTrue(0.9 < p99 * 1000 / 30 / p50 < 1.1, row)     # ms, us
        self.assertTrue(2.1 < highest / p99 < 2.6, row)
        self.assertIn("| wake/hog/h:4/remedy:on/P:2 | gt ", self.pages[1])

    def test_a_mutex_shows_the_share_of_the_least_and_the_most_favoured_task(self):
        self.assertIn("| sync/mutex/n:100/cs:0/P:2 | gt | 0.25", self.pages[1])
        self.assertIn("| gt | 0.250 | 3.00 |", self.pages[1])

    def row(self, start):
        line = next(line for line in self.pages[1].splitlines() if line.startswith(start))
        return [field.strip() for field in line.strip("|").split("|")]

    def test_the_cost_of_an_idle_second_is_its_cpu_time(self):
        row = self.row("| wake/idle/n:100/P:2 | gt ")
        self.assertRegex(row[2], r"^2\d\d us$")
        self.assertNotIn("| wake/idle/n:100/P:2 | gt | 1.0", self.pages[1])

    def test_the_same_work_alone_stands_beside_the_cost(self):
        table = self.pages[1].split("## Group: parallel")[1].split("The same work in one task")[1].split("## Group")[0]
        row = next(line for line in table.splitlines() if line.startswith("| parallel/nqueens/n:8/P:1 | gt "))
        self.assertIn("| 1.25x |", row)

    def test_the_speed_up_is_the_cost_at_one_cpu_over_that_at_more(self):
        table = self.pages[1].split("Speed-up: ")[1]
        row = next(line for line in table.splitlines() if line.startswith("| parallel/nqueens/n:8/P:2 | gt "))
        gain, share = (float(row.split("|")[i].split("x")[0].split("%")[0]) for i in (3, 4))
        self.assertTrue(1.5 < gain < 1.7, row)
        self.assertTrue(abs(share - 50 * gain) < 1, row)
        self.assertNotIn("| parallel/fib/n:16/P:2 |", table.split("\n\n")[2])

    def test_what_a_wake_up_burnt_is_without_the_waiting_of_the_waking_task(self):
        cpu = self.row("| wake/unpark/delay:1000/P:2/place:same-llc | gt ")[9]
        self.assertRegex(cpu, r"^3\d\.\d us$")

    def test_waits_beside_a_time_have_a_table_without_ratios(self):
        table = self.pages[1].split("How long things waited")[1]
        row = next(line for line in table.splitlines() if line.startswith("| syscall/blocking/n:16/P:2 | gt "))
        self.assertEqual(len(row.strip("|").split("|")), 7)

    def test_what_stays_resident_of_a_stack_is_bytes_of_a_task(self):
        self.assertRegex(self.row("| stack/retained/bytes:65536/P:1 | gt ")[2], r"^6\d\.\d KiB$")

    def test_sections_are_in_the_order_of_the_design(self):
        page, text = self.pages
        self.assertEqual(re.findall(r'<section id="([a-z]+)">', page), SECTIONS)
        self.assertEqual(len(re.findall("^## ", text, re.M)), len(SECTIONS))

    def test_nothing_runs_and_nothing_is_fetched(self):
        page, _ = self.pages
        self.assertEqual(active_content(page), [])
        self.assertNotIn("http://", re.sub(r'xmlns(:xlink)?="[^"]*"', "", page))
        self.assertNotIn("https://", page)

    @unittest.skipUnless(HAVE_GNUPLOT, "gnuplot is not installed")
    def test_every_chart_is_inline_and_beside(self):
        page, text = self.pages
        names = sorted(name[:-4] for name in os.listdir(os.path.join(self.dir, "charts")))
        self.assertEqual(page.count("<svg"), len(names))
        self.assertEqual(sorted(re.findall(r"\(charts/([a-z0-9_-]+)\.svg\)", text)), names)
        ids = re.findall(r'\bid=["\']([^"\']+)["\']', page)
        self.assertEqual(len(ids), len(set(ids)))

    def test_figures_are_those_of_the_samples(self):
        page, text = self.pages
        values = sorted(s["ns_per_op"] for s in synthetic.samples()
                        if (s["cell"], s["backend"]) == ("spawn/one/P:1", "pthread"))
        middle = report_words.nanoseconds((values[4] + values[5]) / 2)
        interval = "%s to %s" % (report_words.nanoseconds(values[1])[:-3], report_words.nanoseconds(values[8]))
        self.assertIn("<td>%s</td><td>%s</td><td>10</td>" % (middle, interval), page)
        self.assertIn("| %s | %s | 10 |" % (middle, interval), text)

    def test_every_ending_and_its_reason_is_there(self):
        for page in self.pages:
            words = " ".join(Outline(page).words)
            for reason in ("a pooled task that blocks can deadlock the pool", "no two CPUs share a core",
                           "delivered 59999 of 60000 messages", "killed by signal 9", "no end after 60 s",
                           "of the yields were empty", "limit reached at n=32420: EAGAIN", "32,420"):
                self.assertIn(reason, words.replace("\\", ""))

    def test_the_grade_what_decides_it_and_the_way_to_the_next_are_told(self):
        for page in self.pages:
            words = " ".join(Outline(page).words)
            self.assertRegex(words, "Grade [A-D]: ")
            self.assertIn("Decided by: ", words)
            self.assertIn("would take: ", words)

    @unittest.skipUnless(HAVE_GNUPLOT, "gnuplot is not installed")
    def test_the_grade_is_on_every_chart(self):
        letter = re.search("Grade ([A-D]): ", self.pages[0]).group(1)
        self.assertEqual(self.pages[0].count("environment grade %s; synthetic-2cpu-8g, 2024-01-02" % letter),
                         self.pages[0].count("<svg"))

    def test_every_claim_has_its_verdict_its_figure_and_its_cells(self):
        section = self.pages[1].split("## What is said of goroutines and threads")[1].split("## Group")[0]
        table, parts = section.split("How each verdict comes about")
        for number, text, rule, _ in claims.CLAIMS:
            row = next(line for line in table.splitlines() if line.startswith("| %s |" % number))
            self.assertRegex(row, r"\| (holds|holds in part|does not hold here|not decided|not measured) \|")
            self.assertIn(report_words.markdown(text), row)
            self.assertIn(report_words.markdown(rule), parts)
        self.assertIn("memory/parked/n:10000/P:2", parts)

    def test_the_first_sentences_carry_their_intervals(self):
        first = next(line for line in self.pages[1].splitlines() if line.startswith("- Creating one task"))
        self.assertRegex(first, r"gt takes 1/\d+(\.\d+)? \(1/[\d.,]+ to 1/[\d.,]+\) of pthread-pool, the fastest way of OS "
                                r"threads, and 1/\d+ \(1/\d+ to 1/\d+\) of pthread;")
        self.assertIn("Tasks alive at once, and what stopped them: gt 1,048,576", self.pages[1])

    def test_commands_and_provenance(self):
        for page in self.pages:
            words = " ".join(Outline(page).words)
            self.assertIn("scripts/greenbench run --profile default --filter 'spawn/*'", words)
            for fact in ("0123456789ab", "d" * 16, "i" * 16, "t" * 16, "synthetic 1.0"):
                self.assertIn(fact, words)


class Runs(Stored):
    def test_writing_again_gives_the_same_text(self):
        first = self.write(replicates=6)
        self.assertEqual(first, self.pages())

    def test_one_format_alone_and_an_unknown_one(self):
        synthetic.write(self.dir, replicates=6)
        self.assertEqual([os.path.basename(p) for p in report.write(self.dir, formats=("md",))], ["report.md"])
        self.assertFalse(os.path.exists(os.path.join(self.dir, "report.html")))
        with self.assertRaises(errors.UsageError):
            report.write(self.dir, formats=("odt",))

    def test_findings_without_a_remedy_are_told_too(self):
        found = [{"id": "odd", "value": {"a": [1]}, "grade": g, "text": "t", "remedy": None} for g in "AC"]
        self.write(lines=[synthetic.sample("spawn/one/P:1", "gt", 52.0)], machine_changes={"doctor": found})
        for page in self.pages():
            self.assertIn("odd: nothing is known to change it", re.sub("<[^>]*>", "", page))

    def test_a_run_of_one_sample(self):
        page, _ = self.write(lines=[synthetic.sample("spawn/one/P:1", "gt", 50.0)])
        self.assertIn("so there is no ratio", page)
        self.assertIn("No chart: no cell has a value for both", page)

    def test_a_run_in_which_all_was_skipped(self):
        page, text = self.write(lines=[synthetic.bad("spawn/one/P:1", "gt", "skipped", "no CPU")])
        self.assertIn("no CPU", page)
        self.assertIn("no CPU", text)

    def test_an_interrupted_run_and_what_was_left_out_are_said(self):
        synthetic.write_plan(synthetic.write(self.dir, replicates=6), state="interrupted", seed=4711, left_out=[
            {"cell": "spawn/storm/n:1000000/P:2", "reason": "would take 99 s"}])
        for page in self.pages():
            words = " ".join(Outline(page).words)
            self.assertIn("the run was interrupted", words)
            self.assertIn("would take 99 s", words)
            self.assertIn("4711", words)


class Formats(Stored):
    @unittest.skipUnless(HAVE_GNUPLOT, "gnuplot is not installed")
    def test_pdf_and_png_are_files_of_charts_and_a_preview_writes_none(self):
        synthetic.write(self.dir, lines=[line for line in synthetic.samples(replicates=6)
                                         if line["cell"].startswith(("spawn/one", "memory/parked"))])
        for kind, head in (("pdf", b"%PDF-"), ("png", b"\x89PNG")):
            paths = report.write(self.dir, formats=(kind,))
            self.assertGreater(len(paths), 3)
            for path in paths:
                self.assertTrue(path.endswith("." + kind))
                with open(path, "rb") as handle:
                    self.assertTrue(handle.read(8).startswith(head), path)
        shutil.rmtree(os.path.join(self.dir, "charts"))
        before, out = sorted(os.listdir(self.dir)), io.StringIO()
        report.preview(self.dir, out)
        self.assertEqual(sorted(os.listdir(self.dir)), before)
        self.assertIn("one/P:1", out.getvalue())
        self.assertEqual(hostile.controls_in(out.getvalue()), [])

    def test_what_needs_gnuplot_says_so(self):
        synthetic.write(self.dir, replicates=6)
        with mock.patch.object(plots, "version", return_value=None):
            for ask in (lambda: report.write(self.dir, formats=("pdf",)), lambda: report.preview(self.dir, io.StringIO())):
                with self.assertRaises(errors.UnsupportedError):
                    ask()


class Beside(Stored):
    """Two runs side by side; both are made up."""

    def pages_beside(self, **changes):
        other = os.path.join(os.path.dirname(self.dir), "other")
        lines = synthetic.samples(replicates=6)
        synthetic.write(self.dir, lines=lines)
        synthetic.write(other, lines=lines, machine_changes=dict({"machine": "synthetic-other"}, **changes))
        for place in (self.dir, other):
            with open(os.path.join(place, "calibration.jsonl"), "w", encoding="ascii") as handle:
                handle.write(json.dumps({"schema": "greenbench.calibration/1", "at": "first", "utc": "2024-01-02T03:04:05Z",
                                         "cpus": [0, 1], "clock_ns": 20.0, "chain_ns": 2.0, "empty_ns": 0.5,
                                         "line_ns": 60.0, "status": "ok"}) + "\n")
        path, = report.write(self.dir, formats=("html",), beside=[other])
        with open(path, encoding="utf-8") as handle:
            return handle.read()

    @unittest.skipUnless(HAVE_GNUPLOT, "gnuplot is not installed")
    def test_raw_normalised_and_own_ratios_stand_side_by_side(self):
        page = self.pages_beside()
        section = page.split('<section id="machines">')[1].split("</section>")[0]
        self.assertEqual(section.count("<svg"), 3)
        for words in ("A: synthetic-2cpu-8g", "B: synthetic-other", "environment grades: A ",
                      "dependent multiplication takes on that machine (2.00 ns, 2.00 ns)"):
            self.assertIn(words, section)

    def test_what_measured_something_else_is_shown_and_not_divided(self):
        with mock.patch.object(plots, "version", return_value=None):
            page = self.pages_beside(hashes={"definition": "e" * 16, "implementation": "i" * 16, "toolchain": "t" * 16})
        section = page.split('<section id="machines">')[1].split("</section>")[0]
        self.assertIn("the definition hashes differ", section)
        self.assertNotIn("normalised. ", section)
        self.assertEqual(section.count("Not drawn"), 1)

    def test_what_compare_refuses_is_not_divided_here(self):
        unknown = {"definition": "unknown", "implementation": "i" * 16, "toolchain": "t" * 16}
        model = report_model.Model(samples.load_run(synthetic.write(self.dir, replicates=6)))
        for machine, plan, reason in ((dict(hashes=unknown), {}, "the definition hash is unknown in both"),
                                      ({}, {"spin_ns": 0}, "the spin budgets differ")):
            one, two = copy.copy(model), copy.copy(model)
            one.run = samples.Run("a", synthetic.machine(**machine), model.samples, [])
            two.run = samples.Run("b", synthetic.machine(machine="synthetic-other", **machine), model.samples, [], plan)
            raw, reasons = chart_machines.build([one, two])
            self.assertEqual(raw.name, "machines-raw")
            self.assertIn(reason, reasons)

    def test_too_many_runs_are_refused(self):
        with self.assertRaises(errors.UsageError):
            report.write(self.dir, beside=["x"] * 9)


class WithoutGnuplot(Stored):
    def test_tables_are_written_and_the_way_to_charts_is_told(self):
        with tempfile.TemporaryDirectory() as empty, mock.patch.dict(os.environ, {"PATH": empty}):
            page, text = self.write(replicates=6)
        self.assertNotIn("<svg", page)
        self.assertFalse(os.path.exists(os.path.join(self.dir, "charts")))
        for one in (page, text):
            words = " ".join(Outline(one).words).replace("\\", "")
            self.assertIn("gnuplot is missing", words)
            self.assertIn("scripts/greenbench report", words)
            self.assertIn("spawn/one/P:1", words)

    def test_a_chart_that_cannot_be_drawn_costs_only_itself(self):
        with mock.patch.object(plots, "version", return_value="gnuplot 5"), \
                mock.patch.object(plots, "draw", side_effect=plots.PlotError("forest: it broke")):
            page, _ = self.write(replicates=6)
        self.assertIn("Not drawn: forest: it broke.", page)


class Hostile(Stored):
    def hostile_run(self, string):
        """Every free text of a run that the checks of a reader let pass."""
        lines = synthetic.samples(replicates=2)[:60]
        lines.append(synthetic.bad("stack/grow/bytes:4096/P:1", "pthread", "failed", string or "x", order=900))
        lines.append(synthetic.bad("memory/capacity/P:2", "gt", "limit", string or "x", order=901, limit={
            "reached": 9, "errno": string[:32], "name": string, "value": string}))
        machine = synthetic.machine(rev=string[:80], command=[string], profile=string[:64])
        machine["hw"]["cpu_model"] = string
        machine["env"][string] = {string: string}
        machine["toolchain"]["compiler"] = [string]
        machine["doctor"] = [{"id": string, "value": string, "grade": grade, "text": string, "remedy": string}
                             for grade in "ABCD"]
        run = samples.Run(self.dir, machine, lines, [string], {"left_out": [{"cell": string, "reason": string}],
                                                               "seed": string, "state": string})
        run.calibrations = [{"at": string, "status": string, "cpus": [0]}]
        return run

    def test_no_string_becomes_markup_or_reaches_the_terminal(self):
        os.makedirs(self.dir)
        plain = None
        for string in ("plain",) + hostile.STRINGS:
            with self.subTest(string=ascii(string)), mock.patch.object(plots, "version", return_value=None):
                other = samples.Run(self.dir, synthetic.machine(machine=string), synthetic.samples(replicates=2)[:60], [])
                paths = report.write_loaded(self.hostile_run(string), ("html", "md"), [other])
                pages = []
                for path in paths:
                    with open(path, encoding="utf-8") as handle:
                        pages.append(handle.read())
                self.assertEqual(active_content(pages[0]), [])
                self.assertEqual(active_content(pages[1]), [])
                self.assertEqual(hostile.controls_in("".join(pages)), [])
                tags = sorted(Outline(pages[0]).tags)
                plain = plain or tags
                self.assertEqual(tags, plain)
                self.assertEqual(sorted(os.listdir(self.dir)), ["latency", "report.html", "report.md"])
                for name in os.listdir(os.path.join(self.dir, "latency")):
                    self.assertRegex(name, r"\A[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.hgrm\Z")

    def test_markdown_holds_no_link_or_html_of_theirs(self):
        os.makedirs(self.dir)
        for string in hostile.STRINGS:
            with mock.patch.object(plots, "version", return_value=None):
                path, = report.write_loaded(self.hostile_run(string), ("md",))
            with open(path, encoding="utf-8") as handle:
                text = handle.read()
            with self.subTest(string=ascii(string)):
                self.assertEqual(re.findall(r"\]\((?!charts/)", text), [])
                self.assertEqual(Outline(text).tags, [])
                widths = {line.count("|") for line in text.split("\n") if line.startswith("|")}
                self.assertTrue(widths <= {3, 5, 6, 7, 8, 11, 12, 13}, widths)


class Refusals(Stored):
    def test_bad_samples_are_named_with_their_line(self):
        lines = synthetic.samples(replicates=6)[:5]
        lines[3]["ns_per_op"] = -5.0
        synthetic.write(self.dir, lines=lines)
        with self.assertRaises(errors.DataError) as caught:
            report.write(self.dir)
        self.assertIn("samples.jsonl:4: ", str(caught.exception))
        self.assertEqual(sorted(os.listdir(self.dir)), ["machine.json", "samples.jsonl"])

    def test_a_linked_charts_folder_is_refused(self):
        if not HAVE_GNUPLOT:
            self.skipTest("gnuplot is not installed")
        synthetic.write(self.dir, replicates=6)
        elsewhere = os.path.join(os.path.dirname(self.dir), "elsewhere")
        os.mkdir(elsewhere)
        os.symlink(elsewhere, os.path.join(self.dir, "charts"))
        with self.assertRaises(errors.CannotWriteError):
            report.write(self.dir)
        self.assertEqual(os.listdir(elsewhere), [])

    def test_a_linked_report_is_replaced_not_followed(self):
        synthetic.write(self.dir, replicates=6)
        target = os.path.join(os.path.dirname(self.dir), "target")
        with open(target, "w", encoding="ascii") as handle:
            handle.write("keep")
        os.symlink(target, os.path.join(self.dir, "report.md"))
        report.write(self.dir, formats=("md",))
        with open(target, encoding="ascii") as handle:
            self.assertEqual(handle.read(), "keep")

    def test_needs_nothing_but_the_standard_library(self):
        code = ("import sys; sys.path.insert(0, %r); from lib import report, compare; "
                "print([m for m in sys.modules if m.split('.')[0] in ('numpy', 'scipy', 'matplotlib', 'jsonschema')])"
                % os.path.join(HERE, ".."))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        self.assertEqual(done.stdout.strip(), b"[]")


if __name__ == "__main__":
    unittest.main()
