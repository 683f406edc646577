"""plots: every chart is drawn from data columns; hostile text reaches neither gnuplot's command line nor the SVG."""

import errno
import glob
import os
import re
import shutil
import stat
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), HERE]

import hostile  # noqa: E402
import synthetic_run  # noqa: E402
from lib import chart_base, chart_forest, chart_lines, chart_theme, errors, plots, report_model, samples  # noqa: E402

HAVE_GNUPLOT = shutil.which("gnuplot") is not None
NAMES = {"forest", "forest-2", "spawn-p2", "switch", "working_set", "ping_pong", "stack", "memory", "memory-parts", "bytes", "latency-wake-timer",
         "latency-wake-unpark", "latency-wake-hog", "latency-syscall-blocking", "latency-io-rest", "speedup", "load",
         "noise"}


def model_of(lines):
    return report_model.Model(samples.Run("synthetic", synthetic_run.machine(), lines, []))


def words_of(svg):
    return [t.text or "" for t in ElementTree.fromstring(svg).iter() if t.tag.endswith("text")]


class Columns(unittest.TestCase):
    def test_the_forest_names_what_is_no_time_of_an_operation(self):
        def words(*lines):
            return chart_forest.caption(model_of([line for pair in lines for line in pair]))

        def pair(cell, **changes):
            return [synthetic_run.sample(cell, backend, 50.0, i, i, **changes) for backend in ("gt", "pthread")
                    for i in range(6)]
        late = {"latency": dict.fromkeys(("p50", "p90", "p99", "p999", "max", "count"), 9)}
        held = {"memory": dict(dict.fromkeys(synthetic_run.PARTS, 9000), n=1000, anon_huge_bytes=0, noise_bytes=0)}
        time = pair("spawn/one/P:1")
        self.assertIn("the time of an operation.", words(time))
        for cell, changes, kind in (
                ("io/held/n:1000/P:1", held, "bytes per task in io/held."), ("stack/retained/bytes:4096/P:1", held,
                                                                             "bytes per task in stack/retained."),
                ("memory/parked/n:1000/P:2", held, "bytes per task in memory/parked."),
                ("wake/timer/n:100/P:2", late, "how late 99 of 100 are at most in wake/timer."),
                ("io/rest/load:50/P:1", late, "how late 99 of 100 are at most in io/rest/load:50."),
                ("wake/idle/n:100/P:2", {}, "CPU time in wake/idle.")):
            self.assertIn("the time of an operation; but " + kind, words(time, pair(cell, **changes)))
        self.assertIn("bytes per task in io/held; how late 99 of 100 are at most in wake/hog.",
                      words(pair("io/held/n:1000/P:1", **held), pair("wake/hog/h:4/remedy:on/P:2", **late)))
        self.assertIn("the time of an operation.", words(pair("io/rest/load:max/P:1", **late)))

    def test_chart_text_lets_only_harmless_characters_through(self):
        for string in hostile.STRINGS:
            text = chart_base.chart_text(string)
            self.assertTrue(re.match(r"[A-Za-z0-9 (?][A-Za-z0-9 _.,:;/()%+=?-]*\Z", text), ascii(text))

    def test_a_table_has_one_line_per_row_and_one_tab_per_column(self):
        rows = [[1, string, None, 2.5] for string in hostile.STRINGS]
        text = chart_base.table_text([rows, rows])
        lines = [line for line in text.split("\n") if line]
        self.assertEqual(len(lines), 2 * len(rows))
        for line in lines:
            self.assertEqual(line.count("\t"), 3)
        text.encode("ascii")

    def test_labels_are_kept_apart_and_in_order(self):
        labels = [(1.0, 10.0 + i / 100, str(i)) for i in range(4)]
        ys = [y for _, y, _ in chart_base.spread_labels(labels, 1.0, 100.0, 0.05)]
        for low, high in zip(ys, ys[1:]):
            self.assertGreaterEqual(high / low, 100.0 ** 0.0499)
        self.assertAlmostEqual(ys[0] * ys[3], ys[1] * ys[2])

    def test_labels_stay_on_the_axis(self):
        for y in (1.0, 100.0):
            ys = [y for _, y, _ in chart_base.spread_labels([(1, y, text) for text in "abc"], 1.0, 100.0, 0.05)]
            self.assertGreater(ys[0], 1.0)
            self.assertLess(ys[2], 100.0)
            self.assertGreaterEqual(min(high / low for low, high in zip(ys, ys[1:])), 100.0 ** 0.0499)

    def test_labels_that_do_not_collide_stay(self):
        labels = [(1.0, 10.0, "a"), (1.0, 50.0, "b"), (1000.0, 10.1, "c")]
        self.assertEqual(sorted(round(y, 6) for _, y, _ in chart_base.spread_labels(labels, 1.0, 100.0, 0.05)),
                         [10.0, 10.1, 50.0])


