"""The name of a cell taken apart, and the order in which a report shows cells and backends."""

from . import peers

BACKEND_ORDER = ("gt", "pthread", "pthread-futex", "pthread-pool") + peers.PEERS
GROUP_ORDER = ("spawn", "switch", "channel", "stack", "memory", "sync", "wake", "parallel", "syscall", "io")
PAIR_WORKLOADS = ("switch/handoff", "switch/line", "channel/ping_pong", "wake/unpark")
NUMERIC_AXES = ("n", "k", "kib", "bytes", "p", "c", "cap", "cs", "h", "delay", "load", "P")
PLACE_ORDER = ("", "same-pu", "smt", "same-llc", "cross-llc", "cross-numa", "cross-package", "free")


class Cell:
    """A cell's name taken apart."""

    def __init__(self, name):
        self.name = name
        parts = name.split("/")
        self.group, self.workload = parts[0], "/".join(parts[:2])
        self.axes = {key: value for key, _, value in (part.partition(":") for part in parts[2:])}

    def number(self, key):
        value = self.axes.get(key, "")
        return int(value) if value.isdigit() and len(value) < 19 else None

    def numbers(self):
        """The values of its axes of numbers but P, in the order of NUMERIC_AXES."""
        return tuple(self.number(key) or 0 for key in NUMERIC_AXES if key != "P")

    @property
    def place(self):
        return self.axes.get("place", "")

    @property
    def is_free(self):
        """A pair left to the schedulers: no headline."""
        return self.workload in PAIR_WORKLOADS and self.axes.get("P") != "1" and self.place in ("", "free")

    @property
    def family(self):
        return (self.workload, self.axes.get("P", ""), self.place)

    def sort_key(self):
        group = GROUP_ORDER.index(self.group) if self.group in GROUP_ORDER else len(GROUP_ORDER)
        place = PLACE_ORDER.index(self.place) if self.place in PLACE_ORDER else len(PLACE_ORDER)
        return (group, self.group, self.workload, self.axes.get("temp", ""), self.number("P") or 0, place,
                self.numbers(), self.name)

    def label(self):
        """The name without its group, for a chart's row."""
        return self.name.split("/", 1)[1] if "/" in self.name else self.name


def backend_key(name):
    return (BACKEND_ORDER.index(name) if name in BACKEND_ORDER else len(BACKEND_ORDER), name)
