"""Profiles, their plans and their estimates."""

import json
import os
import types
import unittest

from tests import support
from lib import cells, costs, coverage, jobs, peers, planfile, planning, profiles, recorded, run, samples, schema, session
from lib.errors import UsageError

TWO_CPUS = {"smt": "one thread per core", "same-llc": True, "cross-llc": "one cache",
            "cross-numa": "one node", "cross-package": "one package"}


def two_cpus():
    return profiles.Machine(2, TWO_CPUS)


def names(profile, machine):
    return {c.name: c for c in profiles.expand(profile, machine)}


class ProfileTest(support.Case):
    def test_every_name_is_canonical_and_passes_the_schema(self):
        for profile in profiles.PROFILES:
            for cell in names(profile, profiles.Machine(64, {})):
                case, axes = cells.parse(cell)
                self.assertEqual(cells.name(case, axes), cell)
                blank = {"schema": samples.SCHEMA, "cell": cell}
                self.assertEqual([e for e in schema.check(blank, "bench") if e.startswith("cell")], [])

    def test_every_workload_of_the_registry_is_in_every_profile_but_what_takes_long_in_quick(self):
        with open(support.ROOT + "/bench/workloads.def") as f:
            registered = {"%s/%s" % tuple(line[2:line.index(")")].split(", "))
                          for line in f if line.startswith("X(")}
        for profile in ("quick", "default", "full"):
            cases = {cells.parse(n)[0] for n in names(profile, two_cpus())}
            missing = {"memory/capacity", "io/rest", "io/held"} if profile == "quick" else set()
            self.assertEqual(registered - cases - missing, set(), profile)
            self.assertEqual(cases - registered - set(coverage.WORKLOADS), set())

    def test_what_no_executable_has_is_not_planned_and_named(self):
        listed = {"gt": {"spawn/one": {"axes": "P place", "offered": True}, "memory/parked": {"axes": "n P place"}},
                  "pthread": {"spawn/one": {"axes": "P place", "offered": True}}}
        offers = profiles.Offers(listed)
        plan = planning.make("default", two_cpus(), ("gt", "pthread"), offers=offers)
        self.assertEqual({cells.parse(c.name)[0] for c in plan.cells}, {"spawn/one", "memory/parked"})
        self.assertFalse([c.name for c in plan.cells if "stack:" in c.name])
        self.assertIn("memory/parked stack:small", plan.unbuilt)
        self.assertIn("io/rest", plan.unbuilt)
        self.assertNotIn("spawn/one", plan.unbuilt)
        self.assertIn(("memory/parked/n:1000/P:2", "pthread", "not built into bench_pthread"), plan.skipped)
        self.assertIn("io/rest", "\n".join(coverage.lines(plan.unbuilt)))
        self.assertEqual(planning.make("default", two_cpus(), ("gt",)).unbuilt, ())

    def test_a_pool_runs_what_its_executable_offers(self):
        listed = {"pthread-pool": {"spawn/one": {"axes": "P place", "offered": False},
                                   "io/rest": {"axes": "load P", "offered": True}}}
        found = {c.name: c for c in profiles.expand("default", two_cpus(), profiles.Offers(listed))}
        self.assertEqual(found["spawn/one/P:1"].refused["pthread-pool"], profiles.POOL_REASON)
        self.assertEqual(found["io/rest/load:50/P:1"].backends, ("gt", "pthread", "pthread-futex", "pthread-pool"))

    def test_what_needs_several_cpus_is_there_on_one_with_its_reason(self):
        found = names("default", profiles.Machine(1, TWO_CPUS))
        self.assertEqual(found["switch/yield_multi/n:100/P:2"].missing, profiles.ONE_CPU)
        self.assertIsNone(names("default", two_cpus())["switch/yield_multi/n:100/P:2"].missing)
        self.assertIn("switch/yield_multi/n:100/P:8", names("default", profiles.Machine(8, TWO_CPUS)))

    def test_speed_up_has_every_power_of_two_and_all(self):
        found = names("default", profiles.Machine(12, TWO_CPUS))
        self.assertEqual([p for p in range(1, 13) if "parallel/fib/n:16/P:%d" % p in found], [1, 2, 4, 8, 12])

    def test_a_placement_the_machine_lacks_is_there_with_its_reason(self):
        found = names("default", two_cpus())
        self.assertEqual(found["channel/ping_pong/cap:0/P:2/place:smt"].missing, "one thread per core")
        self.assertIsNone(found["channel/ping_pong/cap:0/P:2/place:same-llc"].missing)
        self.assertIsNone(found["channel/ping_pong/cap:0/P:2"].missing)

    def test_one_cpu_has_no_pairs_of_two(self):
        found = names("default", profiles.Machine(1, TWO_CPUS))
        self.assertIsNone(found["switch/handoff/P:1/place:same-pu"].missing)
        self.assertIn("needs 2 CPUs", found["switch/handoff/P:2/place:same-llc"].missing)
        self.assertNotIn("spawn/one/P:2", found)

    def test_pools_are_placed_where_there_are_cpus_to_choose_from(self):
        few, many = names("default", two_cpus()), names("default", profiles.Machine(12, TWO_CPUS))
        for place in ("compact", "scatter"):
            cell = few["spawn/storm/n:1000/temp:warm/P:2/place:" + place]
            self.assertEqual(cell.missing, profiles.NO_CHOICE % 2)
            self.assertIsNone(many["spawn/storm/n:1000/temp:warm/P:6/place:" + place].missing)
            planning.check_place(place)
        plan = planning.make("default", two_cpus(), ("gt",))
        self.assertIn(("parallel/nqueens/n:8/P:2/place:scatter", "gt", profiles.NO_CHOICE % 2), plan.skipped)

    def test_what_quick_has_smaller_is_named_with_the_size_that_it_has(self):
        named = dict(line for kind, items in coverage.NOT_BUILT if "quick" in kind for line in items)
        text = "\n".join("%s %s" % line for line in named.items())
        smaller = {"spawn/tree": "n:100", "channel/sieve": "k:20", "parallel/fib": "n:14", "parallel/nqueens": "n:6"}
        for case, size in smaller.items():
            self.assertEqual({n.split("/")[2] for n in names("quick", two_cpus()) if n.startswith(case + "/")}, {size})
            self.assertIn(case, text)
            self.assertRegex(text, r"\b%s\b" % size)
        once = {cells.parse(n)[0] for n, c in names("quick", two_cpus()).items() if c.kind == "once"}
        line = next(what for what, why in named.items() if "one process each" in why)
        self.assertEqual({c for c in once if not (c in line or c.split("/")[0] + "/*" in line)}, set())

    def test_the_nearest_pair_stands_for_all_in_quick(self):
        found = names("quick", profiles.Machine(8, {"smt": True, "same-llc": "none", "cross-llc": True}))
        pairs = [n for n in found if n.startswith("switch/handoff")]
        self.assertEqual(pairs, ["switch/handoff/P:1/place:same-pu", "switch/handoff/P:2/place:cross-llc"])

    def test_pools_run_what_runs_to_completion_and_say_why_not_the_rest(self):
        for name, cell in names("default", two_cpus()).items():
            offered = "pthread-pool" in cell.backends
            if cells.parse(name)[0] in profiles.POOL_CASES:
                self.assertTrue(offered, name)
            else:
                self.assertFalse(offered, name)

    def test_the_problem_of_queens_is_solved_by_every_backend(self):
        for profile in ("default", "full"):
            for name, cell in names(profile, two_cpus()).items():
                if name.startswith("parallel/nqueens/"):
                    self.assertEqual((cell.backends, cell.once), (profiles.BACKENDS, ()), name)
                    self.assertGreaterEqual(profiles.PROFILES[profile].replicates.get(cell.kind, 6), 6, name)

    def test_a_loop_that_stands_for_another_is_measured_whenever_that_is(self):
        for profile in ("quick", "default", "full"):
            cases = {cells.parse(n)[0] for n in names(profile, two_cpus())}
            for case, like in profiles.HARNESS_LIKE.items():
                self.assertNotIn(case, profiles.HARNESS_CELLS)
                self.assertIn(like, profiles.HARNESS_CELLS)
                self.assertTrue(case in cases and like in cases, (profile, case))
        self.assertLessEqual(set(profiles.HARNESS_MANY), set(profiles.HARNESS_LIKE))

    def test_a_remedy_is_switched_off_only_where_there_is_a_switch(self):
        found = names("default", two_cpus())
        self.assertEqual(found["wake/hog/h:4/remedy:off/P:2"].backends, ("gt",))
        self.assertEqual(found["wake/hog/h:4/remedy:off/P:2"].refused["pthread"], profiles.REMEDY_REASON)
        self.assertEqual(found["wake/hog/h:4/remedy:on/P:2"].backends, ("gt", "pthread", "pthread-futex"))

    def test_every_cell_has_an_estimate_that_grows_with_its_size(self):
        for profile in profiles.PROFILES:
            for cell in profiles.expand(profile, two_cpus()):
                for backend in cell.backends:
                    self.assertGreater(costs.process_seconds(cell.name, backend), 0, cell.name)
        for small, large in (("parallel/fib/n:16/P:1", "parallel/fib/n:30/P:1"),
                             ("channel/sieve/k:100/P:1", "channel/sieve/k:2000/P:1"),
                             ("spawn/tree/n:1000/P:1", "spawn/tree/n:1000000/P:1"),
                             ("wake/timer/n:100/P:1", "wake/timer/n:10000/P:1")):
            for backend in ("gt", "pthread"):
                self.assertLess(costs.process_seconds(small, backend), costs.process_seconds(large, backend))

    def with_peers(self, name, backends=()):
        found = profiles.expand(name, two_cpus())
        for cell in found:
            peers.join(cell, tuple(backends) or profiles.PROFILES[name].beside)
        return found

    def test_profiles_fit_with_the_peers_that_run_unasked_on_a_host_that_is_slower(self):
        for name, profile in profiles.PROFILES.items():
            total = costs.session_seconds(name, self.with_peers(name))
            self.assertLessEqual(total * costs.MARGIN, profile.limit_seconds, name)
            self.assertGreater(total, 60)

    def test_the_profile_of_peers_fits_with_all_of_them(self):
        total = costs.session_seconds("peers", self.with_peers("peers", peers.PEERS))
        self.assertLessEqual(total * costs.MARGIN, profiles.PROFILES["peers"].limit_seconds)

    def test_full_is_estimated_below_fifty_minutes(self):
        self.assertLessEqual(costs.session_seconds("full", self.with_peers("full")), 50 * 60)

    def test_what_was_recorded_is_what_is_estimated(self):
        self.assertEqual(costs.process_seconds("switch/handoff/P:2/place:same-llc", "pthread"),
                         recorded.table()["switch/handoff/P:2/place:apart"]["pthread"] / 1000)
        self.assertEqual(costs.process_seconds("spawn/one/P:8", "gt"), costs.process_seconds("spawn/one/P:2", "gt"))

    def test_rows_of_default_have_an_interval_but_for_those_of_one_long_process(self):
        for cell in self.with_peers("default"):
            if not cell.missing and cell.backends and costs.cell_seconds("default", cell)[0] < 6:
                slowest = max(costs.process_seconds(cell.name, b, "default") for b in cell.backends)
                self.assertIn(cells.parse(cell.name)[0], ("memory/parked", "memory/capacity", "wake/idle", "io/held"))
                self.assertGreater(slowest, 0.8, cell.name)

    def test_time_that_pilots_lost_is_taken_from_the_cells(self):
        found = self.with_peers("default")
        as_planned = costs.seconds_left("default", found, 40)
        self.assertLess(440 - as_planned, sum(s for _, s in costs.around_seconds("default", found)))
        self.assertGreater(440 - as_planned, costs.report_seconds(2000))
        self.assertEqual(costs.seconds_left("default", found, 48), as_planned - 8)

    def test_no_process_is_expected_to_take_as_long_as_the_watchdog_allows(self):
        for profile, data in profiles.PROFILES.items():
            for cell in self.with_peers(profile):
                for backend in cell.backends:
                    seconds = costs.process_seconds(cell.name, backend, profile)
                    self.assertLess(costs.MARGIN * seconds, data.watchdog_seconds, "%s %s" % (cell.name, backend))
        slowest = costs.process_seconds("spawn/storm/n:1000000/temp:warm/P:2", "pthread", "full")
        self.assertGreater(slowest, profiles.WATCHDOG_SECONDS / 2)

    def test_the_watchdog_is_the_profiles_unless_it_is_given(self):
        for options, expected in (({}, 120), ({"profile": "full"}, 300), ({"profile": "full", "watchdog": 7}, 7)):
            self.assertEqual(run.Settings(self.dir, **options).watchdog, expected)

    def test_a_backend_that_runs_once_costs_one_process_and_no_pilot(self):
        cell = profiles.Cell("spawn/storm/n:1000000/temp:warm/P:2", "six", ("gt", "pthread"), {}, once=("pthread",))
        self.assertEqual(costs.backend_replicates("full", cell, "pthread", 6), 1)
        self.assertFalse(costs.is_piloted(cell, "pthread"))
        both, alone = costs.cell_seconds("full", cell), costs.cell_seconds("full", profiles.Cell(
            cell.name, "six", ("gt",), {}))
        self.assertAlmostEqual(both[1] - alone[1],
                               costs.process_seconds(cell.name, "pthread", "full") + costs.BETWEEN_SECONDS)

    def test_replicates_follow_the_table(self):
        one = "spawn/one/P:1"
        self.assertEqual([costs.replicates(p, one, "timed", 0.1) for p in ("quick", "default", "full")], [6, 9, 20])
        self.assertEqual([costs.replicates(p, one, "timed", 0.2) for p in ("default", "full")], [6, 10])
        self.assertEqual([costs.replicates(p, one, "capacity", 9) for p in ("default", "full")], [1, 3])


