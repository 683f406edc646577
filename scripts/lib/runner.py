"""One process of a bench executable, under a watchdog.

Whatever the child does, run() returns a sample: a crash, a hang or garbage
on its output is a recorded result and the session goes on. The child leads
its own process group, so that a terminal's Ctrl-C reaches only us and a
kill reaches all of its threads and children.
"""

import datetime
import os
import selectors
import signal
import subprocess
import time

from . import machine, peers, profiles, samples, strictjson

MAX_OUTPUT = 1 << 20
MAX_REASON = 300
PILOT = "pilot: "       # how the reason of a pilot that ended badly begins
GT_VARIABLES = ("GT_WORKERS", "GT_STACK_SIZE", "GT_GUARD")
OK_EXITS = {0: ("ok", "limit", "invalid"), 77: ("skipped",), 1: ("failed",)}


class Interrupted(Exception):
    """A signal asked the session to end."""

    def __init__(self, signum):
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class Interrupts:
    """Turns SIGINT, SIGTERM and SIGHUP, unless nohup has it ignored, into a
    byte on a descriptor, so that they are seen while we wait for a child and
    never in the middle of a write. A second signal has its default effect."""

    def __init__(self):
        self.signum = None
        self.read_fd, self._write_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._previous = {}

    def __enter__(self):
        for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if s != signal.SIGHUP or signal.getsignal(s) != signal.SIG_IGN:
                self._previous[s] = signal.signal(s, self._note)
        return self

    def _note(self, signum, frame):
        signal.signal(signum, signal.SIG_DFL)
        self.signum = self.signum or signum
        os.write(self._write_fd, b"!")

    def check(self):
        if self.signum is not None:
            raise Interrupted(self.signum)

    def __exit__(self, *exc):
        for s, handler in self._previous.items():
            signal.signal(s, handler)
        os.close(self.read_fd)
        os.close(self._write_fd)


class Result:
    """How a child ended: exit (negative: the signal), what it printed."""

    def __init__(self, exit_status, out, err, wall_ms, timed_out, flooded):
        self.exit, self.out, self.err = exit_status, out, err
        self.wall_ms, self.timed_out, self.flooded = wall_ms, timed_out, flooded


def child_environment():
    """Ours, without what would take gt out of its default configuration, and
    with our number, so that what is measured ends when we are killed."""
    kept = {name: value for name, value in os.environ.items() if name not in GT_VARIABLES}
    return {**kept, "GREENBENCH_RUNNER": str(os.getpid())}


def launch(argv, timeout, interrupts):
    """Run argv to its end, its timeout, or an interrupt (then Interrupted)."""
    start = time.monotonic()
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=child_environment(),
                             start_new_session=True)
    try:
        _prefer_for_oom(child.pid)
        out, err, timed_out, flooded = _collect(child, start + timeout, interrupts)
    finally:
        _kill_group(child)
        child.wait()
        child.stdout.close()
        child.stderr.close()
    wall_ms = (time.monotonic() - start) * 1000
    return Result(child.returncode, out, err, wall_ms, timed_out, flooded)


def _prefer_for_oom(pid):
    """If memory runs out, the kernel shall take the measured process."""
    try:
        with open("/proc/%d/oom_score_adj" % pid, "w") as f:
            f.write("1000")
    except OSError:
        pass


def _collect(child, deadline, interrupts):
    """Read both pipes until the child has closed them and ended."""
    data = {child.stdout: bytearray(), child.stderr: bytearray()}
    flooded = False
    with selectors.DefaultSelector() as selector:
        for pipe in data:
            selector.register(pipe, selectors.EVENT_READ)
        if interrupts:
            selector.register(interrupts.read_fd, selectors.EVENT_READ)
        open_pipes = 2
        while open_pipes:
            left = deadline - time.monotonic()
            if left <= 0:
                return data[child.stdout], data[child.stderr], True, flooded
            for key, _ in selector.select(left):
                if key.fileobj not in data:
                    interrupts.check()
                    continue
                chunk = os.read(key.fd, 65536)
                if not chunk:
                    selector.unregister(key.fileobj)
                    open_pipes -= 1
                data[key.fileobj] += chunk
                if len(data[key.fileobj]) > MAX_OUTPUT:
                    return data[child.stdout], data[child.stderr], False, True
    timed_out = not _ended(child, deadline)
    return data[child.stdout], data[child.stderr], timed_out, flooded


def _ended(child, deadline):
    try:
        child.wait(max(0, deadline - time.monotonic()))
        return True
    except subprocess.TimeoutExpired:
        return False


def _kill_group(child):
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def utc_now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def oom_kills():
    """How many processes were killed for memory: {who counts: number}. The cgroup counts its own (v2: also those of
    cgroups below), the kernel all since boot."""
    files = [os.path.join(directory, name) for directory in machine.cgroup_dirs()
             for name in ("memory.events", "memory.oom_control")]   # v2, v1
    found = {"the kernel": _oom_kills_in("/proc/vmstat")}
    nearest = next((file for file in files if os.path.exists(file)), None)
    if nearest:
        found["the cgroup"] = _oom_kills_in(nearest)
    return found


def _oom_kills_in(file):
    try:
        with open(file) as f:
            return next((int(line.split()[1]) for line in f if line.startswith("oom_kill ")), 0)
    except (OSError, ValueError):
        return 0


def oom_witness(before):
    """Who has counted a kill since `before`, the closest first; None if nobody has."""
    now = oom_kills()
    return next((who for who in ("the cgroup", "the kernel") if now.get(who, 0) > before.get(who, 0)), None)


