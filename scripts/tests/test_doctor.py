"""The doctor, on machines made of files and on this one."""

import argparse
import io
import json
import os
import re
import unittest
from unittest import mock

from tests import fake_machine, support, synthetic_run
from lib import command_doctor, doctor, doctor_facts, doctor_rules, doctor_text, errors, machine, schema

BUILT = {"compiler": "gcc 12", "flags": "-O3", "gbench": "1.7", "hwloc": "2.9", "optimized": True}
CPU, CLOCK, THP = fake_machine.CPU, fake_machine.CLOCK, fake_machine.THP


class Case(support.Case):
    def fake(self):
        return fake_machine.FakeMachine(self.path("root"))

    def machine(self, environ=(), **tools):
        """machine.json as far as findings need it, through JSON as a stored one would come."""
        facts = doctor_facts.Facts(self.path("root"), dict(environ)).environment()
        return json.loads(json.dumps({"env": facts, "toolchain": {**BUILT, **tools}}, allow_nan=False))

    def grade(self, **tools):
        letter, deciding = doctor.grade(doctor.findings(self.machine(**tools)))
        return letter, [one["id"] for one in deciding]

    def one(self, name, **more):
        found = [f for f in doctor.findings(self.machine(**more)) if f["id"] == name]
        self.assertEqual(len(found), 1, name)
        return found[0]

    def graded(self, name, **more):
        found = self.one(name, **more)
        return found["value"], found["grade"]


class MachinesTest(Case):
    def test_bare_metal_with_everything_fixed_is_a(self):
        self.fake().metal()
        self.assertEqual(self.grade(), ("A", []))
        self.assertEqual(doctor.ladder(doctor.findings(self.machine())), (None, []))

    def test_a_laptop_with_turbo_is_b(self):
        self.fake().laptop()
        self.assertEqual(self.grade(), ("B", ["turbo", "smt", "aslr"]))

    def test_a_guest_with_steal_is_c(self):
        self.fake().guest()
        self.assertEqual(self.grade(), ("C", ["steal", "governor"]))
        self.assertEqual(self.graded("steal"), (0.03, "C"))
        self.assertEqual(self.graded("hypervisor"), ("kvm", "A"))

    def test_a_pipe_among_the_files_is_not_waited_for(self):
        self.fake().guest().drop("proc/loadavg").drop(CLOCK + "current_clocksource")
        os.mkfifo(self.path("root", "proc/loadavg"))
        os.symlink("/dev/zero", self.path("root", CLOCK + "current_clocksource"))
        status, out, err = self.greenbench("doctor", "--from", self.path("root"), "--json")
        self.assertEqual((status, err), (0, ""))
        env = json.loads(out)["env"]
        self.assertEqual((env["load1"], env["clocksource"]), ("unknown", "unknown"))

    def test_what_a_guest_cannot_know_is_unknown(self):
        self.fake().guest()
        for name in ("governor", "turbo", "smt"):
            self.assertEqual(self.one(name)["value"], "unknown")
            self.assertNotEqual(self.one(name)["grade"], "A")

    def test_a_debug_build_is_d_on_the_best_machine(self):
        self.fake().metal()
        for tools in ({"optimized": False}, {"flags": "-O0"}, {"flags": "-O2 -fsanitize=address"}):
            self.assertEqual(self.grade(**tools), ("D", ["build"]), tools)

    def test_a_build_of_which_nothing_is_known_is_no_a(self):
        self.fake().metal()
        self.assertEqual(self.grade(optimized="unknown"), ("B", ["build"]))

    def test_without_sys_what_matters_is_unknown_and_nothing_is_assumed(self):
        self.fake().metal().drop("sys")
        letter, deciding = self.grade()
        self.assertEqual(letter, "B")
        self.assertEqual(deciding, ["governor", "turbo", "smt", "thp", "clocksource", "cpu_quota"])
        self.assertEqual({self.one(name)["value"] for name in deciding}, {"unknown"})

    def test_a_guest_without_sys_is_c(self):
        self.fake().guest().drop("sys")
        self.assertEqual(self.grade(), ("C", ["steal", "governor"]))

    def test_without_proc_and_sys_nothing_is_a(self):
        os.makedirs(self.path("root"))
        letter, deciding = self.grade()
        self.assertEqual((letter, deciding), ("C", ["governor"]))   # it may be a guest
        known = [f for f in doctor.findings(self.machine()) if f["id"] in ("load", "steal", "turbo", "smt", "aslr",
                                                                           "thp")]
        self.assertEqual({(f["value"], f["grade"]) for f in known}, {("unknown", "B")})

    def test_a_container_with_a_quota_is_c(self):
        self.fake().container()
        self.assertEqual(self.grade(), ("C", ["cpu_quota"]))
        self.assertEqual(self.one("cpu_quota")["value"], 1.5)        # of the group around it
        self.assertEqual(self.one("cgroup_pids_max")["value"], 512)
        self.assertEqual(self.one("seccomp")["value"], "filter")

    def test_a_quota_of_version_1_counts(self):
        self.fake().metal().put("proc/self/cgroup", "4:cpu,cpuacct:/docker/x\n1:name=systemd:/")
        self.fake().put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000")
        self.fake().put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000")
        self.assertEqual(self.graded("cpu_quota"), (0.5, "C"))
        self.fake().put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1")
        self.assertEqual(self.graded("cpu_quota"), ("none", "A"))

    def test_a_quota_of_all_cpus_takes_nothing_away(self):
        self.fake().container().put("sys/fs/cgroup/pod/cpu.max", "200000 100000")
        self.assertEqual(self.graded("cpu_quota"), (2.0, "A"))

    def test_arm64_bare_metal_is_a(self):
        self.fake().arm64()
        self.assertEqual(self.grade(), ("A", []))
        self.assertEqual(self.graded("hypervisor"), ("none", "A"))
        self.assertEqual(self.graded("turbo"), ("not offered", "A"))

    def test_arm64_tells_a_guest_by_its_firmware(self):
        self.fake().arm64().put("sys/class/dmi/id/product_name", "c7g.large")
        self.assertEqual(self.one("hypervisor")["value"], "Amazon EC2")
        self.fake().put("proc/device-tree/hypervisor/compatible", "linux,kvm")
        self.assertEqual(self.one("hypervisor")["value"], "linux,kvm")

    def test_arm64_whose_firmware_says_nothing_may_be_a_guest(self):
        self.fake().arm64().drop("sys/class/dmi").drop(CPU + "cpufreq")
        self.assertEqual(self.one("hypervisor")["value"], "unknown")
        self.assertEqual(self.graded("governor"), ("unknown", "C"))


