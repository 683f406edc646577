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
    """One line; `listing` holds further lines that say what exists."""
    status = FAILED

    def __init__(self, message, listing=()):
        super().__init__(message)
        self.listing = tuple(listing)

    def __str__(self):
        return printable(super().__str__())

    def lines(self):
        return [str(self)] + ["  " + printable(item) for item in self.listing]


class UsageError(GreenbenchError):
    status = USAGE


class DataError(GreenbenchError):
    """A file that is not what it should be: named with its line, or line 0
    for what is wrong with the file as a whole."""
    status = BAD_DATA

    def __init__(self, file, line, reason):
        place = "%s:%d" % (file, line) if line else file
        super().__init__("%s: %s" % (place, reason))
        self.file, self.line, self.reason = file, line, reason

    def __reduce__(self):
        return (DataError, (self.file, self.line, self.reason))


class UnsupportedError(GreenbenchError):
    status = UNSUPPORTED


class CannotWriteError(GreenbenchError):
    status = CANNOT_WRITE


class NotComparableError(GreenbenchError):
    status = NOT_COMPARABLE


class SkippedError(GreenbenchError):
    status = SKIPPED
