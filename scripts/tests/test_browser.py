"""The report in a real browser: nothing on the console, nothing asked of the network, every chart in place.

Both ways of looking are themselves tried on a page that does what a report must not.
"""

import http.server
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), HERE]

import hostile  # noqa: E402
import synthetic_run as synthetic  # noqa: E402
from lib import report, samples  # noqa: E402

BROWSER = next((found for found in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if found), None)
SECONDS = 100
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
         "--disable-default-apps", "--no-first-run", "--disable-domain-reliability", "--disable-gpu",
         "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication")
# What the browser itself asks for, whatever the page.
OWN = re.compile(r"(?:https?://)?(?:clients2\.google\.com|update\.googleapis\.com|accounts\.google\.com|www\.google\.com"
                 r"|redirector\.gvt1\.com|(?:optimizationguide-pa|content-autofill)\.googleapis\.com)[:/]")
BAD_PAGE = ('<!DOCTYPE html><html><body><img src="http://report.invalid/picture.png">'
            '<script>console.error("planted")</script></body></html>')


class Recorder:
    """A proxy that answers nothing and remembers what was asked."""

    def __enter__(self):
        asked = self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_error(404)

            do_CONNECT = do_POST = do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Seen:
    """What a browser made of a page: dom, the console's lines, and the addresses that it asked for."""

    def __init__(self, path, *flags):
        with Recorder() as recorder, tempfile.TemporaryDirectory(prefix="greenbench-browser-") as home:
            done = subprocess.run(
                [BROWSER, "--headless", "--no-sandbox", "--user-data-dir=" + home, "--enable-logging=stderr", "--v=0",
                 "--proxy-server=127.0.0.1:%d" % recorder.server.server_port, *QUIET, *flags, "file://" + path],
                stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False,
                env=dict(os.environ, HOME=home))
            self.status, self.dom = done.returncode, done.stdout.decode("utf-8", "replace")
            self.console = [line for line in done.stderr.decode("utf-8", "replace").split("\n") if ":CONSOLE" in line]
            self.asked = [url for url in recorder.asked if not OWN.match(url)]


@unittest.skipUnless(BROWSER, "no Chromium is installed (scripts/setup --tests)")
class Browser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="greenbench-test-")
        cls.addClassCleanup(cls.holder.cleanup)
        cls.dir = cls.holder.name

    def written(self, name, run=None):
        path = os.path.join(self.dir, name)
        synthetic.write(path, replicates=6)
        if run is None:
            return report.write(path, formats=("html",))[0]
        run.path = path
        return report.write_loaded(run, ("html",))[0]

    def assert_quiet(self, path, *flags):
        seen = Seen(path, "--dump-dom", *flags)
        self.assertEqual((seen.status, seen.console, seen.asked), (0, [], []))
        return seen

    def test_a_page_that_asks_and_complains_is_seen_to(self):
        path = os.path.join(self.dir, "bad.html")
        with open(path, "w", encoding="ascii") as handle:
            handle.write(BAD_PAGE)
        seen = Seen(path, "--dump-dom")
        self.assertIn("http://report.invalid/picture.png", seen.asked)
        self.assertTrue(any("planted" in line for line in seen.console), seen.console)

    def test_a_report_is_quiet_and_whole(self):
        path = self.written("whole")
        with open(path, encoding="utf-8") as handle:
            page = handle.read()
        seen = self.assert_quiet(path)
        for tag in ("<svg", "<section", "<table", "<figure", "<details"):
            self.assertEqual(seen.dom.count(tag), page.count(tag), tag)
        self.assertNotIn("<script", seen.dom)

    def test_a_report_of_hostile_strings_is_quiet(self):
        lines = synthetic.samples(replicates=2)[:60]
        everything = " ".join(s for s in hostile.STRINGS if "\ud800" not in s)
        lines.append(synthetic.bad("stack/grow/bytes:4096/P:1", "pthread", "failed", everything, order=900))
        machine = synthetic.machine(command=list(hostile.STRINGS), rev="</script>")
        machine["hw"]["cpu_model"] = everything
        machine["env"][everything] = everything
        path = self.written("hostile", samples.Run(self.dir, machine, lines, [everything], {}))
        self.assertNotIn("<img", self.assert_quiet(path).dom)

    def test_it_prints_to_pages_of_paper(self):
        path, pdf = self.written("print"), os.path.join(self.dir, "report.pdf")
        seen = Seen(path, "--print-to-pdf=" + pdf)
        self.assertEqual((seen.status, seen.console, seen.asked), (0, [], []))
        with open(pdf, "rb") as handle:
            self.assertTrue(handle.read(5) == b"%PDF-")


if __name__ == "__main__":
    unittest.main()
