"""What people say about goroutines and threads, and what a run has to say to each claim.

    of_model(model) -> [Scored], in the order of CLAIMS

A claim is cut into parts that a figure can answer with yes, no, in some of its cells, or not at all. decide() makes
the verdict of them, and looks at nothing else. The claims speak of goroutines; what answers them is gt in its default
configuration, and what Go's own runtime did stands beside it where it ran.
"""

from . import claims_cost, claims_parallel, claims_waiting
from .claims_parts import BESIDE, NO, SOME, UNKNOWN, YES

HOLDS = "holds"
IN_PART = "holds in part"
NOT_HERE = "does not hold here"
NOT_DECIDED = "not decided"      # measured, and the intervals or the noise leave it open
NOT_MEASURED = "not measured"

# (id, claim, when each part counts as true and why, the function that gives the parts)
CLAIMS = (
    ("C1", "An OS thread costs 1 to 2 MB of stack; a goroutine starts with 2 to 8 KB.",
     "Reserved address space costs a page table entry or two; memory is what is resident. So the thread's part asks what "
     "a parked thread takes of memory, user and kernel, and the size of its reserve is shown beside it.",
     claims_cost.stack_size),
    ("C2", "You can run millions of goroutines but only thousands of threads.",
     "Yes from a million tasks alive at once on; for threads, when the system refuses one below 100,000. A run that "
     "stopped at its own budget gives a lower bound only. Most limits of threads are settings that root can raise.",
     claims_cost.how_many),
    ("C3", "Threads have a significant cost of set-up and tear-down; goroutines are very cheap to create.",
     "Significant: a thread takes over 1 us. Very cheap: at most a tenth of plain pthread_create and pthread_join, in "
     "every cell. A pool of threads avoids that cost, and is a figure beside.",
     claims_cost.creation),
    ("C4", "Switching goroutines is far cheaper: 3 registers are saved instead of more than 50.",
     "Far: at most a tenth of plain pthread, and of the fastest way of OS threads. Registers are not counted; the kernel's entry, its scheduler and cold "
     "caches are in the figure, as they are in a program.",
     claims_cost.switching),
    ("C5", "Channels have low latency; communication between threads has a huge one.",
     "At most a tenth of the latency of plain pthread, and of the fastest way of OS threads: one that spins on a futex "
     "before it sleeps.",
     claims_cost.messages),
    ("C6", "A thread's stack has a fixed size; a goroutine's grows and shrinks as needed, up to 1 GB.",
     "Grows: a task that waits holds at most a sixteenth of what its calls can reach down to, in resident memory. Shrinks: "
     "less than half of a deep call stays resident. Fixed: the resident part of a thread's stack does not follow its "
     "depth. Where it does, a thread's stack grows in the same sense, up to its reserve.",
     claims_cost.stack_growth),
    ("C7", "With cooperative scheduling a task that never blocks starves the others.",
     "Starved: one in a hundred wake-ups of a 1 ms grid is more than 100 ms late, which a person notices. Not starved: "
     "less than 10 ms, which a time slice of a kernel can take as well.",
     claims_waiting.starving),
    ("C8", "A task that blocks on network input, sleep, a channel or a lock lets another run on its OS thread.",
     "Then the OS thread itself does not block: at most one voluntary switch of the kernel for two operations, each of "
     "which blocks its task.",
     claims_waiting.blocking),
    ("C9", "Programs that communicate more than they compute get slower with more than one CPU (GOMAXPROCS > 1).",
     "The same cell on more CPUs than one costs more than on one, beyond the noise floor, placed by the schedulers.",
     claims_parallel.slower_on_more),
    ("C10", "A thread per request exhausts memory at 1000 requests a minute; a goroutine per request does not.",
     "Exhausted: 1000 requests in flight together, which 1000 a minute hardly ever are, take over half of the memory.",
     claims_cost.requests),
    ("C11", "M goroutines run on N OS threads, at most one per CPU at a time, and blocking calls do not stop the rest.",
     "M on N: at most one OS thread for ten parked tasks, by the kernel stacks that came with them. N above 1: a "
     "computation gains by more CPUs. The rest goes on: computing beside blocked tasks takes at most a tenth longer than "
     "alone. No part asks for one per CPU at a time: the affinity mask sees to that for every program, threads too.",
     claims_parallel.many_on_few),
    ("C12", "Concurrent API calls finish in the time of the slowest, at little memory.",
     "At most twice the 10 ms that each answer takes, for all of them together; little: at most half of what plain "
     "pthread takes for a request in flight.",
     claims_waiting.api_calls),
    ("C13", "Channels instead of shared memory avoid races at little cost.",
     "No increment is lost in any process; little: at most twice the cost of the same counter under a mutex.",
     claims_parallel.counting),
    ("C14", "Locks reduce parallelism.",
     "Tasks that only lock and unlock take longer on several CPUs, beyond the noise floor; within it nothing is decided. "
     "Their section is empty, and can hardly gain: with work outside the lock they would lose less.",
     claims_parallel.locking),
    ("C15", "The scheduler only runs tasks that have work.",
     "A process of parked tasks takes less than 1 % of one CPU.",
     claims_waiting.idling),
    ("C16", "There are about 3 instructions of overhead per function call.",
     "Of Go's compiler alone, whose functions check their stack first; gt's tasks are plain C functions without a check, "
     "so the claim does not apply to gt.",
     None),
    ("C17", "Goroutines have no identity.",
     "A statement about an interface and not a cost: gt and Go give a task no number that others could look up, "
     "pthread_self() does.",
     None),
)


class Scored:
    """One claim with its parts; verdict is one of the words above."""

    def __init__(self, number, text, rule, parts):
        self.number, self.text, self.rule, self.parts = number, text, rule, list(parts)
        self.verdict = decide(self.parts)

    @property
    def cells(self):
        """The names of the cells behind it, each once, in order."""
        return list(dict.fromkeys(name for part in self.parts for name in part.cells))


def decide(parts):
    """A decisive part that is not so ends it. Otherwise all must be so for "holds", and none for "does not hold"."""
    wanted = [p for p in parts if p.state != BESIDE and not (p.optional and p.state == UNKNOWN)]
    known = [p for p in wanted if p.state in (YES, NO, SOME)]
    if not known:
        return NOT_MEASURED if all(p.state == UNKNOWN for p in wanted) else NOT_DECIDED
    if any(p.decisive and p.state == NO for p in known):
        return NOT_HERE
    if all(p.state == YES for p in wanted):
        return HOLDS
    if not any(p.state in (YES, SOME) for p in known):
        return NOT_HERE
    return IN_PART


def of_model(model):
    return [Scored(number, text, rule, parts(model) if parts else ()) for number, text, rule, parts in CLAIMS]
