#!/usr/bin/env python3
"""`meson install` gives what others need to use libgt alone, and no more: it
is installed below a directory of its own, and a program built with the flags
that pkg-config prints must run, linked either way."""

import argparse
import os
import re
import subprocess
import sys
import tempfile

PROGRAM = """
#include <gt/gt.h>

static void child(void *arg)
{
    *(int *)arg += 40;
}

static void root(void *arg)
{
    gt_group group = {0};
    *(int *)arg = 2;
    gt_group_spawn(&group, child, arg, NULL);
    gt_group_wait(&group);
}

int main(void)
{
    int answer = 0;
    return gt_run(NULL, root, &answer) == 0 && answer == 42 ? 0 : 1;
}
"""

# Relative to the prefix; LIB is the library directory, wherever that is.
EXPECTED = (r"include/gt/gt\.h", r"LIB/libgreenbench-gt\.a", r"LIB/libgreenbench-gt\.so(\.\d+)*",
            r"LIB/pkgconfig/greenbench-gt\.pc")
DECLARATION = re.compile(r"^(?!typedef)[a-z][\w \*]*?\b\*?(gt_\w+)\(", re.M)


def run(*command, **keywords):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **keywords)
    if done.returncode:
        sys.exit("FAILED %s: status %d\n%s" % (" ".join(command), done.returncode, done.stdout))
    return done.stdout


def check(condition, message):
    if not condition:
        sys.exit("FAILED " + message)


def installed(top):
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names)


def check_files(files, prefix, lib):
    """Each file is expected, and each kind of file is there."""
    patterns = [p.replace("LIB", re.escape(os.path.relpath(lib, prefix))) for p in EXPECTED]
    for file in files:
        name = os.path.relpath(file, prefix)
        check(any(re.fullmatch(p, name) for p in patterns), "%s should not be installed" % name)
    for pattern in patterns:
        check(any(re.fullmatch(pattern, os.path.relpath(f, prefix)) for f in files), "no %s" % pattern)


def check_names(library, header):
    """The shared library exports what the header declares, and nothing else."""
    text = run("nm", "--dynamic", "--defined-only", "--format=posix", library)
    exported = {line.split()[0] for line in text.splitlines()}
    with open(header) as f:
        declared = set(DECLARATION.findall(re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)))
    check(len(declared) > 20, "found only %d declarations in %s" % (len(declared), header))
    check(exported == declared, "declared only: %s; exported only: %s"
          % (sorted(declared - exported), sorted(exported - declared)))


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("build", "meson", "pkg-config", "header"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("compiler", nargs="+")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as top:
        run(args.meson, "install", "-C", args.build, "--no-rebuild", "--destdir", top)
        files = installed(top)
        pc = [f for f in files if f.endswith("/greenbench-gt.pc")]
        check(len(pc) == 1, "%d files greenbench-gt.pc" % len(pc))
        lib = os.path.dirname(os.path.dirname(pc[0]))
        header = [f for f in files if f.endswith("/include/gt/gt.h")]
        check(len(header) == 1, "%d files gt/gt.h" % len(header))
        check_files(files, header[0][:-len("/include/gt/gt.h")], lib)
        check_names(os.path.join(lib, "libgreenbench-gt.so"), args.header)

        env = dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(pc[0]), PKG_CONFIG_SYSROOT_DIR=top)
        source = os.path.join(top, "program.c")
        with open(source, "w") as f:
            f.write(PROGRAM)
        for kind, more in (("shared", []), ("static", ["--static"])):
            flags = run(args.pkg_config, "--cflags", "--libs", *more, "greenbench-gt", env=env).split()
            if kind == "static":
                at = flags.index("-lgreenbench-gt")
                flags[at:at + 1] = ["-Wl,-Bstatic", "-lgreenbench-gt", "-Wl,-Bdynamic"]
            program = os.path.join(top, kind)
            run(*args.compiler, "-Wall", "-Wextra", "-Werror", source, "-o", program, *flags)
            needed = run("readelf", "-d", program)
            check(("libgreenbench-gt.so.0" in needed) == (kind == "shared"), kind + " is not linked so")
            run(program, env=dict(os.environ, LD_LIBRARY_PATH=lib))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
