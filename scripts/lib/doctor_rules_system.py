"""The doctor's rules about the kernel, memory, limits and this process; see doctor_rules.py."""

from .doctor_told import UNKNOWN, as_number, finding

MAX_PRESSURE = 1.0


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
        return finding("ksm", 1, "B", "a kernel thread compares and merges pages: CPU time, and copies on write",
                       remedy)
    return finding("ksm", UNKNOWN if value is None else value, "A",
                   "no pages of this machine are merged (the host may)", remedy)


def swap(m):
    size, free = m.bytes("swap_bytes"), m.bytes("swap_free_bytes")
    remedy = "swapoff -a (root), or vm.swappiness=0"
    if size is None or free is None:
        return finding("swap", UNKNOWN, "A", "whether memory can go to a disk is not known", remedy)
    if size > free:
        return finding("swap", "%d of %d MiB in use" % ((size - free) >> 20, size >> 20), "B",
                       "pages lie on a disk, and others may follow during the run", remedy)
    return finding("swap", "none" if size == 0 else "%d MiB, unused" % (size >> 20), "A", "no page lies on a disk",
                   remedy)


def pressure(m):
    found = m.env.get("psi")
    if not isinstance(found, dict) or not all(isinstance(v, dict) for v in found.values()):
        return finding("psi", UNKNOWN, "A", "pressure stall information is not offered", "psi=1 at boot")
    words = ["%s %s" % (k, found[k].get("avg10")) for k in ("cpu", "memory", "io") if k in found]
    memory = as_number(found.get("memory", {}).get("avg10"))
    if memory is not None and memory > MAX_PRESSURE:
        return finding("psi", ", ".join(words), "C", "percent of time that somebody waited: memory is short",
                       "free memory")
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
    if names is None:
        return finding("libc_variables", UNKNOWN, "A", "whether variables alter the C library is not known", remedy)
    return finding("libc_variables", "none", "A", "the C library is as it was installed", remedy)


def traced(m):
    attached = m.env.get("traced")
    value = "yes" if attached is True else "no" if attached is False else UNKNOWN
    if value == "yes":
        return finding("traced", value, "C", "a debugger or strace stops this process at each system call",
                       "run without it")
    return finding("traced", value, "A", "no debugger or strace is attached" if value == "no"
                   else "whether a debugger or strace is attached is not known", "nothing to change")


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
    return finding("libraries", value, "A", "threads, mutexes and malloc are the C library's",
                   "compare runs of equal versions only")


RULES = (quota, cpuset, pressure, swap, same_pages, library, traced, seccomp, debug_kernel,
         kernel, preempt, isolation, interrupts, parameters, watchdog, numa, autogroup, nice, timer_slack,
         *(limit(*row) for row in LIMITS), libraries)
