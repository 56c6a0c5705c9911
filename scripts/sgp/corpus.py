"""Programs by seed: what to draw, and what to say about it.

Seeds below TRAIN_FROM belong to the tests, the others to training.
"""

import cad3d
import categories
import digits
import invariance
import sketch2d
from drawing import Drawing
from facts import KINDS
from rng import Rng

TRAIN_FROM = 1_000_000
MARKS = "\x01\x02"
NAMES = list(categories.CATEGORIES) + list(categories.SCENES) * 3


def svg(seed, name=None):
    rng = Rng(seed, "svg")
    return categories.draw(rng, Drawing, name or rng.pick(NAMES))


def drawn(seed):
    """(program, facts) for training; one drawing in eight is shifted or turned."""
    d = svg(seed)
    rng = Rng(seed, "moved")
    program, facts = None, d.facts
    if rng.chance(0.12):
        base = invariance.small(d)
        shifts, turns = invariance.moves(rng, d.style.size)
        move = rng.pick([None, shifts[0], turns[0]])
        program = invariance.program(d, base, move)
        if move and move.angle:
            facts = [f for f in facts if f.keep]
    return program or d.program(), facts


def cad(seed, subject=None):
    rng = Rng(seed, "cad")
    subject = subject or rng.pick(["3D", "3Dcomplex", "2D"])
    return sketch2d.Sketch(rng) if subject == "2D" else cad3d.Solid(rng, subject == "3Dcomplex")


def digit(seed):
    """(which digit, its program)"""
    rng = Rng(seed, "digit")
    n = rng.below(10)
    return n, digits.program(rng, n)


def normal(program):
    """A program without spaces and case: what must not occur in both train and test."""
    return "".join(program.lower().split())


def marked(text, word):
    """The text with marks around the last occurrence of a word in it."""
    at = text.rindex(word)
    return text[:at] + MARKS[0] + word + MARKS[1] + text[at + len(word):]


def says(rng, facts):
    """Sentences for a caption, now and then a question and its answer in words."""
    out = []
    for f in rng.shuffled(facts):
        statement = marked(f.statement, f.answer)
        if statement in out:
            continue
        if rng.chance(0.25):
            out.append("\nQuestion: %s\nAnswer: %s.\n" % (f.question, marked(f.answer, f.answer)))
        else:
            out.append(statement)
    return out


def key(rng, facts):
    """A legend: letters for values, then which letter goes with what, for up to three facts.

    It teaches that a letter can stand for a thing listed before; nothing more.
    """
    f = rng.pick(facts)
    alike = rng.shuffled([g for g in facts if g.pool == f.pool and g.answer != f.answer])
    some = [f]
    for g in alike[:2]:
        if g.answer not in [s.answer for s in some]:
            some.append(g)
    known = [g.answer for g in some]
    others = [p for p in f.pool if p not in known]
    values = rng.shuffled(known + rng.sample(others, min(len(others), 6 - len(known))))
    letters = sorted(rng.sample("ABCDEFGHKLMNPRSTUVW", len(values)))
    legend = ", ".join("%s = %s" % pair for pair in zip(letters, values))
    says_ = ["%s Letter: %s." % (marked(g.statement, g.answer),
                                 marked(letters[values.index(g.answer)],
                                        letters[values.index(g.answer)])) for g in some]
    return "Key: %s. %s" % (legend, " ".join(says_))


def caption(rng, title, facts):
    head = [title] if title else []
    body = says(rng, facts)
    if rng.chance(0.75):
        body.insert(rng.below(len(body) + 1), key(rng, facts))
    return " ".join(head + body).replace("\n ", "\n").replace(" \n", "\n").strip()


def marked_document(seed):
    """One training text for the base: a program, a caption below it, and the facts.

    In the caption, MARKS stand around what the program decides: the facts' answers.
    """
    rng = Rng(seed, "document")
    kind = rng.real()
    if kind < 0.66:
        program, facts = drawn(seed)
        title = [marked(f.statement, f.answer) for f in facts if f.kind == "semantics"]
        facts = [f for f in facts if f.kind != "semantics"]
        return program, caption(rng, (title or [""])[0], facts), facts
    if kind < 0.82:
        c = cad(seed)
        return c.program(), caption(rng, c.title(), c.facts), c.facts
    n, program = digit(seed)
    return program, marked("This is the digit %d." % n, str(n)), []


def document(seed):
    """The same without the marks."""
    program, caption_, _ = marked_document(seed)
    return program, caption_.replace(MARKS[0], "").replace(MARKS[1], "")


__all__ = ["KINDS", "svg", "drawn", "cad", "digit", "document", "marked_document",
           "MARKS", "normal", "TRAIN_FROM"]
