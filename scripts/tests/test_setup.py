"""scripts/setup without installing anything, and the sums of scripts/test."""

import io
import os
import subprocess
import unittest

from tests import support
from lib import tally

NAMES = {"apt": "libbenchmark-dev", "dnf": "google-benchmark-devel", "pacman": "cmocka",
         "zypper": "benchmark-devel", "apk": "samurai"}
TOOLS = ("sh", "awk", "grep", "id", "cat", "head", "sort", "tr", "env")


class SetupTest(support.Case):
    def setup(self, *args, path=None):
        done = subprocess.run([os.path.join(support.SCRIPTS, "setup")] + list(args), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                              env=dict(os.environ, PATH=path or os.environ["PATH"]))
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def tool(self, name, text=None):
        """A command of our own in bin/; without text, the system's."""
        os.makedirs(self.path("bin"), exist_ok=True)
        if text is None:
            found = next(p for p in ("/usr/bin/" + name, "/bin/" + name) if os.path.exists(p))
            os.symlink(found, self.path("bin", name))
            return
        path = self.write("bin/" + name, "#!/bin/sh\n" + text + "\n")
        os.chmod(path, 0o755)

    def bare_machine(self, manager="apt-get", machine="x86_64", user=1000):
        """A PATH with hardly more than a package manager that only notes what it is asked."""
        for name in TOOLS:
            if name != "id":
                self.tool(name)
        self.tool("id", "echo %d" % user)
        self.tool("uname", '[ "$1" = -m ] && echo %s || echo Linux' % machine)
        if manager:
            self.tool(manager, 'echo "$0 $*" >> %s' % self.path("asked"))
        return self.path("bin")

    def asked(self):
        if not os.path.exists(self.path("asked")):
            return []
        with open(self.path("asked")) as f:
            return f.read().splitlines()

    def test_dry_run_shows_the_names_of_every_manager(self):
        status, out, err = self.setup("--dry-run")
        self.assertEqual((status, err), (0, ""))
        for manager, name in NAMES.items():
            line = next(l for l in out.splitlines() if l.startswith(manager + ": "))
            self.assertIn(" " + name, line)
            self.assertIn("gnuplot", line)

    def test_dry_run_of_one_manager(self):
        for manager, name in NAMES.items():
            status, out, _ = self.setup("--dry-run", "--manager", manager)
            self.assertEqual(status, 0)
            self.assertIn(name, out)
            others = [m for m in NAMES if m != manager and m + ": " in out]
            self.assertEqual(others, [])

    def test_what_only_tests_use_is_asked_for_with_an_option(self):
        for names, args in ((False, ()), (True, ("--tests",))):
            status, out, _ = self.setup("--dry-run", "--manager", "apt", *args)
            self.assertEqual(status, 0)
            for name in ("gdb", "clang", "libclang-rt-dev", "gcc-aarch64-linux-gnu", "qemu-user",
                         "python3-scipy", "python3-jsonschema", "libbenchmark-tools", "chromium"):
                self.assertEqual(" %s " % name in out.replace("\n", " "), names, name)

    def test_what_only_peers_need_is_asked_for_with_an_option(self):
        for names, args in ((False, ()), (False, ("--tests",)), (True, ("--with-peers",))):
            _, out, _ = self.setup("--dry-run", "--manager", "apt", *args)
            for name in ("golang-go", "libboost-fiber-dev", "libst-dev"):
                self.assertEqual(" %s " % name in out.replace("\n", " "), names, name)

    def test_on_64_bit_arm_no_emulator_of_it_is_asked_for(self):
        _, out, _ = self.setup("--dry-run", "--tests", "--manager", "apt", path=self.bare_machine(machine="aarch64"))
        self.assertIn("gdb", out)
        self.assertNotIn("qemu", out)

    def test_dry_run_on_a_bare_machine_shows_the_command_and_runs_nothing(self):
        status, out, _ = self.setup("--dry-run", path=self.bare_machine(user=0))
        self.assertEqual(status, 0)
        self.assertRegex(out, r"would run: env DEBIAN_FRONTEND=\S+ apt-get install -y \S+ .*meson")
        self.assertEqual(self.asked(), [])

    def test_without_root_or_sudo_it_says_what_to_run(self):
        status, _, err = self.setup(path=self.bare_machine())
        self.assertEqual(status, 69)
        self.assert_one_line(err)
        self.assertIn("neither root nor sudo; as root:", err)
        self.assertEqual(self.asked(), [])

    def test_what_could_not_be_installed_is_named(self):
        status, _, err = self.setup(path=self.bare_machine("apk", user=0))
        self.assertEqual(status, 69)
        self.assertRegex(err.splitlines()[-1], "could not install: .*meson")
        self.assertEqual(len(self.asked()), 1)
        self.assertIn("apk add pkgconf gcc g++", self.asked()[0])

    def test_apt_lists_are_fetched_only_when_a_name_is_unknown(self):
        path = self.bare_machine(user=0)
        self.tool("apt-cache", "echo 'Candidate: 1.0'")
        self.setup(path=path)
        self.assertNotIn("update", self.asked()[0])
        os.unlink(self.path("asked"))
        self.tool("apt-cache", "echo 'Candidate: (none)'")
        self.setup(path=path)
        self.assertIn("update", self.asked()[0])

    def test_a_package_that_does_not_exist_keeps_no_other_away(self):
        path = self.bare_machine("apk", user=0)
        os.unlink(self.path("bin", "apk"))
        self.tool("apk", 'echo "$*" >> %s; case $* in *gdb*) exit 1 ;; esac' % self.path("asked"))
        _, _, err = self.setup("--tests", path=path)
        self.assertIn("add clang", self.asked())
        self.assertIn("add gdb", self.asked())
        self.assertIn("could not install chromium: reports are not looked at in a browser", err)

    def test_without_a_known_manager_the_names_are_given(self):
        status, _, err = self.setup(path=self.bare_machine(manager=None))
        self.assertEqual(status, 69)
        self.assert_one_line(err)
        self.assertIn("libhwloc-dev", err)

    def test_other_systems_are_refused(self):
        status, _, err = self.setup(path=self.bare_machine(machine="riscv64"))
        self.assertEqual(status, 69)
        self.assert_one_line(err)
        self.assertIn("Linux/riscv64", err)

    def test_bad_arguments(self):
        for args in (("--manager", "brew"), ("--manager",), ("--frobnicate",), ("--manager=brew", "--dry-run")):
            status, _, err = self.setup(*args)
            self.assertEqual(status, 64, args)
            self.assert_one_line(err)

    def test_the_shell_scripts_are_clean_and_executable(self):
        files = [os.path.join(support.SCRIPTS, n) for n in ("setup", "bench", "test")]
        files.append(os.path.join(support.ROOT, ".ci", "run"))
        for file in files + [os.path.join(support.SCRIPTS, "greenbench")]:
            self.assertTrue(os.access(file, os.X_OK), file)
        for file in files:
            self.assertEqual(subprocess.run(["sh", "-n", file]).returncode, 0)
        try:
            checked = subprocess.run(["shellcheck"] + files, stdout=subprocess.PIPE)
        except FileNotFoundError:
            self.skipTest("shellcheck is not installed")
        self.assertEqual(checked.returncode, 0, checked.stdout.decode())