class RulesTest(Case):
    """Each rule on both sides of its line: the best machine, changed in one thing."""

    CHANGES = (
        ("load", "proc/loadavg", "0.51 0 0 1/1 1", "D"), ("load", "proc/loadavg", "0.50 0 0 1/1 1", "A"),
        ("governor", CPU + "cpufreq/policy1/scaling_governor", "powersave", "C"),
        ("governor", CPU + "cpufreq/policy1/scaling_governor", "schedutil", "B"),
        ("turbo", CPU + "intel_pstate/no_turbo", "0", "B"), ("smt", CPU + "smt/control", "on", "B"),
        ("smt", CPU + "smt/control", "forceoff", "A"), ("aslr", "proc/sys/kernel/randomize_va_space", "1", "B"),
        ("thp", THP + "enabled", "[always] madvise never", "B"), ("thp", THP + "enabled", "always madvise [never]", "A"),
        ("clocksource", CLOCK + "current_clocksource", "hpet", "C"),
        ("clocksource", CLOCK + "current_clocksource", "kvm-clock", "A"),
        ("cores", CPU + "cpu1/cpufreq/cpuinfo_max_freq", "2000000", "B"),
        ("power", "sys/class/power_supply/BAT0/status", "Discharging", "C"),
        ("psi", "proc/pressure/memory", fake_machine.PRESSURE % "1.50", "C"),
        ("psi", "proc/pressure/cpu", fake_machine.PRESSURE % "1.50", "A"),
        ("swap", "proc/meminfo", fake_machine.MEMINFO % (2048, 2048), "A"),
        ("swap", "proc/meminfo", fake_machine.MEMINFO % (2048, 1024), "B"),
        ("ksm", "sys/kernel/mm/ksm/run", "1", "B"), ("debug_kernel", "proc/lockdep", "", "C"),
        ("traced", "proc/self/status", "TracerPid:\t17\nCpus_allowed_list:\t0-1", "C"),
        ("microcode", "proc/cpuinfo", fake_machine.X86 % " avx2", "A"),
        ("preempt", "proc/cmdline", "preempt=full", "A"), ("pid_max", "proc/sys/kernel/pid_max", "300", "A"),
    )

    def test_one_change_costs_what_the_rule_says_and_decides(self):
        for name, file, text, letter in self.CHANGES:
            with self.subTest(file=file, text=text):
                self.fake().metal().put(file, text)
                self.assertEqual(self.one(name)["grade"], letter)
                self.assertEqual(self.grade(), (letter, [name] if letter != "A" else []))
                self.fake().drop("")

    def test_the_lines_of_the_specified_grades_are_where_they_should_be(self):
        for ticks, letter in (((990, 10), "A"), ((989, 11), "C")):
            found = doctor_rules.steal(doctor_rules.Told({"env": {
                "hypervisor": "kvm", "ticks": {"total": sum(ticks), "steal": ticks[1]}}}))
            self.assertEqual(found["grade"], letter)

    def test_a_build_that_has_just_ended_is_not_taken_for_load(self):
        for now, minute, letter in ((0.02, 3.0, "B"), (0.02, 0.1, "A"), (0.6, 0.1, "D"), ("unknown", 3.0, "D")):
            found = doctor_rules.load(doctor_rules.Told({"env": {"busy_cpus": now, "load1": minute}}))
            self.assertEqual(found["grade"], letter, (now, minute))

    def test_a_personality_without_aslr_counts_for_this_process(self):
        self.fake().laptop().put("proc/self/personality", "00040000")
        self.assertEqual(self.graded("aslr"), (0, "A"))

    def test_variables_that_alter_the_c_library_are_named_but_not_their_values(self):
        self.fake().metal()
        self.assertEqual(self.graded("libc_variables"), ("none", "A"))
        told = self.machine(environ={"MALLOC_ARENA_MAX": "1", "HOME": "/secret"})
        self.assertEqual(told["env"]["loader_variables"], ["MALLOC_ARENA_MAX"])
        self.assertEqual(self.graded("libc_variables", environ={"MALLOC_ARENA_MAX": "1"}), ("MALLOC_ARENA_MAX", "B"))
        self.assertEqual(self.graded("libc_variables", environ={"LD_PRELOAD": "/secret.so"}), ("LD_PRELOAD", "C"))

    def test_only_parameters_of_the_kernel_that_bear_on_timing_are_recorded(self):
        self.fake().metal()
        self.assertEqual(self.machine()["env"]["kernel_parameters"], "preempt=none")

    def test_every_finding_is_one_line_with_a_meaning_and_a_remedy(self):
        for kind in ("metal", "laptop", "guest", "container", "arm64"):
            getattr(self.fake(), kind)()
            for one in doctor.findings(self.machine()):
                self.assertEqual(list(one), ["id", "value", "grade", "text", "remedy"])
                self.assertRegex(one["id"], r"\A[a-z][a-z0-9_]*\Z")
                for text in (one["text"], one["remedy"]):
                    self.assertTrue(0 < len(text) <= 140 and text.isprintable(), one)
            self.fake().drop("")

    def test_the_integrity_list_is_complete(self):
        self.fake().metal()
        names = {one["id"] for one in doctor.findings(self.machine())}
        self.assertLessEqual({"governor", "turbo", "smt", "mitigations", "hypervisor", "steal", "clocksource", "psi",
                              "load",
                              "thp", "aslr", "timer_slack_ns", "cpu_quota", "cpuset", "pid_max", "threads_max",
                              "max_map_count", "rlimit_nproc", "rlimit_nofile", "rlimit_memlock", "build", "libraries",
                              "swap", "isolation", "interrupts", "cpufreq_driver", "microcode", "preempt", "ksm", "tsc"}, names)
        self.assertEqual(len(names), len(doctor_rules.RULES))


