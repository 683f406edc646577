"""Run inside gdb by test_gdb.py: `walk stepi COUNT` steps COUNT instructions,
`walk nexti FUNCTION` to the end of that function. Before each it prints the
names of all frames, and whether the unwinder found the outermost one or gave
up."""

import gdb


class Walk(gdb.Command):
    def __init__(self):
        super().__init__("walk", gdb.COMMAND_USER)

    def invoke(self, arguments, from_tty):
        step, limit = arguments.split()
        left = int(limit) if step == "stepi" else None
        while gdb.newest_frame().name() == limit if left is None else left > 0:
            left = None if left is None else left - 1
            show()
            gdb.execute(step, to_string=True)


def show():
    frame, names, last = gdb.newest_frame(), [], None
    while frame is not None:
        names.append(frame.name() or "??")
        last, frame = frame, frame.older()
    whole = last.unwind_stop_reason() in (gdb.FRAME_UNWIND_OUTERMOST, gdb.FRAME_UNWIND_NO_REASON)
    gdb.write("WALK %s %s\n" % ("whole" if whole else "broken", " ".join(names)))


Walk()
