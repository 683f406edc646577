"""Run inside gdb by test_gdb.py: `walk COUNT` steps COUNT instructions, and
before each prints the names of all frames and whether the unwinder found the
outermost one or gave up."""

import gdb


class Walk(gdb.Command):
    def __init__(self):
        super().__init__("walk", gdb.COMMAND_USER)

    def invoke(self, arguments, from_tty):
        for _ in range(int(arguments or "1")):
            frame, names, last = gdb.newest_frame(), [], None
            while frame is not None:
                names.append(frame.name() or "??")
                last, frame = frame, frame.older()
            whole = last.unwind_stop_reason() in (gdb.FRAME_UNWIND_OUTERMOST, gdb.FRAME_UNWIND_NO_REASON)
            gdb.write("WALK %s %s\n" % ("whole" if whole else "broken", " ".join(names)))
            gdb.execute("stepi", to_string=True)


Walk()
