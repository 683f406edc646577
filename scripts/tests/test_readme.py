"""The block of README.md that is made from a run: text of the run stays text."""

import pathlib
from unittest import mock

from tests import support, synthetic_run as synthetic
from lib import report_words
from lint import readme


class ReadmeTest(support.Case):
    def block(self, **changes):
        machine = synthetic.machine()
        for part, (key, value) in changes.items():
            (machine[part] if key else machine).update({key or part: value})
        path = synthetic.write(self.path("results", "m", "run"), replicates=6,
                               machine_changes={key: machine[key] for key in ("hw", "env", "command")})
        with mock.patch.object(readme, "ROOT", pathlib.Path(self.dir)):
            return readme.block(pathlib.Path(path))

    def test_a_hostile_processor_kernel_and_command_are_escaped(self):
        text = "`x` <img src=x> [a](http://b) | c"
        block = self.block(hw=("cpu_model", text), env=("kernel", text), command=(None, ["run", text]))
        self.assertEqual(block.count(report_words.markdown(text)), 3)
        self.assertNotIn("<img", block)
        self.assertNotIn("](http:", block)


if __name__ == "__main__":
    import unittest
    unittest.main()
