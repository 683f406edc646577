"""`greenbench list`: its options."""

from .selection import add_selection, settings

EXAMPLES = """examples:
  greenbench list
  greenbench list --profile full --filter memory
"""


def add_arguments(parser):
    add_selection(parser)


def main(args, out):
    from . import listing
    return listing.main(settings(args), out)