class Scripts(unittest.TestCase):
    def test_scripts_take_no_text_from_arguments(self):
        """Labels are constants of the script or columns; nothing is executed or read by a name in the data."""
        for path in glob.glob(os.path.join(plots.SCRIPTS, "*.gp")):
            with open(path, encoding="ascii") as handle:
                code = "\n".join(line for line in handle.read().split("\n") if not line.startswith("#"))
            with self.subTest(script=os.path.basename(path)):
                self.assertIsNone(re.search(r"`|\bsystem\b|\beval\b|\bshell\b|^\s*!|@\w|['\"]\s*[<|]", code, re.M))
                self.assertIsNone(re.search(r"(title|label)\s+ARG", code))
                loads = re.findall(r"\bload\s+(\S+)", code)
                self.assertIn(loads, ([], ['"common.gp"']))


class Svg(unittest.TestCase):
    def refused(self, svg):
        with self.assertRaises(plots.PlotError):
            plots.inline(svg, "x")

    def test_what_could_run_or_fetch_is_refused(self):
        self.refused("<svg><script>alert(1)</script></svg>")
        self.refused("<svg onload='alert(1)'></svg>")
        self.refused("<svg><a href='http://example.invalid'>x</a></svg>")
        self.refused("<svg xmlns:xlink='http://www.w3.org/1999/xlink'><use xlink:href='http://example.invalid#a'/></svg>")
        self.refused("<svg><path style='fill:url(http://example.invalid)'/></svg>")
        self.refused("<svg><image href='#x'/></svg>")
        self.refused("<svg><foreignObject/></svg>")
        self.refused("<svg><path></svg>")
        self.refused("nothing")

    def test_ids_become_the_charts_own(self):
        svg = ("<?xml version='1.0'?><svg xmlns:xlink='http://www.w3.org/1999/xlink'><g id=\"a\"/>"
               "<use xlink:href='#a'/></svg>")
        out = plots.inline(svg, "forest")
        self.assertIn('id="forest-a"', out)
        self.assertIn("#forest-a'", out)
        self.assertTrue(out.startswith("<svg"))


    def test_colours_are_plain_and_have_a_counterpart_on_dark(self):
        svg = chart_theme.plain_colours("<svg><g fill='rgb( 0, 114, 178)' color=\"black\"/><g stroke='#FFFFFF'/></svg>")
        self.assertEqual(svg, "<svg><g fill='#0072b2' color=\"#000000\"/><g stroke='#ffffff'/></svg>")
        used = set()
        for path in glob.glob(os.path.join(plots.SCRIPTS, "*.gp")):
            with open(path, encoding="ascii") as handle:
                used |= {found.lower() for found in re.findall(r'rgb "(#[0-9A-Fa-f]{6})"', handle.read())}
        bright_on_both = {"#f0e442", "#aaaaaa", "#111111"}       # fills, and the text that stands on them
        self.assertEqual(used - set(chart_theme.DARK) - bright_on_both, set())


