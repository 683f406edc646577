"""GDB commands that look at the tasks of a program that uses libgt:

    (gdb) source runtime/tools/gdb_gt.py
    (gdb) gt tasks          every task: number, state, name or entry function,
                            and where it stands
    (gdb) gt bt 17          the backtrace of task 17, parked or running; more
                            arguments go to `backtrace`, as in `gt bt 17 full`

For a live process or a core file (the kernel's; those that gdb makes itself
lack what follows a guard page). While a task runs a part of the library on its
worker's stack, gdb's backtrace ends at gti_context_call(): it takes the step to
another stack for a corrupt one. Needs libgt built with -g (its types), and
changes nothing in the program: a parked task is shown by an unwinder that
stands its saved registers behind the innermost frame, not by setting
registers. The numbers are those that gt_dump() writes.
"""

import re
import struct

import gdb
import gdb.unwinder

# A saved frame, from the saved stack pointer up (context_<arch>.h; None: not
# shown), and the names of the program counter and the stack pointer.
FRAMES = {
    "i386:x86-64": (["r15", "r14", "r13", "r12", "rbx", "rbp", "rip"], "rip", "rsp"),
    "aarch64": (["x%d" % n for n in range(19, 30)] + ["pc"] + [None] * 8, "pc", "sp"),
}
NEEDED = "libgt's types are not known: build it with -g and load its symbols"


def plain(value):
    """The value inside an atomic, or the value."""
    value = value.referenced_value() if value.type.code == gdb.TYPE_CODE_REF else value
    return value["v_"] if value.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT else value


def has(value, field):
    return any(f.name == field for f in value.type.strip_typedefs().fields())


def word(enum, value, prefix):
    """GTI_READY -> ready"""
    for field in gdb.lookup_type("enum " + enum).fields():
        if field.enumval == int(value):
            return field.name[len(prefix):].lower()
    return "state %d" % int(value)


def place(pc, call):
    """Function, file and line of an address; `call`: it is a return address."""
    at = pc - 1 if call else pc
    text = gdb.execute("info symbol %#x" % at, to_string=True).split(" in section")[0]
    name = "%#x" % pc if text.startswith("No symbol") else text.split(" + ")[0].strip()
    line = gdb.find_pc_line(at)
    return "%s at %s:%d" % (name, line.symtab.filename, line.line) if line.symtab else name


# ---- the descriptors ---------------------------------------------------------

def descriptors():
    """The variable `tasks` of libgt's task.c."""
    for symbol in gdb.lookup_static_symbols("tasks"):
        value = symbol.value()
        if value.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT and has(value, "slabs"):
            return value
    raise gdb.GdbError(NEEDED)


def numbered():
    """(number, task) of every task that is not free, in order. The states are
    read a slab at a time, since there may be millions."""
    tasks = descriptors()
    kind = gdb.lookup_type("struct gti_task")
    state = next(f for f in kind.fields() if f.name == "state").bitpos // 8
    free = int(gdb.parse_and_eval("(int)GTI_FREE"))
    slabs, slab = [], tasks["slabs"]
    while int(slab):
        slabs.append(slab.dereference())
        slab = slab["next"]
    for newest, slab in reversed(list(enumerate(slabs))):
        count = int(slab["count"])
        if newest == 0:
            count = int(tasks["fresh"] - slab["task"])
        memory = gdb.selected_inferior().read_memory(int(slab["task"]), count * kind.sizeof).tobytes() if count else b""
        for i in range(count):
            if struct.unpack_from("=I", memory, i * kind.sizeof + state)[0] != free:
                yield int(slab["first"]) + i, (slab["task"] + i).dereference()


def task(number):
    for found, t in numbered():
        if found == number:
            return t
    raise gdb.GdbError("there is no task %d: see gt tasks" % number)


def is_in(t, state):
    return word("gti_task_state", plain(t["state"]), "GTI_") == state


def label(t):
    if int(t["name"]):
        return t["name"].string(errors="replace")
    return place(int(t["fn"]), False).split(" at ")[0]


def stack_pointers():
    """[(stack pointer, thread)] of all OS threads."""
    selected, frame = gdb.selected_thread(), gdb.selected_frame()
    found = []
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        found.append((int(gdb.newest_frame().read_register(arch()[2])), thread))
    selected.switch()
    frame.select()
    return found


def thread_of(t, pointers):
    """The OS thread that is on the task's stack, or None. Not the state alone
    decides: a task is WAITING a little before it has left its stack, and runs
    parts of the library on its worker's."""
    if not int(t["stack"]):
        return None
    low, high = int(t["stack"]["base"]), int(t["stack"]["top"])
    on_stack = next((thread for sp, thread in pointers if low <= sp < high), None)
    return on_stack or (thread_of_worker(t, pointers) if is_in(t, "ready") or is_in(t, "polling") else None)


