"""Environment and provenance: the facts of machine.json as they were stored."""

from . import peers, profiles
from . import report_blocks as content
from .report_words import count_bytes

MAX_VALUE = 1800
HW_WORDS = {"cpu_model": "CPU", "logical_cpus": "logical CPUs", "ram_bytes": "memory",
            "hwloc_synthetic": "topology (hwloc)"}


def environment(run):
    machine = run.machine
    rows = [_row("machine", machine["machine"])]
    for key, value in machine["hw"].items():
        if key == "ram_bytes" and isinstance(value, int) and value > 0:
            value = "%s (%d bytes)" % (count_bytes(value), value)
        rows.append(_row(HW_WORDS.get(key, key), value))
    rows += [_row(*fact) for fact in _flatten(machine["env"])]
    return [content.Table([("fact", True), ("value", True)], rows, kind="facts")]


def provenance(run):
    machine, plan = run.machine, run.plan
    facts = [("revision", "%s%s" % (machine["rev"], " with uncommitted changes" if machine.get("dirty") is True else "")),
             ("time", machine["utc"]), ("profile", machine.get("profile")),
             ("command", " ".join(machine.get("command") or []) or "not recorded"),
             ("seed of the random order", plan.get("seed", machine.get("seed"))),
             ("spin budget, ns", plan.get("spin_ns")), ("state", plan.get("state", "not recorded")),
             ("samples", len(run.samples)),
             ("backends", ", ".join(peers.label(b) for b in sorted({s["backend"] for s in run.samples} - {profiles.HARNESS})))]
    facts += [("hash of " + key, value) for key, value in machine["hashes"].items()]
    facts += [(key, value) for key, value in _flatten(machine["toolchain"])]
    return [content.Paragraph("Everything in this report is computed from samples.jsonl, machine.json and plan.json "
                              "beside it: `scripts/greenbench report` on this folder writes it again."),
            content.Table([("fact", True), ("value", True)], [_row(*fact) for fact in facts], kind="facts")]


def _flatten(facts, prefix=""):
    found = []
    for key, value in facts.items():
        name = prefix + str(key)
        if key == "mitigations" and isinstance(value, dict):
            found.append((name, _mitigations(value)))
        elif isinstance(value, dict) and value and len(prefix) < 80:
            found += _flatten(value, name + ": ")
        else:
            found.append((name, value))
    return found


def _mitigations(states):
    """One line: what is mitigated or open first, what does not apply in a list."""
    absent = [str(key) for key, value in states.items() if value == "Not affected"]
    words = ["%s: %s" % (key, value) for key, value in states.items() if value != "Not affected"]
    if absent:
        words.append("not affected: " + ", ".join(absent))
    return "; ".join(words) or None


def _row(name, value):
    return [(name, "text"), (_words(value), "why")]


def _words(value):
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        value = ", ".join(str(one) for one in value)
    text = str(value)
    return text if len(text) <= MAX_VALUE else text[:MAX_VALUE] + "..."