class RegistrationTest(support.Case):
    def test_every_test_file_is_known_to_meson(self):
        with open(os.path.join(support.SCRIPTS, "meson.build")) as f:
            build = f.read()
        for name in os.listdir(support.TESTS):
            if name.startswith("test_"):
                self.assertRegex(build, r"'%s'|tests\.%s'" % (name[5:-3], name[:-3]))


class TallyTest(support.Case):
    def tally(self, *results, broken=0, skipped=0):
        text = "".join('{"name": "suite:x / t%d", "result": "%s"}\n' % item for item in enumerate(results))
        out = io.StringIO()
        status = tally.main(["--broken", str(broken), "--skipped", str(skipped), self.write("log.json", text)], out)
        return status, out.getvalue().splitlines()

    def test_all_passed(self):
        self.assertEqual(self.tally("OK", "EXPECTEDFAIL"), (0, ["2 passed, 0 failed"]))

    def test_skipped_tests_are_counted_apart(self):
        self.assertEqual(self.tally("OK", "SKIP"), (0, ["1 passed, 0 failed, 1 skipped"]))

    def test_a_build_that_was_skipped_counts_as_skipped(self):
        self.assertEqual(self.tally("OK", skipped=1), (0, ["1 passed, 0 failed, 1 skipped"]))

    def test_failures_are_named(self):
        for result in ("FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS"):
            status, lines = self.tally("OK", result)
            self.assertEqual((status, lines[-1]), (1, "1 passed, 1 failed"))
            self.assertIn("FAILED suite:x / t1 (%s)" % result, lines[0])

    def test_a_broken_build_fails(self):
        status, lines = self.tally("OK", broken=1)
        self.assertEqual((status, lines[-1]), (1, "1 passed, 1 failed"))

    def test_no_test_at_all_is_a_failure(self):
        self.assertEqual(self.tally()[0], 1)


if __name__ == "__main__":
    unittest.main()
