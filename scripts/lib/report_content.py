"""What a report says, in order, free of HTML and Markdown: report_pages.py renders it twice.

A section is (id, title, blocks); a block is one of report_blocks.py.
"""

import math

from . import (peers, profiles, report_claims, report_facts, report_grade, report_lead, report_tables, samples,
               stats, verdicts)
from .report_blocks import Bullets, Command, Folded, Paragraph, Picture
from .report_words import clean, figure, operation

HOW_JUDGED = (
    "Every value is the median of fresh processes, with the interval of the median between two order statistics "
    "(6 values: smallest to largest, 96.9 %; 10 values: 2nd to 9th, 97.9 %); below 6 values only the range is shown "
    "and says so. Ratios are paired by round. “differs” means that the interval of the ratio excludes 1, that "
    "the ratio is further from 1 than the noise floor of the run, and that the exact sign test gives p < 0.05 "
    "after Holm's correction over the family: the headline cells of the same workload at the same P and placement, "
    "the points of one line of a chart. No outlier is dropped.")
HEADLINE = (
    "A headline compares gt in its default configuration with the fastest backend of the pthread family that offers "
    "the cell, on the same CPUs and placement; the ratio to plain pthread stands beside it. The fastest is found from "
    "the same samples, which leans slightly against gt. Where one of the family ran and is invalid it may be the fastest, "
    "and there is no headline; nor is there one of a pair of tasks on several CPUs without a placement. Both are shown. "
    "In a closed loop whose load generator worked 90 % of its time the ratio is shown and not judged.")
PEERS = (
    "%s: not part of any headline. A port is the workloads written again in another language, a peer the workloads "
    "themselves on another library; the column “gt / this” sets them against gt, cell by cell, paired by "
    "round and without a verdict. bench/BIAS.md says what they favour and what favours them.")
TOO_FEW_ROUNDS = (
    "“every round agrees, too few rounds”: with n rounds the sign test cannot go below 2^(1-n), 0.031 for 6, "
    "so in a family of two or more cells six rounds are not enough, however large the difference. "
    "More replicates decide it.")
IN_TURNS = (
    "Note: `greenbench compare` measured this run in turns with another, and counts the fastest of the %d processes of a "
    "round. Here all processes count alike, and within a round they are not independent: intervals below are too narrow, "
    "and verdicts too sure. Compare the two runs instead.")


def sections(model, pictures):
    """[(id, title, blocks)] in order. pictures: [(group, Picture or a sentence)] in order."""
    found = [("verdicts", "Verdicts", _verdicts(model)),
             ("environment", "Environment", report_grade.section(model.run)),
             ("hero", "gt against OS threads", _pictures(pictures, "hero")),
             ("claims", "What is said of goroutines and threads", report_claims.section(model))]
    for group in dict.fromkeys(c.group for c in model.cells):
        found.append((group, "Group: " + group, _group(model, group, pictures)))
    beside = _pictures(pictures, "machines")
    if beside:
        found.append(("machines", "Machines side by side", beside))
    found.append(("limits", "Capacity and limits", report_tables.limits(model)))
    found.append(("absent", "Skipped, invalid, failed", report_tables.absent(model)))
    found.append(("noise", "Noise", _noise(model, pictures)))
    found.append(("provenance", "Provenance", report_facts.provenance(model.run)))
    return found


def _pictures(pictures, group):
    blocks = []
    for key, picture in pictures:
        if key == group:
            blocks.append(picture if isinstance(picture, Picture) else Paragraph("No chart: %s." % clean(picture)))
    return blocks


def _verdicts(model):
    lines = (verdicts.failures(model) + report_lead.sentences(model) + verdicts.without_headline(model)
             + [verdicts.summary(model)])
    blocks = [Bullets(clean(line, 700) for line in lines)]
    blocks += [Paragraph("Note: " + note) for note in model.run.notes]
    if samples.best_of(model.run.plan) > 1:
        blocks.append(Paragraph(IN_TURNS % samples.best_of(model.run.plan)))
    every = [clean(verdicts.sentence(model, headline), 700) for headline in verdicts.representatives(model)]
    if every:
        blocks.append(Folded("A sentence for each workload, number of CPUs and placement", [Bullets(every)]))
    judged = [Paragraph(HEADLINE), Paragraph(HOW_JUDGED)]
    others = [peers.label(b) for b in model.backends if peers.is_peer(b)]
    if others:
        judged.append(Paragraph(PEERS % ", ".join(others)))
    if model.count(stats.ROUNDS_MISSING):
        judged.append(Paragraph(TOO_FEW_ROUNDS))
    return blocks + [Folded("How this is judged", judged, on_paper=True)]


def _group(model, group, pictures):
    blocks = _pictures(pictures, group)
    workloads = [w for w in model.workloads() if w.split("/")[0] == group]
    blocks.append(Bullets("%s: one operation = %s." % (w, operation(w)) for w in workloads))
    profile = model.run.machine.get("profile") or "default"
    profile = profile if profile in profiles.PROFILES else "default"
    asked_for = [b for b in model.backends if peers.is_peer(b) and b not in profiles.PROFILES[profile].beside]
    beside = " --with-peers" if asked_for else ""
    blocks.append(Command("Again:", "scripts/greenbench run --profile %s --filter '%s/*'%s" % (profile, group, beside)))
    blocks += report_tables.group(model, workloads)
    return blocks


def _noise(model, pictures):
    blocks = _pictures(pictures, "noise")
    if model.floor is None:
        return blocks + [Paragraph("No series has the six values that a noise floor needs, so nothing is judged.")]
    blocks.append(Paragraph(
        "Noise floor: %s %%. Each of %d series (a cell on a backend) was compared with itself, neighbouring replicates "
        "as if they were two backends; the floor is the 95th percentile of these differences, at least 1 %%. The "
        "largest was %s %%." % (figure(model.floor.percent, 2), model.floor.series,
                                figure(100 * math.expm1(model.floor.largest), 2))))
    blocks += report_tables.loudest(model)
    return blocks
