"""The ordering lint: quiet on this tree, and it finds planted violations."""

import os
import unittest

from tests import support
from lint import orderings

GOOD = """
/* Ordering: release, edge QUEUE-PUBLISH -> steal(). */
void push(void) { GTI_STORE(q->tail, t, release); }
/* Ordering: acquire, edge QUEUE-PUBLISH <- push(). */
void steal(void) { GTI_LOAD(q->tail, acquire); GTI_LOAD(q->head, relaxed); }
"""
DESIGN = "## Ordering edges\n\n| edge | from |\n| --- | --- |\n| QUEUE-PUBLISH | `push` |\n\n## Next\n| NOT-AN-EDGE | x |\n"


class OrderingsTest(support.Case):
    def check(self, text=GOOD, design=DESIGN):
        os.makedirs(self.path("runtime", "src"), exist_ok=True)
        self.write("runtime/src/queue.c", text)
        self.write("runtime/DESIGN.md", design)
        return orderings.check(self.dir)

    def assert_found(self, words, text=GOOD, design=DESIGN):
        errors = self.check(text, design)
        self.assertEqual(len(errors), 1, errors)
        self.assertIn(words, errors[0])

    def test_this_tree_has_both_ends_of_every_edge(self):
        self.assertEqual(orderings.check(support.ROOT), [])

    def test_a_good_file_is_quiet(self):
        self.assertEqual(self.check(), [])

    def test_an_edge_without_its_observing_end(self):
        self.assert_found("has no observing end", GOOD.replace("edge QUEUE-PUBLISH <- push()", "nothing"))

    def test_an_edge_without_its_publishing_end(self):
        self.assert_found("has no publishing end", GOOD.replace("edge QUEUE-PUBLISH -> steal()", "nothing"))

    def test_a_symmetric_edge_needs_two_places(self):
        one = GOOD.replace("<- push", "<-> push").replace("edge QUEUE-PUBLISH -> steal()", "nothing")
        self.assert_found("one end only", one)
        self.assertEqual(self.check(GOOD.replace("<- push", "<-> push").replace("-> steal", "<-> steal")), [])

    def test_an_edge_that_the_design_does_not_list(self):
        self.assert_found("is not in the table", design="## Ordering edges\n\n## Next\n")

    def test_an_edge_that_only_the_design_has(self):
        self.assert_found("edge OLD is not in runtime/src", design=DESIGN.replace("\n\n## Next", "\n| OLD | x |\n\n## Next"))

    def test_a_partner_that_does_not_exist(self):
        self.assert_found("names shove", GOOD.replace("<- push()", "<- shove()"))

    def test_a_strong_access_without_a_comment(self):
        self.assert_found("without an", GOOD + "\n" * 8 + "void f(void) { GTI_XCHG(x, 1, seq_cst); }\n")

    def test_a_comment_of_another_order(self):
        self.assert_found("under a comment that says release", GOOD.replace("q->tail, t, release", "q->tail, t, seq_cst"))

    def test_an_atomic_past_the_one_header(self):
        self.assert_found("outside atomics.h", GOOD + "int f(void) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }\n")


if __name__ == "__main__":
    unittest.main()
