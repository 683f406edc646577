"""Machines made of files: what /proc and /sys would hold on them, below a folder.

    FakeMachine(folder).metal()     bare metal, everything as one would wish: grade A
    .laptop() .guest() .arm64() .container()    others; put() and drop() change single files
"""

import os
import shutil

X86 = "processor\t: 0\nmodel name\t: Example CPU @ 3.00GHz\nmicrocode\t: 0x2b\nflags\t\t: fpu tsc constant_tsc nonstop_tsc%s\n"
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd atomics\nCPU implementer\t: 0x41\n"
STATUS = "Name:\tpython3\nTracerPid:\t0\nSeccomp:\t%d\nCpus_allowed_list:\t%s\n"
LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max stack size            8388608              unlimited            bytes
Max processes             unlimited            unlimited            processes
Max open files            1024                 524288               files
Max locked memory         8388608              8388608              bytes
"""
MEMINFO = "MemTotal:       16777216 kB\nSwapTotal:      %d kB\nSwapFree:       %d kB\n"
PRESSURE = "some avg10=%s avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"
CPU = "sys/devices/system/cpu/"
CLOCK = "sys/devices/system/clocksource/clocksource0/"
THP = "sys/kernel/mm/transparent_hugepage/"


class FakeMachine:
    def __init__(self, folder):
        self.folder = folder

    def put(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write("%s\n" % text)
        return self

    def drop(self, name):
        path = os.path.join(self.folder, name)
        shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
        return self

    def puts(self, prefix, **files):
        for name, text in files.items():
            self.put(prefix + name.replace("__", "/"), text)
        return self

    def metal(self):
        self.put("proc/cpuinfo", X86 % "").put("proc/meminfo", MEMINFO % (0, 0)).put("proc/loadavg",
                                                                                     "0.04 0.03 0.01 1/100 1")
        self.put("proc/stat",
                 "cpu  1000 0 1000 97000 0 0 0 0 0 0\ncpu0 500 0 500 48500 0 0 0 0 0 0\ncpu1 500 0 500 48500 0 0 0 0 0 0")
        self.put("proc/version", "Linux version 6.1 (cc) #1 SMP PREEMPT_DYNAMIC").put("proc/cmdline",
                                                                                      "root=UUID=secret preempt=none")
        self.puts("proc/sys/kernel/", osrelease="6.1.0-example", pid_max="4194304", numa_balancing="0",
                  nmi_watchdog="0",
                  randomize_va_space="0", sched_autogroup_enabled="0")
        self.put("proc/sys/kernel/threads-max", "200000")
        self.puts("proc/sys/vm/", max_map_count="1048576", overcommit_memory="0", swappiness="60")
        self.puts("proc/pressure/", cpu=PRESSURE % "0.00", memory=PRESSURE % "0.00", io=PRESSURE % "0.00")
        self.puts("proc/self/", status=STATUS % (0, "0-1"), limits=LIMITS, cgroup="0::/", personality="00000000",
                  timerslack_ns="50000", stat="7 (a) b) R " + " ".join(["0"] * 40))
        self.put("proc/irq/default_smp_affinity", "3")
        self.puts(CPU, online="0-1", isolated="", smt__control="off", intel_pstate__no_turbo="1",
                  vulnerabilities__meltdown="Not affected", vulnerabilities__spectre_v2="Mitigation: IBRS")
        for n in (0, 1):
            self.put(CPU + "cpufreq/policy%d/scaling_governor" % n, "performance")
            self.put(CPU + "cpu%d/cpufreq/cpuinfo_max_freq" % n, "3000000")
        self.put(CPU + "cpu0/cpufreq/scaling_driver", "intel_pstate").put(CPU + "cpuidle/current_driver", "intel_idle")
        self.puts(CLOCK, current_clocksource="tsc", available_clocksource="tsc hpet acpi_pm")
        self.puts(THP, enabled="always [madvise] never", defrag="always [madvise] never")
        self.put("sys/kernel/mm/ksm/run", "0").put("sys/fs/cgroup/cgroup.controllers", "cpu pids")
        self.put("sys/class/power_supply/.keep", "")
        return self

    def laptop(self):
        """A laptop on mains whose owner has chosen performance: turbo, SMT and ASLR as ever."""
        self.metal().put(CPU + "intel_pstate/no_turbo", "0").put(CPU + "smt/control", "on")
        self.put("proc/sys/kernel/randomize_va_space", "2")
        self.puts("sys/class/power_supply/AC/", type="Mains", online="1")
        return self.puts("sys/class/power_supply/BAT0/", type="Battery", status="Full")

    def guest(self):
        """A virtual machine whose host took 3 % away."""
        self.metal().put("proc/cpuinfo",
                         X86 % " hypervisor").drop(CPU + "cpufreq").drop(CPU + "cpu0").drop(CPU + "cpu1")
        self.drop(CPU + "intel_pstate").put(CPU + "smt/control", "notsupported")
        self.put(CLOCK + "available_clocksource", "tsc kvm-clock")
        return self.put("proc/stat", "cpu  10000 0 10000 77000 0 0 0 3000 0 0\ncpu0 1 0 1 1 0 0 0 1 0 0")

    def container(self):
        """In a control group below one that may use 1.5 CPUs, with a filter of system calls."""
        self.metal().put("proc/self/cgroup", "0::/pod/app").put("proc/self/status", STATUS % (2, "0-1"))
        self.put("sys/fs/cgroup/pod/app/cpu.max", "max 100000").put("sys/fs/cgroup/pod/cpu.max", "150000 100000")
        self.put("sys/fs/cgroup/pod/app/cpu.stat", "usage_usec 1\nnr_throttled 12").put("sys/fs/cgroup/pod/pids.max",
                                                                                        "512")
        return self.put("sys/fs/cgroup/pod/app/pids.max", "max")

    def arm64(self):
        """An ARM server's bare metal."""
        self.metal().put("proc/cpuinfo", ARM).drop(CPU + "intel_pstate").put(CPU + "smt/control", "notimplemented")
        self.put(CPU + "cpu0/cpufreq/scaling_driver", "cppc_cpufreq")
        self.puts(CLOCK, current_clocksource="arch_sys_counter", available_clocksource="arch_sys_counter")
        return self.puts("sys/class/dmi/id/", sys_vendor="Amazon EC2", product_name="c7g.metal")
