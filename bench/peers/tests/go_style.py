"""The Go port as Go's own tools see it, and the frame that its recursion has.

    go_style.py FOLDER [BENCH_GO GO]

Without the last two Go is not there, and nothing is checked: exit 77.
"""

import os
import platform
import re
import shutil
import subprocess
import sys

FRAME = 1024   # as in bench/deep.c


def output(*command, folder=None):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          timeout=240)
    return done.returncode, done.stdout.decode("utf-8", "replace").strip()


def complaints(folder, bench, go):
    gofmt = shutil.which("gofmt", path=os.path.dirname(os.path.realpath(go)) + os.pathsep + os.environ["PATH"])
    if gofmt is None:
        yield "gofmt is missing beside go"
    else:
        status, said = output(gofmt, "-l", ".", folder=folder)
        if status or said:
            yield "gofmt -l: " + said
    for tags in ("", "lose_message"):
        status, said = output(go, "vet", "-tags", tags, ".", folder=folder)
        if status:
            yield "go vet: " + said
    if platform.machine() == "x86_64":
        yield from frame(bench, go)


def frame(bench, go):
    """What one call of descend() takes from the stack: its frame and a return address."""
    _, code = output(go, "tool", "objdump", "-s", r"^main\.descend$", bench)
    found = re.search(r"(?:SUBQ \$|ADDQ \$-)(0x[0-9a-f]+|\d+), SP", code)
    size = int(found.group(1), 0) + 8 if found else 0
    if size != FRAME:
        yield "a frame of descend() has %d bytes, not %d: see frameOverhead in stack.go" % (size, FRAME)


def main(argv):
    if len(argv) < 3:
        print("skipped: the Go port is not built here")
        return 77
    wrong = list(complaints(*argv))
    for line in wrong:
        print(line)
    print("%d complaints" % len(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
