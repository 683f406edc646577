"""What is recorded of the machine and of the sources."""

import json
import os
import shutil
import unittest
from unittest import mock

from tests import support
from lib import bench, compare_sides, machine, samples, store

TOLD = {"hwloc_synthetic": "pack:1", "placements": {"free": True}, "compiler": "cc 1", "flags": "-O3",
        "gbench_version": "1.7.1", "hwloc_version": "2.9.0", "optimized": True}


class MachineTest(support.Case):
    def describe(self, root=support.ROOT):
        return machine.describe(root, "box", "2025-01-01T00:00:00Z", "quick", ["scripts/greenbench", "run"], TOLD)

    def test_the_description_passes_the_schema(self):
        samples.check_document("machine.json", json.loads(json.dumps(self.describe(), allow_nan=False)), "machine")

    def test_the_topology_names_no_host(self):
        text = ('<info name="HostName" value="%s"/>\n<info name="DMIProductUUID" value="%s"/>\n'
                '<info name="CPUModel" value="CPU"/>\n')
        file, seen = self.path("topology.xml"), []

        def launch(argv, *_):
            seen.append(argv[-1])
            with open(argv[-1], "w", encoding="utf-8") as f:
                f.write(text % ("box", "4711"))
            self.assertFalse(os.path.exists(file))      # what names the host never stands there
            return mock.Mock(exit=0)
        with mock.patch.object(bench.runner, "launch", launch):
            self.assertTrue(bench.Bench(self.dir).topology("gt", file))
        with open(file, encoding="utf-8") as f:
            self.assertEqual(f.read(), text % ("", ""))
        self.assertEqual(os.listdir(self.dir), ["topology.xml"])
        self.assertTrue(os.path.basename(seen[0]).startswith(store.TEMPORARY))

    def test_an_export_that_failed_leaves_nothing(self):
        def launch(argv, *_):
            with open(argv[-1], "w", encoding="utf-8") as f:
                f.write("<topo")
            return mock.Mock(exit=1)
        with mock.patch.object(bench.runner, "launch", launch):
            self.assertFalse(bench.Bench(self.dir).topology("gt", self.path("topology.xml")))
        self.assertEqual(os.listdir(self.dir), [])

    def test_neither_host_nor_user_nor_path_is_recorded(self):
        text = json.dumps(self.describe())
        self.assertNotIn(support.ROOT, text)
        host = os.uname().nodename
        if len(host) > 4:
            self.assertNotIn(host, text)

    def test_the_slug_is_a_valid_name(self):
        self.assertEqual(store.check_machine_name(machine.slug()), machine.slug())
        self.assertIn("%dcpu" % os.cpu_count(), machine.slug())

    def test_what_cannot_be_read_is_unknown(self):
        self.assertEqual(machine.read(self.path("missing")), "unknown")
        self.assertEqual(machine.number(self.path("missing")), "unknown")
        self.assertEqual(machine.number(self.write("n", "42\n")), 42)

    def test_a_tree_without_git_has_an_unknown_revision(self):
        self.assertEqual(machine.revision(self.dir), ("unknown", False))

    def test_the_memory_budget_is_at_most_half_the_ram(self):
        self.assertLessEqual(machine.memory_budget(), machine.ram_bytes() // 2)
        self.assertGreater(machine.memory_budget(), 0)

    def test_the_memory_budget_is_within_every_cgroup_around_us(self):
        inner, outer = self.path("top", "outer", "inner"), self.path("top", "outer")
        os.makedirs(inner)
        for directory, limit, used in ((inner, "max", 5), (outer, 1000, 400)):
            for name, value in (("memory.max", limit), ("memory.current", used)):
                self.write(os.path.join(directory, name), "%s\n" % value)
        self.write(os.path.join(inner, "memory.limit_in_bytes"), "700\n")
        self.write(os.path.join(inner, "memory.usage_in_bytes"), "800\n")
        self.assertEqual(list(machine._rooms(inner, self.path("top"))), [0, 600])
        with mock.patch.object(machine, "cgroup_dirs", lambda: [outer]), \
                mock.patch.object(machine, "_rooms", lambda directory: iter([1000])):
            self.assertEqual(machine.memory_budget(), 500)

    def test_each_hash_follows_its_own_sources(self):
        for name in machine.DEFINITION + machine.IMPLEMENTATION:
            source, target = os.path.join(support.ROOT, name), self.path(name)
            if os.path.isdir(source):
                shutil.copytree(source, target)
            elif os.path.exists(source):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy(source, target)
        before = self.describe(self.dir)["hashes"]
        self.assertEqual(before, self.describe(self.dir)["hashes"])
        for name in ("task.h", "prewarm.c", "run.c", "workloads/spawn_one.c", "gbench/gbench.cc"):
            with open(self.path("bench", *name.split("/")), "a") as f:
                f.write("/* changed */\n")
            changed = self.describe(self.dir)["hashes"]
            self.assertNotEqual(changed["definition"], before["definition"], name)
            self.assertEqual(changed["implementation"], before["implementation"])
            before = changed
        with open(self.path("bench", "backends", "gt", "task_backend.h"), "a") as f:
            f.write("/* changed */\n")
        again = self.describe(self.dir)["hashes"]
        self.assertEqual(again["definition"], changed["definition"])
        self.assertNotEqual(again["implementation"], changed["implementation"])

    def test_the_hash_does_not_depend_on_where_the_tree_is(self):
        os.makedirs(self.path("a", "runtime", "src"))
        self.write("a/runtime/src/x.c", "int x;\n")
        shutil.copytree(self.path("a"), self.path("b"))
        names = ("runtime/src",)
        self.assertEqual(machine.hash_files(self.path("a"), names), machine.hash_files(self.path("b"), names))
        os.rename(self.path("b", "runtime", "src", "x.c"), self.path("b", "runtime", "src", "y.c"))
        self.assertNotEqual(machine.hash_files(self.path("a"), names), machine.hash_files(self.path("b"), names))

    def test_memory_may_differ_by_what_a_kernel_keeps_and_nothing_else_may(self):
        topology = "Package:1 [NUMANode(memory=%d)] Core:2 PU:1"
        here = {"cpu_model": "x", "logical_cpus": 2, "ram_bytes": 100 << 20, "hwloc_synthetic": topology % (100 << 20)}
        for changes, same in (({}, True), ({"ram_bytes": 98 << 20}, True), ({"ram_bytes": 97 << 20}, False),
                              ({"ram_bytes": 103 << 20}, False), ({"ram_bytes": "unknown"}, False),
                              ({"hwloc_synthetic": topology % 7}, True), ({"hwloc_synthetic": None}, False),
                              ({"hwloc_synthetic": "Package:2"}, False), ({"logical_cpus": 3}, False),
                              ({"more": 1}, False)):
            one, two = ({"machine": "m", "hw": hw} for hw in (here, {**here, **changes}))
            self.assertEqual(compare_sides.same_machine(one, two), same, changes)
            self.assertEqual(compare_sides.same_machine(two, one), same, changes)


if __name__ == "__main__":
    unittest.main()
