"""plan.json: what a run was asked to do and how far it got.

It is replaced as a whole (store.write_json), so that a run that is killed at
any moment leaves one that --resume can go on from: what was asked for, what the
pilots found, which cells were left out, and how often each cell is to run.
What has been measured stands in samples.jsonl alone.
"""

import os
import time

from . import profiles, samples, store

ASKED = ("profile", "seed", "spin_ns", "filter", "place", "mem", "watchdog", "allow_debug")   # as in run.Settings
SAVE_SECONDS = 5      # while pilots run, which may take minutes


class PlanFile:
    """The plan.json of a run. earlier: the cells of other groups in it."""

    def __init__(self, path, settings, plan, backends, earlier=()):
        self.path, self.settings, self.plan, self.backends = path, settings, plan, list(backends)
        self.earlier, self._written = dict(earlier), 0.0

    def write(self, state, session=None):
        asked = {name: getattr(self.settings, name) for name in ASKED}
        reached = {"cells": dict(self.earlier), "full_load": None, "phase": "pilots", "spent_seconds": 0}
        if session:
            reached = {"cells": {**self.earlier, **session.plan_record()}, "full_load": session.options.full_load,
                       "phase": "measuring" if session.measuring else "pilots",
                       "spent_seconds": round(session.spent(), 3)}
        store.write_json(os.path.join(self.path, "plan.json"), {
            **asked, **reached, "schema": samples.PLAN_SCHEMA, "state": state, "interrupted": state == "interrupted",
            "backends": self.backends, "target_ms": profiles.TARGET_MS, "time_seconds": self.settings.time,
            "left_out": [{"cell": c, "reason": r} for c, r in self.plan.left_out]}, "plan")
        self._written = time.monotonic()

    def write_now_and_then(self, session):
        if time.monotonic() - self._written >= SAVE_SECONDS:
            self.write("running", session)
