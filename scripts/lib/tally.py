"""Sums over Meson's test logs, for scripts/test: `N passed, N failed` on the
last line, before it the name of each test that failed."""

import argparse
import json
import sys

PASSED = ("OK", "EXPECTEDFAIL")
SKIPPED = ("SKIP",)


def count(files, out):
    """(passed, failed, skipped) over the logs; names what failed."""
    passed = failed = skipped = 0
    for file in files:
        with open(file, encoding="utf-8", errors="replace") as f:
            results = [json.loads(line) for line in f if line.strip()]
        for test in results:
            if test["result"] in PASSED:
                passed += 1
            elif test["result"] in SKIPPED:
                skipped += 1
            else:
                failed += 1
                print("FAILED %s (%s) in %s" % (test["name"], test["result"], file), file=out)
    return passed, failed, skipped


def main(argv, out=sys.stdout):
    parser = argparse.ArgumentParser()
    parser.add_argument("--broken", type=int, default=0, help="builds that could not be tested")
    parser.add_argument("--skipped", type=int, default=0, help="builds that need what is not installed")
    parser.add_argument("logs", nargs="*")
    args = parser.parse_args(argv)
    passed, failed, skipped = count(args.logs, out)
    if args.broken:
        print("%d of the builds could not be built or tested" % args.broken, file=out)
    failed += args.broken
    skipped += args.skipped
    print("%d passed, %d failed%s" % (passed, failed, ", %d skipped" % skipped if skipped else ""), file=out)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
