"""machine.json as the doctor's rules read it, and what a rule gives.

Told reads with care: the file may come from another machine and hold anything, and a value of the wrong type counts as
unknown.
"""

UNKNOWN = "unknown"
NO_GUEST = ("none",)


class Told:
    """machine.json, read with care."""

    def __init__(self, machine):
        machine = machine if isinstance(machine, dict) else {}
        self.env = machine["env"] if isinstance(machine.get("env"), dict) else {}
        self.tools = machine["toolchain"] if isinstance(machine.get("toolchain"), dict) else {}

    def text(self, key):
        value = self.env.get(key)
        return value if isinstance(value, str) and value else UNKNOWN

    def number(self, key):
        """A number, or None."""
        return as_number(self.env.get(key))

    def bytes(self, key):
        """A whole number of bytes, or None."""
        value = self.env.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

    def shown(self, key):
        """A number or a text, as it was recorded; else "unknown"."""
        value = self.env.get(key)
        return value if as_number(value) is not None or isinstance(value, str) and value else UNKNOWN

    def tool(self, key):
        value = self.tools.get(key)
        return value if isinstance(value, str) and value else UNKNOWN

    def is_guest(self):
        """True, False, or None where it cannot be known."""
        kind = self.text("hypervisor")
        return None if kind == UNKNOWN else kind not in NO_GUEST


def as_number(value):
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def finding(name, value, letter, text, remedy):
    return {"id": name, "value": value, "grade": letter, "text": text, "remedy": remedy}