class Build(unittest.TestCase):
    def test_every_chart_is_built_from_a_full_run(self):
        charts = [c for _, c in plots.build(model_of(synthetic_run.samples()))]
        self.assertEqual({c.name for c in charts}, NAMES)

    def test_a_chart_without_data_is_a_sentence(self):
        found = [c for _, c in plots.build(model_of([synthetic_run.bad("x/y/P:1", "gt", "skipped", "no")]))]
        self.assertTrue(all(isinstance(c, str) and c for c in found), found)

    def test_one_size_gives_dots_instead_of_a_curve(self):
        lines = [line for line in synthetic_run.samples() if "/n:100" not in line["cell"].replace("n:1000/", "")
                 and "bytes:4096" not in line["cell"] and "bytes:1" not in line["cell"]
                 and not line["cell"].startswith("memory/capacity")]
        found = dict((c.name, c) for _, c in plots.build(model_of(lines)) if not isinstance(c, str))
        self.assertEqual((found["spawn"].script, found["stack"].script), ("dots.gp", "dots.gp"))
        self.assertNotIn("memory", found)

    def test_ceilings_and_their_limits_are_marked_on_the_memory_chart(self):
        chart, = [c for _, c in plots.build(model_of(synthetic_run.samples())) if c.name == "memory"]
        text = " ".join(row[2] for row in chart.tables["labels.tsv"][0])
        for words in ("gt: 1,048,576 (E2BIG, memory budget)", "pthread: 32,420 (EAGAIN, pid_max)"):
            self.assertIn(words, text)


    def test_a_latency_curve_ends_at_the_largest_value_of_all_processes(self):
        chart, = [c for _, c in plots.build(model_of(synthetic_run.samples())) if c.name == "latency-wake-timer"]
        largest = max(line["latency"]["max"] for line in synthetic_run.samples()
                      if line["cell"] == "wake/timer/n:100/P:2" and line["backend"] == "gt")
        gt = chart.tables["curves.tsv"][0]
        self.assertEqual((gt[0], gt[-1][:2]), (["gt"], [600000, largest]))
        self.assertEqual([row[0] for row in gt[1:]], sorted(row[0] for row in gt[1:]))

    def test_tuned_stacks_are_not_on_the_memory_chart(self):
        lines = synthetic_run.samples()
        tuned = [dict(line, cell="memory/parked/n:10000/stack:small/P:2") for line in lines
                 if line["cell"] == "memory/parked/n:10000/P:2" and line["backend"] == "gt"]
        self.assertTrue(tuned)
        before, after = (chart_lines.memory(model_of(some)).tables["lines.tsv"] for some in (lines, lines + tuned))
        self.assertEqual(before, after)

    def test_one_process_with_a_noisy_probe_does_not_hide_the_others(self):
        lines = [line for line in synthetic_run.samples(replicates=6) if line["cell"].startswith("memory/parked/n:1000/")]
        lines[0]["memory"]["noise_bytes"] = 10 ** 12
        chart = chart_lines.memory(model_of(lines + [line for line in synthetic_run.samples(replicates=6)
                                                     if line["cell"].startswith("memory/parked/n:10000/")]))
        for block in chart.tables["lines.tsv"]:
            self.assertEqual([row[0] for row in block[1:]], [1000, 10000])


