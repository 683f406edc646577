"""The include lint: quiet on this tree, and it finds planted violations."""

import os
import unittest

from tests import support
from lint import layers

DESIGN = layers.ORDER_HEADING + "\n\n| file | holds |\n| --- | --- |\n| `base.h` | x |\n| `task` | x |\n| `park` | x |\n\n## Next\n"
GOOD = {
    "runtime/DESIGN.md": DESIGN,
    "runtime/include/gt/gt.h": "",
    "runtime/src/base.h": "#include <stddef.h>\n",
    "runtime/src/task.h": '#include "base.h"\n#include "gt/gt.h"\n',
    "runtime/src/task_list.c": '#include "task.h"\n',
    "runtime/src/park.h": '#include "task.h"\n',
    "threads_baseline/include/tb/tb.h": "",
    "threads_baseline/src/run.c": '#include "tb/tb.h"\n#include <pthread.h>\n',
    "bench/task.h": '#include "task_backend.h"\n',
    "bench/workload.h": "",
    "bench/placement.c": "#include <hwloc.h>\n",
    "bench/workloads/spawn_one.c": '#include "../task.h"\n#include "../workload.h"\n',
    "bench/backends/gt/task_backend.h": '#include "gt/gt.h"\n',
    "bench/backends/pthread/task_backend.h": '#include "tb/tb.h"\n',
}


class LayersTest(support.Case):
    def plant(self, **files):
        for name, text in {**GOOD, **files.get("files", {})}.items():
            os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
            self.write(name, text)
        return layers.check(self.dir)

    def assert_found(self, name, text, words):
        errors = self.plant(files={name: text})
        self.assertEqual(len(errors), 1, errors)
        self.assertTrue(errors[0].startswith(name + ":"), errors)
        self.assertIn(words, errors[0])

    def test_this_tree_keeps_its_layers(self):
        self.assertEqual(layers.check(support.ROOT), [])

    def test_a_good_tree_is_quiet(self):
        self.assertEqual(self.plant(), [])

    def test_a_workload_that_includes_the_harness(self):
        self.plant(files={"bench/memory.h": ""})
        self.assert_found("bench/workloads/spawn_one.c", '#include "../memory.h"\n', "may include task.h, workload.h only")

    def test_a_workload_that_includes_a_backend(self):
        self.assert_found("bench/workloads/spawn_one.c", '\n#  include "gt/gt.h"\n', "may")

    def test_a_backend_that_includes_another(self):
        self.assert_found("bench/backends/gt/task_backend.h", '#include <tb/tb.h>\n', "may not include tb/tb.h")

    def test_hwloc_outside_placement(self):
        self.assert_found("bench/memory.c", "#include <hwloc.h>\n", "may not include hwloc.h")
        self.assertTrue(self.plant(files={"runtime/src/base.h": "#include <hwloc/bitmap.h>\n"}))

    def test_google_benchmark_outside_its_wrapper(self):
        self.assert_found("bench/main.c", "#include <benchmark/benchmark.h>\n", "may not include benchmark")

    def test_the_harness_may_not_use_the_task_contract(self):
        self.assert_found("bench/memory.c", '#include "task.h"\n', "may not include task.h")

    def test_the_runtime_and_the_baseline_do_not_know_each_other(self):
        self.assert_found("threads_baseline/src/run.c", '#include "../../runtime/src/base.h"\n', "another component")

    def test_the_runtime_does_not_know_bench(self):
        self.assert_found("runtime/src/base.h", '#include "../../bench/workload.h"\n', "another component")

    def test_an_include_against_the_order(self):
        self.assert_found("runtime/src/task.h", '#include "park.h"\n', "comes later")

    def test_a_file_that_the_order_does_not_list(self):
        self.assert_found("runtime/src/zebra.c", '#include "base.h"\n', "is not in the list")

    def test_a_commented_include_is_none(self):
        self.assertEqual(self.plant(files={"runtime/src/task.h": '/*\n#include "park.h"\n*/\n// #include "park.h"\n'}), [])

    def test_a_design_without_the_list(self):
        self.assertIn("has no table", self.plant(files={"runtime/DESIGN.md": "# x\n"})[0])


if __name__ == "__main__":
    unittest.main()
