"""A minute of fuzz_readers; GREENBENCH_FUZZ_SECONDS and GREENBENCH_SEED change them."""

import os
import sys
import unittest
import unittest.mock

from tests import fuzz_readers

SECONDS = float(os.environ.get("GREENBENCH_FUZZ_SECONDS") or 60)
SEED = int(os.environ.get("GREENBENCH_SEED") or 1)


class FuzzTest(unittest.TestCase):
    def test_no_reader_breaks(self):
        fuzzer = fuzz_readers.Fuzzer(SEED)
        self.addCleanup(fuzzer.clean)
        wrong = fuzzer.run(SECONDS)
        print("seed %d: %d cases" % (SEED, fuzzer.cases), file=sys.stderr)
        self.assertIsNone(wrong)
        self.assertGreater(fuzzer.cases, 0)

    def test_a_reader_that_breaks_is_found(self):
        fuzzer = fuzz_readers.Fuzzer(SEED)
        self.addCleanup(fuzzer.clean)
        with unittest.mock.patch("lib.samples.check", lambda *args: None):
            found = any(fuzzer.one() for _ in range(400))
        self.assertTrue(found, "400 cases without the schemas, and nothing broke")


if __name__ == "__main__":
    unittest.main()
