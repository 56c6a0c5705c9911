#!/usr/bin/env python3
"""Answers the test sets from the options alone, as well as that can be done.

For each option three things are learned from questions with other seeds: how often
that text is right when it is shown, how often it is right after that very question,
and how often its rank among the four is (numbers by size, words by the alphabet).
Whatever scores well above 25 % would show that the options give something away.
"""

import argparse
import os
from collections import defaultdict

import corpus
import questions
import writer
from rng import Rng


def rank(option, options):
    order = sorted(options, key=lambda o: (0, int(o), "") if o.isdigit() else (1, 0, o))
    return order.index(option)


def features(row):
    """Per option the keys of what is counted."""
    question = row[1].rsplit("Question: ", 1)[1]
    options = row[2:6]
    return [[("text", o), ("asked", question, o), ("rank", question, rank(o, options)),
             ("letter", "ABCD"[i])] for i, o in enumerate(options)]


class Guesser:
    def __init__(self):
        self.shown, self.right = defaultdict(int), defaultdict(int)

    def learn(self, row):
        for i, keys in enumerate(features(row)):
            for k in keys:
                self.shown[k] += 1
                self.right[k] += row[6] == "ABCD"[i]

    def guess(self, row):
        scores = []
        for keys in features(row):
            score = 1.0
            for k in keys:
                score *= (self.right[k] + 5) / (self.shown[k] + 20)
            scores.append(score)
        return "ABCD"[scores.index(max(scores))]


def training_rows(n):
    for seed in range(corpus.TRAIN_FROM, corpus.TRAIN_FROM + n):
        rng = Rng(seed, "guess")
        for f in corpus.svg(seed).facts:
            yield questions.svg_row("", "", f, rng)
        c = corpus.cad(seed)
        for f in c.facts:
            yield questions.cad_row("", c, f, rng)


def trained(n):
    g = Guesser()
    for row in training_rows(n):
        g.learn(row)
    return g


def accuracy(g, rows):
    """(share right, number of rows)"""
    return sum(g.guess(r) == r[6] for r in rows) / len(rows), len(rows)


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("files", nargs="+")
    a.add_argument("--learn", type=int, default=5000, help="seeds to learn from")
    o = a.parse_args()
    g = trained(o.learn)
    for path in o.files:
        rows = writer.read(path)[1]
        for subject in sorted({r[7] for r in rows}) + [""]:
            some = [r for r in rows if subject in ("", r[7])]
            print("%-12s %-10s %5.1f %% of %d" % (os.path.basename(path).split(".")[0],
                                                 subject or "all", *[100 * accuracy(g, some)[0],
                                                                     len(some)]))
    fresh = []
    for seed in range(700_000, 702_000):
        rng = Rng(seed, "guess")
        fresh += [questions.svg_row("", "", f, rng) for f in corpus.svg(seed).facts]
        c = corpus.cad(seed)
        fresh += [questions.cad_row("", c, f, rng) for f in c.facts]
    for subject in sorted({r[7] for r in fresh}):
        some = [r for r in fresh if r[7] == subject]
        print("%-12s %-10s %5.1f %% of %d" % ("fresh", subject, 100 * accuracy(g, some)[0],
                                             len(some)))


if __name__ == "__main__":
    main()
