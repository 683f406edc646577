"""One cell on one backend in a session: what its pilot found, how far it is."""

from . import costs, profiles

BAD = ("failed", "crashed", "timeout")
PAIRED = ("timed", "heavy", "six", "few")     # kinds of cells that run in rounds


class Job:
    """One cell on one backend."""

    def __init__(self, cell, backend, fixed_rounds=None, profile=None):
        self.cell, self.backend = cell, backend
        self.rounds, self.ns_per_round = fixed_rounds or 1, None
        self.fixed = fixed_rounds is not None
        self.seconds = costs.process_seconds(cell.name, backend, profile)
        self.first_seconds = None
        self.done, self.repeated, self.over = 0, 0, False
        self.repeats = profiles.repeats(profile, cell)

    def needs_pilot(self):
        return costs.is_piloted(self.cell, self.backend) and self.ns_per_round is None and not self.over

    def take_pilot(self, found):
        ns_per_round = float(found["ns_per_round"] or 0)
        if self.ns_per_round is not None and ns_per_round >= self.ns_per_round:
            return
        self.expect(1 if found["status"] == "limit" else int(found["rounds"]), ns_per_round)

    def expect(self, rounds, ns_per_round):
        self.rounds, self.ns_per_round = rounds, ns_per_round
        expected = ns_per_round * (rounds + 1) * 1e-9 + costs.START_SECONDS
        self.seconds = max(self.seconds, expected)

    def account(self, sample):
        """One replicate more is there; or it is to be repeated, in the same
        round: the load on a service was late, which is no fault of the service."""
        if sample["status"] == "invalid" and self.repeated < self.repeats:
            self.repeated += 1
        else:
            self.done += 1
        self.seconds = (sample["wall_ms"] or 0) / 1000
        if self.first_seconds is None:
            self.first_seconds = self.seconds
        status = sample["status"]
        if status in BAD or status == "skipped" or status == "limit" and self.cell.kind == "timed":
            self.over = True