def thread_of_worker(t, pointers):
    """The OS thread of the worker whose current task it is, or None."""
    runtime = gdb.parse_and_eval("gti_rt")
    for i in range(int(plain(runtime["made" if has(runtime, "made") else "workers"]))):
        worker = runtime["worker"][i]
        if int(worker["current"]) == int(t.address):
            handle = int(worker["os_thread"])
            return next((thread for _, thread in pointers
                         if int.from_bytes(thread.handle(), "little") == handle), None)
    return None


# ---- saved contexts ----------------------------------------------------------

def arch():
    name = gdb.selected_frame().architecture().name()
    if name not in FRAMES:
        raise gdb.GdbError("libgt does not run on " + name)
    return FRAMES[name]


def saved(t):
    """{register: value} of a task that is not running."""
    names, pc, sp = arch()
    at = int(t["context"]["sp"])
    words = struct.unpack("=%dQ" % len(names), gdb.selected_inferior().read_memory(at, 8 * len(names)).tobytes())
    registers = {name: value for name, value in zip(names, words) if name}
    registers[sp] = at + 8 * len(names)
    return registers if registers[pc] else None   # not in the core file


class Innermost:
    """The identity of the frame that stands in front of a parked task's."""

    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class Parked(gdb.unwinder.Unwinder):
    """While `registers` is set, they are those of the innermost frame's caller."""

    def __init__(self):
        super().__init__("gt-parked")
        self.registers = None

    def __call__(self, pending):
        if self.registers is None or pending.level() != 0:
            return None
        _, pc, sp = FRAMES[pending.architecture().name()]
        info = pending.create_unwind_info(Innermost(pending.read_register(sp), pending.read_register(pc)))
        for name, value in self.registers.items():
            info.add_saved_register(name, gdb.Value(value).cast(gdb.lookup_type("unsigned long")))
        return info


PARKED = Parked()
gdb.unwinder.register_unwinder(None, PARKED, replace=True)


def parked_backtrace(t, arguments):
    PARKED.registers = saved(t)
    if not PARKED.registers:
        raise gdb.GdbError("its stack is not in the core file")
    gdb.invalidate_cached_frames()
    try:
        text = gdb.execute("backtrace " + arguments, to_string=True)
    finally:
        PARKED.registers = None
        gdb.invalidate_cached_frames()
    frames = re.split(r"^(?=#\d)", text, flags=re.M)
    return "".join(re.sub(r"^#(\d+) *", lambda m: "#%-3d" % (int(m.group(1)) - 1), f)
                   for f in frames if not f.startswith("#0 "))


# ---- commands ----------------------------------------------------------------

class Gt(gdb.Command):
    """Look at the tasks of a program that uses libgt: gt tasks, gt bt NUMBER."""

    def __init__(self):
        super().__init__("gt", gdb.COMMAND_STACK, prefix=True)


def check_process():
    if not gdb.selected_inferior().threads():
        raise gdb.GdbError("there is no process and no core file")


class Tasks(gdb.Command):
    """List every task: number, state, name or entry function, where it stands."""

    def __init__(self):
        super().__init__("gt tasks", gdb.COMMAND_STACK)

    def invoke(self, arguments, from_tty):
        check_process()
        pointers = stack_pointers()
        count = 0
        for number, t in numbered():
            count += 1
            gdb.write("%6d  %-14s %-24s %s\n" % (number, state_of(t, pointers), label(t), where(t, pointers)))
        gdb.write("%d task%s\n" % (count, "" if count == 1 else "s"))


def state_of(t, pointers):
    state = word("gti_task_state", plain(t["state"]), "GTI_")
    if state == "waiting" and has(t, "wait_kind") and int(t["wait_kind"]):
        state += " " + word("gti_wait_kind", t["wait_kind"], "GTI_WAIT_")
    return "running" if state in ("ready", "polling") and thread_of(t, pointers) else state


def where(t, pointers):
    thread = thread_of(t, pointers)
    if thread:
        return "on thread %d" % thread.num
    if is_in(t, "fresh"):
        return "not run yet"
    registers = saved(t)
    return place(registers[arch()[1]], True) if registers else "its stack is not in the core file"


class Backtrace(gdb.Command):
    """gt bt NUMBER [ARGUMENTS OF backtrace]: the backtrace of a task."""

    def __init__(self):
        super().__init__("gt bt", gdb.COMMAND_STACK)

    def invoke(self, arguments, from_tty):
        check_process()
        number, _, rest = arguments.partition(" ")
        if not number.isdigit():
            raise gdb.GdbError("gt bt needs the number of a task: see gt tasks")
        t = task(int(number))
        thread = thread_of(t, stack_pointers())
        if thread:
            gdb.write(on_thread(thread, rest))
        elif is_in(t, "fresh"):
            gdb.write("task %s has not run yet: %s\n" % (number, label(t)))
        else:
            gdb.write(parked_backtrace(t, rest))


def on_thread(thread, arguments):
    selected, frame = gdb.selected_thread(), gdb.selected_frame()
    thread.switch()
    try:
        return gdb.execute("backtrace " + arguments, to_string=True)
    finally:
        selected.switch()
        frame.select()


Gt()
Tasks()
Backtrace()