class StoredTest(Case):
    def test_the_findings_of_a_stored_run_follow_from_machine_json_alone(self):
        self.fake().laptop()
        told = self.machine()
        before = doctor.findings(told)
        self.fake().drop("")
        self.assertEqual(doctor.findings(json.loads(json.dumps(told))), before)
        self.assertEqual(doctor.grade(before)[0], "B")

    def test_a_run_stored_before_most_facts_were_recorded_is_graded_and_not_a(self):
        old = {"env": {"hypervisor": "none", "governor": "performance", "load1": 0.1}, "toolchain": {"optimized": True}}
        letter, deciding = doctor.grade(doctor.findings(old))
        self.assertEqual(letter, "B")
        self.assertEqual([d["id"] for d in deciding], ["turbo", "smt", "aslr", "thp", "clocksource", "cpu_quota"])

    def test_whatever_another_machine_wrote_is_judged_without_a_traceback(self):
        self.fake().metal()
        told = self.machine()
        for value in (None, True, -5, 1.5, 1e300, "", "x" * 9000, [], [None], {}, {"cpu": 1}, {"memory": {"avg10": "x"}}):
            hostile = {"env": dict.fromkeys(told["env"], value), "toolchain": dict.fromkeys(told["toolchain"], value)}
            found = doctor.findings(hostile)
            self.assertNotEqual(doctor.grade(found)[0], "A", value)
            json.dumps(found, allow_nan=False)
        for hostile in (None, [], {}, {"env": 1}, {"env": {}, "toolchain": []}):
            self.assertNotEqual(doctor.grade(doctor.findings(hostile))[0], "A")

    def test_the_worst_finding_decides_and_the_ladder_leads_to_the_next(self):
        found = [{"id": i, "value": 1, "grade": g, "text": "t", "remedy": "r"} for i, g in
                 (("a", "A"), ("d", "D"), ("b", "B"), ("e", "D"))]
        letter, deciding = doctor.grade(found)
        self.assertEqual((letter, [d["id"] for d in deciding]), ("D", ["d", "e"]))
        letter, needed = doctor.ladder(found)
        self.assertEqual((letter, [d["id"] for d in needed]), ("B", ["d", "e"]))
        self.assertEqual(doctor.ladder(found[:1] + found[2:3])[0], "A")


