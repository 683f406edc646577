"""claims: each verdict of each claim, from samples made for it. SYNTHETIC: no figure was measured."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), HERE]

import hostile  # noqa: E402
import synthetic_run  # noqa: E402
from lib import claims, claims_parts, report_model, samples, stats  # noqa: E402
from lib.claims import HOLDS, IN_PART, NOT_DECIDED, NOT_HERE, NOT_MEASURED  # noqa: E402
from lib.claims_parts import BESIDE, NO, SOME, UNDECIDED, UNKNOWN, YES, Part  # noqa: E402

KIB, MIB = 1024, 1 << 20


def series(cell, backend, value, n=6, **fields):
    """n samples within 1 % of value; `fields` are of every sample, functions of the value among them."""
    found = []
    for i in range(n):
        this = value * (1 + 0.01 * (i % 3 - 1))
        found.append(synthetic_run.sample(cell, backend, this, i, **{
            k: v(this) if callable(v) else v for k, v in fields.items()}))
    return found


def times(cell, **by_backend):
    return [line for backend, ns in by_backend.items() for line in series(cell, backend.replace("_", "-"), ns)]


def memory(cell, n, kernel=0, **by_backend):
    """Bytes of each of n tasks, of which `kernel` are its kernel stack."""
    return [line for backend, each in by_backend.items() for line in series(
        cell, backend, each, memory=lambda v: dict(
            dict.fromkeys(synthetic_run.PARTS, 0), user_bytes=int((v - kernel) * n), kernel_stack_bytes=kernel * n, n=n,
            anon_huge_bytes=0, noise_bytes=0, source="meminfo"))]


def late(cell, **by_backend):
    return [line for backend, p99 in by_backend.items() for line in series(
        cell, backend, p99, latency=lambda v: dict.fromkeys(("p50", "p90", "p99", "p999", "max"), int(v))
        | {"count": 100, "counts": []})]


def capacity(backend, reached, name, value=1):
    return [synthetic_run.bad("memory/capacity/P:2", backend, "limit", "limit", limit={
        "reached": reached, "errno": "EAGAIN", "name": name, "value": value})]


def blocks(cell, rate):
    usage = {"voluntary_switches": int(60000 * rate), "involuntary_switches": 0, "minor_faults": 0, "major_faults": 0,
             "max_rss_kib": 1}
    return series(cell, "gt", 100.0, usage=usage)


def idle(ns):
    return series("wake/idle/n:100/P:2", "gt", ns, cpu_ns_per_op=lambda v: v)


def counter(owner, mutex, status="ok"):
    found = series("sync/counter/n:2/by:owner/P:2", "gt", owner) + series("sync/counter/n:2/by:mutex/P:2", "gt", mutex)
    for line in found[:1]:
        line.update(status=status, reason=None if status == "ok" else "lost")
    return found


def busy(cell, ns, share):
    """share: CPU time over real time."""
    return series(cell, "gt", ns, cpu_ns_per_op=lambda v: v * share)


def many_on_few(at_two, beside, kernel=0):
    """kernel: bytes of kernel stack of each parked task."""
    return (memory("memory/parked/n:1000/P:2", 1000, kernel, gt=20 * KIB) + busy("parallel/nqueens/n:8/P:1", 200.0, 1.0) + busy("parallel/nqueens/n:8/P:2", at_two, 1.9)
            + series("syscall/blocking/n:64/P:2", "gt", beside, alone_ns_per_op=1000.0))


def all_blocking(*rates):
    cells = ("io/echo/c:16/P:1", "wake/timer/n:100/P:2", "channel/ping_pong/cap:0/P:1/place:same-pu",
             "switch/handoff/P:1/place:same-pu")
    return [line for cell, rate in zip(cells, rates) if rate is not None for line in blocks(cell, rate)]


def parked(gt, pthread):
    return memory("memory/parked/n:1000/P:2", 1000, gt=gt, pthread=pthread)


def stacks(kept, thread_small, depth=MIB):
    grow = "stack/grow/bytes:%d/P:1" % depth
    return (parked(4 * KIB, 34 * KIB) + times(grow, gt=5e5)
            + memory("stack/retained/bytes:1048576/P:1", 1, gt=kept * MIB, pthread=1.1 * MIB)
            + memory("stack/retained/bytes:4096/P:1", 1, gt=9000, pthread=thread_small))


SPAWN, SAME_PU, APART = "spawn/one/P:1", "channel/ping_pong/cap:0/P:1/place:same-pu", "switch/handoff/P:2/place:same-llc"
PING_APART = "channel/ping_pong/cap:0/P:2/place:same-llc"
CASES = {
    "C1": [(HOLDS, parked(4 * KIB, 1.5e6)), (IN_PART, parked(4 * KIB, 34 * KIB)), (NOT_HERE, parked(20 * KIB, 34 * KIB))],
    "C2": [(HOLDS, capacity("gt", 2 * 10 ** 6, "time budget") + capacity("pthread", 32448, "pid_max")),
           (IN_PART, capacity("gt", 2 * 10 ** 6, "time budget") + capacity("pthread", 200000, "pid_max")),
           (NOT_HERE, capacity("gt", 65530, "max_map_count") + capacity("pthread", 200000, "pid_max")),
           (NOT_DECIDED, capacity("gt", 500000, "memory budget")),
           (HOLDS, memory("memory/parked/n:1000000/P:2", 10 ** 6, gt=4000) + capacity("pthread", 9000, "pids.max"))],
    "C3": [(HOLDS, times(SPAWN, gt=30, pthread=24000, pthread_pool=100)), (IN_PART, times(SPAWN, gt=9000, pthread=24000)),
           (NOT_HERE, times(SPAWN, gt=500, pthread=900)), (NOT_DECIDED, series(SPAWN, "pthread", 1000.0))],
    "C4": [(HOLDS, times("switch/yield/n:2/P:1", gt=9, pthread=1700, pthread_futex=1700) +
            times("switch/handoff/P:1/place:same-pu", gt=15, pthread=2900, pthread_futex=2900)),
           (IN_PART, times("switch/yield/n:2/P:1", gt=9, pthread=1700)),    # the fastest was not run
           (IN_PART, times("switch/yield/n:2/P:1", gt=9, pthread=1700) + times(APART, gt=230, pthread_futex=140)),
           (NOT_HERE, times("switch/yield/n:2/P:1", gt=900, pthread=1700))],
    "C5": [(HOLDS, times(SAME_PU, gt=15, pthread=2900, pthread_futex=2900) +
            times(PING_APART, gt=15, pthread=2900, pthread_futex=2900)),
           (IN_PART, times(SAME_PU, gt=15, pthread=2900) + times(PING_APART, gt=15, pthread=2900)),
           (IN_PART, times(SAME_PU, gt=15, pthread=2900) + times(PING_APART, gt=240, pthread=29000, pthread_futex=190)),
           (NOT_HERE, times(SAME_PU, gt=1500, pthread=2900))],
    "C6": [(HOLDS, stacks(0.1, 1.1 * MIB)), (HOLDS, stacks(0.1, 1.1 * MIB, 1 << 30)), (IN_PART, stacks(1.0, 12000)),
           (NOT_HERE, stacks(1.0, 12000, 8192))],
    "C7": [(HOLDS, late("wake/hog/h:4/remedy:off/P:2", gt=347e6)),
           (IN_PART, late("wake/hog/h:4/remedy:off/P:2", gt=347e6) + late("wake/hog/h:4/remedy:on/P:2", gt=1.4e6)),
           (NOT_HERE, late("wake/hog/h:4/remedy:off/P:2", gt=1.4e6)),
           (NOT_DECIDED, late("wake/hog/h:4/remedy:off/P:2", gt=50e6))],
    "C8": [(HOLDS, all_blocking(0.01, 0.06, 0.0, 0.0)), (IN_PART, all_blocking(0.01, 1.1, 0.0, 0.0)),
           (IN_PART, all_blocking(0.01, None, 0.0, 0.0)), (NOT_HERE, all_blocking(1.0, 1.1, 1.0, 2.0))],
    "C9": [(HOLDS, times("channel/select/k:2/P:1", gt=60) + times("channel/select/k:2/P:2", gt=160)),
           (IN_PART, times("channel/select/k:2/P:1", gt=60) + times("channel/select/k:2/P:2", gt=160)
            + times("channel/sieve/k:200/P:1", gt=600) + times("channel/sieve/k:200/P:2", gt=300)),
           (NOT_HERE, times("channel/sieve/k:200/P:1", gt=600) + times("channel/sieve/k:200/P:2", gt=300)),
           (NOT_DECIDED, times("channel/select/k:2/P:1", gt=60) + times("channel/select/k:2/P:2", gt=60)),
           (NOT_MEASURED, times("channel/select/k:2/P:1", gt=60) + times(PING_APART, gt=60))],
    "C10": [(NOT_HERE, memory("io/held/n:1000/P:1", 1000, gt=16000, pthread=45000)),
            (HOLDS, memory("io/held/n:1000/P:1", 1000, gt=16000, pthread=6e6)),
            (IN_PART, memory("io/held/n:1000/P:1", 1000, gt=6e6, pthread=6e6)),
            (IN_PART, memory("io/held/n:1000/P:1", 1000, gt=16000))],
    "C11": [(HOLDS, many_on_few(110.0, 700.0)), (HOLDS, many_on_few(110.0, 700.0, KIB)),
            (IN_PART, many_on_few(250.0, 700.0)), (IN_PART, many_on_few(110.0, 700.0, 16 * KIB)),
            (NOT_HERE, many_on_few(250.0, 1900.0, 16 * KIB))],
    "C12": [(HOLDS, series("io/api_calls/c:100/P:1", "gt", 150000.0)
             + memory("io/held/n:1000/P:1", 1000, gt=16000, pthread=45000)),
            (IN_PART, series("io/api_calls/c:100/P:1", "gt", 250000.0)
             + memory("io/held/n:1000/P:1", 1000, gt=16000, pthread=45000)),
            (NOT_HERE, series("io/api_calls/c:100/P:1", "gt", 250000.0)
             + memory("io/held/n:1000/P:1", 1000, gt=44000, pthread=45000))],
    "C13": [(HOLDS, counter(10.0, 6.0)), (IN_PART, counter(24.0, 6.0)), (NOT_HERE, counter(10.0, 6.0, "failed")),
            (IN_PART, series("sync/counter/n:2/by:owner/P:2", "gt", 9.0))],
    "C14": [(HOLDS, times("sync/mutex/n:100/cs:0/P:1", gt=6, pthread=11) + times("sync/mutex/n:100/cs:0/P:2", gt=7,
                                                                               pthread=29)),
            (IN_PART, times("sync/mutex/n:100/cs:0/P:1", gt=6, pthread=11) + times("sync/mutex/n:100/cs:0/P:2", gt=3,
                                                                                 pthread=29)),
            (NOT_HERE, times("sync/mutex/n:100/cs:0/P:1", gt=6) + times("sync/mutex/n:100/cs:0/P:2", gt=3)),
            (NOT_DECIDED, times("sync/mutex/n:100/cs:0/P:1", gt=6) + times("sync/mutex/n:100/cs:0/P:2", gt=6.001)),
            (NOT_DECIDED, times("sync/mutex/n:100/cs:0/P:1", gt=6) + times("sync/mutex/n:100/cs:0/P:2", gt=5.999))],
    "C15": [(HOLDS, idle(7e5)), (NOT_HERE, idle(5e8)), (NOT_DECIDED, idle(1e7))],
    "C16": [], "C17": [],
}


def model_of(lines):
    for order, line in enumerate(lines):
        line["order"] = order
    return report_model.Model(samples.Run("synthetic", synthetic_run.machine(), lines, []))


def scored(lines):
    return {one.number: one for one in claims.of_model(model_of(lines))}


class Verdicts(unittest.TestCase):
    def test_every_claim_has_each_verdict_from_samples_made_for_it(self):
        self.assertEqual(list(CASES), [number for number, _, _, _ in claims.CLAIMS])
        for number, cases in CASES.items():
            for wanted, lines in cases:
                found = scored(lines)[number]
                with self.subTest(claim=number, wanted=wanted):
                    self.assertEqual(found.verdict, wanted, [(p.question, p.state, p.words) for p in found.parts])
                    names = {line["cell"] for line in lines}
                    self.assertTrue(set(found.cells) <= names)
                    self.assertEqual(bool(found.cells), wanted != NOT_MEASURED)

    def test_a_run_of_something_else_measures_no_claim(self):
        for one in scored(times("x/y/P:1", gt=5, pthread=9)).values():
            self.assertEqual((one.verdict, one.cells), (NOT_MEASURED, []), one.number)

    def test_failed_invalid_and_skipped_samples_answer_nothing(self):
        for status in ("failed", "invalid", "skipped", "crashed", "timeout"):
            lines = times(SPAWN, gt=30, pthread=24000) + late("wake/hog/h:4/remedy:off/P:2", gt=347e6) + idle(7e5)
            for line in lines:
                line.update(status=status, reason="no")
            found = scored(lines)
            with self.subTest(status=status):
                self.assertEqual({found[n].verdict for n in ("C3", "C7", "C15")}, {NOT_MEASURED})

    def test_tuned_stacks_answer_nothing(self):
        self.assertEqual(scored(memory("memory/parked/n:1000/stack:small/P:2", 1000, gt=2000))["C1"].verdict, NOT_MEASURED)
        self.assertEqual(scored(times("spawn/storm/n:1000/stack:small/temp:warm/P:1", gt=5, pthread=9000))["C3"].verdict,
                         NOT_MEASURED)

    def test_a_whole_synthetic_run_has_a_verdict_for_each(self):
        found = scored(synthetic_run.samples())
        self.assertEqual(sorted(found), sorted(CASES))
        self.assertTrue(all(one.rule and one.text for one in found.values()))


class Figures(unittest.TestCase):
    def test_the_reserve_of_a_stack_is_told_apart_from_what_is_resident(self):
        run = samples.Run("synthetic", synthetic_run.machine(), parked(4 * KIB, 34 * KIB), [])
        run.machine["env"].update(rlimit_stack=8 * MIB, libc="glibc 2.36", arch="x86")
        c1 = claims.of_model(report_model.Model(run))[0]
        states = {part.question: (part.state, part.words) for part in c1.parts}
        self.assertEqual(states["its stack reserves 1 to 2 MB of addresses"][0], NO)
        self.assertIn("8.00 MiB", states["its stack reserves 1 to 2 MB of addresses"][1])
        self.assertIn("34.0 KiB", states["a parked thread takes 1 to 2 MB of memory"][1])
        run.machine["env"]["rlimit_stack"] = 2 * MIB
        self.assertEqual([p.state for p in claims.of_model(report_model.Model(run))[0].parts], [NO, YES, YES])
        for libc, arch, size, state in (("glibc 2.36", "x86", "unlimited", YES), ("glibc 2.36", "arm64", "unlimited", UNKNOWN),
                                        ("musl 1.2", "x86", 8 * MIB, UNKNOWN), ("unknown", "x86", 8 * MIB, UNKNOWN)):
            run.machine["env"].update(rlimit_stack=size, libc=libc, arch=arch)
            reserve = claims.of_model(report_model.Model(run))[0].parts[1]
            self.assertEqual((reserve.state, "glibc's default" in reserve.words), (state, state == YES), libc)

    def test_an_interval_about_a_threshold_leaves_switches_of_the_kernel_and_fixed_stacks_open(self):
        lines = all_blocking(0.01, 0.06, 0.0, 0.0)
        for i, line in enumerate(one for one in lines if one["cell"].startswith("io/echo")):
            line["usage"] = dict(line["usage"], voluntary_switches=60000 * (i % 2))
        part = scored(lines)["C8"].parts[0]
        self.assertEqual(part.state, UNDECIDED, part.words)
        lines = stacks(0.1, 1.1 * MIB)
        wide = [one for one in lines if one["cell"].startswith("stack/retained/bytes:4096") and one["backend"] == "pthread"]
        for i, line in enumerate(wide):
            line["memory"]["user_bytes"] = MIB if i % 2 else MIB // 8
        self.assertEqual(scored(lines)["C6"].parts[2].state, UNDECIDED)

    def test_too_few_processes_decide_nothing_but_of_bytes(self):
        """As in every other table: under six values nothing is judged. Bytes are counted."""
        counted = ("memory/", "io/held", "stack/retained")
        for number, cases in CASES.items():
            for _, lines in cases:
                whole, few = scored(lines)[number], scored([dict(one) for one in lines if one["replicate"] == 0])[number]
                for before, part in zip(whole.parts, few.parts):
                    exact = not part.cells or any(cell.startswith(counted) for cell in part.cells) or \
                        part.question in ("no increment is lost through an owner's channel", "up to 1 GB")
                    with self.subTest(claim=number, question=part.question, words=part.words):
                        self.assertIn(part.state, (before.state,) if exact else (UNDECIDED, BESIDE))
        self.assertEqual(scored(idle(1e6)[:1])["C15"].verdict, NOT_DECIDED)
        self.assertEqual(scored(late("wake/hog/h:4/remedy:off/P:2", gt=347e6)[:5])["C7"].verdict, NOT_DECIDED)

    def test_a_process_whose_memory_could_not_be_read_is_left_out(self):
        lines = memory("memory/parked/n:1000/P:2", 1000, KIB, gt=20 * KIB, pthread=34 * KIB)
        whole = next(p for p in scored(lines)["C11"].parts if "ten tasks" in p.question)
        lines[0]["memory"] = None
        lines[1]["memory"]["kernel_stack_bytes"] = None
        lines[6]["memory"]["kernel_stack_bytes"] = None
        part = next(p for p in scored(lines)["C11"].parts if "ten tasks" in p.question)
        self.assertEqual((part.state, part.words), (whole.state, whole.words))

    def test_a_switch_is_held_against_the_fastest_way_of_os_threads_too(self):
        lines = times("switch/yield/n:2/P:1", gt=9, pthread=1700, pthread_futex=50)
        states = {part.question: part.state for part in scored(lines)["C4"].parts}
        self.assertEqual(states["yields on one CPU: at most a tenth of plain pthread"], YES)
        self.assertEqual(states["yields on one CPU: at most a tenth of the fastest way of OS threads"], NO)

    def test_the_figure_is_that_of_the_least_favourable_cell(self):
        part = scored(times(SPAWN, gt=30, pthread=24000) + times("spawn/tree/n:1000/P:2", gt=100, pthread=9000))["C3"].parts[1]
        self.assertIn("least in spawn/tree/n:1000/P:2: gt 100 ns, pthread 9.00 us: 1/90.0", part.words)
        self.assertIn("2 of 2 cells", part.words)

    def test_cpu_time_answers_nothing(self):
        for share in (0.5, 3.0):
            part = scored(busy("parallel/nqueens/n:8/P:1", 200.0, share))["C11"].parts[-1]
            self.assertEqual((part.state, part.question), (BESIDE, "CPU time, which the affinity mask bounds"))

    def test_os_threads_are_counted_where_plain_threads_stand_beside(self):
        lines = (memory("memory/parked/n:1000/P:2", 1000, gt=20 * KIB)
                 + memory("memory/parked/n:1000/P:2", 1000, 16 * KIB, pthread=34 * KIB)
                 + memory("memory/parked/n:100000/P:2", 100000, gt=20 * KIB))
        part = scored(lines)["C11"].parts[0]
        self.assertEqual(part.words, "0 more OS threads, by their kernel stacks, for 1000 tasks, memory/parked/n:1000/P:2;"
                                     " pthread 1,000")

    def test_an_interval_of_rare_switches_has_two_figures(self):
        part = scored(all_blocking(0.0001, 0.06, 0.0, 0.0))["C8"].parts[0]
        self.assertIn("under 0.001 switches of the kernel per operation (0.00010 to 0.00010)", part.words)

    def test_that_a_threads_memory_grows_too_is_said(self):
        lines = stacks(0.1, 12000) + times("stack/grow/bytes:%d/P:1" % MIB, pthread=5e5)
        self.assertIn("pthread 1.00 MiB deep, and 34.0 KiB while it waits", scored(lines)["C6"].parts[0].words)

    def test_a_parked_size_about_the_limit_leaves_growth_open(self):
        states = [scored(stacks(0.1, 12000, depth))["C6"].parts[0].state for depth in (48 * KIB, 64 * KIB, 80 * KIB)]
        self.assertEqual(states, [NO, UNDECIDED, YES])

    def test_ports_stand_beside(self):
        part = scored(times(SPAWN, gt=30, pthread=24000, go=400))["C3"].parts[1]
        self.assertIn("go (port) 400 ns", part.words)

    def test_hostile_names_and_facts_stay_text(self):
        for string in hostile.STRINGS:
            run = samples.Run("synthetic", synthetic_run.machine(), synthetic_run.samples(replicates=6), [])
            run.machine["env"]["rlimit_stack"] = string
            run.machine["hw"]["ram_bytes"] = string
            run.samples += capacity("gt", 10 ** 7, string) + capacity("pthread", 10 ** 5, string)
            for one in claims.of_model(report_model.Model(run)):
                for part in one.parts:
                    self.assertEqual(hostile.controls_in(part.words), [])
                    self.assertNotIn("\n", part.words)


class Rules(unittest.TestCase):
    def test_an_interval_decides_when_it_is_on_one_side(self):
        for low, high, wanted in ((1, 2, YES), (2, 3, UNDECIDED), (2.1, 3, NO), (1, 1, YES)):
            self.assertEqual(claims_parts.below(stats.Interval(low, high, 0.97, 6), 2), wanted)

    def test_cells_together(self):
        for states, wanted in (([YES, YES], YES), ([YES, NO], SOME), ([YES, UNDECIDED], SOME), ([NO, NO], NO),
                               ([NO, UNDECIDED], UNDECIDED), ([NO, NO, UNDECIDED], NO), ([UNDECIDED], UNDECIDED)):
            self.assertEqual(claims_parts.together(states), wanted, states)

    def test_parts_together(self):
        def verdict(*states):
            return claims.decide([Part("?", state, "", decisive=flag == "d", optional=flag == "o")
                                  for state, flag in states])
        self.assertEqual(verdict((YES, ""), (UNKNOWN, "o")), HOLDS)
        self.assertEqual(verdict((YES, ""), (UNKNOWN, "")), IN_PART)
        self.assertEqual(verdict((YES, ""), (NO, "o")), IN_PART)
        self.assertEqual(verdict((YES, ""), (NO, "d")), NOT_HERE)
        self.assertEqual(verdict((YES, ""), (BESIDE, "")), HOLDS)
        self.assertEqual(verdict((NO, ""), (UNDECIDED, "")), NOT_HERE)
        self.assertEqual(verdict((SOME, "")), IN_PART)
        self.assertEqual(verdict((UNDECIDED, ""), (UNKNOWN, "")), NOT_DECIDED)
        self.assertEqual(verdict((UNKNOWN, "")), NOT_MEASURED)
        self.assertEqual(verdict(), NOT_MEASURED)


if __name__ == "__main__":
    unittest.main()
