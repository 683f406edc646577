"""What each fact of machine.json means for a measurement, and what it costs.

A rule takes a Told and gives a finding. RULES holds all of them, those that decide most often first. A rule reads
nothing but machine.json, which may come from another machine and hold anything: a value of the wrong type counts
as unknown. Unknown is never taken for harmless: where the fact matters it costs what the likeliest bad answer would.

  D  debug build, load above 0.5, (doctor.grade adds) a calibration that drifted by more than 3 %
  C  steal above 1 %, a guest that does not know its governor, powersave, a clock that costs a system call, a CPU
     quota, battery, memory pressure, a kernel or a process that is being debugged
  B  turbo or SMT on or unknown, another governor than performance, ASLR or huge pages not fixed, cores that differ,
     merged pages, swap in use, an altered C library
  A  none of these
"""

import re

UNKNOWN = "unknown"
MAX_LOAD, MAX_STEAL, MAX_PRESSURE = 0.5, 0.01, 1.0
NO_GUEST = ("none",)
FAST_CLOCKS = ("tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page", "xen", "timebase", "riscv_clocksource")


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


# --- what decides most often ---

def build(m):
    optimized, flags = m.tools.get("optimized", UNKNOWN), m.tool("flags")
    remedy = "meson setup --buildtype=release build"
    if optimized == "no build":
        return finding("build", optimized, "A", "no build was looked at: a debug build would be grade D",
                       "build it (scripts/bench does), or name one with --build DIR")
    if optimized is False or re.search(r"-O0\b|-fsanitize=", flags):
        return finding("build", "debug, " + flags, "D", "code that is not optimised measures the compiler's laziness", remedy)
    if optimized is not True:
        return finding("build", UNKNOWN, "B", "whether the code was optimised was not recorded", remedy)
    return finding("build", "%s, %s" % (m.tool("compiler"), flags), "A", "optimised; other compilers and flags give other figures",
                   remedy)


def load(m):
    """What others compute now. The mean over the last minute stands in where that was not recorded; else it tells
    of a build that has just ended, and of work that comes and goes."""
    now, minute = m.number("busy_cpus"), m.number("load1")
    remedy = "end what else computes here"
    if now is None and minute is None:
        return finding("load", UNKNOWN, "B", "whether others computed meanwhile was not recorded", remedy)
    value = minute if now is None else now
    if value > MAX_LOAD:
        return finding("load", round(value, 2), "D", "CPUs that others kept busy; above %s they are in the figures" % MAX_LOAD,
                       remedy)
    if minute is not None and minute > MAX_LOAD:
        return finding("load", round(value, 2), "B", "CPUs that others keep busy now; over the last minute it was %.2f: "
                       "work that comes and goes is in the figures" % minute, remedy + ", and wait a minute")
    return finding("load", round(value, 2), "A", "CPUs that others keep busy", remedy)


def steal(m):
    found = m.env.get("ticks")
    found = found if isinstance(found, dict) else {}
    total, taken = as_number(found.get("total")), as_number(found.get("steal"))
    share = taken / total if total and taken is not None and 0 <= taken <= total else None
    return steal_of(share, m.is_guest(), "since boot")


def steal_of(share, guest, when):
    """The finding for a share of the CPUs' time that the host gave to others."""
    remedy = "measure on bare metal, or on a host that pins this machine's CPUs and shares them with nobody"
    if guest is False:
        return finding("steal", 0.0, "A", "no hypervisor: nobody takes the CPUs away", "nothing to change")
    if share is None:
        return finding("steal", UNKNOWN, "B", "what the host gave to other machines was not recorded", remedy)
    if share == 0:
        return finding("steal", 0.0, "A", "none %s, or the host does not report it" % when, remedy)
    return finding("steal", float("%.2g" % share), "C" if share > MAX_STEAL else "A",
                   "%.2g %% of the CPUs' time went to other machines %s; from 1 %% on it is in the figures"
                   % (100 * share, when), remedy)