class CommandTest(Case):
    def doctor(self, *args, **more):
        return self.greenbench("doctor", "--from", self.path("root"), *args, **more)

    def test_it_prints_the_grade_first_and_what_decides_next(self):
        self.fake().guest()
        status, out, err = self.doctor()
        self.assertEqual((status, err), (0, ""))
        lines = out.splitlines()
        self.assertTrue(lines[0].startswith("Grade C: "), lines[0])
        first = lines.index("")
        self.assertEqual(lines[first + 1:first + 3], ["What decides (grade C)", "  steal            3.00 %"])
        self.assertIn("For grade B change all of steal and governor.", lines)
        self.assertIn("Not calibrated", out)

    def test_the_best_grade_has_no_next(self):
        self.fake().metal()
        status, out, _ = self.doctor()
        self.assertTrue(status == 0 and out.startswith("Grade A: "), out)
        self.assertIn("There is no better grade.", out)

    def test_it_fits_two_screens_and_the_width_it_is_given(self):
        self.fake().guest()
        for columns in (40, 60, 80, 200):
            out = self.doctor(COLUMNS=str(columns))[1]
            self.assertLessEqual(max(map(len, out.splitlines())), columns, columns)
            if columns >= 80:
                self.assertLessEqual(len(out.splitlines()), 50)
        verbose = self.doctor("--verbose")[1]
        self.assertEqual(len(re.findall("^      -> ", verbose, re.M)), len(doctor_rules.RULES))

    def test_json_is_what_the_schema_says(self):
        self.fake().laptop()
        status, out, err = self.doctor("--json")
        self.assertEqual((status, err), (0, ""))
        told = json.loads(out)
        self.assertEqual(schema.check(told, "doctor"), [])
        self.assertEqual((told["grade"], told["deciding"], told["next"]["grade"]), ("B", ["turbo", "smt", "aslr"], "A"))
        self.assertEqual([n["id"] for n in told["next"]["needs"]], told["deciding"])
        self.assertEqual(doctor.findings(told), told["findings"])

    def test_what_is_not_as_the_schema_says_is_not_printed(self):
        self.fake().laptop()
        args = argparse.Namespace(source=self.path("root"), build=None, root=self.dir, json=True, verbose=False)
        for spoiled in ({"grade": "E"}, {"surprise": 1}, {"findings": [{}]}):
            record = dict(command_doctor.Diagnosis(args.source, None, "none").record(), **spoiled)
            out = io.StringIO()
            with mock.patch.object(command_doctor.Diagnosis, "record", lambda self, record=record: record), \
                    self.assertRaises(errors.DataError):
                command_doctor.main(args, out)
            self.assertEqual(out.getvalue(), "")

    def test_hostile_files_reach_no_terminal(self):
        self.fake().guest().put("proc/sys/kernel/osrelease", "6\x1b[2J\u202e")
        self.fake().put(CPU + "cpu0/cpufreq/scaling_governor", "a\x1b]0;x\x07\nb")
        for args in ((), ("--verbose",), ("--json",)):
            out = self.doctor(*args)[1]
            self.assertTrue(all(c.isprintable() or c == "\n" for c in out), repr(out))

    def test_no_number_in_any_file_ends_in_a_traceback(self):
        """Every file of a machine in turn, and all of them, with each number in it replaced."""
        self.fake().guest()
        self.fake().put("proc/self/cgroup", "0::/a").put("sys/fs/cgroup/a/cpu.max", "100000 100000")
        self.fake().put("sys/fs/cgroup/a/cpu.stat", "nr_throttled 4").put("sys/fs/cgroup/a/pids.max", "77")
        self.fake().put(CPU + "cpu0/thermal_throttle/core_throttle_count", "3")
        self.fake().put("proc/self/stat", "1 (python3) R " + "1 " * 40)
        whole = {file: data for file, data in support.contents(self.path("root")).items() if isinstance(data, bytes)}
        hostile = ("9" * 400, "9" * 5000, "1.2.3", "\u00b2", "\u0663", "-1", "1e999", "nan", "", "9" * 18, "0", "00-99999,0")
        for number in hostile:
            spoiled = {file: re.sub(rb"[0-9]+(\.[0-9]+)?", number.encode(), data) for file, data in whole.items()}
            for files in [whole, *([file] for file in whole if spoiled[file] != whole[file])]:
                self.write_all({file: spoiled[file] for file in files})
                self.assert_sane(files if len(files) == 1 else "all", number[:20])
                self.write_all({file: whole[file] for file in files})

    @staticmethod
    def write_all(files):
        for file, data in files.items():
            with open(file, "wb") as f:
                f.write(data)

    def assert_sane(self, *where):
        told = {"env": doctor_facts.Facts(self.path("root")).environment(), "toolchain": BUILT,
                "hw": machine.hardware({}, self.path("root"))}
        found = doctor.findings(told)
        record = {"schema": "greenbench.doctor/1", "grade": doctor.grade(found)[0], "deciding": [], "next": None,
                  "findings": found, "calibrations": [], "no_calibration": None, **told}
        self.assertEqual(schema.check(record, "doctor"), [], where)
        self.assertEqual(schema.check(dict(synthetic_run.machine(), **told), "machine"), [], where)
        json.dumps(record, allow_nan=False)

    def test_what_is_no_number_is_unknown(self):
        self.fake().guest().put("proc/pressure/cpu", "some avg10=1.2.3 avg60=0.00 avg300=0.00 total=1")
        self.fake().put("proc/loadavg", "9" * 400).put("proc/meminfo", "MemTotal: \u00b2 kB")
        self.fake().put("proc/self/limits", "Max processes %s x y" % ("9" * 5000))
        env = doctor_facts.Facts(self.path("root")).environment()
        self.assertNotIn("cpu", env["psi"])
        self.assertEqual((env["load1"], env["swap_bytes"], env["rlimit_nproc"]), ("unknown",) * 3)

    def test_a_tracer_that_cannot_be_read_is_unknown(self):
        for tracer, traced, value in (("TracerPid:\t0", False, "no"), ("TracerPid:\t17", True, "yes"),
                                      ("Seccomp:\t0", "unknown", "unknown")):
            self.fake().metal().put("proc/self/status", tracer)
            self.assertEqual(self.machine()["env"]["traced"], traced)
            self.assertEqual(self.one("traced")["value"], value)
        self.assertIn("is not known", self.one("traced")["text"])

    def test_a_list_of_cpus_is_bounded(self):
        self.assertEqual(doctor_facts.cpu_list("0-2,5"), [0, 1, 2, 5])
        self.assertEqual(doctor_facts.cpu_list("0-4095"), list(range(4096)))
        for text in ("0-4096", "0-99999", ",".join(["0"] * 5000), "\u00b2", "1,", ""):
            self.assertEqual(doctor_facts.cpu_list(text), "unknown", text[:20])

    def test_it_writes_nothing_where_it_reads(self):
        self.fake().laptop()
        def tree():
            return {os.path.join(d, f): os.stat(os.path.join(d, f)).st_mtime_ns
                    for d, _, files in os.walk(self.path("root")) for f in files}
        before = tree()
        self.doctor()
        self.assertEqual(tree(), before)

    def test_the_variables_of_this_process_say_nothing_of_another_machine(self):
        self.fake().metal()
        told = json.loads(self.doctor("--json", MALLOC_PERTURB_="7")[1])
        self.assertEqual((told["grade"], told["env"]["loader_variables"]), ("A", "unknown"))

    def test_usage_errors_are_one_line(self):
        self.fake().metal()
        for args, status, part in ((("doctor", "--from", self.path("nowhere")), 64, "--from"),
                                   (("doctor", "--from", self.path("root"), "--build", "x"), 64, "--build"),
                                   (("doctor", "--build", self.dir), 69, "--build"), (("doctor", "x"), 64, "x")):
            found, out, err = self.greenbench(*args)
            self.assertEqual((found, out), (status, ""), args)
            self.assert_one_line(err)
            self.assertIn(part, err)

    def test_on_this_machine_it_says_how_to_get_a_calibration_when_no_build_is_at_hand(self):
        status, out, err = self.greenbench("doctor", GREENBENCH_BENCH_DIR=self.path("none"))
        self.assertEqual((status, err), (0, ""))
        self.assertIn("--build DIR", out)

    def test_a_build_calibrates_and_a_debug_build_is_graded(self):
        self.fakes()
        status, out, err = self.greenbench("doctor", "--json", "--build", self.dir)
        self.assertEqual((status, err), (0, ""))
        told = json.loads(out)
        self.assertEqual(schema.check(told, "doctor"), [])
        self.assertEqual([c["at"] for c in told["calibrations"]], ["first", "middle", "last"])
        self.assertEqual(told["calibrations"][0]["status"], "ok", told["calibrations"][0])
        self.assertIn("Calibration: reading the clock", self.greenbench("doctor", "--build", self.path("bench"))[1])


