"""What processes of recorded runs took, for the estimates of costs.py.

recorded_costs.json holds the mean wall clock time of one process in ms, for each
cell and backend of the runs that it names. Made anew from runs, of which a later
one replaces what an earlier one says of a cell, by

    scripts/recost results/<machine>/<run>...
"""

import functools
import json
import os

from . import cells, cli, samples, strictjson

EXAMPLES = """examples:
  scripts/recost results/<machine>/<full run> results/<machine>/<default run>
"""

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorded_costs.json")
ENDED = ("ok", "limit", "invalid")


@functools.lru_cache(maxsize=None)
def table():
    """{shape of a cell: {backend: ms}}"""
    with open(FILE, "rb") as f:
        return strictjson.parse(f.read())["cells"]


def shape(cell):
    """The name of a cell without what differs between machines: P is 1 or 2
    (several), and a pair of CPUs is "apart", however far."""
    case, axes = cells.parse(cell)
    axes["P"] = min(axes.get("P", 1), 2)
    if axes.get("place", "same-pu") != "same-pu":
        axes["place"] = "apart"
    return cells.name(case, axes)


def process_ms(cell, backend):
    """ms of one process, or None where nothing is recorded."""
    return table().get(shape(cell), {}).get(backend)


def of_case(case, backend):
    """[(cell, ms)] of all that is recorded of a case on a backend."""
    return [(cell.replace("place:apart", "place:same-llc"), by[backend])
            for cell, by in table().items() if cell.startswith(case + "/") and backend in by]


def measure(paths):
    """The content of the file, from these runs."""
    found, names = {}, []
    for path in paths:
        seen = {}
        names.append(os.path.basename(os.path.normpath(path)))
        for sample in samples.load_run(path).samples:
            if sample["status"] in ENDED and sample["backend"] != "null":
                seen.setdefault((shape(sample["cell"]), sample["backend"]), []).append(sample["wall_ms"])
        found.update({key: round(sum(ms) / len(ms)) for key, ms in seen.items()})
    by_cell = {}
    for (cell, backend), ms in sorted(found.items()):
        by_cell.setdefault(cell, {})[backend] = ms
    return {"runs": names, "cells": by_cell}


def main(argv):
    parser = cli.parser_of("recost", "Write lib/recorded_costs.json, from which the length of runs is estimated, from what\n"
                           "the processes of these runs took.", EXAMPLES)
    parser.add_argument("run", nargs="+", metavar="RUN", help="a run; where several have a cell, the last one counts")
    content = measure(parser.parse_args(argv).run)
    lines = ["  %s: %s" % (json.dumps(cell), json.dumps(by)) for cell, by in content["cells"].items()]
    with open(FILE, "w", encoding="utf-8") as f:
        f.write('{"runs": %s,\n "cells": {\n%s\n}}\n' % (json.dumps(content["runs"]), ",\n".join(lines)))
    return 0