@unittest.skipUnless(HAVE_GNUPLOT, "gnuplot is not installed")
class Draw(unittest.TestCase):
    def draw_all(self, lines):
        drawn = {}
        for _, chart in plots.build(model_of(lines)):
            if not isinstance(chart, str):
                drawn[chart.name] = plots.draw(chart)
        return drawn

    def test_charts_hold_their_labels_and_figures(self):
        drawn = self.draw_all(synthetic_run.samples())
        self.assertEqual(set(drawn), NAMES)
        forest = " ".join(words_of(drawn["forest"]))
        for words in ("one/P:1", "ping_pong/cap:0/P:1/place:same-pu", "gt / pthread"):
            self.assertIn(words, forest)
        self.assertRegex(forest, r"1/40\.\d \(1/4\d\.\d to 1/3\d\.\d\) pool")
        legend = " ".join(words_of(drawn["stack"]))
        for backend in ("gt", "pthread", "pthread-futex", "grow_warm"):
            self.assertIn(backend, legend)
        self.assertIn("kernel stack", " ".join(words_of(drawn["bytes"])))
        self.assertIn("the touching alone", " ".join(words_of(drawn["working_set"])))
        for words in ("99.9", "1 ms", "pthread-futex"):
            self.assertIn(words, words_of(drawn["latency-wake-timer"]))
        for words in ("perfect", "perfect 2.00x", "pthread-pool"):
            self.assertIn(words, words_of(drawn["speedup"]))
        self.assertIn("80", words_of(drawn["load"]))

    def test_no_text_lies_outside_the_picture(self):
        for name, svg in self.draw_all(synthetic_run.samples()).items():
            root = ElementTree.fromstring(svg)
            width, height = [float(v) for v in root.attrib["viewBox"].split()[2:]]
            for group in root.iter("{http://www.w3.org/2000/svg}g"):
                place = re.match(r"translate\(([\d.-]+),([\d.-]+)\)", group.attrib.get("transform", ""))
                for text in group.findall("{http://www.w3.org/2000/svg}text"):
                    x, y = float(place.group(1)), float(place.group(2))
                    length = 6.2 * len(text.text or "") if "rotate" not in group.attrib["transform"] else 0
                    left = {"start": 0, "middle": 0.5, "end": 1}[group.attrib.get("text-anchor", "start")] * length
                    with self.subTest(chart=name, text=text.text):
                        self.assertGreaterEqual(x - left, -12)
                        self.assertLessEqual(x - left + length, width + 12)
                        self.assertTrue(0 <= y <= height)

    def test_the_stamp_is_on_every_chart_and_is_only_text(self):
        charts = [c for _, c in plots.build(model_of(synthetic_run.samples(replicates=6))) if not isinstance(c, str)]
        for chart in charts:
            self.assertEqual(words_of(plots.draw(chart, "environment grade B; here")).count("environment grade B; here"), 1,
                             chart.name)
        for string in hostile.STRINGS:
            with tempfile.TemporaryDirectory() as home:
                here = os.getcwd()
                try:
                    os.chdir(home)
                    svg = plots.draw(charts[-1], string)
                    self.assertEqual(os.listdir(home), [])
                finally:
                    os.chdir(here)
                self.assertEqual(hostile.controls_in(svg.replace("\t", "")), [])

    def test_hostile_names_run_nothing(self):
        for string in hostile.STRINGS:
            lines = [synthetic_run.sample("spawn/storm/n:%d/" % n + string, backend, 5.0 + i, i, i)
                     for i in range(6) for n in (10, 100) for backend in ("gt", "pthread", string)]
            with self.subTest(string=ascii(string)), tempfile.TemporaryDirectory() as home:
                before, here = set(os.listdir(".")), os.getcwd()
                try:
                    os.chdir(home)
                    drawn = self.draw_all(lines)
                    self.assertEqual(os.listdir(home), [])
                finally:
                    os.chdir(here)
                self.assertEqual(set(os.listdir(".")), before)
                self.assertIn("forest", drawn)
                for svg in drawn.values():
                    self.assertEqual(hostile.controls_in(svg.replace("\t", "")), [])

    def test_the_users_gnuplot_settings_are_not_read(self):
        with tempfile.TemporaryDirectory() as home:
            for name in (".gnuplot", "gnuplotrc"):
                with open(os.path.join(home, name), "w", encoding="ascii") as handle:
                    handle.write("set output '%s/pwned'\nplot x\n" % home)
            with mock.patch.dict(os.environ, {"HOME": home, "GNUTERM": "png", "GNUPLOT_LIB": home}):
                self.draw_all(synthetic_run.samples(replicates=6)[:40])
            self.assertFalse(os.path.exists(os.path.join(home, "pwned")))


class WithoutRoom(unittest.TestCase):
    def test_a_full_temporary_folder_is_73_in_one_line(self):
        _, chart = plots.build(model_of(synthetic_run.samples(replicates=6)))[0]
        full = OSError(errno.ENOSPC, "No space left on device")
        for where in ("tempfile.mkdtemp", "lib.plots.table_text"):
            with mock.patch(where, side_effect=full), self.assertRaises(errors.CannotWriteError) as caught:
                plots.draw(chart)
            self.assertEqual(caught.exception.status, 73)
            self.assertRegex(str(caught.exception), r"^cannot write a chart's .*: No space left on device \(TMPDIR .*\)$")


class WithoutGnuplot(unittest.TestCase):
    def test_version_is_none_and_drawing_is_one_clear_line(self):
        with tempfile.TemporaryDirectory() as empty, mock.patch.dict(os.environ, {"PATH": empty}):
            self.assertIsNone(plots.version())
            _, chart = plots.build(model_of(synthetic_run.samples(replicates=6)))[0]
            with self.assertRaises(plots.PlotError) as caught:
                plots.draw(chart)
            self.assertEqual(len(str(caught.exception).splitlines()), 1)

    def test_a_gnuplot_that_fails_is_named_with_what_it_said(self):
        with tempfile.TemporaryDirectory() as directory:
            fake = os.path.join(directory, "gnuplot")
            with open(fake, "w", encoding="ascii") as handle:
                handle.write("#!/bin/sh\necho 'line 3: bad' >&2\nexit 2\n")
            os.chmod(fake, os.stat(fake).st_mode | stat.S_IXUSR)
            with mock.patch.dict(os.environ, {"PATH": directory + ":/bin:/usr/bin"}):
                _, chart = plots.build(model_of(synthetic_run.samples(replicates=6)))[0]
                with self.assertRaises(plots.PlotError) as caught:
                    plots.draw(chart)
            self.assertIn("forest: gnuplot ended with status 2: line 3: bad", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
