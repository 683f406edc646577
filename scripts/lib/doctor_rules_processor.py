"""The doctor's rules about the clock and the processor; see doctor_rules.py."""

from .doctor_told import UNKNOWN, finding

FAST_CLOCKS = ("tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page", "xen", "timebase",
               "riscv_clocksource")


def hypervisor(m):
    value = m.text("hypervisor")
    text = {None: "this kind of processor does not tell whether it is a guest", False: "bare metal",
            True: "a guest: caches, cores and clock speed are what the host shows"}[m.is_guest()]
    return finding("hypervisor", value, "A", text,
                   "measure on bare metal where it matters; steal and governor carry the grade")


def clock_source(m):
    value = m.text("clocksource")
    remedy = "boot with tsc=reliable if the hardware is sound; the kernel's log says why it gave the fast clock up"
    if value == UNKNOWN:
        return finding("clocksource", value, "B",
                       "which clock is read is not known; clock_ns of the calibration tells its cost",
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
    return finding("idle_driver", m.text("idle_driver"), "A",
                   "deep idle states make waking a CPU slow: wake/* and cross-CPU cells",
                   "cpupower idle-set -D 10 (root) forbids those that take over 10 us to leave")


def microcode(m):
    return finding("microcode", m.text("microcode"), "A", "updates change the cost of switches and system calls",
                   "compare runs of the same version only" if m.is_guest() is False else "a guest sees what the host shows")


def mitigations(m):
    found = m.env.get("mitigations")
    states = [str(v) for v in found.values()] if isinstance(found, dict) else []
    remedy = "mitigations=off or =auto at boot; compare runs with equal settings only"
    if not states:
        return finding("mitigations", UNKNOWN, "A",
                       "defences against the CPU's faults make system calls and switches dearer",
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
    return finding("heat", UNKNOWN if value is None else value, "A",
                   "how often heat has slowed the cores down since boot",
                   "cool the machine; the drift of the calibration shows it during a run")


def power(m):
    value = m.text("power")
    if value == "battery":
        return finding("power", value, "C", "on battery the firmware lowers the clock speed", "plug the machine in")
    return finding("power", value, "A", "not on battery" if value != UNKNOWN else "no power supply is shown",
                   "nothing to change")


RULES = (hypervisor, clock_source, tsc, driver, idle, microcode, mitigations, cores, heat, power)