def governor(m):
    value, guest = m.text("governor"), m.is_guest()
    remedy = "cpupower frequency-set -g performance (root)"
    if value == UNKNOWN and guest is not False:
        return finding("governor", UNKNOWN, "C", "the host decides the clock speed, and a guest cannot see how",
                       "measure on bare metal; in a guest only the calibration shows the clock speed")
    if value == UNKNOWN:
        return finding("governor", UNKNOWN, "B", "no cpufreq driver: the firmware may change the clock speed unseen",
                       "fix the clock speed in the firmware's settings, or load a cpufreq driver")
    if "powersave" in value:
        return finding("governor", value, "C", "the clock speed follows the load, and starts low", remedy)
    if value != "performance":
        return finding("governor", value, "B", "the clock speed follows the load", remedy)
    return finding("governor", value, "A", "the clock speed does not follow the load", remedy)


def turbo(m):
    value = m.text("turbo")
    remedy = ("echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo (root)" if "intel" in m.text("cpufreq_driver")
              else "echo 0 > /sys/devices/system/cpu/cpufreq/boost (root)")
    if value in ("off", "not offered"):
        return finding("turbo", value, "A", "the clock speed does not depend on heat and neighbours", remedy)
    if value == "on":
        return finding("turbo", value, "B", "the clock speed depends on heat and on how many cores are busy", remedy)
    if m.is_guest() is not False:
        remedy = "measure on bare metal, or ask who runs the host"
    return finding("turbo", UNKNOWN, "B", "the clock speed may depend on heat and neighbours", remedy)


def smt(m):
    value = m.text("smt")
    remedy = "echo off > /sys/devices/system/cpu/smt/control (root), or nosmt at boot"
    if value == "on":
        return finding("smt", value, "B", "two CPUs share a core, and each slows the other down", remedy)
    if value != UNKNOWN and m.is_guest() is False:
        return finding("smt", value, "A", "no two CPUs share a core", remedy)
    text = "the guest sees %s; whether its CPUs share cores on the host is not shown" % value
    if value == UNKNOWN:
        text = "whether two CPUs share a core is not shown"
    return finding("smt", UNKNOWN, "B", text, "measure on bare metal, or on a host that gives this machine whole cores")


def aslr(m):
    value = m.number("aslr")
    remedy = "start the run with setarch -R (no root), or sysctl kernel.randomize_va_space=0 (root)"
    if value is None:
        return finding("aslr", UNKNOWN, "B", "whether addresses differ from process to process is not known", remedy)
    if value:
        return finding("aslr", value, "B", "addresses, and with them cache conflicts, differ from process to process", remedy)
    return finding("aslr", 0, "A", "every process has the same addresses: replicates miss what the layout does",
                   "sysctl kernel.randomize_va_space=2 (root)")


def huge_pages(m):
    found = re.search(r"\[(\w+)\]", m.text("thp"))
    value = found.group(1) if found else UNKNOWN
    remedy = "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled (root)"
    if value == UNKNOWN:
        return finding("thp", value, "B", "whether memory may become huge pages is not known", remedy)
    if value == "always":
        return finding("thp", value, "B", "the kernel turns stacks into 2 MiB pages when it pleases", remedy)
    text = "only memory that asks becomes huge pages" if value == "madvise" else "no huge pages"
    return finding("thp", value, "A", text, remedy)


# --- the clock and the processor ---

def hypervisor(m):
    value = m.text("hypervisor")
    text = {None: "this kind of processor does not tell whether it is a guest", False: "bare metal",
            True: "a guest: caches, cores and clock speed are what the host shows"}[m.is_guest()]
    return finding("hypervisor", value, "A", text, "measure on bare metal where it matters; steal and governor carry the grade")


def clock_source(m):
    value = m.text("clocksource")
    remedy = "boot with tsc=reliable if the hardware is sound; the kernel's log says why it gave the fast clock up"
    if value == UNKNOWN:
        return finding("clocksource", value, "B", "which clock is read is not known; clock_ns of the calibration tells its cost",
                       remedy)
    if value in FAST_CLOCKS or value.startswith("hyperv"):
        return finding("clocksource", value, "A", "read without a system call", remedy)
    return finding("clocksource", value, "C", "each reading is a system call or a slow device", remedy)