class StoredPlanTest(support.Case):
    def test_the_plan_of_every_profile_can_be_stored(self):
        for profile in profiles.PROFILES:
            for machine in (two_cpus(), profiles.Machine(64, dict.fromkeys(TWO_CPUS, True))):
                plan = planning.make(profile, machine, profiles.BACKENDS + peers.PEERS)
                settings = types.SimpleNamespace(
                    profile=profile, seed=1, spin_ns=0, filter=[], place=None, mem=1, watchdog=1, allow_debug=False,
                    time=None)
                began = session.Session(plan, None, None, types.SimpleNamespace(full_load=None), 1, None, None)
                planfile.PlanFile(self.dir, settings, plan, profiles.BACKENDS).write("running", began)
                with open(self.path("plan.json")) as f:
                    self.assertEqual(set(json.load(f)["cells"]), {c.name for c in plan.cells})

    def test_the_schema_names_every_kind_of_row(self):
        with open(os.path.join(schema.SCHEMA_DIR, "plan.schema.json")) as f:
            named = json.load(f)["properties"]["cells"]["additionalProperties"]["properties"]["kind"]["enum"]
        used = {row.kind for profile in profiles.PROFILES.values() for row in profile.rows}
        self.assertEqual(set(named), used | set(jobs.PAIRED))