class FactsTest(Case):
    def test_lists_of_cpus(self):
        for text, cpus in (("0", [0]), ("0-2,5", [0, 1, 2, 5]), ("3,1", [1, 3])):
            self.assertEqual(doctor_facts.cpu_list(text), cpus)
        for text in ("", "a", "1-", "0 1", "0-999999"):
            self.assertEqual(doctor_facts.cpu_list(text), "unknown")

    def test_busy_cpus_leave_out_what_is_idle_or_stolen(self):
        before, after = "cpu  100 0 0 100 0 0 0 0 0 0\n", "cpu  140 0 10 130 10 0 0 10 0 0\n"
        self.assertEqual(doctor_facts.busy(before, after, 2), 1.0)
        self.assertEqual(doctor_facts.busy(before, before, 2), "unknown")
        self.assertEqual(doctor_facts.busy("", after, 2), "unknown")

    def test_the_guest_time_is_counted_once(self):
        self.assertEqual(doctor_facts.ticks("cpu  1 2 3 4 5 6 7 8 900 900\n"), {"total": 36, "steal": 8})
        self.assertEqual(doctor_facts.ticks("cpu  1 2 3\n"), "unknown")

    def test_a_group_that_docker_names_by_a_path_of_the_host_is_found_at_the_top(self):
        self.fake().metal().put("proc/self/cgroup", "0::/docker/gone").put("sys/fs/cgroup/cpu.max", "100000 100000")
        self.assertEqual(self.machine()["env"]["cgroup_cpu_quota"], 1.0)

    def test_smt_without_its_switch_is_read_off_the_topology(self):
        fake = self.fake().metal().drop(CPU + "smt")
        fake.put(CPU + "cpu0/topology/thread_siblings_list", "0").put(CPU + "cpu1/topology/thread_siblings_list", "1")
        self.assertEqual(self.graded("smt"), ("off", "A"))
        fake.put(CPU + "cpu1/topology/thread_siblings_list", "1,3")
        self.assertEqual(self.graded("smt"), ("on", "B"))

    def test_this_machine_can_be_read(self):
        facts = machine.environment()
        self.assertEqual(facts["cpus_allowed"], sorted(os.sched_getaffinity(0)))
        self.assertIsInstance(facts["ticks"], dict)
        self.assertIsInstance(facts["busy_cpus"], float)
        doctor_text.value(doctor.findings({"env": facts})[0])


if __name__ == "__main__":
    unittest.main()
