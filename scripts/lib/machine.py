"""What a run is measured on: machine.json. What cannot be known is "unknown".

Holds no host name, no user name and no path of this machine.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess

from . import doctor_facts, doctor_rules, profiles, samples

UNKNOWN = doctor_facts.UNKNOWN
SLUG = re.compile(r"(?!(?:local|schema)\Z)[a-z0-9][a-z0-9-]{0,63}\Z")     # those two are folders in results/
DEFINITION = ("bench/workloads", "bench/workloads.def", "bench/task.h", "bench/task_io.h", "bench/io", "bench/workload.h",
              "bench/deep.c",
              "bench/histogram.c",
              "bench/bench.c", "bench/run.c", "bench/prewarm.c", "bench/memory.c", "bench/memcg.c", "bench/gbench")
IMPLEMENTATION = ("runtime/include", "runtime/src", "threads_baseline/include",
                  "threads_baseline/src", "bench/backends", "bench/peers")
RAM_SHARE = 0.02
SOURCES = (".c", ".h", ".cc", ".S", ".def", ".go")


def read(path, default=UNKNOWN):
    """The stripped text of a small file of /proc or /sys."""
    try:
        with open(path, errors="replace") as f:
            return f.read(65536).strip() or default
    except OSError:
        return default


def number(path):
    text = read(path)
    return int(text) if re.fullmatch(r"-?[0-9]{1,19}", text) else text


def cpu_model(root="/"):
    for line in doctor_facts.Facts(root).read("/proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Hardware", "Model") and value.strip():
            return value.strip()[:256]
    return (platform.machine() if root == "/" else "") or UNKNOWN


def ram_bytes(root="/"):
    found = doctor_facts.Facts(root).kib("MemTotal")
    return found if isinstance(found, int) else 0


def logical_cpus():
    return os.cpu_count() or 1


def hardware(told, root="/"):
    """What the machine is made of."""
    cpus = logical_cpus() if root == "/" else len(re.findall(
        r"^processor\s*:", doctor_facts.Facts(root).read("/proc/cpuinfo", limit=1 << 22), re.M))
    return {"cpu_model": cpu_model(root), "logical_cpus": cpus, "ram_bytes": ram_bytes(root),
            "hwloc_synthetic": told.get("hwloc_synthetic", UNKNOWN)}


def alike(name, one, two):
    """Whether a fact of "hw" is the same on both: memory may differ by RAM_SHARE, which a kernel that keeps more for
    itself takes, and so may the size that hwloc writes into the topology."""
    if name == "ram_bytes" and isinstance(one, int) and isinstance(two, int):
        return abs(one - two) <= RAM_SHARE * max(one, two)
    if name == "hwloc_synthetic" and isinstance(one, str) and isinstance(two, str):
        return re.sub(r"memory=\d+", "", one) == re.sub(r"memory=\d+", "", two)
    return one == two


def allowed_cpus():
    return sorted(os.sched_getaffinity(0))


def slug():
    """The machine's folder name: CPU model, number of CPUs, RAM in GiB."""
    model = re.sub(r"\((r|tm)\)|\bcpu\b|\bprocessor\b|@.*", " ", cpu_model().lower())
    gib = max(1, round(ram_bytes() / (1 << 30)))
    text = "%s-%dcpu-%dgib" % (model, logical_cpus(), gib)
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")[:64].strip("-")


def memory_budget():
    """Half of what is free, within this process's cgroup and those around it."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", read("/proc/meminfo"), re.M)
    free = int(found.group(1)) * 1024 if found else ram_bytes()
    return min([free] + [room for directory in cgroup_dirs() for room in _rooms(directory)]) // 2


def _rooms(directory, top="/sys/fs/cgroup"):
    """The bytes that a cgroup and its parents still allow, of those that have a limit."""
    while len(directory) > len(top):
        for limit, used in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            limit, used = number(os.path.join(directory, limit)), number(os.path.join(directory, used))
            if isinstance(limit, int) and isinstance(used, int):
                yield max(0, limit - used)
        directory = os.path.dirname(directory)


def cgroup_dirs():
    """The directories of this process's cgroup, v2 and v1, root last."""
    result = []
    for line in read("/proc/self/cgroup", "").splitlines():
        _, controllers, path = (line.split(":", 2) + ["", ""])[:3]
        if controllers == "":
            result.append("/sys/fs/cgroup" + path.rstrip("/"))
        elif "memory" in controllers.split(",") or "cpu" in controllers.split(","):
            result.append("/sys/fs/cgroup/%s%s" % (controllers, path.rstrip("/")))
    return result + ["/sys/fs/cgroup"]


def environment(root="/"):
    """The conditions of the measurement; root: where /proc and /sys are."""
    found = doctor_facts.Facts(root).environment()
    found["libc"] = " ".join(platform.libc_ver()).strip() or UNKNOWN
    return found


def revision(root):
    """(short git revision, whether the tree differs from it)."""
    head = _git(root, "rev-parse", "--short=12", "HEAD")
    if not head:
        return UNKNOWN, False
    return head, bool(_git(root, "status", "--porcelain", "--untracked-files=no"))


def _git(root, *args):
    try:
        done = subprocess.run(["git", "-C", root] + list(args), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else ""


def gnuplot_version():
    if not shutil.which("gnuplot"):
        return "none"
    try:
        done = subprocess.run(["gnuplot", "--version"], stdin=subprocess.DEVNULL, timeout=30,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return UNKNOWN
    return done.stdout.decode("utf-8", "replace").strip() or UNKNOWN


def hash_files(root, names):
    """A hash over names and contents of the source files below `names`."""
    digest = hashlib.sha256()
    for name in names:
        for file in sorted(_sources(root, name)):
            digest.update(os.path.relpath(file, root).encode() + b"\0")
            with open(file, "rb") as f:
                digest.update(hashlib.sha256(f.read()).digest())
    return digest.hexdigest()[:16]


def _sources(root, name):
    top = os.path.join(root, name)
    if os.path.isfile(top):
        yield top
    for directory, _, files in os.walk(top):
        for file in files:
            if file.endswith(SOURCES):
                yield os.path.join(directory, file)


def hash_text(*parts):
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]


def toolchain(told):
    """What the executables and the report are made with. told: what `bench_X --machine` says."""
    found = {"compiler": told.get("compiler", UNKNOWN), "flags": told.get("flags", UNKNOWN),
             "gbench": told.get("gbench_version", UNKNOWN),
             "hwloc": told.get("hwloc_version", UNKNOWN),
             "optimized": told.get("optimized", UNKNOWN),
             "gnuplot": gnuplot_version(), "python": platform.python_version()}
    if told.get("peers"):
        found["peers"] = told["peers"]
    return found


def describe(root, name, utc, profile, command, told):
    """machine.json. told: what `bench_X --machine` says."""
    rev, dirty = revision(root)
    tools = toolchain(told)
    built_with = [tools[k] for k in ("compiler", "flags", "gbench", "hwloc")]
    parameters = (profiles.TARGET_MS, profiles.CAPACITY_SECONDS)
    described = {
        "schema": samples.MACHINE_SCHEMA, "machine": name, "utc": utc, "rev": rev, "dirty": dirty,
        "profile": profile, "command": command,
        "hw": hardware(told), "env": environment(), "toolchain": tools,
        "placements": told.get("placements", {}),
        "hashes": {"definition": hash_text(hash_files(root, DEFINITION), *parameters),
                   "implementation": hash_files(root, IMPLEMENTATION),
                   "toolchain": hash_text(*built_with)},
    }
    described["doctor"] = doctor_rules.findings(described)
    return described