class PlanTest(support.Case):
    def plan(self, filters=(), backends=profiles.BACKENDS, place=None):
        return planning.make("default", two_cpus(), backends, filters, place)

    def test_a_refused_backend_is_skipped_once_with_its_reason(self):
        plan = self.plan(["stack/grow/bytes:4096/P:1"])
        self.assertEqual(plan.skipped, [("stack/grow/bytes:4096/P:1", "pthread-pool", profiles.POOL_REASON)])
        self.assertEqual(plan.cells[0].backends, ("gt", "pthread", "pthread-futex"))

    def test_only_the_backends_asked_for(self):
        plan = self.plan(["spawn/one"], ["pthread"])
        self.assertEqual({b for c in plan.cells for b in c.backends}, {"pthread"})
        self.assertEqual(plan.skipped, [])

    def test_a_selection_without_a_cell_is_refused(self):
        with self.assertRaises(UsageError):
            self.plan(["spawn/storm/n:1000000/*"], ["pthread"])
        with self.assertRaises(UsageError):
            self.plan(["spawn"], place="same-llc")
        with self.assertRaises(UsageError):
            planning.check_place("next-door")

    def test_place_selects_pairs(self):
        self.assertTrue(all(c.name.endswith("place:same-llc") for c in self.plan(place="same-llc").cells))
        free = {c.name for c in self.plan(place="free").cells}
        self.assertEqual(free, {"switch/handoff/P:2", "channel/ping_pong/cap:0/P:2"})

    def test_the_costliest_cells_go_first_but_memory_and_io_stay(self):
        estimates = {"memory/capacity/P:2": 50, "io/rest/load:50/P:1": 40, "spawn/a": 30, "spawn/b": 20, "spawn/c": 10}
        self.assertEqual(planning.fit(estimates, 150), [])
        self.assertEqual(planning.fit(estimates, 149), ["spawn/a"])
        self.assertEqual(planning.fit(estimates, 100), ["spawn/a", "spawn/b"])
        self.assertEqual(planning.fit(estimates, 1), ["spawn/a", "spawn/b", "spawn/c"])

    def test_the_summary_names_every_reason_for_a_skip(self):
        text = "\n".join(planning.summary(self.plan(), "box"))
        for reason in ("one thread per core", "one cache", "one node", "one package", profiles.POOL_REASON):
            self.assertIn(reason, text)


if __name__ == "__main__":
    unittest.main()
