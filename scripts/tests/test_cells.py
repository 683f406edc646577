"""Cell names and their selection."""

import unittest

from tests import support
from lib import cells
from lib.errors import UsageError


class CellsTest(support.Case):
    def test_keys_stand_in_one_order(self):
        self.assertEqual(cells.name("channel/prod_cons", {"P": 2, "cap": 128, "c": 4, "p": 4}),
                         "channel/prod_cons/p:4/c:4/cap:128/P:2")

    def test_free_and_none_are_not_named(self):
        self.assertEqual(cells.name("switch/handoff", {"P": 2, "place": "free"}), "switch/handoff/P:2")
        self.assertEqual(cells.name("switch/handoff", {"P": 2, "place": "smt"}), "switch/handoff/P:2/place:smt")

    def test_an_unknown_axis_is_a_defect(self):
        with self.assertRaises(ValueError):
            cells.name("spawn/one", {"q": 1})

    def test_a_name_parses_back(self):
        name = "spawn/storm/n:1000/temp:cold/P:2"
        case, axes = cells.parse(name)
        self.assertEqual((case, axes), ("spawn/storm", {"n": 1000, "temp": "cold", "P": 2}))
        self.assertEqual(cells.name(case, axes), name)

    def test_a_glob_matches_whole_names_and_fronts_up_to_a_slash(self):
        name = "spawn/storm/n:1000/temp:cold/P:2"
        for glob in ("spawn", "spawn/storm", "spawn/", "*/P:2", "*cold*", name):
            self.assertTrue(cells.matches(name, glob), glob)
        for glob in ("spa", "storm", "spawn/one", "spawn/storm/n:100"):
            self.assertFalse(cells.matches(name, glob), glob)

    def test_a_glob_without_a_match_lists_what_exists(self):
        with self.assertRaises(UsageError) as caught:
            cells.select(["a/b", "c/d"], ["a", "x*"])
        self.assertEqual(caught.exception.lines()[1:], ["  a/b", "  c/d"])
        self.assertIn("x*", caught.exception.lines()[0])

    def test_selection_keeps_the_order_of_the_names(self):
        self.assertEqual(cells.select(["a/b", "c/d", "a/e"], ["c", "a/b"]), ["a/b", "c/d"])


if __name__ == "__main__":
    unittest.main()
