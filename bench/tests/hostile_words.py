"""Command lines of random hostile words, for the programs that have no fuzz target of their own.

    hostile_words.py PROGRAM...

Each has at least one word that the program cannot take, and is refused with exit status 64 and one line that a
terminal can show, nothing else. GREENBENCH_SEED repeats a sequence.
"""

import os
import random
import subprocess
import sys

LINES = 400
OPTIONS = {
    "greenbench-loadgen": ("--port", "--connections", "--count", "--rate", "--cpu", "--seed", "--path"),
    "greenbench-delayd": ("--delay-ms", "--cpu"),
    "bench_go": ("--rounds", "--spin-ns", "--mem-budget", "--time-budget", "--pids-reserve", "--full-load", "--target-ms",
                 "--cell"),
}
# No option above takes any of these; as a word on its own each is an option nobody has, or one argument too many.
HOSTILE = ("", " ", " 1", "1 ", "+1", "-1", "0x10", "1_000", "1e400", "1,5", "nan", "-inf", "9" * 25, "1\n2", "\x1b[31m", "\x7f",
           "a" * 5000, "\u202e1", "\uff11", "%s%n", "`id`", "../etc", "<script>", "=1", "--no-such", "-x", "--\u2028")
HARMLESS = ("--count", "1", "--rounds", "7", "--cpu", "0", "--seed", "3")


def command_line(rng, options):
    words = list(HARMLESS[2 * (place := rng.randrange(4)):2 * place + 2]) if rng.random() < 0.5 else []
    for _ in range(rng.randint(1, 4)):
        option, value = rng.choice(options), rng.choice(HOSTILE)
        words += rng.choice(([option, value], ["%s=%s" % (option, value)], [value or "."], [option + "x", value]))
    return words


def check(program, words, seed):
    done = subprocess.run([program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, check=False)
    text = done.stderr
    clean = text.count(b"\n") == 1 and text.endswith(b"\n") and all(32 <= byte < 127 for byte in text[:-1])
    if done.returncode != 64 or done.stdout or not clean:
        sys.exit("hostile_words: %s: exit status %d, %r, GREENBENCH_SEED=%d: %s"
                 % (os.path.basename(program), done.returncode, text[:200], seed, ascii(words)[:500]))


def main(programs):
    seed = int(os.environ.get("GREENBENCH_SEED") or random.SystemRandom().randrange(1 << 32))
    print("GREENBENCH_SEED=%d" % seed, flush=True)
    for program in programs:
        rng = random.Random("%d %s" % (seed, os.path.basename(program)))
        for _ in range(LINES):
            check(program, command_line(rng, OPTIONS[os.path.basename(program)]), seed)


if __name__ == "__main__":
    main(sys.argv[1:])
