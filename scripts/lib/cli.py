"""The command line: greenbench COMMAND ...

Each command is a row of COMMANDS and a module of its own, imported when it is
asked for. Such a module has

    EXAMPLES                text, shown below its help
    add_arguments(parser)
    main(args, out)         the exit status; raises GreenbenchError. args also has
                            root, the project's folder, argv, the words given, and
                            parser
"""

import argparse
import errno
import importlib
import os
import sys

from . import errors

COMMANDS = (   # name, what it does, module
    ("run", "measure, store, draw the report", "command_run"),
    ("list", "what a profile runs, and what is not built", "command_list"),
    ("compare", "two runs, machines, backends or git revisions", "compare"),
    ("report", "draw the report of a stored run", "command_report"),
    ("export", "a run for other tools: Google Benchmark, benchstat, a spreadsheet, Bencher", "export"),
    ("merge", "gather runs of other machines and sessions", "merge"),
    ("doctor", "what this machine does to a measurement, and its grade", "command_doctor"),
)

STATUSES = """exit status:
  0 fine   1 regression or failed   2 inconclusive   3 not comparable
  64 usage   65 bad data   69 unsupported or missing dependency
  73 cannot write   77 skipped   130 interrupted"""

EXAMPLES = """examples:
  greenbench run --quick
  greenbench list --profile default
  greenbench report results/local/<machine>/<run>
  greenbench compare results/local/<machine>/<run A> results/local/<machine>/<run B>
"""


class Parser(argparse.ArgumentParser):
    """argparse exits with 2, which is our "inconclusive"; usage is 64."""

    def error(self, message):
        raise errors.UsageError("%s (see %s --help)" % (message, self.prog))


def parser_of(prog, words, examples):
    return Parser(prog=prog, description=words, epilog=examples + "\n" + STATUSES, allow_abbrev=False,
                  formatter_class=argparse.RawDescriptionHelpFormatter)


def _overview(argv):
    """What is said where no command is named."""
    parser = parser_of("greenbench", "Green threads against OS threads, measured.", EXAMPLES)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, words, _ in COMMANDS:
        commands.add_parser(name, help=words)
    parser.parse_args(argv)
    raise errors.UsageError("a command is missing: %s (see greenbench --help)"
                            % ", ".join(name for name, _, _ in COMMANDS))


def command_of(argv, root):
    """Run the command that argv names; its exit status."""
    if argv[:1] == ["meson-step"]:
        from . import meson_flow
        return meson_flow.main(argv[1:], root)
    row = next((row for row in COMMANDS if argv[:1] == [row[0]]), None)
    if row is None:
        return _overview(argv)
    name, words, module = row
    command = importlib.import_module("." + module, __package__)
    parser = parser_of("greenbench " + name, words[0].upper() + words[1:] + ".", getattr(command, "EXAMPLES", ""))
    command.add_arguments(parser)
    args = parser.parse_args(argv[1:])
    args.root, args.argv, args.parser = root, argv, parser
    return command.main(args, sys.stdout)


def main(argv, root):
    return guarded("greenbench", lambda: command_of(argv, root))


def guarded(program, run):
    """run(), for its exit status; no traceback for what a user can cause."""
    try:
        if sys.stdout is None:   # a file opened from now on would take its place
            raise errors.CannotWriteError("standard output is closed")
        for stream in (sys.stdout, sys.stderr):   # which may know ASCII only
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        status = run()
        sys.stdout.flush()
        return status
    except errors.GreenbenchError as e:
        for line in e.lines():
            _say(program + ": " + line if line == str(e) else line)
        return e.status
    except KeyboardInterrupt:
        _say(program + ": interrupted")
        return errors.INTERRUPTED
    except OSError as e:
        return _lost_output(program, e)


def _say(line):
    """On standard error; where nobody reads that, the exit status has to do."""
    if sys.stderr is None:
        return
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _lost_output(program, error):
    """Nobody reads our output any more, or it has no room."""
    if error.filename is not None or error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EIO):
        raise error
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno != errno.EPIPE:
        _say("%s: cannot write to standard output: %s" % (program, error.strerror))
    return errors.CANNOT_WRITE
