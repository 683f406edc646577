"""Errors that end a command: each is one line and carries its exit status.

The statuses are the table of README.md: 0 fine, 1 regression or failed,
2 inconclusive, 3 not comparable, 64 usage, 65 bad data, 69 unsupported or
missing dependency, 73 cannot write, 77 skipped, 130 interrupted.
"""

OK, FAILED, INCONCLUSIVE, NOT_COMPARABLE = 0, 1, 2, 3
USAGE, BAD_DATA, UNSUPPORTED, CANNOT_WRITE, SKIPPED, INTERRUPTED = 64, 65, 69, 73, 77, 130


def printable(text):
    """The text with every character escaped that could move a terminal's
    cursor, break the line, or reverse its direction."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))


class GreenbenchError(Exception):
    status = FAILED

    def __str__(self):
        return printable(super().__str__())


class UsageError(GreenbenchError):
    status = USAGE


class DataError(GreenbenchError):
    """A file that is not what it should be: named with its line."""
    status = BAD_DATA

    def __init__(self, file, line, reason):
        super().__init__("%s:%d: %s" % (file, line, reason))
        self.file, self.line, self.reason = file, line, reason

    def __reduce__(self):
        return (DataError, (self.file, self.line, self.reason))


class UnsupportedError(GreenbenchError):
    status = UNSUPPORTED


class CannotWriteError(GreenbenchError):
    status = CANNOT_WRITE


class SkippedError(GreenbenchError):
    status = SKIPPED