def tsc(m):
    value = m.text("tsc")
    text = "the counter behind the clock: its rate is constant, and it runs on while a core sleeps"
    if m.text("arch") == "arm64":
        return finding("tsc", "not x86", "A", "the architecture's counter has a constant rate", "nothing to change")
    if "constant_tsc" not in value:
        text = "whether the counter's rate is constant is not shown"
    if m.is_guest() is True:
        text += "; the hypervisor may scale or trap it"
    return finding("tsc", value, "A", text, "nothing to change; in a guest the host decides")


def driver(m):
    value, energy = m.text("cpufreq_driver"), m.text("energy_preference")
    shown = value if energy == UNKNOWN else "%s, preference %s" % (value, energy)
    return finding("cpufreq_driver", shown, "A", "what sets the clock speed",
                   "intel_pstate=passive or amd_pstate=passive at boot gives it to the governor")


def idle(m):
    return finding("idle_driver", m.text("idle_driver"), "A", "deep idle states make waking a CPU slow: wake/* and cross-CPU cells",
                   "cpupower idle-set -D 10 (root) forbids those that take over 10 us to leave")


def microcode(m):
    return finding("microcode", m.text("microcode"), "A", "updates change the cost of switches and system calls",
                   "compare runs of the same version only" if m.is_guest() is False else "a guest sees what the host shows")


def mitigations(m):
    found = m.env.get("mitigations")
    states = [str(v) for v in found.values()] if isinstance(found, dict) else []
    remedy = "mitigations=off or =auto at boot; compare runs with equal settings only"
    if not states:
        return finding("mitigations", UNKNOWN, "A", "defences against the CPU's faults make system calls and switches dearer",
                       remedy)
    on, no = (sum(s.startswith(word) for s in states) for word in ("Mitigation", "Vulnerable"))
    return finding("mitigations", "%d on, %d open, %d not needed" % (on, no, len(states) - on - no), "A",
                   "each that is on makes threads' switches dearer than green threads'", remedy)


def cores(m):
    value = m.env.get("cores_alike")
    remedy = "taskset -c CPUS scripts/greenbench run, with CPUs of one kind"
    if value is False:
        return finding("cores", "differ", "B", "fast and slow cores: where a thread lands decides the figure", remedy)
    return finding("cores", "alike" if value is True else UNKNOWN, "A",
                   "no two kinds of cores are shown" if value is True else "no frequency or capacity is shown to compare", remedy)


def heat(m):
    value = m.number("thermal_throttles")
    return finding("heat", UNKNOWN if value is None else value, "A", "how often heat has slowed the cores down since boot",
                   "cool the machine; the drift of the calibration shows it during a run")


def power(m):
    value = m.text("power")
    if value == "battery":
        return finding("power", value, "C", "on battery the firmware lowers the clock speed", "plug the machine in")
    return finding("power", value, "A", "not on battery" if value != UNKNOWN else "no power supply is shown", "nothing to change")


# --- the kernel ---

def kernel(m):
    return finding("kernel", m.text("kernel"), "A", "its scheduler and its futexes are half of what is measured",
                   "compare runs of the same kernel, or mean to compare kernels")


def debug_kernel(m):
    value = m.text("debug_kernel")
    remedy = "boot a kernel without lockdep, KASAN and kmemleak"
    if value in (UNKNOWN, "none seen"):
        return finding("debug_kernel", value, "A", "no lock checking or leak tracking was seen", remedy)
    return finding("debug_kernel", value, "C", "the kernel checks itself at every lock", remedy)


def preempt(m):
    return finding("preempt", m.text("preempt"), "A", "when the kernel lets go of a CPU: tails of wake/* depend on it",
                   "preempt=none|voluntary|full|lazy at boot")


def isolation(m):
    isolated, nohz = m.text("isolated"), m.text("nohz_full")
    return finding("isolation", "isolcpus %s, nohz_full %s" % (isolated, nohz), "A",
                   "CPUs kept free of others' work and of the timer tick; on isolated ones threads are never balanced",
                   "isolcpus= and nohz_full= at boot; do not run threads left free on them")


