"""What /proc and /sys say of the conditions of a measurement: "env" of machine.json.

Facts(root).environment() reads below `root`, so that a test can build a machine out of files. It judges nothing
(doctor_rules.py does) and changes nothing. What cannot be read is "unknown". Nothing that is read here names a
host or a user.
"""

import glob
import os
import re
import stat
import time

UNKNOWN = "unknown"
MAX_TEXT = 300
MAX_SHOWN = 1000        # of any text in "env": what results/schema takes of a finding
MAX_CPUS = 4096         # of a list
WHOLE, BIG = r"[0-9]{1,18}", r"[0-9]{1,15}"     # BIG: of what is added up or multiplied, so that it stays below 2^63
DECIMAL = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
WINDOW_SECONDS = 0.25   # over which busy CPUs are counted
CPU = "/sys/devices/system/cpu"
WANTED_WORDS = ("isolcpus", "nohz_full", "nohz", "rcu_nocbs", "mitigations", "nosmt", "idle", "processor.max_cstate",
                "intel_idle.max_cstate", "intel_pstate", "amd_pstate", "preempt", "threadirqs", "irqaffinity", "tsc",
                "clocksource", "transparent_hugepage", "cpuidle.off", "skew_tick", "nosoftlockup", "nowatchdog")
LOADER_WORDS = ("LD_PRELOAD", "LD_AUDIT", "LD_BIND_NOW", "GLIBC_TUNABLES", "MALLOC_ARENA_MAX", "MALLOC_PERTURB_",
                "MALLOC_CHECK_", "MALLOC_TOP_PAD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
GUEST_VENDORS = ("qemu", "kvm", "vmware", "innotek", "virtualbox", "xen", "microsoft", "amazon", "google", "bochs",
                 "parallels", "alibaba", "digitalocean", "hetzner", "openstack", "oracle", "apple virtualization")


class Facts:
    """The files below a root; environ: the variables that children inherit, None where they are another machine's."""

    def __init__(self, root="/", environ=None):
        self.root = root
        self.environ = os.environ if environ is None and root == "/" else environ

    # --- reading ---

    def path(self, name):
        return name if self.root == "/" else os.path.join(self.root, name.lstrip("/"))

    def read(self, name, default=UNKNOWN, limit=65536):
        """The stripped text of a small file; a pipe or a device that lies in its place is not waited for."""
        try:
            fd = os.open(self.path(name), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(fd, errors="replace") as f:
                if not stat.S_ISREG(os.fstat(fd).st_mode):
                    return default
                return f.read(limit).replace("\0", " ").strip() or default
        except OSError:
            return default

    def number(self, name):
        text = self.read(name)
        return int(text) if re.fullmatch("-?" + WHOLE, text) else text[:MAX_TEXT]

    def field(self, name, key):
        """The value of a line `key : value`, as text."""
        found = re.search(r"^%s\s*:[ \t]*(.*)$" % re.escape(key), self.read(name, "", 1 << 20), re.M)
        return found.group(1).strip() if found else UNKNOWN

    def kib(self, key):
        value = self.field("/proc/meminfo", key).split()
        return int(value[0]) * 1024 if value and re.fullmatch(BIG, value[0]) else UNKNOWN

    def all(self, pattern):
        """The different texts of the files that match, sorted."""
        found = {self.read(file[len(self.root.rstrip("/")):]) for file in glob.glob(self.path(pattern))}
        return sorted(found - {UNKNOWN})

    # --- the processor ---

    def arch(self):
        if self.field("/proc/cpuinfo", "flags") != UNKNOWN:
            return "x86"
        return "arm64" if self.field("/proc/cpuinfo", "CPU implementer") != UNKNOWN else UNKNOWN

    def governor(self):
        found = self.all(CPU + "/cpufreq/policy*/scaling_governor") or self.all(CPU + "/cpu*/cpufreq/scaling_governor")
        return ", ".join(found) or UNKNOWN

    def turbo(self):
        no_turbo = self.read(CPU + "/intel_pstate/no_turbo")
        if no_turbo in ("0", "1"):
            return "off" if no_turbo == "1" else "on"
        boost = self.all(CPU + "/cpufreq/boost") or self.all(CPU + "/cpufreq/policy*/boost")
        if boost:
            return "on" if "1" in boost else "off"
        driver = self.read(CPU + "/cpu0/cpufreq/scaling_driver")
        # Linux shows a boost file wherever an ARM driver has frequencies to boost to.
        return "not offered" if self.arch() == "arm64" and driver != UNKNOWN else UNKNOWN

    def smt(self):
        control = self.read(CPU + "/smt/control")
        if control != UNKNOWN:
            return control
        siblings = self.all(CPU + "/cpu*/topology/thread_siblings_list")
        return ("on" if any(re.search("[,-]", s) for s in siblings) else "off") if siblings else UNKNOWN

    def mitigations(self):
        base = CPU + "/vulnerabilities"
        try:
            names = sorted(name for name in os.listdir(self.path(base)) if name.isprintable())[:200]
        except OSError:
            return {}
        return {name: self.read(base + "/" + name)[:MAX_TEXT] for name in names}

    def hypervisor(self):
        kind = self.read("/sys/hypervisor/type")
        if kind != UNKNOWN:
            return kind
        if self.arch() == "x86":
            guest = "hypervisor" in self.field("/proc/cpuinfo", "flags").split()
            return self._guest_kind() if guest else "none"
        return self._arm_hypervisor()

    def _guest_kind(self):
        clocks = self.read("/sys/devices/system/clocksource/clocksource0/available_clocksource")
        for word, kind in (("kvm-clock", "kvm"), ("hyperv", "hyper-v"), ("xen", "xen")):
            if word in clocks:
                return kind
        return self.read("/sys/class/dmi/id/sys_vendor", "yes, kind unknown")[:MAX_TEXT]

    def _arm_hypervisor(self):
        """Such a CPU has no flag for it: the firmware's tables may tell."""
        kind = self.read("/proc/device-tree/hypervisor/compatible")
        if kind != UNKNOWN:
            return kind[:MAX_TEXT]
        board = self.read("/proc/device-tree/compatible")
        if board != UNKNOWN:
            return "qemu" if "dummy-virt" in board else "none"
        vendor, product = self.read("/sys/class/dmi/id/sys_vendor"), self.read("/sys/class/dmi/id/product_name")
        if "metal" in product.lower():
            return "none"
        return vendor[:MAX_TEXT] if any(word in vendor.lower() for word in GUEST_VENDORS) else UNKNOWN

    def tsc(self):
        if self.arch() != "x86":
            return UNKNOWN
        flags = self.field("/proc/cpuinfo", "flags").split()
        wanted = ("constant_tsc", "nonstop_tsc", "tsc_known_freq", "tsc_reliable")
        return " ".join(f for f in wanted if f in flags) or "none"

    def cores_alike(self):
        """False where some cores are slower by construction; "unknown" where nothing says so."""
        if os.path.isdir(self.path("/sys/devices/cpu_core")) and os.path.isdir(self.path("/sys/devices/cpu_atom")):
            return False
        found = self.all(CPU + "/cpu[0-9]*/cpu_capacity") or self.all(CPU + "/cpu[0-9]*/cpufreq/cpuinfo_max_freq")
        return len(found) == 1 if found else UNKNOWN

    def throttled(self):
        """Thermal throttling since boot."""
        counts = [self.read(file[len(self.root.rstrip("/")):]) for file in
                  glob.glob(self.path(CPU + "/cpu[0-9]*/thermal_throttle/core_throttle_count"))[:MAX_CPUS]]
        counts = [int(count) for count in counts if re.fullmatch(BIG, count)]
        return sum(counts) if counts else UNKNOWN

    def power(self):
        """"mains" or "battery"; "none" for a machine without a supply that it knows of."""
        for supply in sorted(glob.glob(self.path("/sys/class/power_supply/*"))):
            name = supply[len(self.root.rstrip("/")):]
            if self.read(name + "/status") == "Discharging" and self.read(name + "/scope") != "Device":
                return "battery"
            if self.read(name + "/type") == "Mains" and self.read(name + "/online") == "1":
                return "mains"
        return "none" if os.path.isdir(self.path("/sys/class/power_supply")) else UNKNOWN

    # --- the kernel ---

    def preempt(self):
        shown = re.search(r"\((\w+)\)", self.read("/sys/kernel/debug/sched/preempt", ""))
        if shown:
            return shown.group(1)
        version = self.read("/proc/version", "") + " " + self.read("/proc/sys/kernel/version", "")
        given = re.search(r"\bpreempt=(\w+)", self.read("/proc/cmdline", ""))
        if "PREEMPT_RT" in version:
            return "realtime"
        if "PREEMPT_DYNAMIC" in version:
            return given.group(1) if given else "dynamic, the mode is unknown"
        if "PREEMPT" in version:
            return "full"
        return "none or voluntary" if version.strip() else UNKNOWN

    def words(self):
        """The kernel's parameters that bear on timing; the others may name a disk or a host."""
        text = self.read("/proc/cmdline")
        if text == UNKNOWN:
            return UNKNOWN
        return " ".join(w for w in text.split() if w.split("=")[0] in WANTED_WORDS)[:MAX_TEXT] or "none"

    def ticks(self):
        """Time of all CPUs since boot, in ticks: total and what the host gave to others."""
        return ticks(self.read("/proc/stat", ""))

    def busy_cpus(self):
        """How many CPUs' time others take right now, ours having nothing to do; "unknown" where time stands still."""
        before = self.read("/proc/stat", "")
        if self.root == "/":
            time.sleep(WINDOW_SECONDS)
        after = self.read("/proc/stat", "")
        cpus = len(re.findall(r"^cpu\d+ ", after, re.M))
        return busy(before, after, cpus)

    def psi(self):
        found = {}
        for kind in ("cpu", "memory", "io"):
            line = re.search("^some avg10=(%s) avg60=(%s) " % (DECIMAL, DECIMAL), self.read("/proc/pressure/" + kind, ""),
                             re.M)
            if line:
                found[kind] = {"avg10": float(line.group(1)), "avg60": float(line.group(2))}
        return found or UNKNOWN

    def load1(self):
        words = self.read("/proc/loadavg").split()
        return float(words[0]) if re.fullmatch(DECIMAL, words[0]) else UNKNOWN

    def debug_kernel(self):
        """Signs of a kernel built for finding its own faults, which makes every system call slow."""
        signs = (("lockdep", "/proc/lockdep"), ("kmemleak", "/sys/kernel/debug/kmemleak"),
                 ("kcsan", "/sys/kernel/debug/kcsan"))
        found = [name for name, file in signs if os.path.exists(self.path(file))]
        return ", ".join(found) or ("none seen" if os.path.exists(self.path("/proc/version")) else UNKNOWN)

    def irqbalance(self):
        if self.read("/proc/version") == UNKNOWN:
            return UNKNOWN
        return "irqbalance" in self.all("/proc/[0-9]*/comm")

    # --- this process and its cgroup ---

    def limit(self, name):
        """A soft limit: a number or "unlimited"."""
        found = re.search(r"^%s\s+(unlimited|[0-9]{1,19})\s" % re.escape(name), self.read("/proc/self/limits", ""), re.M)
        if not found or found.group(1) == "unlimited":
            return found.group(1) if found else UNKNOWN
        return min(int(found.group(1)), (1 << 63) - 1)

    def cpus_allowed(self):
        return cpu_list(self.field("/proc/self/status", "Cpus_allowed_list"))

    def cgroups(self, controller):
        """The directories of this process's cgroup that rule a controller, and all above them."""
        for line in self.read("/proc/self/cgroup", "").splitlines():
            _, names, path = (line.split(":", 2) + ["", ""])[:3]
            if names == "" or controller in names.split(","):
                top = "/sys/fs/cgroup" + ("/" + names if names else "")
                while path.strip("/"):
                    yield top + path
                    path = os.path.dirname(path)
                yield top

    def cpu_quota(self):
        """The CPUs' worth of time that the tightest cgroup allows, or "none"."""
        found = []
        for directory in self.cgroups("cpu"):
            v2 = self.read(directory + "/cpu.max", "").split()
            v1 = [str(self.number(directory + "/cpu.cfs_" + name)) for name in ("quota_us", "period_us")]
            found += [int(q) / int(p) for q, p in [v2[:2] if len(v2) == 2 else ("", ""), v1]
                      if re.fullmatch(WHOLE, q) and re.fullmatch(WHOLE, p) and int(p)]
        if found:
            return min(found)
        return "none" if os.path.isdir(self.path("/sys/fs/cgroup")) else UNKNOWN

    def pids_max(self):
        found = [n for n in (self.number(d + "/pids.max") for d in self.cgroups("pids")) if isinstance(n, int)]
        return min(found) if found else "none" if os.path.isdir(self.path("/sys/fs/cgroup")) else UNKNOWN

    def throttled_cgroup(self):
        """How often the quota has stopped this cgroup."""
        counts = [int(c) for d in self.cgroups("cpu")
                  for c in re.findall("^nr_throttled (%s)$" % WHOLE, self.read(d + "/cpu.stat", ""), re.M)]
        return max(counts) if counts else UNKNOWN

    def aslr(self):
        """2, 1, or 0; 0 also where the personality switches it off for this process and its children."""
        personality = self.read("/proc/self/personality")
        if re.fullmatch(r"[0-9a-f]{8}", personality) and int(personality, 16) & 0x0040000:
            return 0
        return self.number("/proc/sys/kernel/randomize_va_space")

    def traced(self):
        tracer = self.field("/proc/self/status", "TracerPid")
        return tracer != "0" if re.fullmatch(WHOLE, tracer) else UNKNOWN

    def nice(self):
        rest = self.read("/proc/self/stat", "").rpartition(")")[2].split()
        return int(rest[16]) if len(rest) > 16 and re.fullmatch("-?" + WHOLE, rest[16]) else UNKNOWN

    # --- all ---

    def environment(self):
        found = {}
        for part in (self._processor, self._kernel, self._memory, self._process):
            found.update(part())
        return {name: value[:MAX_SHOWN] if isinstance(value, str) else value for name, value in found.items()}

    def _processor(self):
        clock = "/sys/devices/system/clocksource/clocksource0/"
        return {
            "arch": self.arch(), "governor": self.governor(), "turbo": self.turbo(), "smt": self.smt(),
            "cpufreq_driver": self.read(CPU + "/cpu0/cpufreq/scaling_driver"),
            "energy_preference": ", ".join(self.all(CPU + "/cpufreq/policy*/energy_performance_preference")) or UNKNOWN,
            "idle_driver": self.read(CPU + "/cpuidle/current_driver"),
            "mitigations": self.mitigations(), "hypervisor": self.hypervisor(), "ticks": self.ticks(),
            "clocksource": self.read(clock + "current_clocksource"),
            "clocksources": self.read(clock + "available_clocksource"), "tsc": self.tsc(),
            "microcode": self.field("/proc/cpuinfo", "microcode"), "cores_alike": self.cores_alike(),
            "thermal_throttles": self.throttled(), "power": self.power(),
            "cpus_online": self.read(CPU + "/online"), "isolated": self.read(CPU + "/isolated", self._none(CPU)),
            "nohz_full": self.read(CPU + "/nohz_full", self._none(CPU)).replace("(null)", "none"),
        }

    def _none(self, directory):
        return "none" if os.path.isdir(self.path(directory)) else UNKNOWN

    def _kernel(self):
        kernel = "/proc/sys/kernel/"
        return {
            "kernel": self.read(kernel + "osrelease"), "preempt": self.preempt(), "kernel_parameters": self.words(),
            "debug_kernel": self.debug_kernel(), "load1": self.load1(), "busy_cpus": self.busy_cpus(), "psi": self.psi(),
            "pid_max": self.number(kernel + "pid_max"), "threads_max": self.number(kernel + "threads-max"),
            "numa_balancing": self.number(kernel + "numa_balancing"),
            "nmi_watchdog": self.number(kernel + "nmi_watchdog"),
            "autogroup": self.number(kernel + "sched_autogroup_enabled"),
            "irq_affinity": self.read("/proc/irq/default_smp_affinity"), "irqbalance": self.irqbalance(),
        }

    def _memory(self):
        thp = "/sys/kernel/mm/transparent_hugepage/"
        return {
            "thp": self.read(thp + "enabled"), "thp_defrag": self.read(thp + "defrag"),
            "ksm": self.number("/sys/kernel/mm/ksm/run"), "swap_bytes": self.kib("SwapTotal"),
            "swap_free_bytes": self.kib("SwapFree"), "swappiness": self.number("/proc/sys/vm/swappiness"),
            "max_map_count": self.number("/proc/sys/vm/max_map_count"),
            "overcommit_memory": self.number("/proc/sys/vm/overcommit_memory"),
        }

    def _process(self):
        return {
            "aslr": self.aslr(), "rlimit_nproc": self.limit("Max processes"),
            "rlimit_nofile": self.limit("Max open files"), "rlimit_memlock": self.limit("Max locked memory"),
            "rlimit_stack": self.limit("Max stack size"), "cgroup_cpu_quota": self.cpu_quota(),
            "cgroup_pids_max": self.pids_max(), "cgroup_throttled": self.throttled_cgroup(),
            "cpus_allowed": self.cpus_allowed(), "timer_slack_ns": self.number("/proc/self/timerslack_ns"),
            "seccomp": self.field("/proc/self/status", "Seccomp"),
            "traced": self.traced(), "nice": self.nice(),
            "loader_variables": UNKNOWN if self.environ is None else [
                name for name in LOADER_WORDS if self.environ.get(name)],
        }


def _counts(stat):
    """user nice system idle iowait irq softirq steal (guest time is in user already), or []."""
    found = re.search(r"^cpu +(.*)", stat, re.M)
    words = found.group(1).split()[:8] if found else []
    return [int(word) for word in words] if len(words) == 8 and all(re.fullmatch(BIG, word) for word in words) else []


def ticks(stat):
    """The text of /proc/stat as {"total", "steal"}, or "unknown"."""
    counts = _counts(stat)
    return {"total": sum(counts), "steal": counts[7]} if counts else UNKNOWN


def busy(before, after, cpus):
    """CPUs' worth of time that was neither idle nor stolen between two texts of /proc/stat, or "unknown"."""
    first, last = _counts(before), _counts(after)
    passed = sum(last) - sum(first) if first and last else 0
    if passed <= 0 or not cpus:
        return UNKNOWN
    rest = sum(last[i] - first[i] for i in (3, 4, 7))
    return round(max(0.0, cpus * (passed - rest) / passed), 3)


def cpu_list(text):
    """"0-2,5" as [0, 1, 2, 5]; "unknown" for what is no such list, or is longer than MAX_CPUS."""
    if not re.fullmatch(r"[0-9]{1,5}(-[0-9]{1,5})?(,[0-9]{1,5}(-[0-9]{1,5})?)*", text):
        return UNKNOWN
    found, parts = set(), text.split(",")
    for part in parts[:MAX_CPUS]:
        low, _, high = part.partition("-")
        found.update(range(int(low), min(int(high or low), int(low) + MAX_CPUS) + 1))
    return sorted(found) if max(len(parts), len(found)) <= MAX_CPUS else UNKNOWN
