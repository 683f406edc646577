"""What each fact of machine.json means for a measurement, and what it costs.

A rule takes a Told (doctor_told.py) and gives a finding; it reads nothing but machine.json. RULES holds all of them,
those that decide most often first. Unknown is never taken for harmless: where the fact matters it costs what the
likeliest bad answer would.

  D  debug build, load above 0.5, (doctor.grade adds) a calibration that drifted by more than 3 %
  C  steal above 1 %, a guest that does not know its governor, powersave, a clock that costs a system call, a CPU
     quota, battery, memory pressure, a kernel or a process that is being debugged, (doctor.grade adds) two CPUs that
     the host moves about
  B  turbo or SMT on or unknown, another governor than performance, ASLR or huge pages not fixed, cores that differ,
     merged pages, swap in use, an altered C library
  A  none of these
"""

import re

from . import doctor_rules_processor as processor
from . import doctor_rules_system as system
from .doctor_told import UNKNOWN, Told, as_number, finding

MAX_LOAD, MAX_STEAL = 0.5, 0.01


def build(m):
    optimized, flags = m.tools.get("optimized", UNKNOWN), m.tool("flags")
    remedy = "meson setup --buildtype=release build"
    if optimized == "no build":
        return finding("build", optimized, "A", "no build was looked at: a debug build would be grade D",
                       "build it (scripts/bench does), or name one with --build DIR")
    if optimized is False or re.search(r"-O0\b|-fsanitize=", flags):
        return finding("build", "debug, " + flags, "D", "code that is not optimised measures the compiler's laziness",
                       remedy)
    if optimized is not True:
        return finding("build", UNKNOWN, "B", "whether the code was optimised was not recorded", remedy)
    return finding("build", "%s, %s" % (m.tool("compiler"), flags), "A",
                   "optimised; other compilers and flags give other figures",
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
        return finding("load", round(value, 2), "D",
                       "CPUs that others kept busy; above %s they are in the figures" % MAX_LOAD,
                       remedy)
    if minute is not None and minute > MAX_LOAD:
        return finding("load", round(value, 2), "B",
                       "CPUs that others keep busy now; over the last minute it was %.2f: "
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
        return finding("aslr", value, "B", "addresses, and with them cache conflicts, differ from process to process",
                       remedy)
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


# --- all of them ---

RULES = (build, load, steal, governor, turbo, smt, aslr, huge_pages, *processor.RULES, *system.RULES)



def findings(machine):
    """What machine.json says of the conditions of the measurement, in the order of RULES."""
    told = Told(machine)
    return [rule(told) for rule in RULES]