def interrupts(m):
    runs = m.env.get("irqbalance")
    moving = "irqbalance runs" if runs is True else "no irqbalance" if runs is False else "irqbalance unknown"
    return finding("interrupts", "default mask %s, %s" % (m.text("irq_affinity"), moving), "A",
                   "interrupts of disk and network land on the CPUs in use",
                   "stop irqbalance; write other CPUs to /proc/irq/*/smp_affinity_list (root)")


def parameters(m):
    return finding("kernel_parameters", m.text("kernel_parameters"), "A", "those given at boot that bear on timing",
                   "the boot loader's configuration")


def watchdog(m):
    value = m.shown("nmi_watchdog")
    return finding("nmi_watchdog", value, "A", "takes a performance counter, and a rare interrupt on each CPU",
                   "sysctl kernel.nmi_watchdog=%d (root)" % (value == 0))


def numa(m):
    value = m.shown("numa_balancing")
    return finding("numa_balancing", value, "A", "unmaps pages now and then to see who uses them: faults in the figures"
                   if value not in (0, UNKNOWN) else "no pages are unmapped to watch their use",
                   "sysctl kernel.numa_balancing=%d (root)" % (value == 0))


# --- memory ---

def same_pages(m):
    value = m.number("ksm")
    remedy = "echo 0 > /sys/kernel/mm/ksm/run (root)"
    if value == 1:
        return finding("ksm", 1, "B", "a kernel thread compares and merges pages: CPU time, and copies on write", remedy)
    return finding("ksm", UNKNOWN if value is None else value, "A", "no pages of this machine are merged (the host may)", remedy)


def swap(m):
    size, free = m.bytes("swap_bytes"), m.bytes("swap_free_bytes")
    remedy = "swapoff -a (root), or vm.swappiness=0"
    if size is None or free is None:
        return finding("swap", UNKNOWN, "A", "whether memory can go to a disk is not known", remedy)
    if size > free:
        return finding("swap", "%d of %d MiB in use" % ((size - free) >> 20, size >> 20), "B",
                       "pages lie on a disk, and others may follow during the run", remedy)
    return finding("swap", "none" if size == 0 else "%d MiB, unused" % (size >> 20), "A", "no page lies on a disk", remedy)


def pressure(m):
    found = m.env.get("psi")
    if not isinstance(found, dict) or not all(isinstance(v, dict) for v in found.values()):
        return finding("psi", UNKNOWN, "A", "pressure stall information is not offered", "psi=1 at boot")
    words = ["%s %s" % (k, found[k].get("avg10")) for k in ("cpu", "memory", "io") if k in found]
    memory = as_number(found.get("memory", {}).get("avg10"))
    if memory is not None and memory > MAX_PRESSURE:
        return finding("psi", ", ".join(words), "C", "percent of time that somebody waited: memory is short", "free memory")
    return finding("psi", ", ".join(words), "A", "percent of the last 10 s that somebody waited for it",
                   "end what else runs here")


# --- limits: they are results of capacity cells, and cost no grade ---

LIMITS = (
    ("pid_max", "threads and processes that there can be at once", "sysctl kernel.pid_max=4194304 (root)"),
    ("threads_max", "threads that the kernel allows at once", "sysctl kernel.threads-max=N (root)"),
    ("max_map_count", "memory maps of a process: a thread with a guard page takes two", "sysctl vm.max_map_count=N (root)"),
    ("overcommit_memory", "2 would refuse stacks that are never used", "sysctl vm.overcommit_memory=0|1 (root)"),
    ("rlimit_nproc", "threads of this user", "ulimit -u N, or limits.conf"),
    ("rlimit_nofile", "open files: connections of io/*", "ulimit -n N (raised to the hard limit by io/*)"),
    ("rlimit_memlock", "bytes that may be locked in memory", "ulimit -l N"),
    ("rlimit_stack", "bytes of address space that a thread's default stack takes", "ulimit -s KIB"),
    ("cgroup_pids_max", "threads that the control group allows", "systemd: TasksMax=; docker: --pids-limit"),
)


def limit(name, text, remedy):
    return lambda m: finding(name, m.shown(name), "A", text, remedy)


