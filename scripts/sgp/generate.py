#!/usr/bin/env python3
"""Writes the test sets: svg, cad, inv, inv_t0…4, inv_r0…4, mnist; and texts held out.

The same arguments give the same bytes, on every machine and every Python 3.
"""

import argparse
import os

import categories
import corpus
import digits
import invariance
import questions
import writer
from facts import KINDS
from rng import Rng

NAMES = list(categories.CATEGORIES) + list(categories.SCENES) * 2


def letters(rng, n):
    """n answers, A to D equally often, in random order."""
    return rng.shuffled(["ABCD"[i % 4] for i in range(n)])


def wanted(d, left):
    """One fact of each kind that is still wanted, those asked least first."""
    return [[f for f in d.facts if f.kind == k] for k in KINDS if left[k] > 0
            and any(f.kind == k for f in d.facts)]


def svg_set(first, each):
    """`each` questions of every kind, on drawings of all categories in turn."""
    rng = Rng(first, "svg set")
    key = {k: letters(rng, each) for k in KINDS}
    left = {k: each for k in KINDS}
    rows, seed = [], first
    while any(left.values()):
        d = corpus.svg(seed, NAMES[seed % len(NAMES)])
        for facts in wanted(d, left):
            f = rng.pick(facts)
            left[f.kind] -= 1
            rows.append(questions.svg_row("svg-%04d" % len(rows), d.program(), f, rng,
                                          letter=key[f.kind].pop()))
        seed += 1
    return rows


def cad_set(first, each):
    rng = Rng(first, "cad set")
    rows = []
    for subject in ("3D", "3Dcomplex", "2D"):
        key = letters(rng, each)
        seed = first
        while key:
            thing = corpus.cad(seed, subject)
            seed += 1
            rows.append(questions.cad_row("cad-%04d" % len(rows), thing, rng.pick(thing.facts),
                                          rng, letter=key.pop()))
    return rows


def inv_sets(first, each):
    """name -> rows; the same questions on the same drawing, shifted or turned."""
    rng = Rng(first, "inv set")
    names = (["inv"] + ["inv_t%d" % i for i in range(invariance.COPIES)]
             + ["inv_r%d" % i for i in range(invariance.COPIES)])
    sets = {n: [] for n in names}
    key = {k: letters(rng, each) for k in KINDS}
    seed = first
    while any(key.values()):
        d = corpus.svg(seed, NAMES[seed % len(NAMES)])
        seed += 1
        facts = [f for f in d.facts if f.keep and key[f.kind]]
        if not facts:
            continue
        f = rng.pick(facts)
        options, letter = f.options(rng, key[f.kind].pop())
        for name, program in zip(names, copies(d, rng)):
            sets[name].append(["inv-%04d" % len(sets[name]),
                               questions.SVG % (program, f.question), *options, letter, f.kind])
    return sets


def copies(d, rng):
    """The drawing's program, and its ten moved ones."""
    base = invariance.small(d)
    shifts, turns = invariance.moves(rng, d.style.size)
    return [invariance.program(d, base, m) for m in [None] + shifts + turns]


def mnist_set(first, each):
    rows = []
    for i in range(10 * each):
        n = i % 10
        rows.append([digits.QUESTION % digits.program(Rng(first + i, "digit"), n), str(n)])
    return Rng(first, "mnist set").shuffled(rows)


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("output", help="folder")
    a.add_argument("--first", type=int, default=60_000, help="first seed (tests: below %d)"
                   % corpus.TRAIN_FROM)
    a.add_argument("--svg", type=int, default=100, help="questions of each of the five kinds")
    a.add_argument("--cad", type=int, default=80, help="questions of each of the three kinds")
    a.add_argument("--inv", type=int, default=12, help="questions of each kind")
    a.add_argument("--mnist", type=int, default=12, help="of each digit")
    a.add_argument("--texts", type=int, default=80, help="programs with captions, for perplexity")
    a.add_argument("--plain", action="store_true", help=".csv rather than .csv.zst")
    o = a.parse_args()
    os.makedirs(o.output, exist_ok=True)
    sets = {"svg": svg_set(o.first, o.svg), "cad": cad_set(o.first, o.cad),
            **inv_sets(o.first + 500_000, o.inv)}
    end = ".csv" if o.plain else ".csv.zst"
    for name, rows in sets.items():
        writer.write(os.path.join(o.output, name + end), questions.COLUMNS, rows)
    texts = "\n\n".join("\n".join(corpus.document(s))
                        for s in range(o.first + 800_000, o.first + 800_000 + o.texts))
    writer.write_bytes(os.path.join(o.output, "heldout.txt" + end[len(".csv"):]),
                       (texts + "\n").encode())
    writer.write(os.path.join(o.output, "mnist" + end), ["Question", "Answer"],
                 mnist_set(o.first, o.mnist))


if __name__ == "__main__":
    main()
