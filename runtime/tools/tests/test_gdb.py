#!/usr/bin/env python3
"""gdb unwinds through a switch, and gdb_gt.py finds every task. Arguments: the
program to debug, gdb_gt.py. Ends with 77 where gdb is missing or may not
trace."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PARKED = ["inner_wait"] * 4 + ["waiter", "gti_task_main", "gti_context_entry"]
# Where a walk may end: in a task, or in the worker's own thread.
ENDS = ("gti_context_entry", "clone3", "__clone3", "clone", "start_thread")
PROGRAM = SCRIPT = None


def gdb(*commands, of=()):
    """The output of gdb with these commands; `of`: a core file."""
    line = ["gdb", "-batch", "-nx", "-ex", "set width 0", "-ex", "set height 0", "-x", SCRIPT,
            "-x", os.path.join(HERE, "gdb_walk.py")]
    for command in commands:
        line += ["-ex", command]
    done = subprocess.run(line + [PROGRAM, *of], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True, errors="replace", timeout=120)
    return done.stdout


def names(text):
    """The functions of a backtrace."""
    return re.findall(r"^#\d+ +(?:0x[0-9a-f]+ in )?(\S+) \(", text, re.M)


class Tools(unittest.TestCase):
    def stopped(self, *commands):
        """Output of the commands at the place where the program wants to be stopped."""
        text = gdb("break reached", "run", "echo MARK\\n", *commands)
        self.assertIn("MARK", text)
        return text.split("MARK\n", 1)[1]

    def test_a_backtrace_in_a_task_ends_at_the_entry(self):
        text = self.stopped("bt")
        self.assertEqual(names(text), ["reached", "stopper", "gti_task_main", "gti_context_entry"])
        self.assertNotIn("stopped", text)

    def test_every_task_is_listed_once(self):
        lines = self.stopped("gt tasks").splitlines()
        self.assertEqual(lines[-1], "103 tasks")
        rows = [re.fullmatch(r" *(\d+)  (.{14}) (.{24}) (.*)", line).groups() for line in lines[:-1]]
        self.assertEqual(len({row[0] for row in rows}), 103)
        kinds = [(row[1].split()[0], row[2].strip()) for row in rows]
        self.assertEqual(kinds.count(("waiting", "waiter")), 100)
        self.assertEqual(kinds.count(("waiting", "a-named-sleeper")), 1)
        self.assertEqual(kinds.count(("fresh", "never_run")), 1)
        self.assertEqual(kinds.count(("running", "stopper")), 1)
        for row in rows:
            if row[2].strip() == "waiter":
                self.assertRegex(row[3], r"^inner_wait at .*debuggee\.c:\d+$")
            if row[2].strip() == "stopper":
                self.assertRegex(row[3], r"^on thread \d+$")
            if row[2].strip() == "never_run":
                self.assertEqual(row[3], "not run yet")

    def numbers(self):
        text = self.stopped("gt tasks")
        return {label: re.search(r"^ *(\d+) .* %s " % label, text, re.M).group(1)
                for label in ("stopper", "waiter", "never_run")}

    def test_the_backtrace_of_a_parked_task_and_arguments_to_it(self):
        n = self.numbers()["waiter"]
        self.assertEqual(names(self.stopped("gt bt " + n)), PARKED)
        self.assertEqual(names(self.stopped("gt bt %s -2" % n)), PARKED[-2:])
        self.assertRegex(self.stopped("gt bt %s full" % n), r"\n +element = 0\n")

    def test_the_backtrace_of_a_running_and_of_a_fresh_task(self):
        n = self.numbers()
        self.assertEqual(names(self.stopped("thread 1", "gt bt " + n["stopper"]))[-4:],
                         ["reached", "stopper", "gti_task_main", "gti_context_entry"])
        self.assertIn("has not run yet: never_run", self.stopped("gt bt " + n["never_run"]))

    def test_looking_changes_nothing(self):
        n = self.numbers()["waiter"]
        text = self.stopped("gt bt " + n, "echo AFTER\\n", "bt", "continue")
        self.assertEqual(names(text.split("AFTER")[1])[0], "reached")
        self.assertIn("exited normally", text)

    def test_a_core_file_will_do(self):
        n = self.numbers()["waiter"]
        with tempfile.TemporaryDirectory() as folder:
            core = os.path.join(folder, "core")
            # gdb's core files lack what follows a guard page.
            gdb("set environment GT_GUARD canary", "break reached", "run", "generate-core-file " + core)
            text = gdb("gt tasks", "gt bt " + n, of=[core])
            self.assertIn("\n103 tasks\n", text)
            self.assertEqual(names(text.split("103 tasks")[1]), PARKED)

    def test_mistakes_are_answered_in_one_line(self):
        for command, answer in (("gt bt 99999", "there is no task 99999: see gt tasks"),
                                ("gt bt", "gt bt needs the number of a task: see gt tasks"),
                                ("gt bt x", "gt bt needs the number of a task: see gt tasks")):
            self.assertEqual(self.stopped(command).splitlines(), [answer])
        self.assertEqual(gdb("gt tasks").splitlines(), ["there is no process and no core file"])

    def assert_walks(self, function, first):
        """Walks from each instruction of the function, when it is entered next
        after `first`, end well; so do those from what it calls."""
        for steps in ("stepi 40", "nexti " + function):
            text = gdb("break *" + function, *first, "run", "delete", "walk " + steps)
            walks = re.findall(r"^WALK (\w+) (.*)$", text, re.M)
            self.assertGreater(len(walks), 15, text)
            for kind, frames in walks:
                if frames.endswith(" gti_context_call"):
                    continue   # gdb takes a caller on a stack further down for a corrupt one
                self.assertEqual(kind, "whole", frames)
                self.assertIn(frames.split()[-1], ENDS, frames)
                self.assertNotIn("??", frames)

    def test_gdb_unwinds_at_every_instruction_of_a_switch(self):
        for skipped in (0, 1, 50, 90):   # into fresh tasks
            self.assert_walks("gti_context_switch", ["ignore 1 %d" % skipped])
        for skipped in (0, 1, 7):        # from one saved task to another
            self.assert_walks("gti_context_switch_clear", ["ignore 1 %d" % skipped])

    def test_gdb_unwinds_at_every_instruction_of_a_leave(self):
        self.assert_walks("gti_context_leave", [])


if __name__ == "__main__":
    PROGRAM, SCRIPT = sys.argv[1:3]
    if not shutil.which("gdb"):
        print("skipped: gdb is not installed")
        sys.exit(77)
    trial = gdb("break main", "run")
    if "Breakpoint 1, main" not in trial:
        print("skipped: gdb cannot run a program here: " + trial.strip().splitlines()[-1])
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