# --- this process ---

def quota(m):
    value, cpus = m.shown("cgroup_cpu_quota"), m.env.get("cpus_allowed")
    remedy = "remove cpu.max, docker --cpus or the pod's CPU limit, and use a cpuset instead"
    if as_number(value) is None:
        return finding("cpu_quota", value, "A" if value == "none" else "B", "the control group takes no CPU time away"
                       if value == "none" else "whether a control group takes CPU time away is not known", remedy)
    count = len(cpus) if isinstance(cpus, list) else None
    text = "CPUs' worth of time; once it is used up everything stands still for the rest of the period"
    if count and value >= count:
        return finding("cpu_quota", value, "A", "at least the time of the CPUs that may be used", remedy)
    return finding("cpu_quota", value, "C", text, remedy)


def cpuset(m):
    cpus, online = m.env.get("cpus_allowed"), m.text("cpus_online")
    if not isinstance(cpus, list) or not cpus:
        return finding("cpuset", UNKNOWN, "A", "which CPUs may be used is not known", "taskset -c CPUS")
    value = "%d CPU%s of %s" % (len(cpus), "s" * (len(cpus) != 1), online)
    text = "one CPU: cells of two or more are skipped" if len(cpus) == 1 else "the CPUs that this process may use"
    return finding("cpuset", value, "A", text, "taskset -c CPUS scripts/greenbench run")


def timer_slack(m):
    return finding("timer_slack_ns", m.shown("timer_slack_ns"), "A", "by how much a sleep may end late",
                   "a run sets 1000 for every backend alike")


def library(m):
    names = m.env.get("loader_variables")
    names = [str(n) for n in names] if isinstance(names, list) else None
    remedy = "unset " + " ".join(names) if names else "nothing to change"
    if names:
        return finding("libc_variables", ", ".join(names), "C" if "LD_PRELOAD" in names or "LD_AUDIT" in names else "B",
                       "variables that change the C library of what is measured", remedy)
    return finding("libc_variables", "none" if names is not None else UNKNOWN, "A", "the C library is as it was installed", remedy)


def traced(m):
    attached = m.env.get("traced")
    value = "yes" if attached is True else "no" if attached is False else UNKNOWN
    if value == "yes":
        return finding("traced", value, "C", "a debugger or strace stops this process at each system call", "run without it")
    return finding("traced", value, "A", "no debugger or strace is attached", "nothing to change")


def seccomp(m):
    value = {"0": "no filter", "1": "strict", "2": "filter"}.get(m.text("seccomp"), UNKNOWN)
    return finding("seccomp", value, "A", "a container's filter of system calls makes each one dearer"
                   if value == "filter" else "no filter makes system calls dearer" if value == "no filter"
                   else "whether system calls are filtered is not known",
                   "docker: --security-opt seccomp=unconfined")


def nice(m):
    value = m.shown("nice")
    return finding("nice", value, "A", "others' threads come first" if as_number(value) and value > 0 else
                   "priority against others' threads", "start the run without nice")


def autogroup(m):
    return finding("autogroup", m.shown("autogroup"), "A", "1: sessions share the CPU time, whatever number of threads each has",
                   "sysctl kernel.sched_autogroup_enabled=0 (root)")


def libraries(m):
    libc = m.text("libc")
    value = "%s, hwloc %s, Google Benchmark %s" % (libc, m.tool("hwloc"), m.tool("gbench"))
    return finding("libraries", value, "A", "threads, mutexes and malloc are the C library's", "compare runs of equal versions only")


RULES = (build, load, steal, governor, turbo, smt, aslr, huge_pages,
         hypervisor, clock_source, tsc, driver, idle, microcode, mitigations, cores, heat, power,
         quota, cpuset, pressure, swap, same_pages, library, traced, seccomp, debug_kernel,
         kernel, preempt, isolation, interrupts, parameters, watchdog, numa, autogroup, nice, timer_slack,
         *(limit(*row) for row in LIMITS), libraries)


def findings(machine):
    """What machine.json says of the conditions of the measurement, in the order of RULES."""
    told = Told(machine)
    return [rule(told) for rule in RULES]