def measure(exe, cell, backend, rounds, options, interrupts):
    """One replicate. options: Options. Returns a sample without the fields
    that say where in the session it stands."""
    argv = [exe, "--cell", cell, "--rounds", str(rounds)] + options.arguments(cell, backend)
    utc, before = utc_now(), oom_kills()
    result = launch(argv, options.timeout, interrupts)
    sample = _interpret(result, cell, backend, oom_witness(before), options.timeout)
    sample.update(utc=utc, wall_ms=round(result.wall_ms, 3), exit=result.exit)
    if sample.get("rounds") is None:
        sample["rounds"] = rounds
    return sample


def pilot(exe, cell, backend, options, interrupts, target_ms):
    """What the pilot found: (dict with rounds and ns_per_round) or, if it
    ended badly, (None, sample that says how)."""
    argv = [exe, "--pilot", "--cell", cell, "--target-ms", str(target_ms)] + options.arguments(cell, backend)
    utc, before = utc_now(), oom_kills()
    result = launch(argv, options.timeout, interrupts)
    try:
        found = strictjson.parse(bytes(result.out))
        if result.exit < 0 or result.timed_out or found["status"] not in ("ok", "limit", "invalid"):
            raise ValueError
        if found["cell"] != cell or not isinstance(found["rounds"], int) or found["rounds"] < 1:
            raise ValueError
        float(found["ns_per_round"] or 0)
        return found, None
    except (ValueError, KeyError, TypeError):
        pass
    sample = _bad_pilot(result, cell, backend, oom_witness(before), options.timeout)
    sample.update(utc=utc, wall_ms=round(result.wall_ms, 3), exit=result.exit)
    return None, sample


def _bad_pilot(result, cell, backend, oom, timeout):
    ended = _how_it_ended(result, oom, timeout)
    if ended is None:
        try:
            found = strictjson.parse(bytes(result.out))
            status, reason = found["status"], found.get("reason")
            if OK_EXITS.get(result.exit, ()) and status in OK_EXITS[result.exit]:
                ended = status, reason or _last_line(result.err) or status
        except (ValueError, KeyError, TypeError):
            pass
    if ended is None:
        ended = "failed", "exit %d: %s" % (result.exit, _last_line(result.err) or "no pilot result")
    return blank(cell, backend, ended[0], PILOT + str(ended[1]))


def is_of_pilot(sample):
    """Whether it says how a pilot ended, in place of the replicates that it was to be followed by."""
    return (sample["reason"] or "").startswith(PILOT)


class Options:
    """What every process of a session is started with."""

    def __init__(self, spin_ns, mem_budget, time_budget, timeout, allow_debug=False, pids_reserve=0):
        self.spin_ns, self.mem_budget, self.time_budget = spin_ns, mem_budget, time_budget
        self.timeout, self.allow_debug, self.pids_reserve = timeout, allow_debug, pids_reserve
        self.full_load = None   # requests a second; found by the session

    def arguments(self, cell, backend):
        argv = ["--spin-ns", str(self.spin_ns), "--mem-budget", str(self.mem_budget),
                "--time-budget", str(self.time_budget)]
        if self.pids_reserve and not peers.is_peer(backend):   # whose tasks are no processes of the system
            argv += ["--pids-reserve", str(self.pids_reserve)]
        if self.full_load and profiles.is_share(cell):
            argv += ["--full-load", str(self.full_load)]
        return argv + (["--allow-debug"] if self.allow_debug else [])


def _interpret(result, cell, backend, oom, timeout):
    ended = _how_it_ended(result, oom, timeout)
    if ended:
        return blank(cell, backend, *ended)
    if result.exit not in OK_EXITS:
        return blank(cell, backend, "failed", "exit %d: %s"
                     % (result.exit, _last_line(result.err) or "nothing on stderr"))
    try:
        sample = _printed_sample(result.out)
        if sample["cell"] != cell or sample["backend"] != backend:
            raise ValueError("it is of %s on %s" % (sample["cell"], sample["backend"]))
        if sample["status"] not in OK_EXITS[result.exit]:
            raise ValueError("status %s with exit %d" % (sample["status"], result.exit))
    except ValueError as e:
        return blank(cell, backend, "failed", "the result is unreadable: %s" % e)
    return sample


def _printed_sample(out):
    out = bytes(out)
    if not out.endswith(b"\n") or out.count(b"\n") != 1:
        raise ValueError("not exactly one whole line" if out else "nothing was printed")
    sample = strictjson.parse(out)
    samples.check(sample, "bench")
    return sample


def _how_it_ended(result, oom, timeout):
    """(status, reason) if the child did not end by itself, else None."""
    if result.timed_out:
        return "timeout", "no result after %g s; killed (run --watchdog sets the time)" % timeout
    if result.flooded:
        return "failed", "printed more than %d bytes" % MAX_OUTPUT
    if result.exit >= 0:
        return None
    try:
        reason = "killed by " + signal.Signals(-result.exit).name
    except ValueError:
        reason = "killed by signal %d" % -result.exit
    if result.exit == -signal.SIGKILL:
        reason += (": out of memory, %s's count of such kills rose" % oom if oom
                   else ": perhaps out of memory, or by hand")
    elif _last_line(result.err):
        reason += ": " + _last_line(result.err)
    return "crashed", reason[:MAX_REASON]


def _last_line(err):
    """The last line on stderr, printable and short."""
    lines = bytes(err).decode("utf-8", "replace").strip().splitlines()
    return "".join(c for c in lines[-1] if c.isprintable())[:MAX_REASON] if lines else ""


def blank(cell, backend, status, reason):
    """A sample of a process that measured nothing."""
    sample = dict.fromkeys(samples.PRINTED)
    sample.update(schema=samples.SCHEMA, cell=cell, backend=backend, status=status,
                  reason="".join(c for c in str(reason) if c.isprintable())[:MAX_REASON])
    return sample
