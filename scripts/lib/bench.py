"""The bench executables: where they are, and what they say of themselves."""

import os
import re
import stat

from . import peers, profiles, runner, store, strictjson
from .errors import UnsupportedError, UsageError

QUERY_SECONDS = 60


def default_dir(root):
    return os.environ.get("GREENBENCH_BENCH_DIR") or os.path.join(root, "build", "bench")


class Bench:
    """The executables of one build directory."""

    def __init__(self, directory):
        self.directory = directory

    def path(self, backend):
        folder = ("peers",) if peers.is_peer(backend) else ()
        return os.path.join(self.directory, *folder, "bench_" + backend)

    def built(self):
        return [b for b in profiles.BACKENDS if _is_executable(self.path(b))]

    def has_harness(self):
        """Whether the executable that measures the loops alone is built."""
        return _is_executable(self.path(profiles.HARNESS))

    def built_peers(self):
        return [b for b in peers.PEERS if _is_executable(self.path(b))]

    def pick(self, wanted, with_peers=False, beside=()):
        """The backends to run, `wanted` or all but the peers; they must
        exist. with_peers: and those peers that are built. beside: the peers
        that run when nothing is wanted, where they are built."""
        for name in wanted or ():
            if name not in profiles.BACKENDS + peers.PEERS:
                raise UsageError("--backend %s is unknown; the backends are:" % name,
                                 listing=profiles.BACKENDS + peers.PEERS)
        chosen = self._pick_built(wanted, tuple(beside))
        if not with_peers:
            return chosen
        if not self.built_peers():
            raise UnsupportedError("--with-peers: none is built in %s/peers; bench/peers/README.md says how"
                                   % self.directory)
        return chosen + [b for b in self.built_peers() if b not in chosen]

    def _pick_built(self, wanted, beside):
        known = self.built() + self.built_peers()
        if not known:
            raise UnsupportedError(
                "no bench executables in %s: build them (scripts/bench does), or name their"
                " directory with --bench-dir" % self.directory)
        for name in wanted or ():
            if name not in known:
                raise UsageError("--backend %s is not built in %s; built are:"
                                 % (name, self.directory), listing=known)
        return [b for b in known if b in (wanted or profiles.BACKENDS + beside)]

    def reference(self, backends):
        """The backend that is asked about the machine: a peer only if there
        is nothing else, since a port knows no topology."""
        own = [b for b in backends if not peers.is_peer(b)] or self.built()
        return (own or backends)[0]

    def machine(self, backend="gt"):
        """What `--machine` prints, as a dict."""
        result = self._ask(backend, "--machine")
        try:
            value = strictjson.parse(result)
            if not isinstance(value, dict) or not isinstance(value.get("placements"), dict):
                raise ValueError("no placements")
            return value
        except ValueError as e:
            raise UnsupportedError("%s --machine: %s" % (self.path(backend), e)) from None

    def workloads(self, backend):
        """What `--list` prints: {workload: its line as a dict}."""
        lines = self._ask(backend, "--list").splitlines()
        try:
            return {entry["workload"]: dict(entry, axes=str(entry["axes"])) for entry in map(strictjson.parse, lines)}
        except (ValueError, KeyError, TypeError) as e:
            raise UnsupportedError("%s --list: %s" % (self.path(backend), e)) from None

    def offers(self, backends):
        """profiles.Offers of these backends."""
        return profiles.Offers({b: self.workloads(b) for b in backends})

    def topology(self, backend, file):
        """Write hwloc's XML; False if it could not. The executable writes beside it: `file` appears whole, and names
        nobody."""
        beside = os.path.join(os.path.dirname(file), store.TEMPORARY + os.path.basename(file))
        try:
            if runner.launch([self.path(backend), "--topology", beside], QUERY_SECONDS, None).exit != 0:
                return False
            with open(beside, encoding="utf-8", errors="replace") as f:
                store.write_text(file, without_identity(f.read()))
        finally:
            if os.path.lexists(beside):
                os.unlink(beside)
        return True

    def _ask(self, backend, question):
        try:
            result = runner.launch([self.path(backend), question], QUERY_SECONDS, None)
        except OSError as e:
            raise UnsupportedError("%s cannot be run: %s" % (self.path(backend), e.strerror)) from None
        if result.exit != 0:
            last = result.err.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise UnsupportedError("%s %s: exit %d: %s" % (
                self.path(backend), question, result.exit, last[0] if last else "nothing on stderr"))
        return bytes(result.out)


def _is_executable(path):
    try:
        return stat.S_ISREG(os.stat(path).st_mode) and os.access(path, os.X_OK)
    except OSError:
        return False


IDENTITY = re.compile(r'(<info name="[^"]*(?:HostName|LinuxCgroup|Serial|UUID|AssetTag)[^"]*" value=")[^"]*')


def without_identity(text):
    """hwloc's export without what would name the machine or its owner."""
    return IDENTITY.sub(r"\1", text)
